"""The index and its sector portfolios: what they returned, and how wide the market's moves were on each session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from riskradar.models.base import State
from riskradar.tables import Features
from riskradar.tables.arrays import Days, Float

NEEDS = ("index_return", "index_volatility", "mean_drawdown")
PARTS = ("sector", "return", "drawdown_60")  # node features behind the sector portfolios; without them there is the index alone
LEAST_MEMBERS = 5  # stocks below which a sector is no portfolio
IMPLIED, BREADTH = 0.7, 0.3  # weights of log implied volatility and log mean drawdown (market study, 7)
DEPTH_FLOOR = 0.005  # keeps the logarithm of a mean drawdown finite (market study, 7)
OVERLAP = 126  # sessions from which realised volatility takes its factor to VIX before VIX begins (market study, 7)


@dataclass(frozen=True, eq=False)
class Portfolios:
    """Log returns and mean drawdowns of the index (first) and of equal-weight sector portfolios, [T, P]; NaN where not known."""

    dates: Days
    returns: Float
    drawdown: Float

    @classmethod
    def of(cls, features: Features) -> Portfolios:
        """From all sessions of `features`; as many sectors as have been seen by the last of them."""
        codes = features.column("sector") if set(PARTS) <= set(features.names) else np.full((len(features.dates), 0), np.nan)
        return _build(features, 1 + int(np.fmax.reduce(codes, axis=None, initial=-1)))

    @classmethod
    def restored(cls, state: State) -> Portfolios:
        """From what `state` gave."""
        return cls(state["dates"].astype("datetime64[D]"), state["returns"], state["drawdown"])

    def extended(self, features: Features) -> Portfolios:
        """The record on exactly the sessions of `features`: what is kept, and what came after it."""
        kept = int(np.searchsorted(self.dates, features.dates[-1], side="right"))
        new = _build(features.rows(kept, len(features.dates)), self.returns.shape[1] - 1)
        join = np.concatenate
        return Portfolios(features.dates, join([self.returns[:kept], new.returns]), join([self.drawdown[:kept], new.drawdown]))

    def state(self) -> dict[str, NDArray[Any]]:
        """As named arrays."""
        return {"dates": self.dates.astype("int64"), "returns": self.returns, "drawdown": self.drawdown}


def variances(record: Portfolios, features: Features) -> tuple[Float, Float]:
    """Daily variance of the moves to expect, up to one constant factor [T, P], and its mean over all sessions so far [P].

    The index: .7 ln VIX + .3 ln(mean drawdown + .005), with index volatility in place of VIX where there is no VIX, and before it begins (then times
    a constant, from the first 126 sessions that have both). A sector shares VIX, times its own mean ratio of drawdowns so far (market study, 7).
    """
    volatility = _log(features.column("index_volatility"))
    if "vix" in features.context_names:
        implied = _log(features.column("vix"))
        both = np.flatnonzero(np.isfinite(implied) & np.isfinite(volatility))[:OVERLAP]
        factor = (implied[both] - volatility[both]).mean() if len(both) else 0.0
        begun = np.maximum.accumulate(np.isfinite(implied))
        volatility = np.where(begun, implied, volatility + factor)
    return _variances(volatility, _log(record.drawdown + DEPTH_FLOOR))


def _log(x: Float) -> Float:
    """NaN where x is not positive."""
    out: Float = np.log(np.where(x > 0, x, np.nan))
    return out


@numba.njit(cache=True)
def _variances(volatility: Float, depth: Float) -> tuple[Float, Float]:
    T, P = depth.shape
    out, mean = np.full((T, P), np.nan), np.full(P, np.nan)
    for p in range(P):
        ratio = total = 0.0
        sessions = 0
        for t in range(T):
            gap = depth[t, p] - depth[t, 0]
            if np.isnan(gap) or np.isnan(volatility[t]):
                continue
            sessions += 1
            ratio += gap
            out[t, p] = np.exp(2 * (IMPLIED * (volatility[t] + ratio / sessions) + BREADTH * depth[t, p]))
            total += out[t, p]
        if sessions:
            mean[p] = total / sessions
    return out, mean


def _build(features: Features, sectors: int) -> Portfolios:
    T = len(features.dates)
    returns, drawdown = np.full((T, 1 + sectors), np.nan), np.full((T, 1 + sectors), np.nan)
    returns[:, 0], drawdown[:, 0] = features.column("index_return"), features.column("mean_drawdown")
    if sectors:
        code, log_return, depth = (features.column(name) for name in PARTS)
        _sectors(code, log_return, depth, returns[:, 1:], drawdown[:, 1:])
    return Portfolios(features.dates, returns, drawdown)


@numba.njit(cache=True)
def _sectors(code: Float, log_return: Float, depth: Float, returns: Float, drawdown: Float) -> None:
    """Fill equal-weight means of the members that have both numbers, summed in canonical order."""
    J = returns.shape[1]
    for t in range(code.shape[0]):
        grown, fallen, count = np.zeros(J), np.zeros(J), np.zeros(J, np.int64)
        for i in range(code.shape[1]):
            if not code[t, i] >= 0 or np.isnan(log_return[t, i]) or np.isnan(depth[t, i]):
                continue
            j = int(code[t, i])
            if j < J:
                grown[j] += np.expm1(log_return[t, i])
                fallen[j] += depth[t, i]
                count[j] += 1
        for j in range(J):
            if count[j] >= LEAST_MEMBERS:
                returns[t, j] = np.log1p(grown[j] / count[j])
                drawdown[t, j] = fallen[j] / count[j]
