"""Graphs -> LayerSummary: how dense the layers are, what they share, and how long an edge lives; row t reads graphs up to t."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskradar.layers.twins import rewired
from riskradar.tables import Graphs, Held, Layer, LayerSummary, Neighbours
from riskradar.tables.arrays import Bool, Float, Int, Stride, firsts
from riskradar.tables.summary import Step

FEW = 150  # nodes up to which graphs are looked at weekly; beyond, monthly
LAGS: dict[Step, tuple[int, ...]] = {"week": (1, 2, 4, 8, 13, 26, 52), "month": (1, 2, 3, 6, 12)}
TWINS: dict[Step, Stride] = {"week": "quarter", "month": "year"}  # one shuffled twin on the first look of each
Bytes = NDArray[np.uint8]  # one bit a pair of nodes


@dataclass(frozen=True, eq=False)
class Looks:
    """One layer on R dates: joined pairs and those of the twin (empty where none was drawn) as bits [R, B], and R densities and mean weights."""

    edges: Bytes
    twins: Bytes
    density: Float
    weight: Float


def summarize(graphs: Graphs, member: Bool) -> LayerSummary:
    """The layers on the first session of each week, each month where there are more than 150 nodes; see LayerSummary.

    member [T, N]. A directed layer joins two nodes when either chose the other. What comes before the first edge of a layer is NaN: its window
    was not full. A twin is drawn for the first look of each quarter (each year beyond 150 nodes).
    """
    step: Step = "week" if len(graphs.nodes) <= FEW else "month"
    at = np.flatnonzero(firsts(graphs.dates, step))
    dates = graphs.dates[at]
    drawn = firsts(dates, TWINS[step])
    looks = [_look(layer, at, drawn, member) for layer in graphs.layers.values()]
    upper = np.triu(np.ones((len(graphs.nodes),) * 2, bool), 1)
    present = np.stack([_pack(np.logical_and.outer(m, m), upper) for m in member[at]]) if len(at) else np.empty((0, 0), np.uint8)
    R, pairs = len(at), [(a, b) for k, a in enumerate(looks) for b in looks[k + 1 :]]
    return LayerSummary(
        dates, tuple(graphs.layers), step, LAGS[step],
        density=_columns([look.density for look in looks], R),
        weight=_columns([look.weight for look in looks], R),
        survival=_columns([_survival(look.edges, present, LAGS[step]) for look in looks], R, len(LAGS[step])),
        overlap=_columns([_begun(a, b, _jaccard(a.edges, b.edges)) for a, b in pairs], R),
        chance=_columns([_begun(a, b, np.where(drawn, _by_chance(a, b), np.nan)) for a, b in pairs], R),
    )  # fmt: skip


def _look(layer: Layer, at: Int, drawn: Bool, member: Bool) -> Looks:
    """Read a layer session by session, so that no more than one dense graph is held."""
    directed = isinstance(layer.drawn if isinstance(layer, Held) else layer, Neighbours)
    R, N = len(at), member.shape[1]
    upper = np.triu(np.ones((N, N), bool), 1)
    edges, twins = (np.zeros((R, -(-N * (N - 1) // 16)), np.uint8) for _ in range(2))
    count, total = np.zeros(R), np.zeros(R)
    for r, t in enumerate(at):
        graph = layer.block(t, t + 1)[0]
        edges[r] = _pack(graph > 0, upper)
        count[r], total[r] = np.count_nonzero(graph), graph.sum(dtype=np.float64)
        if drawn[r]:
            twins[r] = _pack(rewired(graph, directed, 0) > 0, upper)
    n = member[at].sum(axis=1)
    begun = np.logical_or.accumulate(count > 0)
    return Looks(edges, twins, np.where(begun, _share(_size(edges), n * (n - 1) / 2), np.nan), _share(total, count))


def _pack(joined: Bool, upper: Bool) -> Bytes:
    return np.packbits((joined | joined.T)[upper])


def _size(bits: Bytes) -> Float:
    size: Float = np.bitwise_count(bits).sum(axis=1, dtype=np.int64).astype(float)
    return size


def _share(part: Float, whole: Float) -> Float:
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Float = part / whole
    return share


def _survival(edges: Bytes, present: Bytes, lags: tuple[int, ...]) -> Float:
    """Of the edges so many rows ago whose ends are present, the share that is there, [R, H]."""
    out = np.full((len(edges), len(lags)), np.nan)
    for h, lag in enumerate(lags):
        before = edges[:-lag] & present[lag:]
        out[lag:, h] = _share(_size(before & edges[lag:]), _size(before))
    return out


def _jaccard(a: Bytes, b: Bytes) -> Float:
    return _share(_size(a & b), _size(a | b))


def _by_chance(a: Looks, b: Looks) -> Float:
    """Overlap of each layer with the twin of the other, averaged."""
    return (_jaccard(a.twins, b.edges) + _jaccard(a.edges, b.twins)) / 2


def _begun(a: Looks, b: Looks, values: Float) -> Float:
    """NaN until both layers have had an edge."""
    return np.where(np.isnan(a.density) | np.isnan(b.density), np.nan, values)


def _columns(values: list[Float], rows: int, *rest: int) -> Float:
    return np.stack(values, axis=1) if values else np.empty((rows, 0, *rest))
