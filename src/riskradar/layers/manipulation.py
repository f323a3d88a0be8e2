"""Manipulation layer: assets under suspicion on the same session (the meso level of paper 8: coordinated abnormal windows).

The windows are AIMM's, where its evaluations are given, or those of our own clean-room signal: lagged z-scores of return, volatility and volume with
hysteresis. AIMM's weights are not public and are not guessed.
"""

from typing import Literal

import numba
import numpy as np
from pydantic import BaseModel, Field

from riskradar.features import deviation, lag, log_returns, rolling_mean
from riskradar.tables import Groups, Layer, Panel
from riskradar.tables.arrays import Bool, Float

SHORT = 5  # sessions of the volatility whose jump is looked for
MEMORY = 60  # sessions after which a window is forgotten: the state of a day depends on no more than these


class ManipulationConfig(BaseModel, frozen=True, extra="forbid"):
    """signal: the z-scores here, or AIMM's evaluations (series `aimm_risk`), suspicious from `risk` on.

    window: sessions behind a z-score, the session itself left out; enter, stay: the z-score that opens a window and the one that keeps it open;
    leave: sessions in a row below `stay` that close it; least: sessions that it must have lasted to count.
    """

    signal: Literal["prices", "aimm"] = "prices"
    risk: float = Field(default=0.5, ge=0, le=1)
    window: int = Field(default=20, ge=5, le=250)
    enter: float = Field(default=3.0, gt=0)
    stay: float = Field(default=2.0, gt=0)
    leave: int = Field(default=3, ge=1, le=20)
    least: int = Field(default=2, ge=1, le=20)

    def reads(self) -> int:
        """Sessions that the state of one session depends on."""
        return MEMORY + self.window + SHORT + 1 if self.signal == "prices" else 1


def manipulation(panel: Panel, config: ManipulationConfig) -> Layer | str:
    """Assets joined when both are inside a window of suspicion, [T, N] groups; a sentence where nobody ever is, or without AIMM's evaluations."""
    if config.signal == "aimm":
        if "aimm_risk" not in panel.facts.series:
            return "no series aimm_risk; give data.exchange, or layers.manipulation.signal = 'prices'"
        risk = np.stack([panel.facts.view("aimm_risk", panel.dates, asset) for asset in range(len(panel.assets))], axis=1)
        inside = risk >= config.risk
    else:
        inside = windows(suspicion(panel, config.window), config)
    inside = inside & panel.member
    return Groups(np.where(inside, 0, -1).astype(np.int16)) if inside.any() else "no asset was ever under suspicion"


def suspicion(panel: Panel, window: int) -> Float:
    """The largest of three z-scores of each day against the `window` sessions before it, [T, N]; NaN where none is known.

    Size of the log return, deviation of the last SHORT of them, and log volume where the panel has any; only what is unusually large counts.
    """
    returns = log_returns(panel.close)
    signals = [np.abs(returns), deviation(returns, SHORT)]
    if panel.volume is not None:
        signals.append(np.log(np.where(panel.volume > 0, panel.volume, np.nan)))
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = [(x - lag(rolling_mean(x, window), 1)) / lag(deviation(x, window), 1) for x in signals]
    known = [np.where(np.isfinite(z), z, -np.inf) for z in scores]
    out = np.maximum.reduce(known)
    return np.where(np.isfinite(out), out, np.nan)


def windows(score: Float, config: ManipulationConfig) -> Bool:
    """Whether each day lies in a window that has lasted long enough, [T, N]; the day before MEMORY sessions ago is taken as calm."""
    inside: Bool = _windows(np.ascontiguousarray(score), config.enter, config.stay, config.leave, config.least, MEMORY)
    return inside


@numba.njit(cache=True)
def _windows(score: Float, enter: float, stay: float, leave: int, least: int, memory: int) -> Bool:
    T, N = score.shape
    out = np.zeros((T, N), np.bool_)
    for i in range(N):
        for t in range(T):
            length, quiet = 0, 0
            for s in range(max(t - memory + 1, 0), t + 1):
                value = score[s, i]
                if length == 0:
                    length, quiet = (1, 0) if value >= enter else (0, 0)
                    continue
                quiet = 0 if value >= stay else quiet + 1
                length = 0 if quiet >= leave else length + 1
            out[t, i] = length >= least
    return out
