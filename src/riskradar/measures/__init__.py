"""Panel and Graphs -> Measures: the classic indicators of systemic risk; row t reads what was known on t."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from riskradar.features import YEAR, deviation, lag
from riskradar.layers import kind_of
from riskradar.measures import composite, connectedness, spectral, tail, topology, turbulence
from riskradar.measures.rolling import CARRIED, on_graph, on_members, on_returns
from riskradar.registry import Registry
from riskradar.tables import Graphs, Groups, Measures, Panel
from riskradar.tables.arrays import Code, Float, Int, Stride

BALANCE = ("market_cap", "debt")  # facts by asset, in one unit
RECENT = 15  # sessions (Kritzman et al. 2011)
STANDARD = (
    "average-correlation", "absorption-ratio", "absorption-shift", "turbulence", "effective-rank", "density", "sector-modularity",
    "mst-length", "connectedness", "mes", "ciss",
)  # fmt: skip


class MeasuresConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of MEASURES are built (`all`: every one), and their windows in sessions.

    window: correlations and what follows from them, and the returns that a member needs to count in a graph;
    absorption_window, half_life: Kritzman et al. 2011; turbulence_window: the past that a session is measured against;
    connectedness_window, ahead: the VAR and its forecast horizon; tail_window, tail: the window and the share of worst days of MES and
    delta-CoVaR; pool: sessions whose returns make one cross-section; layer: the graph that is measured.
    """

    names: tuple[str, ...] | Literal["all"] = STANDARD
    window: int = Field(default=60, ge=3)
    absorption_window: int = Field(default=500, ge=10)
    half_life: int = Field(default=250, ge=1)
    turbulence_window: int = Field(default=252, ge=10)
    connectedness_window: int = Field(default=250, ge=10)
    ahead: int = Field(default=10, ge=1, le=100)
    tail_window: int = Field(default=252, ge=20)
    tail: float = Field(default=0.05, gt=0, lt=0.5)
    pool: int = Field(default=21, ge=1)
    layer: str = "correlation"


@dataclass(frozen=True)
class Measure:
    """One entry of MEASURES: `build(panel, graphs, config)` gives [T], NaN where not known.

    reads: sessions of the panel (and of the graphs) that row t depends on, itself included; 0 means all since the first one.
    stride: computed on the first session of each, carried between. about: the formula in words; source: where it is from; unit: of its values.
    cost: milliseconds for one computed session of 44 assets. rises: whether the source expects more of it before or in stress.
    needs: macro series without which it is absent; graph: it measures `config.layer`.
    """

    build: Callable[[Panel, Graphs, MeasuresConfig], Float]
    reads: Callable[[MeasuresConfig], int]
    stride: Stride
    about: str
    source: str
    cost: float
    rises: bool = True
    needs: tuple[str, ...] = ()
    graph: bool = False
    unit: str = ""

    def line(self) -> str:
        """For people."""
        needs = ", ".join((*self.needs, *(("a layer",) if self.graph else ()))) or "closes"
        way = "rises" if self.rises else "falls"
        return f"{self.about} ({self.source}); every {self.stride}, {self.cost:g} ms; {way} with stress; needs {needs}"


def _returns(
    value: Callable[[Float, Float, MeasuresConfig], float],
    window: Callable[[MeasuresConfig], int],
    stride: Stride,
    text: tuple[str, str, str],
    cost: float,
) -> Measure:
    def build(panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Float:
        return on_returns(panel, window(config), stride, lambda returns, level: value(returns, level, config))

    return Measure(build, lambda config: window(config) + 1 + CARRIED[stride], stride, *text[:2], cost, unit=text[2])


def _graph(value: Callable[[Float, Code], float], stride: Stride, text: tuple[str, str, str], cost: float) -> Measure:
    def build(panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Float:
        return on_graph(panel, graphs.layers[config.layer], config.window, stride, value)

    return Measure(build, lambda config: config.window + 1 + CARRIED[stride], stride, *text[:2], cost, graph=True, unit=text[2])


def _falls(measure: Measure) -> Measure:
    return replace(measure, rises=False)


def _shift(panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Float:
    ratio = MEASURES["absorption-ratio"].build(panel, graphs, config)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (_mean(ratio, RECENT) - _mean(ratio, YEAR)) / deviation(ratio, YEAR)
    return np.where(np.isfinite(shift), shift, np.nan)


def _mean(x: Float, window: int) -> Float:
    total = x.copy()
    for k in range(1, window):
        total = total + lag(x, k)
    return total / window


def _mes(returns: Float, level: Float, config: MeasuresConfig) -> Float:
    return tail.marginal_shortfall(returns, level, config.tail) if np.isfinite(level).all() else np.full(1, np.nan)


def _covar(returns: Float, level: Float, config: MeasuresConfig) -> Float:
    return tail.delta_covar(returns, level, config.tail)[1] if np.isfinite(level).all() else np.full(1, np.nan)


def _srisk(panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Float:
    value, debt = (np.empty(panel.close.shape) for _ in BALANCE)
    for name, table in zip(BALANCE, (value, debt), strict=True):
        for i in range(len(panel.assets)):
            table[:, i] = panel.facts.view(name, panel.dates, i)

    def at(t: int, some: Int, returns: Float, level: Float) -> float:
        short = tail.srisk(debt[t, some], value[t, some], tail.long_run(_mes(returns, level, config)))
        known = np.isfinite(short)
        return float(np.maximum(short[known], 0.0).sum()) if known.any() else np.nan

    return on_members(panel, config.tail_window, "day", at)


def _table(returns: Float, config: MeasuresConfig) -> Float | None:
    return connectedness.table(returns, config.ahead)


def _mean_over(values: Float) -> float:
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else np.nan


def _window(config: MeasuresConfig) -> int:
    return config.window


def _tail(config: MeasuresConfig) -> int:
    return config.tail_window


def _var(config: MeasuresConfig) -> int:
    return config.connectedness_window


_KRITZMAN = "Kritzman, Li, Page and Rigobon 2011"
_DY = "Diebold and Yilmaz 2014"
MEASURES: Registry[Measure] = Registry("measures", Measure, {
    "average-correlation": _returns(
        lambda x, _, c: spectral.average_correlation(x), _window, "day",
        ("mean Pearson correlation of all pairs", "Pollet and Wilson 2010", "correlation"), 0.04,
    ),
    "absorption-ratio": _returns(
        lambda x, _, c: spectral.absorption_ratio(x, 0.2, c.half_life), lambda c: c.absorption_window, "day",
        ("share of the variance held by the first fifth of the eigenvectors, days weighted by age", _KRITZMAN, "share of variance"), 0.2,
    ),
    "absorption-shift": Measure(
        _shift, lambda c: c.absorption_window + YEAR, "day",
        f"absorption ratio, mean of {RECENT} sessions less mean of {YEAR}, over its deviation", _KRITZMAN, 0.2, unit="standard deviations",
    ),
    "turbulence": _returns(
        lambda x, _, c: turbulence.turbulence(x), lambda c: c.turbulence_window + 1, "day",
        ("squared Mahalanobis distance of the session from those before it, over n", "Kritzman and Li 2010", "multiple of usual"), 0.3,
    ),
    "correlation-surprise": _returns(
        lambda x, _, c: turbulence.surprise(x), lambda c: c.turbulence_window + 1, "day",
        ("turbulence over turbulence without correlations", "Kinlaw and Turkington 2014", "ratio"), 0.3,
    ),
    "effective-rank": _falls(_returns(
        lambda x, _, c: spectral.effective_rank(x), _window, "day",
        ("exponential of the entropy of the correlation eigenvalues, over n", "Roy and Vetterli 2007", "share of n"), 0.2,
    )),
    "leading-eigenvalue": _returns(
        lambda x, _, c: spectral.leading_share(x), _window, "day", ("largest correlation eigenvalue over n", "Laloux et al. 1999", "share of n"), 0.1
    ),
    "mst-length": _falls(_returns(
        lambda x, _, c: topology.tree_of(x), _window, "day",
        ("mean edge of the minimum spanning tree under sqrt(2(1-rho))", "Onnela et al. 2003", "distance, 0 to 2"), 0.07,
    )),
    "density": _graph(topology.density, "day", ("share of the possible edges of the layer", "paper 4.2", "share of pairs"), 0.04),
    "clustering": _graph(
        topology.clustering, "day", ("mean share of a node's neighbours that are joined", "Watts and Strogatz 1998", "share"), 0.07
    ),
    "sector-modularity": _falls(_graph(
        topology.modularity, "day", ("edges inside sectors beyond what degrees alone would give", "Newman 2006", "modularity"), 0.08
    )),
    "spectral-radius": _graph(
        topology.spectral_radius, "day", ("largest eigenvalue of the layer over n-1", "Restrepo, Ott and Hunt 2005", "share of n-1"), 0.15
    ),
    "forman": _falls(_graph(topology.forman_plain, "day", ("mean of 4 - d_u - d_v over the edges", "Sreejith et al. 2016", "curvature"), 0.07)),
    "forman-augmented": _graph(topology.forman_augmented, "day", ("the same plus 3 for each triangle", "Samal et al. 2018", "curvature"), 0.1),
    "ollivier": _graph(
        topology.ollivier_mean, "month", ("mean of 1 - W1 of two lazy walkers over the edges, exact", "Sandhu et al. 2016", "curvature"), 1000
    ),
    "connectedness": _returns(
        lambda x, _, c: connectedness.total(_table(x, c)), _var, "week",
        ("mean share of a forecast error owed to others, VAR(1) of returns, percent", _DY, "percent"), 1.4,
    ),
    "connectedness-net": _returns(
        lambda x, _, c: connectedness.largest_net(_table(x, c)), _var, "week",
        ("most that one asset gives to the others, net, percent", _DY, "percent"), 1.4,
    ),
    "connectedness-pair": _returns(
        lambda x, _, c: connectedness.largest_pair(_table(x, c)), _var, "week",
        ("most that one asset gives to one other, net, percent", _DY, "percent"), 1.4,
    ),
    "mes": _returns(
        lambda x, y, c: _mean_over(_mes(x, y, c)), _tail, "day",
        ("mean loss of the members on the index's worst 5 % of days", "Acharya et al. 2017", "share lost in a day"), 0.1,
    ),
    "lrmes": _returns(
        lambda x, y, c: _mean_over(tail.long_run(_mes(x, y, c))), _tail, "day",
        ("mean of 1 - exp(-18 MES)", "Acharya, Engle and Richardson 2012", "share lost in a crisis"), 0.1,
    ),
    "srisk": Measure(
        _srisk, lambda c: c.tail_window + 1, "day", "sum over members of what they would lack of 8 % capital in a crisis, in the unit of the data",
        "Brownlees and Engle 2017", 0.1, needs=BALANCE, unit="unit of the data",
    ),
    "delta-covar": _returns(
        lambda x, y, c: -_mean_over(_covar(x, y, c)), _tail, "month",
        ("mean further loss of the index's 5 % quantile when a member is in distress", "Adrian and Brunnermeier 2016", "share lost in a day"), 16,
    ),
    "catfin": _returns(
        lambda x, _, c: tail.catfin(np.sort(x, axis=None)), lambda c: c.pool, "month",
        ("mean of three 1 % losses of the members' pooled returns: empirical, Pareto, skewed error", "Allen, Bali, Tang 2012", "share lost in a day"),
        20,
    ),
    "ciss": Measure(
        lambda panel, graphs, config: composite.ciss(panel), lambda config: 0, "day",
        "ranks of money, bond and share stress, weighted and joined by their correlations", "Holló, Kremer and Lo Duca 2012 in manner", 0.03,
        needs=composite.NEEDS, unit="index, 0 to 1",
    ),
})  # fmt: skip


def values_of(measure: Measure, panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Float:
    """One measure on a panel and its graphs, [T]; one thread, so that the bits do not depend on how many there are.

    A layer that has drawn no graph yet joins nobody, as it does on the same sessions of a longer panel.
    """
    if measure.graph and config.layer not in graphs.layers:
        graphs = replace(graphs, layers={config.layer: Groups(np.full(panel.member.shape, -1, np.int16))})
    with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):
        return measure.build(panel, graphs, config)


def wanted(config: MeasuresConfig) -> tuple[str, ...]:
    """The names that are built; UsageError on an unknown one."""
    names = tuple(MEASURES) if config.names == "all" else config.names
    for name in names:
        MEASURES.find(name, "measures.names")
    return names


def lacks(measure: Measure, panel: Panel, graphs: Graphs, config: MeasuresConfig) -> str:
    """What a measure needs and the data do not hold, or empty."""
    missing = [series for series in measure.needs if series not in panel.facts.series]
    if missing:
        return f"no series {', '.join(missing)} in the macro data"
    return f"no layer {config.layer}; add it to layers.names" if measure.graph and config.layer not in graphs.layers else ""


def build(panel: Panel, graphs: Graphs, config: MeasuresConfig) -> Measures:
    """The measures of `config`; one without data is absent, with the reason, never empty. UsageError on an unknown name."""
    kind_of(config.layer, "measures.layer")
    absent, built = dict[str, str](), dict[str, Float]()
    for name in wanted(config):
        if reason := lacks(MEASURES[name], panel, graphs, config):
            absent[name] = reason
            continue
        values = values_of(MEASURES[name], panel, graphs, config)
        if np.isfinite(values).any():
            built[name] = values
        else:
            absent[name] = "no session has enough members with a whole window of returns"
    values = np.stack(list(built.values()), axis=1) if built else np.empty((len(panel.dates), 0))
    return Measures(panel.dates, tuple(built), values, absent)
