"""What every kernel walks: the edges of drawn graphs, and how its sums may be ordered."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from riskradar.tables.arrays import Bool, Int

# sums inside a kernel may be taken in lanes, always the same ones: bits depend on the numbers alone, not on their place
compiled = njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


class Edges(NamedTuple):
    """A layer of a market: see market.Sparse and market.Layer; mask [G, N] nodes that take part; most: the largest number of senders of a node."""

    row: Int
    indptr: Int
    sender: NDArray[np.int32]
    weight: NDArray[Any]
    mask: Bool
    most: int
