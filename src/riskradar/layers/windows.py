"""When a graph is drawn, and what it is drawn from: a window of known values, compacted to the members.

A drawing is a pure function of one array [W, M] that looks the same however the panel was cut or its columns were ordered: members only,
in the order of their own numbers. Whatever is computed from it, LAPACK on one thread included, has the same bits one day at a time or all at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from riskradar.layers import ranks
from riskradar.layers.kernels.pairwise import choose_nearest
from riskradar.tables import Held, Layer, Neighbours, Panel, Weights
from riskradar.tables.arrays import Days, Float, Int

MONTH = 31  # a calendar month has no more sessions
NOTHING = 2.0**-30  # a similarity up to here is rounding, not a relation
Draw = Callable[["Drawing"], Float]
Refresh = Literal["daily", "monthly"]


class DrawnConfig(BaseModel, frozen=True, extra="forbid"):
    """window: sessions behind a graph; refresh: drawn on every session, or on the first of each calendar month and held until the next."""

    window: int = Field(default=250, ge=5, le=1000)
    refresh: Refresh = "monthly"

    def reads(self) -> int:
        """Sessions of closes that the graph of a session depends on: the window, the close before it, and the month that it may be old."""
        return self.window + (1 if self.refresh == "daily" else MONTH)


class NearestConfig(DrawnConfig, frozen=True):
    """neighbours: how many assets each asset is joined to, at most; directed, as each chooses its own."""

    neighbours: int = Field(default=10, ge=1, le=1000)


@dataclass(frozen=True, eq=False)
class Drawing:
    """What one graph is drawn from: values [W, M] of the session `at` and those before it, and the columns of the M assets in the panel."""

    at: int
    values: Float
    columns: Int

    @property
    def span(self) -> slice:
        """The sessions of the window."""
        return slice(self.at + 1 - len(self.values), self.at + 1)


def refreshes(dates: Days, config: DrawnConfig) -> Int:
    """Sessions on which a graph is drawn: a function of the calendar alone. The first month has none, as nobody can say when it began."""
    months = dates.astype("datetime64[M]").astype(np.int64)
    rows = np.arange(len(dates)) if config.refresh == "daily" else np.flatnonzero(np.diff(months)) + 1
    due: Int = rows[rows >= config.window].astype(np.int64)
    return due


def drawings(panel: Panel, values: Float, config: DrawnConfig, least: int | None = None) -> Iterator[Drawing]:
    """One Drawing per refresh, columns in the order of their own bytes.

    It holds the members with at least `least` of their `values` [T, N] in the window known (all unless given), these not being constant.
    """
    for at in refreshes(panel.dates, config):
        window = values[at + 1 - config.window : at + 1]
        columns = np.flatnonzero(panel.member[at] & (np.isfinite(window).sum(axis=0) >= (config.window if least is None else max(least, 1))))
        columns = columns[np.nanmax(window[:, columns], axis=0) > np.nanmin(window[:, columns], axis=0)]
        inside = np.ascontiguousarray(window[:, columns].T)
        order = np.argsort(inside.view(f"V{inside.itemsize * config.window}").ravel(), kind="stable")
        yield Drawing(int(at), np.ascontiguousarray(inside[order].T), columns[order])


def hold(panel: Panel, drawn: Layer, config: DrawnConfig) -> Layer:
    """Graphs of the refreshes as a layer of every session."""
    row = np.searchsorted(refreshes(panel.dates, config), np.arange(len(panel.dates)), side="right") - 1
    return Held(drawn, row.astype(np.int64), panel.member)


def nearest(panel: Panel, values: Float, config: NearestConfig, similarity: Draw, least: int | None = None) -> Layer | str:
    """Each asset joined to its nearest: `similarity` gives [M, M] of a Drawing, NaN where undefined; what is 0 but for rounding joins nobody.

    least: known values that an asset needs, as in `drawings`. Among equals the nearest is the one that stands first in the Drawing.
    A sentence where nobody was ever joined.
    """
    N, count = len(panel.assets), len(refreshes(panel.dates, config))
    index = np.full((count, N, config.neighbours), -1, np.int32)
    weight = np.zeros(index.shape, np.float32)
    with threadpool_limits(1):
        for n, drawing in enumerate(drawings(panel, values, config, least)):
            choose_nearest(similarity(drawing).astype(np.float32), drawing.columns, NOTHING, index[n], weight[n])
    return hold(panel, Neighbours(index, weight), config) if (index >= 0).any() else nobody(config.window)


def pairs(panel: Panel, values: Float, config: DrawnConfig, weights: Draw) -> Layer | str:
    """Symmetric weights between all pairs: `weights` gives [M, M] of a Drawing, not negative; a sentence where nobody was ever joined."""
    N = len(panel.assets)
    upper = np.triu_indices(N, 1)
    out = np.zeros((len(refreshes(panel.dates, config)), len(upper[0])), np.float32)
    with threadpool_limits(1):
        for n, drawing in enumerate(drawings(panel, values, config)):
            dense = np.zeros((N, N), np.float32)
            dense[np.ix_(drawing.columns, drawing.columns)] = weights(drawing)
            out[n] = dense[upper]
    return hold(panel, Weights(N, out), config) if out.any() else nobody(config.window)


def nobody(window: int) -> str:
    """Why a layer that has its data is absent all the same."""
    return f"two members were never related over {window} known sessions; give more history, or a shorter window"


def correlations(values: Float, method: ranks.Method = "pearson") -> Float:
    """Correlations [M, M] of the columns of [W, M], 1 on the diagonal; the bits of a pair depend on its two columns alone."""
    window, M = ranks.Window.empty(*values.shape).after(values[:-1]), values.shape[1]
    _, upper = ranks.weights(window, values[-1:], np.ones((1, M), bool), method, np.float64)
    rho = np.eye(M)
    rho[np.triu_indices(M, 1)] = upper[0]
    rho.T[np.triu_indices(M, 1)] = upper[0]
    return rho
