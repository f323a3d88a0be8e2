"""One window of the paper: weekday rows, its seven features, the inferred label, graphs and the split, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from riskradar import layers
from riskradar.features import FEATURES, over_members, values_of
from riskradar.labels import ahead
from riskradar.layers import LayersConfig
from riskradar.models.dense import Snapshots
from riskradar.paper.config import LabelConfig, PaperConfig, ProtocolConfig
from riskradar.tables import Facts, Panel
from riskradar.tables.arrays import Bool, Days, Float, Float32, Int, day

YEAR = timedelta(days=365)
INPUTS = ("return", "volatility_20", "volatility_60", "drawdown_20", "drawdown_60", "momentum_10", "momentum_30")  # section 3


@dataclass(frozen=True, eq=False)
class Window:
    """One crisis window on weekday rows.

    dates [T]; panel: closes carried over holidays; x [T, N, 7]: raw features, NaN where not known; y [T]: the inferred label, NaN where the
    prices end; hits [T, N]: each name's own label, NaN where not known; lead [T]: rows until the label's condition is met, NaN where it is not;
    rows: of the graphs; adjacency [G, N, N]: one graph a row of `rows`.
    """

    name: str
    dates: Days
    panel: Panel
    x: Float
    y: Float
    hits: Float
    lead: Float
    rows: Int
    adjacency: Float32

    @property
    def means(self) -> Float:
        """Features averaged over the names that have them, [T, 7]; 0 where none has, because the counts leave no room for dropped rows."""
        return np.nan_to_num(np.stack([over_members(self.x[:, :, k], self.panel.member) for k in range(self.x.shape[2])], axis=1))

    @property
    def snapshots(self) -> Snapshots:
        """One dense snapshot for each of `rows`; an unknown feature is 0, and a name that is not listed is no node."""
        return Snapshots(np.nan_to_num(self.x[self.rows]).astype("f4"), self.adjacency, self.panel.member[self.rows])


def weekdays(first: date, last: date) -> Days:
    """Monday to Friday, holidays included: the 1,565, 1,565 and 1,045 "trading days" of Table 1."""
    every = np.arange(day(first), day(last) + np.timedelta64(1, "D"))
    return every[np.is_busday(every)]


def graph_rows(rows: int, protocol: ProtocolConfig) -> Int:
    """Every `stride`-th row from `first` on."""
    return np.arange(protocol.first, rows, protocol.stride)


def train_count(samples: int, protocol: ProtocolConfig) -> int:
    """How many of the samples, oldest first, are trained on; the rest are the test."""
    return int(protocol.train_share * samples)


def carried(panel: Panel, dates: Days) -> Panel:
    """The panel on `dates`, each with the closes of the last session on or before it: a holiday repeats the session before."""
    at = np.searchsorted(panel.dates, dates, side="right") - 1
    names = [i for i, kind in enumerate(panel.kind) if kind in ("stock", "fund")]
    close = np.where((at >= 0)[:, None], panel.close[at][:, names], np.nan)
    return replace(
        panel, dates=dates, assets=tuple(panel.assets[i] for i in names), kind=tuple(panel.kind[i] for i in names), close=close,
        member=np.isfinite(close), sector=panel.sector[at][:, names], facts=Facts.none(), volume=None,
        level=np.where(at >= 0, panel.level[at], np.nan),
    )  # fmt: skip


def label(close: Float, member: Bool, config: LabelConfig) -> tuple[Float, Float, Float]:
    """The label y [T] of each row, of each name [T, N], and the rows until the condition of y is met, [T].

    Row t reads closes t … t+H. A name that is not listed on t counts as 0; NaN where the window ends after the last row.
    """
    lowest, lead = close.copy(), np.full(len(close), np.nan)
    with np.errstate(invalid="ignore"):
        for k in range(1, config.horizon + 1):
            lowest = np.fmin(lowest, ahead(close, k))
            fallen = (member & (lowest <= close * (1 - config.depth))).sum(axis=1) >= config.names
            lead = np.where(np.isnan(lead) & fallen, k, lead)
        hits = np.where(member, lowest <= close * (1 - config.depth), 0.0)
    complete = np.arange(len(close)) < len(close) - config.horizon
    y = np.where(complete, hits.sum(axis=1) >= config.names, np.nan)
    return y, np.where(complete[:, None], hits, np.nan), np.where(complete, lead, np.nan)


def build(name: str, panel: Panel, config: PaperConfig) -> Window:
    """Rows, features, label and graphs of one window; the year before it feeds its first features, the year after it its last labels."""
    first, last = config.protocol.windows[name]
    begin, end = panel.dates[0].astype(object), panel.dates[-1].astype(object)
    around = carried(panel, weekdays(max(first - YEAR, begin), min(last + YEAR, end)))
    start, stop = (int(np.searchsorted(around.dates, d)) for d in (day(first), day(last) + np.timedelta64(1, "D")))
    y, hits, lead = label(around.close, around.member, config.label)
    x = np.stack([values_of(FEATURES[feature], around) for feature in INPUTS], axis=2)
    layer = layers.build(around, LayersConfig(names=("correlation",), correlation=config.correlation)).layers["correlation"]
    rows, cut = graph_rows(stop - start, config.protocol), slice(start, stop)
    adjacency = np.concatenate([layer.block(start + int(t), start + int(t) + 1) for t in rows])
    return Window(name, around.dates[cut], around.rows(start, stop), x[cut], y[cut], hits[cut], lead[cut], rows, adjacency)
