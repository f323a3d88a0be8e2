"""Panel -> NodeForecasts: how volatile each asset will be and how deep it will fall, walk-forward, and which assets are fragile now.

Node forecasts explain the system's score: they say where it is fragile, and are not claimed to improve it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, field_validator

from riskradar import backtest, features, labels, layers
from riskradar.backtest import BacktestConfig
from riskradar.errors import UsageError
from riskradar.evaluate import EvaluateConfig
from riskradar.evaluate.nodes import NodeSkillConfig, losses, skills
from riskradar.features import FLOOR, YEAR, FeaturesConfig
from riskradar.labels import LabelsConfig
from riskradar.layers import LayersConfig
from riskradar.layers.residual import ResidualConfig
from riskradar.models.radar import INPUTS, NODE_MODELS, REALISED
from riskradar.models.radar import NodesConfig as Recipe
from riskradar.models.radar.shrink import ShrinkConfig, shrunk, slopes
from riskradar.registry import near
from riskradar.resume import Cache
from riskradar.split import SplitConfig
from riskradar.tables import Features, Graphs, Labels, NodeForecasts, Panel, Target, mean_over_seeds
from riskradar.tables.arrays import Days, Float32, count_upto

BASE = "ridge"  # what a network corrects, as far as its own past forecasts were right
LEARNED = ("nodes", "nodes-no-graph")
REFERENCES = {"ridge": ("har",), "ridge-graph": ("har", "ridge"), "nodes-no-graph": ("har", "ridge"), "nodes": ("har", "ridge", "nodes-no-graph")}
SPEAKS = ("nodes", "nodes-no-graph", "ridge-graph", "ridge", "har")  # the first of these that ran names the fragile assets
LIVE = ("walk-forward", "holdout")
SHOWN = 10
NOTE = "Forecasts of single assets explain where the market is fragile; they are not part of the system's score and are not claimed to improve it."


class NodesConfig(BaseModel, frozen=True, extra="forbid"):
    """Which of NODE_MODELS run, none for no forecasts of assets; targets: continuous ones; residual: the graph of nearest neighbours that they read.

    years: of closes before the January in which forecasts begin, since a network that began earlier was worse than its twin (decision 0013).
    Networks cost ten times as much as `har` and `ridge`: add `nodes` and its twin `nodes-no-graph` on a wide panel.
    """

    names: tuple[str, ...] = ("har", "ridge")
    targets: tuple[str, ...] = ("log-volatility/20", "log-drawdown/60")
    years: int = Field(default=5, ge=0, le=100)
    seeds: int = Field(default=1, ge=1, le=100)
    residual: ResidualConfig = ResidualConfig(method="gaussian", window=500, neighbours=60, power=2.0)
    recipe: Recipe = Recipe()
    shrink: ShrinkConfig = ShrinkConfig()

    @field_validator("names")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in NODE_MODELS]:
            raise ValueError(f"no node model {unknown[0]!r}{near(unknown[0], tuple(NODE_MODELS))}; node models are {', '.join(NODE_MODELS)}")
        if BASE not in names and (learned := [name for name in names if name in LEARNED]):
            raise ValueError(f"{learned[0]} corrects {BASE}, which is not named; add it")
        return names

    @field_validator("targets")
    @classmethod
    def _continuous(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if binary := [target for target in targets if not target.startswith("log-")]:
            raise ValueError(f"{binary[0]} is yes or no; a node forecast is of log-volatility/SESSIONS or log-drawdown/SESSIONS")
        return targets


@dataclass(frozen=True, eq=False)
class NodeRun:
    """forecasts: None where no model ran; absent: those that could not run, with the reason; hashes and seconds as in Backtest."""

    forecasts: NodeForecasts | None
    absent: dict[str, str]
    hashes: dict[str, str]
    seconds: dict[str, float]


def tables(panel: Panel, config: NodesConfig) -> tuple[Features, Graphs, Labels]:
    """What node models read and learn from; graphs are built only where one of them reads them."""
    built = features.build(panel, FeaturesConfig(node=(*INPUTS, *REALISED.values()), context=()))
    read = any(NODE_MODELS[name](config.recipe).graphs for name in config.names)
    graphs = layers.build(panel, LayersConfig(names=(config.recipe.layer,) if read else (), residual=config.residual))
    return built, graphs, labels.build(panel, LabelsConfig(targets=config.targets, units="nodes"))


def run(panel: Panel, config: NodesConfig, split: SplitConfig, jobs: BacktestConfig, cache: Cache | None = None) -> NodeRun:
    """Forecasts of every asset on the sessions that `split` scores, by the harness of the system: labels known by the cut-off, a day at a time."""
    if split.method not in LIVE:
        return NodeRun(None, dict.fromkeys(config.names, f"forecasts of assets are live, and split {split.method} is not"), {}, {})
    first = _begin(panel.dates, config.years, split)
    if not config.names or not len(panel.dates) or first > panel.dates[-1].astype(object):
        why = f"under {config.years} years of closes (nodes.years) before a session that is scored"
        return NodeRun(None, dict.fromkeys(config.names, why), {}, {})
    built, graphs, outcomes = tables(panel, config)
    made = {name: NODE_MODELS[name](config.recipe) for name in config.names}
    tested = backtest.walk(made, config.seeds, built, graphs, outcomes, split.model_copy(update={"first": first}), jobs, cache)
    if not tested.forecasts:
        return NodeRun(None, tested.absent, {}, {})
    one = next(iter(tested.forecasts.values()))
    rows = np.searchsorted(panel.dates, one.dates)
    truth, known = outcomes.values[rows, 1:].astype(np.float32), outcomes.known[rows]
    plain = {name: mean_over_seeds(found.score)[:, 1:].astype(np.float32) for name, found in tested.forecasts.items()}
    if not any(np.isfinite(values).any() for values in plain.values()):
        why = "no asset has a year of closes and an outcome before a session that is scored"
        return NodeRun(None, tested.absent | dict.fromkeys(plain, why), {}, {})
    final = believed(plain, truth, one.dates, known, config.shrink)
    table = NodeForecasts(one.dates, panel.assets, one.targets, final, truth, known, one.cutoff, panel.sectors, panel.sector[rows])
    return NodeRun(table, tested.absent, tested.hashes, tested.seconds)


def _begin(dates: Days, years: int, split: SplitConfig) -> date:
    """The first session that is forecast by walk-forward: what `split` says, or the January after so many years where that is later."""
    if not years or not len(dates):
        return split.first
    begun: date = dates[0].astype(object)
    return max(split.first, date(begun.year + years + (begun > date(begun.year, 1, 10)), 1, 1))


def believed(
    forecasts: Mapping[str, Float32], truth: Float32, dates: Days, known: Days, config: ShrinkConfig, learned: tuple[str, ...] = LEARNED
) -> dict[str, Float32]:
    """Forecasts [T, N, K] with those of networks brought towards the ridge, by what was known on each day of how right they had been."""
    out = dict(forecasts)
    for name in [name for name in learned if name in out]:
        slope = slopes(out[BASE], out[name], truth, dates, known, config)
        out[name] = shrunk(out[BASE], out[name], slope).astype(np.float32)
    return out


def judge(found: NodeForecasts, config: EvaluateConfig, sealed: date | None) -> list[dict[str, Any]]:
    """Percent of squared error that each model gains over each of its references, by target and half; nothing from `sealed` on is read."""
    seen = found if sealed is None else found.upto(sealed - timedelta(days=1))
    first, stop = int(np.searchsorted(seen.dates, np.datetime64(config.start))), count_upto(seen.dates, config.end or date.max)
    seen = seen.rows(first, stop)
    pairs = [(model, other) for model in seen.forecasts for other in REFERENCES.get(model, ()) if other in seen.forecasts]
    if not pairs or not len(seen.dates):
        return []
    halves = ("all",) if sealed else ("all", "first", "second")
    resampled = NodeSkillConfig(split=config.split, draws=config.draws, level=config.level, seed=config.seed)
    lost = losses(seen.forecasts, seen.outcome, seen.targets, seen.dates, seen.known)
    scored = skills(lost, pairs, seen.targets, seen.dates, resampled)
    return [
        {"model": one.model, "reference": one.reference, "target": one.target, "half": one.half,
         **{name: _number(asdict(one.skill)[name]) for name in ("value", "low", "high")}}
        for one in scored if one.part == "total" and one.half in halves
    ]  # fmt: skip


def fragile(found: NodeForecasts, day: Any = None, shown: int = SHOWN) -> dict[str, Any]:
    """The assets with the worst forecasts of one session (default: the last), by their deepest fall, or their volatility where no fall is forecast.

    expected: percent by target, a year's worth for a volatility; percentile: the share of the asset's own earlier forecasts that were lower, None
    before it has a year of them. UsageError when no session is that early.
    """
    past = found if day is None else found.upto(day)
    if not len(past.dates):
        raise UsageError(f"no asset was forecast by {day}; nothing is shown; the first session with forecasts is {found.dates[0]}")
    model = next(name for name in SPEAKS if name in past.forecasts)
    values = past.forecasts[model]
    last = len(past.dates) - 1
    order = sorted(range(len(past.targets)), key=lambda k: (past.targets[k].kind != "log-drawdown", k))
    here = np.flatnonzero(np.isfinite(values[last, :, order[0]]))
    worst = here[np.argsort(-values[last, here, order[0]], kind="stable")]
    rows = [
        {"asset": past.assets[n], "sector": past.sectors[past.sector[last, n]] if past.sector[last, n] >= 0 else None,
         "expected": {past.targets[k].name: _percent(values[last, n, k]) for k in order},
         "percentile": {past.targets[k].name: _percentile(values[:, n, k]) for k in order}}
        for n in worst[:shown]
    ]  # fmt: skip
    return {
        "date": str(past.dates[last]), "model": model, "assets": len(here), "rows": rows,
        "titles": {past.targets[k].name: _title(past.targets[k]) for k in order},
    }  # fmt: skip


def describe(done: NodeRun, skill: list[dict[str, Any]]) -> dict[str, Any]:
    """What run.json says of forecasts of assets: how good they were, who is fragile on the last session, what was learned and what it cost."""
    return {
        "note": NOTE, "skill": skill, "fragile": fragile(done.forecasts) if done.forecasts else None, "absent": done.absent,
        "learned": done.hashes, "cpu_seconds": {name: round(seconds, 2) for name, seconds in done.seconds.items()},
    }  # fmt: skip


def _title(target: Target) -> str:
    return f"{'largest fall' if target.kind == 'log-drawdown' else 'volatility'} over {target.horizon} sessions"


def _percent(value: float) -> float | None:
    return round(100 * (float(np.exp(value)) - FLOOR), 2) if np.isfinite(value) else None


def _percentile(series: Float32) -> float | None:
    earlier = series[:-1][np.isfinite(series[:-1])]
    return round(float((earlier < series[-1]).mean()), 4) if len(earlier) >= YEAR and np.isfinite(series[-1]) else None


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
