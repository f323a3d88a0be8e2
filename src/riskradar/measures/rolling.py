"""From a formula on one window or one graph to a number on every session.

Each session is computed on its members only, compacted in canonical order into a fresh array, so that a column that takes no part
moves no bit. A measure with a stride is computed on the first session of each week or month and carried until the next: which
session is the first of its week is decided by its date and the one before it, so that history cut off moves nothing.
"""

import math
from collections.abc import Callable

import numpy as np

from riskradar.features import log_returns
from riskradar.tables import Layer, Panel
from riskradar.tables.arrays import Bool, Code, Days, Float, Int, Stride, firsts

CARRIED: dict[Stride, int] = {"day": 0, "week": 7, "month": 31}  # sessions back to the one before the first of the period, at most


def each_session(dates: Days, stride: Stride, value: Callable[[int], float]) -> Float:
    """`value(t)` on the first session of each period, carried to the others, [T]; NaN before the first one that is known to be a first."""
    out = np.full(len(dates), np.nan)
    begins = firsts(dates, stride)
    last = math.nan
    for t in range(len(dates)):
        last = value(t) if begins[t] else last
        out[t] = last
    return out


def _ready(panel: Panel, returns: Float, window: int) -> Bool:
    """Members whose last `window` log returns are all known, [T, N]."""
    count = np.cumsum(np.isfinite(returns), axis=0)
    whole = np.zeros(panel.member.shape, bool)
    whole[window:] = count[window:] - count[: max(len(count) - window, 0)] == window
    ready: Bool = panel.member & whole
    return ready


def on_members(panel: Panel, window: int, stride: Stride, value: Callable[[int, Int, Float, Float], float]) -> Float:
    """`value(t, members [n], returns [window, n], index returns [window])` of the members whose whole window of log returns is known, [T]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        returns, level = log_returns(panel.close), log_returns(panel.level[:, None])[:, 0]
    ready = _ready(panel, returns, window)

    def at(t: int) -> float:
        some, span = np.flatnonzero(ready[t]), slice(t + 1 - window, t + 1)
        return value(t, some, np.ascontiguousarray(returns[span][:, some]), level[span]) if len(some) else math.nan

    return each_session(panel.dates, stride, at)


def on_returns(panel: Panel, window: int, stride: Stride, value: Callable[[Float, Float], float]) -> Float:
    """`value(returns [window, n], index returns [window])` of the same members, [T]."""
    return on_members(panel, window, stride, lambda t, some, returns, level: value(returns, level))


def on_graph(panel: Panel, layer: Layer, window: int, stride: Stride, value: Callable[[Float, Code], float]) -> Float:
    """`value(graph [n, n], sectors [n])` of the n members whose last `window` returns are known, the layer made binary and symmetric, [T].

    A member without that history has no edges for want of knowledge, and would count as one that stands apart.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ready = _ready(panel, log_returns(panel.close), window)

    def at(t: int) -> float:
        some = np.flatnonzero(ready[t])
        if not len(some):
            return math.nan
        graph = layer.block(t, t + 1)[0][np.ix_(some, some)] > 0
        return value(np.ascontiguousarray(graph | graph.T, dtype=np.float64), panel.sector[t, some])

    return each_session(panel.dates, stride, at)
