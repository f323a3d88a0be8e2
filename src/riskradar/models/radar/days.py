"""Assets by day, compacted: only those that take part have a row, so that no other column can touch a sum."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskradar.layers.kernels.windows import compiled
from riskradar.tables import Features
from riskradar.tables.arrays import Bool, Float, Float32, Int

CHUNK = 32_768  # rows of one block of sums
DAYS = 64  # of one block of features


@dataclass(frozen=True, eq=False)
class Days:
    """Rows of T days one after the other: day t owns the rows start[t] … start[t+1]-1.

    start [T+1]; node [R]: column of each row; place [T, N]: where a node stands in its day, -1 if it takes no part; x [R, F]: its inputs.
    """

    start: Int
    node: NDArray[np.int32]
    place: NDArray[np.int32]
    x: Float32

    @property
    def day(self) -> Int:
        """The day of each row, [R]."""
        return np.repeat(np.arange(len(self.place)), np.diff(self.start))

    def last(self) -> "Days":
        """The newest day alone."""
        first = self.start[-2]
        return Days(self.start[-2:] - first, self.node[first:], self.place[-1:], self.x[first:])

    def keep(self, rows: Bool, x: Float32) -> "Days":
        """Only the rows marked, with the inputs `x` [R, F']."""
        part = np.zeros(self.place.shape, bool)
        part[self.day[rows], self.node[rows]] = True
        return _laid_out(part, x if rows.all() else x[rows])

    def means(self, values: Float32) -> Float:
        """Mean of [R, F] over each day, [T, F]; 0 on a day without rows."""
        out = np.zeros((len(self.place), values.shape[1]))
        add_days(self.start, values, out)
        out /= np.maximum(np.diff(self.start), 1)[:, None]
        return out

    def centred(self, values: Float32) -> Float32:
        """[R, F] less the mean of the day."""
        out: Float32 = values - self.means(values)[self.day].astype(np.float32)
        return out

    def earlier(self, values: Float32, sessions: int) -> Float32:
        """A column [R] as the same node had it so many sessions before; NaN where it took no part then."""
        day, node = self.day, self.node
        back = np.maximum(day - sessions, 0)
        place = np.where(day >= sessions, self.place[back, node], -1)
        return np.where(place >= 0, values[np.where(place >= 0, self.start[back] + place, 0)], np.float32(np.nan)).astype(np.float32)


@compiled
def add_days(start: Any, values: Any, out: Any) -> None:
    """Sums of the rows [R, F] of each day, in their order, into out [T, F]."""
    for t in range(len(start) - 1):
        for r in range(start[t], start[t + 1]):
            for f in range(values.shape[1]):
                out[t, f] += values[r, f]


def gather(features: Features, names: Sequence[str], wanted: Int | None = None) -> Days:
    """The members of each day that have all of `names`, with these as inputs; only of the days `wanted`, if given."""
    columns = [features.names.index(name) for name in names]
    part = np.zeros(features.member.shape, bool)
    pieces = [np.empty((0, len(names)), np.float32)]
    every = np.arange(len(part)) if wanted is None else wanted
    for days in np.array_split(every, range(DAYS, len(every), DAYS)):
        block = features.values[days][:, :, columns]
        part[days] = features.member[days] & np.isfinite(block).all(axis=2)
        pieces.append(block[part[days]].astype(np.float32))
    return _laid_out(part, np.concatenate(pieces))


def _laid_out(part: Bool, x: Float32) -> Days:
    place = np.where(part, np.cumsum(part, axis=1, dtype=np.int32) - 1, np.int32(-1)).astype(np.int32)
    start = np.append(0, np.cumsum(part.sum(axis=1))).astype(np.int64)
    return Days(start, np.nonzero(part)[1].astype(np.int32), place, x)


def moments(x: Float32) -> tuple[Float32, Float32]:
    """Mean and deviation of each column of [R, F]; a constant column has deviation 1."""
    total, square, count = np.zeros(x.shape[1]), np.zeros(x.shape[1]), max(len(x), 1)
    for block in blocks(len(x)):
        total += x[block].astype(np.float64).sum(axis=0)
    mean = total / count
    for block in blocks(len(x)):
        square += ((x[block] - mean) ** 2).sum(axis=0)
    scale = np.sqrt(square / count)
    return mean.astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32)


def standardised(days: Days, mean: Float32, scale: Float32, bound: float) -> Days:
    """Inputs less `mean` over `scale`, within +-bound."""
    x = days.x - mean
    x /= scale
    return replace(days, x=np.clip(x, -np.float32(bound), np.float32(bound), out=x))


def blocks(rows: int) -> Iterator[slice]:
    """Rows in blocks of at most CHUNK."""
    return (slice(start, start + CHUNK) for start in range(0, rows, CHUNK))


def ridge(x: Float32, y: Float32, penalty: float, intercept: bool) -> Float:
    """Ridge coefficients [F (+1), K] of y [R, K] on x [R, F], each target over the rows where it is known.

    Minimises |y - xb|^2 + penalty |b|^2; the intercept, last, is free. A target that is never known has no coefficients (NaN).
    """
    size, K = x.shape[1] + intercept, y.shape[1]
    gram, cross, counts = np.zeros((K, size, size)), np.zeros((K, size)), np.zeros(K)
    for block in blocks(len(x)):
        design = np.ones((len(x[block]), size))
        design[:, : x.shape[1]] = x[block]
        known = np.isfinite(y[block])
        shared = design.T @ design if known.all() else None
        counts += known.sum(axis=0)
        for k in range(K):
            rows = design if known[:, k].all() else design[known[:, k]]
            gram[k] += rows.T @ rows if shared is None else shared
            cross[k] += rows.T @ y[block, k][known[:, k]]
    punished = np.full(size, penalty)
    if intercept:
        punished[-1] = 1e-9
    solved = np.stack([np.linalg.solve(g + np.diag(punished), c) for g, c in zip(gram, cross, strict=True)], axis=1)
    return np.where(counts > 0, solved, np.nan)
