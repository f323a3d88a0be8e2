"""Walks over sessions and over the upper triangle: rank ring, exact edges as bits, correlations, nearest neighbours.

Numba finds a changed function by its own file only: after an edit of tiles.py or windows.py, touch this file or clear __pycache__.
"""

from typing import Any, NamedTuple

import numpy as np

from riskradar.layers.kernels.tiles import LANES, ROWS, compare_tile, store_tile
from riskradar.layers.kernels.windows import Ring, compiled, step
from riskradar.tables.arrays import Bool, Float


class Rule(NamedTuple):
    """An edge is where |D| >= tau sqrt(q_i q_j), that is den2 D^2 >= num2 q_i q_j.

    below, above: factors that bracket the rounding of the fast comparison; keep, flip: masks on the bits of D that choose |D|, D or -D.
    """

    tau: float
    num2: np.uint64
    den2: np.uint64
    below: float
    above: float
    keep: Any
    flip: Any


@compiled
def _product(x: Any, y: Any) -> tuple[Any, Any]:
    """The product in 128 bits, the upper and the lower half."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    cross = (x >> half) * (y & low) + (((x & low) * (y & low)) >> half)
    other = (x & low) * (y >> half) + (cross & low)
    return (x >> half) * (y >> half) + (cross >> half) + (other >> half), x * y


@compiled
def _settle(row: int, panel: int, right: Any, square: Float, rule: Rule, maybe: Any, sure: Any) -> None:
    """Decide in integers the pairs of one tile that the fast comparison left open."""
    _, depth, lanes, per = right.shape
    for m in range(ROWS):
        for byte in range(lanes // 8):
            at = panel * lanes // 8 + byte
            for bit in range(8):
                if not ((maybe[m, at] ^ sure[m, byte]) >> bit) & 1:
                    continue
                i, lane = row + m, byte * 8 + bit
                product = np.int64(0)
                for k in range(depth):
                    for e in range(per):
                        product += np.int64(right[i // lanes, k, i % lanes, e]) * np.int64(right[panel, k, lane, e])
                bound = _product(rule.num2, np.uint64(square[i]) * np.uint64(square[panel * lanes + lane]))
                if _product(rule.den2, np.uint64(product * product)) < bound:
                    maybe[m, at] &= np.uint8(0xFF ^ (1 << bit))


@compiled
def _append(words: Any, row: int, nodes: int, stream: Any) -> None:
    """Columns row+1 … nodes-1 of a row of bits into the stream of the upper triangle, 64 at a time."""
    one, full = np.uint64(1), np.uint64(63)
    at, column = row * (2 * nodes - row - 1) // 2, row + 1
    while column < nodes:
        inside = np.uint64(column) & full
        word = words[column >> 6] >> inside
        if inside and (column >> 6) + 1 < words.size:
            word |= words[(column >> 6) + 1] << (np.uint64(64) - inside)
        if nodes - column < 64:
            word &= (one << np.uint64(nodes - column)) - one
        inside = np.uint64(at) & full
        stream[at >> 6] |= word << inside
        if inside:
            stream[(at >> 6) + 1] |= word >> (np.uint64(64) - inside)
        at, column = at + 64, column + 64


@compiled
def _most_significant_first(stream: Any) -> None:
    """Turn the bits of every byte around: numpy.packbits counts from the top."""
    for n in range(stream.size):
        w = stream[n]
        w = ((w >> np.uint64(1)) & np.uint64(0x5555555555555555)) | ((w & np.uint64(0x5555555555555555)) << np.uint64(1))
        w = ((w >> np.uint64(2)) & np.uint64(0x3333333333333333)) | ((w & np.uint64(0x3333333333333333)) << np.uint64(2))
        stream[n] = ((w >> np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)) | ((w & np.uint64(0x0F0F0F0F0F0F0F0F)) << np.uint64(4))


@compiled
def _edges(operands: Any, square: Float, scales: Any, rule: Rule, rows: Any, stream: Any, nodes: int) -> None:
    """Bits of one session's upper triangle."""
    left, right = operands
    _, depth, lanes, _ = right.shape
    for j in range(square.size):
        root = np.sqrt(square[j])
        scales[0, j], scales[1, j], scales[2, j] = rule.tau * root * rule.below, rule.tau * root * rule.above, root
    sure, words = np.empty((ROWS, lanes // 8), np.uint8), rows.view(np.uint64)
    stream[:] = 0
    for row in range(0, nodes, ROWS):
        if np.isnan(square[row : row + ROWS]).all():
            continue
        for panel in range(row // lanes, -(-nodes // lanes)):
            if compare_tile(left, right, row, panel, depth, scales, rule.keep, rule.flip, rows, sure):  # type: ignore[call-arg]
                _settle(row, panel, right, square, rule, rows, sure)
        for m in range(min(ROWS, nodes - row)):
            _append(words[m], row + m, nodes, stream)
    _most_significant_first(stream)


@compiled
def scan_edges(ring: Ring, slot: int, sessions: Float, member: Bool, operands: Any, rule: Rule, scales: Any, out: Any) -> int:
    """Advance the ring over sessions [t, N]; out [t, bytes]: the upper triangle of each as bits; the next slot."""
    nodes, size = sessions.shape[1], scales.shape[1]
    fresh, square = np.empty(nodes, np.int16), np.empty(size)
    rows, stream = np.zeros((ROWS, size // 8), np.uint8), np.empty(out.shape[1] // 8 + 2, np.uint64)
    octets = stream.view(np.uint8)
    for t in range(sessions.shape[0]):
        slot = step(ring, slot, sessions[t], member[t], operands, square, fresh)
        _edges(operands, square, scales, rule, rows, stream, nodes)
        for byte in range(out.shape[1]):
            out[t, byte] = octets[byte]
    return slot


@compiled
def _correlate(operands: Any, square: Float, row: int, first: int, nodes: int, dots: Any, rho: Float) -> None:
    """Correlations of assets row … row+ROWS-1 with those of panels first …, rho [ROWS, columns], NaN where undefined."""
    left, right = operands
    _, depth, lanes, _ = right.shape
    for panel in range(first, -(-nodes // lanes)):
        store_tile(left, right, row, panel, depth, dots)  # type: ignore[call-arg]
    for m in range(ROWS):
        for j in range(first * lanes, nodes):
            value = dots[m, j] / np.sqrt(square[row + m] * square[j])
            rho[m, j] = 1.0 if value > 1.0 else -1.0 if value < -1.0 else value


@compiled
def scan_weights(ring: Ring, slot: int, sessions: Float, member: Bool, operands: Any, dots: Any, out: Any) -> int:
    """Advance the ring over sessions [t, N]; out [t, N(N-1)/2]: correlations of the upper triangle, NaN where undefined; the next slot."""
    nodes, size = sessions.shape[1], dots.shape[1]
    fresh, square, rho = np.empty(nodes, np.int16), np.empty(size), np.empty((ROWS, size))
    for t in range(sessions.shape[0]):
        slot = step(ring, slot, sessions[t], member[t], operands, square, fresh)
        for row in range(0, nodes, ROWS):
            _correlate(operands, square, row, row // LANES, nodes, dots, rho)
            for m in range(min(ROWS, nodes - row)):
                i = row + m
                at = i * (2 * nodes - i - 1) // 2 - i - 1
                for j in range(i + 1, nodes):
                    out[t, at + j] = rho[m, j]
    return slot


@compiled
def select(key: Any, rho: Any, own: int, nodes: int, nearest: Any, weight: Any) -> None:
    """The largest positive keys of a row, largest first, the lower index first among equals."""
    found, most = 0, nearest.size
    for j in range(nodes):
        value = key[j]
        if not value > 0.0 or j == own or (found == most and not value > key[nearest[most - 1]]):
            continue
        found = min(found + 1, most)
        at = found - 1
        while at > 0 and key[nearest[at - 1]] < value:
            nearest[at], weight[at] = nearest[at - 1], weight[at - 1]
            at -= 1
        nearest[at], weight[at] = j, rho[j]


@compiled
def scan_nearest(ring: Ring, slot: int, sessions: Float, member: Bool, operands: Any, dots: Any, turn: Any, out: Any) -> int:
    """Advance the ring over sessions [t, N]; out: nearest neighbours (index, weight), both [t, N, count]; turn = factors (of rho, of |rho|)."""
    nodes, size = sessions.shape[1], dots.shape[1]
    fresh, square, rho = np.empty(nodes, np.int16), np.empty(size), np.empty((ROWS, size))
    key, weight = np.empty(size, np.float32), np.empty(size, np.float32)
    for t in range(sessions.shape[0]):
        slot = step(ring, slot, sessions[t], member[t], operands, square, fresh)
        for row in range(0, nodes, ROWS):
            _correlate(operands, square, row, 0, nodes, dots, rho)
            for m in range(min(ROWS, nodes - row)):
                for j in range(nodes):
                    weight[j] = rho[m, j]
                    key[j] = turn[0] * weight[j] + turn[1] * abs(weight[j])
                select(key, weight, row + m, nodes, out[0][t, row + m], out[1][t, row + m])
    return slot


@compiled
def count_neighbours(packed: Any, nodes: int, pointer: Any) -> None:
    """Degrees of one session's bits, summed: pointer [N+1] of a CSR matrix."""
    pointer[:] = 0
    at = 0
    for i in range(nodes):
        for j in range(i + 1, nodes):
            if packed[at >> 3] >> (7 - (at & 7)) & 1:
                pointer[i + 1] += 1
                pointer[j + 1] += 1
            at += 1
    for i in range(nodes):
        pointer[i + 1] += pointer[i]


@compiled
def list_neighbours(packed: Any, nodes: int, pointer: Any, index: Any) -> None:
    """Neighbours of each node in increasing order, index [pointer[N]]."""
    at, end = 0, pointer[:-1].copy()
    for i in range(nodes):
        for j in range(i + 1, nodes):
            if packed[at >> 3] >> (7 - (at & 7)) & 1:
                index[end[i]], index[end[j]] = j, i
                end[i], end[j] = end[i] + 1, end[j] + 1
            at += 1
