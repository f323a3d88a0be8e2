"""Price graphs, exact at the threshold: Spearman correlation in integers and Pearson in float64 over a rolling window.

A `Window` holds the last W sessions and nothing of size N x N. `edges`, `weights` and `nearest` each read a window and further sessions
[t, N], and give the window after the last of them and one row of output per session. A batch is all sessions at once, streaming is one
session at a time; the rows are equal bit for bit, for any number of threads and any order of the assets.

    window = Window.empty(60, assets)
    window, bits = edges(window, returns, member, Relation("spearman", "absolute"), "0.5")
    graph = Bits(assets, bits)

Row t uses sessions t-W+1 … t of its input, so it is known when session t is. A pair is undefined, and has no edge, where an asset is not
a member on that session, has an unknown (NaN) value in the window, or is constant over it.

Spearman, with ties as average ranks r, is the ratio D_ij / sqrt(D_ii D_jj) of integers: D_ij is the sum over the window of products of
2r-(W+1), and `|rho| >= a/b` is settled as `b^2 D_ij^2 >= a^2 D_ii D_jj`. Every |D_ij| <= W(W^2-1)/3 < 2^31 for W <= 1,000, and a, b < 2^31,
so the two sides are below 2^119 and are compared in 128 bits wherever a float32 comparison with its rounding bracketed leaves a doubt.

Pearson's values are centred and scaled in float64 and multiplied by fused multiply-add, oldest session first: the same bits wherever the
pair stands, correct to about W * 2^-53, and compared with the threshold after that rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from riskradar.layers.kernels import sweeps, tiles
from riskradar.layers.kernels.windows import Ring, advance
from riskradar.tables.arrays import Bool, Float, Float32

Method = Literal["spearman", "pearson"]
Sign = Literal["absolute", "positive", "negative"]
LENGTHS = range(3, 1001)  # sessions; beyond, products of ranks no longer have a proof that they fit in 31 bits
_EXACT_BYTES = 128  # the longest window whose centred ranks fit in int8
_ROUNDING = 2.0**-21  # float32: three roundings of the bound and one of the product, each 2^-24, stay under it
_COLUMNS = 64  # assets are padded to whole words of bits


@dataclass(frozen=True)
class Relation:
    """Which correlation, and which sign of it counts: its size, only positive or only negative values."""

    method: Method = "spearman"
    sign: Sign = "absolute"


@dataclass(frozen=True, eq=False)
class Window:
    """The last W sessions of N assets, ready for the next one; one window serves every relation."""

    _ring: Ring
    _slot: int

    @classmethod
    def empty(cls, sessions: int, nodes: int) -> Window:
        """A window over which nothing is known yet; ValueError unless 3 <= sessions <= 1,000."""
        if sessions not in LENGTHS:
            raise ValueError(f"window = {sessions}; it must lie between {LENGTHS[0]} and {LENGTHS[-1]} sessions")
        return cls(Ring.empty(sessions, nodes), 0)

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> Window:
        """The window that `arrays()` described."""
        values = arrays["values"]
        return cls.empty(*values.shape).after(values)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All there is to save: values [W, N], oldest session first. Ranks follow from them."""
        return {"values": np.roll(self._ring.values, -self._slot, axis=0)}

    def after(self, sessions: Float) -> Window:
        """The window after further sessions [t, N]; of more than W, only the last W are read."""
        length = len(self._ring.values)
        values = _sessions(sessions, self)
        ring, slot = (self._ring.copy(), self._slot) if len(values) < length else (Ring.empty(*self._ring.values.shape), 0)
        return Window(ring, advance(ring, slot, values[-length:]))


def threshold(tau: str | float | Fraction) -> Fraction:
    """The decimal text of a threshold as an exact ratio, 0.35 = 7/20; ValueError unless 0 < tau <= 1 with a denominator under 2^31."""
    ratio = Fraction(str(tau))
    if not 0 < ratio <= 1 or ratio.denominator >= 2**31:
        raise ValueError(f"threshold = {tau}; it must lie above 0, at most at 1, and have at most 9 decimals")
    return ratio


def edges(
    window: Window, sessions: Float, member: Bool, relation: Relation, tau: str | float | Fraction, threads: int = 1
) -> tuple[Window, NDArray[np.uint8]]:  # fmt: skip
    """Edges of each session where the correlation reaches tau, exactly for Spearman.

    sessions [t, N] float64, NaN where not known; member [t, N]; tau as `threshold` takes it; result: the upper triangle in rows as bits
    [t, ceil(N(N-1)/2 / 8)], as numpy.packbits orders them and `tables.Bits` holds them.
    """
    length, nodes = window._ring.values.shape
    values, members = _known(sessions, member, window)
    out = np.empty((len(sessions), -(-nodes * (nodes - 1) // 16)), np.uint8)
    rule = _rule(relation, threshold(tau), length)

    def scan(ring: Ring, slot: int, rows: slice) -> int:
        operands = _operands(relation.method, length, nodes)
        scales = np.empty((3, _padded(nodes)), np.float64 if relation.method == "pearson" else np.float32)
        return int(sweeps.scan_edges(ring, slot, values[rows], members[rows], operands, rule, scales, out[rows]))

    return _chunks(window, values, scan, threads), out


def weights(
    window: Window, sessions: Float, member: Bool, method: Method, dtype: type[np.floating[Any]] = np.float32, threads: int = 1
) -> tuple[Window, NDArray[Any]]:  # fmt: skip
    """Correlations of each session, signed, NaN where undefined: the upper triangle in rows [t, N(N-1)/2], rounded from float64 to dtype."""
    length, nodes = window._ring.values.shape
    values, members = _known(sessions, member, window)
    out = np.empty((len(sessions), nodes * (nodes - 1) // 2), dtype)

    def scan(ring: Ring, slot: int, rows: slice) -> int:
        return int(sweeps.scan_weights(ring, slot, values[rows], members[rows], _operands(method, length, nodes), _dots(method, nodes), out[rows]))

    return _chunks(window, values, scan, threads), out


def nearest(
    window: Window, sessions: Float, member: Bool, relation: Relation, count: int, threads: int = 1
) -> tuple[Window, NDArray[np.int32], Float32]:  # fmt: skip
    """The `count` assets most correlated with each asset: indices (-1 for none) and signed correlations (0 for none), both [t, N, count].

    Neighbours are ordered by the float32 correlation (its size, itself or its opposite, as the sign of the relation says), which must be
    above 0; among equals the lower index comes first, so the order of the assets matters there and only there.
    """
    if count < 1:
        raise ValueError(f"count = {count}; ask for at least one neighbour")
    length, nodes = window._ring.values.shape
    values, members = _known(sessions, member, window)
    index = np.full((len(sessions), nodes, count), -1, np.int32)
    weight = np.zeros(index.shape, np.float32)
    turn = {"absolute": (0.0, 1.0), "positive": (1.0, 0.0), "negative": (-1.0, 0.0)}[relation.sign]

    def scan(ring: Ring, slot: int, rows: slice) -> int:
        operands, dots = _operands(relation.method, length, nodes), _dots(relation.method, nodes)
        return int(sweeps.scan_nearest(ring, slot, values[rows], members[rows], operands, dots, turn, (index[rows], weight[rows])))

    return _chunks(window, values, scan, threads), index, weight


def csr(packed: NDArray[np.uint8], nodes: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """One session's bits as a symmetric CSR matrix: pointer [N+1] and neighbours in increasing order."""
    if packed.shape != (-(-nodes * (nodes - 1) // 16),):
        raise ValueError(f"packed has shape {packed.shape}; it must be one session of {nodes} assets")
    pointer = np.empty(nodes + 1, np.int64)
    sweeps.count_neighbours(packed, nodes, pointer)
    index = np.empty(pointer[-1], np.int32)
    sweeps.list_neighbours(packed, nodes, pointer, index)
    return pointer, index


def _chunks(window: Window, values: Float, scan: Callable[[Ring, int, slice], int], threads: int) -> Window:
    """Scan chunks of sessions side by side, each after filling a window of its own from the W sessions before it."""
    length, total = len(window._ring.values), len(values)
    parts = max(1, min(threads, total // length))
    bounds = [total * n // parts for n in range(parts + 1)]

    def run(n: int) -> Window:
        before = window if n == 0 else window.after(values[bounds[n] - length : bounds[n]])
        ring = before._ring.copy()
        return Window(ring, scan(ring, before._slot, slice(bounds[n], bounds[n + 1])))

    if parts == 1:
        return run(0)
    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(run, range(parts)))[-1]


def _sessions(values: Float, window: Window) -> Float:
    nodes = window._ring.values.shape[1]
    if values.ndim != 2 or values.shape[1] != nodes or values.dtype != np.float64:
        raise ValueError(f"sessions are {values.dtype} of shape {values.shape}; they must be float64 [any, {nodes}]")
    return np.ascontiguousarray(values)


def _known(values: Float, member: Bool, window: Window) -> tuple[Float, Bool]:
    """Both inputs as the kernels need them: they do not look where they read."""
    if member.shape != values.shape or member.dtype != np.bool_:
        raise ValueError(f"member is {member.dtype} of shape {member.shape}; it must be bool of shape {values.shape}")
    return _sessions(values, window), np.ascontiguousarray(member)


def _padded(nodes: int) -> int:
    return -(-nodes // _COLUMNS) * _COLUMNS


def _operands(method: Method, length: int, nodes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Empty panels for the left and the right factor; one array serves as both unless bytes are multiplied."""
    per, dtype = (1, "f8") if method == "pearson" else (4, "i1") if tiles.BYTES and length <= _EXACT_BYTES else (2, "i2")
    right = np.zeros((_padded(nodes) // tiles.LANES, -(-length // per), tiles.LANES, per), dtype)
    return (np.zeros_like(right) if per == 4 else right), right


def _dots(method: Method, nodes: int) -> NDArray[Any]:
    return np.empty((tiles.ROWS, _padded(nodes)), np.float64 if method == "pearson" else np.int32)


def _rule(relation: Relation, tau: Fraction, length: int) -> sweeps.Rule:
    """The comparison as the kernel reads it.

    Non-edges have b^2 D^2 <= a^2 q_i q_j - 1, hence D <= x(1 - 1/(2 a^2 q^2)) with x the bound and q the largest square. While
    a^2 q^2 <= 2^19 that gap is wider than the whole bracket, so one comparison with the lower bound is exact.
    """
    if relation.method == "pearson":
        below, above, bits = 1.0, 1.0, 64
    else:
        settled = tau.numerator * (length * (length * length - 1) // 3) <= 2**9.5
        below, above, bits = 1.0 - _ROUNDING, 1.0 - _ROUNDING if settled else 1.0 + _ROUNDING, 32
    word, top = np.dtype(f"u{bits // 8}").type, 2 ** (bits - 1)
    keep, flip = {"absolute": (top - 1, 0), "positive": (2 * top - 1, 0), "negative": (2 * top - 1, top)}[relation.sign]
    return sweeps.Rule(float(tau), np.uint64(tau.numerator**2), np.uint64(tau.denominator**2), below, above, word(keep), word(flip))
