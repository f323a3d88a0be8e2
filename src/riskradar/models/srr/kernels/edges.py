"""What every kernel walks: the edges of drawn graphs, and how its sums may be ordered."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from riskradar.tables.arrays import Bool, Int

# sums inside a kernel may be taken in lanes, always the same ones: bits depend on the numbers alone, not on their place
compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})

FOUR = 4  # edges that are walked side by side


class Edges(NamedTuple):
    """A layer of a market: see market.Sparse and market.Layer; mask [G, N] nodes that take part; most: the largest number of edges of a graph."""

    row: Int
    indptr: Int
    sender: NDArray[np.int32]
    weight: NDArray[Any]
    mask: Bool
    most: int


@compiled
def senders(g: int, edges: Edges, own: bool, first: Any, count: Any, sender: Any, weight: Any) -> None:
    """List for every node who sends to it on snapshot g and takes part, with `own` the node itself too, by a weight of one.

    The count[i] senders of node i stand from first[i] on; the last one is repeated up to a multiple of four.
    """
    r, here, stop = edges.row[g], edges.mask[g], 0
    for i in range(len(count)):
        first[i], at = stop, stop
        if here[i]:
            begin, end = edges.indptr[r, i], edges.indptr[r, i + 1]
            names, weights = edges.sender[begin:end], edges.weight[begin:end]
            for e in range(len(names)):
                sender[at], weight[at] = names[e], weights[e]
                at += here[names[e]]
            if own:
                sender[at], weight[at] = i, 1
                at += 1
            while stop < at:
                stop += FOUR
            for m in range(at, stop):
                sender[m], weight[m] = sender[at - 1], weight[at - 1]
        count[i] = at - first[i]
    first[len(count)] = stop
