"""The ring of the last W sessions: doubled centred ranks kept up to date, and both kinds of operands laid out in panels."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from riskradar.layers.kernels.tiles import LANES
from riskradar.tables.arrays import Bool, Float

compiled = njit(nogil=True, cache=True, error_model="numpy")


class Ring(NamedTuple):
    """The last W sessions of N assets, in slots.

    values [W, N]; ranks: doubled, centred, ties as averages, with rows of zeros up to a multiple of four [W', N];
    run: sessions for which an asset has been known without a break, at most W [N].
    """

    values: Float
    ranks: NDArray[np.int16]
    run: NDArray[np.int16]

    @classmethod
    def empty(cls, length: int, nodes: int) -> "Ring":
        """Nothing is known yet."""
        return cls(np.full((length, nodes), np.nan), np.zeros((-(-length // 4) * 4, nodes), np.int16), np.zeros(nodes, np.int16))

    def copy(self) -> "Ring":
        """A ring of its own."""
        return Ring(self.values.copy(), self.ranks.copy(), self.run.copy())


@compiled
def _replace(ring: Ring, slot: int, session: Float, fresh: NDArray[np.int16]) -> None:
    """Put a session into `slot`. A rank 2r-(W+1) is the number of values below less the number above: the others change by two signs each.

    NaN compares false with everything: it ranks 0 and moves no other rank.
    """
    values, ranks, run = ring
    length, nodes = values.shape
    fresh[:] = 0
    for k in range(length):
        if k == slot:
            continue
        for j in range(nodes):
            x, new, old = values[k, j], session[j], values[slot, j]
            beside_new = np.int16(np.int16(x > new) - np.int16(x < new))
            beside_old = np.int16(np.int16(x > old) - np.int16(x < old))
            ranks[k, j] += np.int16(beside_new - beside_old)
            fresh[j] -= beside_new
    for j in range(nodes):
        ranks[slot, j] = fresh[j]
        values[slot, j] = session[j]
        run[j] = 0 if np.isnan(session[j]) else min(run[j] + 1, length)


@compiled
def advance(ring: Ring, slot: int, sessions: Float) -> int:
    """Put sessions [t, N] into the ring from `slot` on; the next slot."""
    fresh = np.empty(sessions.shape[1], np.int16)
    for t in range(sessions.shape[0]):
        _replace(ring, slot, sessions[t], fresh)
        slot = (slot + 1) % ring.values.shape[0]
    return slot


@compiled
def _lay_ranks(ranks: Any, right: Any) -> None:
    """Ranks into panels; lanes beyond the last asset are left alone."""
    nodes, (_, depth, _, per) = ranks.shape[1], right.shape
    for p in range(-(-nodes // LANES)):
        first, count = p * LANES, min(LANES, nodes - p * LANES)
        for k in range(depth):
            for lane in range(count):
                right[p, k, lane, 0] = ranks[per * k, first + lane]
                right[p, k, lane, 1] = ranks[per * k + 1, first + lane]
            if per == 4:
                for lane in range(count):
                    right[p, k, lane, 2] = ranks[4 * k + 2, first + lane]
                    right[p, k, lane, 3] = ranks[4 * k + 3, first + lane]


@compiled
def _fill_ranks(ring: Ring, member: Bool, left: Any, right: Any, square: Float) -> None:
    length, nodes = ring.values.shape
    _lay_ranks(ring.ranks, right)
    if right.shape[3] == 4:
        unsigned, signed = left.reshape(-1), right.reshape(-1)
        for c in range(signed.size):
            unsigned[c] = signed[c] - 128  # wraps around: the bits of rank + 128
    square[:] = 0.0
    for k in range(length):
        for j in range(nodes):
            square[j] += np.float64(np.int32(ring.ranks[k, j]) * np.int32(ring.ranks[k, j]))
    for j in range(square.size):
        if j >= nodes or ring.run[j] < length or not member[j] or square[j] == 0.0:
            square[j] = np.nan


@compiled
def _fill_returns(ring: Ring, slot: int, member: Bool, right: Any, square: Float) -> None:
    """Centred values over their norm, oldest session first, so that the rounding depends on the window alone."""
    length, nodes = ring.values.shape
    square[:] = np.nan
    for j in range(nodes):
        p, lane = j // LANES, j % LANES
        total, low, high = 0.0, np.inf, -np.inf
        for k in range(length):
            x = ring.values[(slot + k) % length, j]
            total, low, high = total + x, min(low, x), max(high, x)
        mean, power = total / length, 0.0
        for k in range(length):
            x = ring.values[(slot + k) % length, j] - mean
            power += x * x
        norm = np.sqrt(power)
        defined = ring.run[j] == length and member[j] and low < high and norm > 0.0
        square[j] = 1.0 if defined else np.nan
        for k in range(length):
            right[p, k, lane, 0] = (ring.values[(slot + k) % length, j] - mean) / norm if defined else np.nan


@compiled
def step(ring: Ring, slot: int, session: Float, member: Bool, operands: Any, square: Float, fresh: NDArray[np.int16]) -> int:
    """Put a session into the ring and lay out the window that it ends; the next slot.

    operands: left and right panels; square: the sum of squared ranks, or 1 for returns, and NaN where an asset is not a member,
    not fully known or constant [N and more].
    """
    left, right = operands
    _replace(ring, slot, session, fresh)
    slot = (slot + 1) % ring.values.shape[0]
    if right.itemsize == 8:
        _fill_returns(ring, slot, member, right, square)
    else:
        _fill_ranks(ring, member, left, right, square)
    return slot
