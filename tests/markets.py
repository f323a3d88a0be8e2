"""Generated markets: small, seeded, and as untidy as real ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from riskradar import features, labels, layers, patterns
from riskradar.features import FeaturesConfig
from riskradar.labels import LabelsConfig
from riskradar.layers import LayersConfig
from riskradar.layers.correlation import CorrelationConfig
from riskradar.models import ModelsConfig
from riskradar.models.classic import ForestConfig
from riskradar.models.dense import TrainConfig
from riskradar.models.gcn import SnapshotConfig, TemporalConfig
from riskradar.models.radar.system import RadarConfig
from riskradar.models.srr.model import SrrConfig
from riskradar.tables import Facts, Features, Forecast, Graphs, Labels, Panel
from riskradar.tables.arrays import Bool, Code, Days, Float

SERIES = ("baa10y", "hy_oas", "term_10y_3m", "vix")
LAGS = (2, 2, 1, 0)  # sessions from the day a value speaks of to the day it is known
MAX_AGE = (10, 10, 10, 7)  # calendar days
SMALL = TrainConfig(epochs=1, batch=64)
TINY = ModelsConfig(  # every model, in seconds
    forest=ForestConfig(trees=8), snapshot=SnapshotConfig(width=8, head_hidden=8, train=SMALL),
    temporal=TemporalConfig(width=8, sequence=3, train=SMALL),
    srr=SrrConfig(width=8, heads=2, depth=1, sequence=3, train=SMALL),
    radar=RadarConfig(layers=("correlation", "sector"), width=8, members=2, every=2, train=SMALL),
)  # fmt: skip


def bits(values: Float) -> np.ndarray:
    """The bits of each number, with one NaN for all NaNs."""
    plain = np.where(np.isnan(values), np.nan, values)
    return plain.view(np.uint64 if plain.dtype == np.float64 else np.uint32)


def days(sessions: int, start: str = "2000-01-03") -> Days:
    """Weekdays without every 37th (holidays) and without one whole week."""
    every = np.busday_offset(np.datetime64(start, "D"), np.arange(2 * sessions + 10), roll="forward").astype("datetime64[D]")
    keep = np.arange(len(every)) % 37 != 36
    keep[60:65] = False
    return every[keep][:sessions]


def panel(
    close: Float, *, level: Float | None = None, member: Bool | None = None, kind: Sequence[str] | None = None, sector: Code | None = None,
    facts: Facts | None = None,
) -> Panel:  # fmt: skip
    """A panel around hand-made closes; the level is their mean unless given."""
    T, N = close.shape
    known = np.isfinite(close)
    if level is None:
        filled = np.where(known, close, 1.0)
        level = filled.mean(axis=1) if N else np.ones(T)
    return Panel(
        dates=days(T), assets=tuple(f"A{i:0{2 if N <= 100 else 4}d}" for i in range(N)), kind=tuple(kind or ["stock"] * N), close=close,
        member=known if member is None else member, sectors=("bank", "energy", "tech"), sectors_dated=True,
        sector=np.full((T, N), -1, np.int16) if sector is None else sector, facts=facts or Facts.none(), level=level, index="test",
    )  # fmt: skip


def walk(sessions: int, assets: int, seed: int) -> Float:
    """Closes with one common factor, a volatile spell and a crash of a third that recovers."""
    rng = np.random.default_rng(seed)
    wild = 1 + 1.5 * (np.sin(np.arange(sessions) / 60) > 0.4)
    drift = np.full(sessions, 0.0006)
    for start in range(140, sessions, 260):
        drift[start : start + 15] = -0.025
        drift[start + 20 : start + 60] = 0.008
    common = drift + 0.006 * wild * rng.standard_normal(sessions)
    own = 0.008 * rng.standard_normal((sessions, assets))
    return 50 * np.exp(np.cumsum(common[:, None] * np.linspace(0.7, 1.3, assets) + own, axis=0))


def ragged(sessions: int = 330, seed: int = 1) -> Panel:
    """Nine assets: a late listing, a delisting, holes, ties, a constant, twins, a fund, one outside the universe, an index with a missing day."""
    rng = np.random.default_rng(seed)
    T = sessions
    close = walk(T, 10, seed)
    close[:, 1] = np.round(close[:, 1] * 2) / 2  # ticks of half a dollar: tied returns
    close[:, 2] = 20.0
    close[:, 4] = close[:, 3]
    close[: 3 * T // 4, 5] = np.nan
    close[19 * T // 20 :, 6] = np.nan
    holes = rng.integers(0, T, 4)
    close[holes, 7] = np.nan
    close[T // 2 : T // 2 + 5, 8] = np.nan
    close[min(40, T - 1), 9] = np.nan  # the index was not published
    member = np.isfinite(close)
    member[: T // 4, 0] = False  # priced, but not yet in the universe
    member[:, 9] = False
    sector = np.tile(np.array([0, 0, 1, 1, 2, 2, 2, -1, 0, -1], np.int16), (T, 1))
    sector[T // 2 :, 1] = 2
    sector[: T // 6, 3] = -1
    kind = [*["stock"] * 8, "fund", "index"]
    return panel(close, level=close[:, 9].copy(), member=member, kind=kind, sector=sector, facts=facts(days(T), seed))


def facts(dates: Days, seed: int) -> Facts:
    """Four series with lags; a stale spell, vintages that come weeks later, a late start, and a row that overtakes an older one."""
    rng = np.random.default_rng(seed + 100)
    T = len(dates)
    rows: list[tuple[int, np.datetime64, np.datetime64, float]] = []
    for code, lag in enumerate(LAGS):
        value = (20 if SERIES[code] == "vix" else 5) + np.cumsum(rng.normal(0, 0.2, T))
        for t in range(30 if SERIES[code] == "hy_oas" and T > 60 else 0, T):
            if SERIES[code] == "vix" and T // 2 <= t < T // 2 + 12:
                continue  # nothing for more than a week: stale
            if t + lag >= T or rng.random() < 0.03:
                continue
            rows.append((code, dates[t], dates[t + lag], value[t]))
            if rng.random() < 0.1 and t + lag + 1 < T:
                rows.append((code, dates[t], dates[min(t + lag + int(rng.integers(1, 15)), T - 1)], value[t] + rng.normal()))
    rng.shuffle(rows)
    of, date, known, value = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Facts(
        SERIES, np.array(of, np.int16), np.full(len(rows), -1, np.int16), np.array(date, "datetime64[D]"), np.array(known, "datetime64[D]"),
        np.array(value, float), np.array(MAX_AGE, np.int16), np.zeros(len(SERIES), bool),
    )  # fmt: skip


def with_sentiment(original: Panel, seed: int = 0) -> Panel:
    """The same market with daily sentiment of most assets: a common tone, gaps, weekends, a late start, an asset that nobody writes about."""
    rng = np.random.default_rng(seed + 200)
    T, N = original.close.shape
    tone = rng.normal(size=(T, 1)) + rng.normal(size=(T, N))
    rows = [(t, i) for i in range(N) for t in range(T - 5) if i != 3 and t >= 10 * (i == 0) and rng.random() < 0.8]
    at, asset = np.array(rows).T
    date = original.dates[at] + rng.integers(0, 2, len(at)).astype("timedelta64[D]")
    return _told(original, "vader_mean", 21, asset, date, original.dates[at + 5], tone[at, asset])


def with_runs(original: Panel) -> Panel:
    """The same market with the runs that a sister system reports of half of its assets, each on the session after its last."""
    found = [(i, patterns.detect(original.close[:, i])) for i in range(0, len(original.assets), 2)]
    last = len(original.dates) - 1
    rows = [(i, e, s * (e - b + 1.0)) for i, runs in found for s, b, e in zip(runs.sign, runs.start, runs.end, strict=True) if e < last]
    asset, end, bars = (np.array(column) for column in zip(*rows, strict=True))
    told = _told(original, "spa_bars", 31, asset, original.dates[end], original.dates[end + 1], bars)
    return _told(told, "spa_events", 31, asset, original.dates[end], original.dates[end + 1], bars % 3)


def _told(original: Panel, series: str, age: int, asset: Code, date: Days, known: Days, value: Float) -> Panel:
    old = original.facts
    return replace(original, facts=Facts(
        (*old.series, series), np.append(old.of, np.full(len(value), len(old.series), np.int16)), np.append(old.asset, asset.astype(np.int16)),
        np.append(old.date, date), np.append(old.known_at, known), np.append(old.value, value),
        np.append(old.max_age, np.int16(age)), np.append(old.revised, False),
    ))  # fmt: skip


def noise(sessions: int, assets: int, seed: int) -> Panel:
    """Independent random walks: nothing can be foreseen."""
    close = 50 * np.exp(np.cumsum(0.012 * np.random.default_rng(seed).standard_normal((sessions, assets)), axis=0))
    return panel(close, facts=facts(days(sessions), seed))


def odd() -> dict[str, Panel]:
    """Panels at the edge of what can be computed."""
    rng = np.random.default_rng(9)
    some = walk(130, 4, 3)
    out = {f"{n} assets": panel(walk(90, n, n)) for n in (0, 1, 2)}
    out |= {f"{n} sessions": panel(walk(n, 3, n), facts=facts(days(n), n)) for n in (0, 1, 2, 5, 40)}
    out |= {
        "constant": panel(np.full((130, 3), 7.0)),
        "identical": panel(np.repeat(some[:, :1], 3, axis=1)),
        "nothing known": panel(np.full((130, 3), np.nan)),
        "no level": panel(some, level=np.full(130, np.nan)),
        "doubling": panel(np.repeat(2.0 ** np.arange(130)[:, None], 2, axis=1)),
        "never a member": panel(some, member=np.zeros(some.shape, bool)),
        "flickering": panel(np.where(rng.random(some.shape) < 0.5, some, np.nan)),
    }
    return out


def renamed(original: Panel, seed: int = 0) -> tuple[Panel, np.ndarray]:
    """The same market under other names, and for each new column its old position."""
    order = np.random.default_rng(seed).permutation(len(original.assets))
    return replace(
        original, assets=tuple(f"Z{i:02d}" for i in range(len(order))), kind=tuple(original.kind[i] for i in order), close=original.close[:, order],
        member=original.member[:, order], sector=original.sector[:, order], facts=_moved(original.facts, np.argsort(order)),
    ), order  # fmt: skip


def _moved(facts: Facts, to: np.ndarray) -> Facts:
    """Facts of single assets follow them to their new columns."""
    return replace(facts, asset=np.where(facts.asset >= 0, to[facts.asset], facts.asset).astype(np.int16)) if len(to) else facts


def with_stranger(original: Panel, seed: int = 0) -> tuple[Panel, np.ndarray]:
    """One more column in the middle that is priced but never a member, and the positions of the others."""
    at = len(original.assets) // 2
    wild = 1e3 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.1, len(original.dates))))
    names = list(original.assets)
    names.insert(at, names[at - 1] + "x")
    kind = list(original.kind)
    kind.insert(at, "stock")
    wider = replace(
        original, assets=tuple(names), kind=tuple(kind), close=np.insert(original.close, at, wild, axis=1),
        member=np.insert(original.member, at, False, axis=1), sector=np.insert(original.sector, at, 0, axis=1),
        facts=_moved(original.facts, np.delete(np.arange(len(names)), at)),
    )  # fmt: skip
    return wider, np.delete(np.arange(len(names)), at)


def with_future(original: Panel, t: int, how: str) -> Panel:
    """The same market up to session t; afterwards `how`: 1e6, nan or shuffled, in closes, level, membership, sectors and facts."""
    close, level, member, sector = original.close.copy(), original.level.copy(), original.member.copy(), original.sector.copy()
    late = original.facts.known_at > original.dates[t]
    value = original.facts.value.copy()
    if how == "shuffled":
        order = np.random.default_rng(t).permutation(np.arange(t + 1, len(level)))
        for array in (close, level, member, sector):
            array[t + 1 :] = array[order]
        value[late] = np.random.default_rng(t).permutation(value[late])
    else:
        close[t + 1 :] = level[t + 1 :] = value[late] = float(how)
        member[t + 1 :] = np.isfinite(close[t + 1 :]) & (np.array(original.kind) != "index")
        sector[t + 1 :] = 0
    return replace(original, close=close, level=level, member=member, sector=sector, facts=replace(original.facts, value=value))


@dataclass(frozen=True, eq=False)
class Line:
    """A market and the tables made from it."""

    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels

    @classmethod
    def of(cls, market: Panel, targets: tuple[str, ...] = ("5/3", "20/5", "20/10")) -> "Line":
        names = ("correlation", "sector", "correlation~shuffled", "sector~shuffled")
        graphs = layers.build(market, LayersConfig(names=names, correlation=CorrelationConfig(window=20)))
        return cls(market, features.build(market, FeaturesConfig()), graphs, labels.build(market, LabelsConfig(targets=targets)))

    def scored(self, forecast: Forecast) -> np.ndarray:
        """Position of each forecast date."""
        return np.searchsorted(self.features.dates, forecast.dates)
