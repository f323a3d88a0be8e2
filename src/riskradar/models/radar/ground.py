"""What the network stands on: the level of the day and the linear cross-section, each a ridge (wide study, section 5, points 2 to 4).

Level and cross-section are kept apart: the mean forecast of a day comes from a ridge over levels, and everything else learns only what differs
from the mean of its day.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from riskradar.models.base import State
from riskradar.models.radar.days import Days, gather, moments, ridge, standardised
from riskradar.tables import Features, Labels, Target
from riskradar.tables.arrays import Float, Float32

INPUTS = (
    "log_volatility_5", "log_volatility_20", "log_volatility_60", "log_volatility_250", "drawdown_60", "below_high", "return", "volatility_20",
    "volatility_60", "drawdown_20", "momentum_10", "momentum_30", "log_size_1", "log_size_2", "log_size_10", "log_downside_20", "momentum_5",
    "log_residual_5", "log_residual_20", "log_residual_60", "log_residual_250", "log_residual_1", "beta", "log_largest_20",
)  # fmt: skip
MEANS = (  # of the day, beside each asset's own inputs
    "log_volatility_5", "log_volatility_20", "log_volatility_60", "drawdown_60", "below_high", "return", "momentum_30", "log_size_1", "log_size_2",
    "log_size_10", "log_downside_20", "momentum_5", "log_residual_20", "log_largest_20",
)  # fmt: skip
REALISED = {Target(5, 0.0, "log-volatility"): "log_realised_5", Target(20, 0.0, "log-volatility"): "log_realised_20"}
BOUND = 6.0  # deviations
SURPRISE = 0.5  # log points that count as one deviation of a past error


class GroundConfig(BaseModel, frozen=True, extra="forbid"):
    """penalty: added to the squares of the standardised inputs; level_every: sessions between the days that the level learns from."""

    penalty: float = Field(default=300.0, gt=0)
    level_every: int = Field(default=2, ge=1)


@dataclass(frozen=True, eq=False)
class Ground:
    """mean, scale [24]: of the inputs; pooled [24+14+1, K]: the ridge over levels; base [26, K]: the ridge over what differs from the day's mean."""

    targets: tuple[Target, ...]
    mean: Float32
    scale: Float32
    pooled: Float
    base: Float

    @property
    def history(self) -> int:
        """Sessions that a forecast reads: back to the earliest forecast whose error is an input."""
        return 1 + max((t.horizon for t in self.targets if t in REALISED), default=0)

    def state(self) -> dict[str, NDArray[Any]]:
        """As named arrays."""
        return {name: getattr(self, name) for name in ("mean", "scale", "pooled", "base")}

    @classmethod
    def restored(cls, targets: tuple[Target, ...], state: State) -> "Ground":
        """From what `state` gave."""
        return cls(targets, state["mean"], state["scale"], state["pooled"], state["base"])

    def newest(self, features: Features) -> tuple[Days, Float32]:
        """The last day of `history` sessions: its nodes with all inputs, past errors included, and its level forecast [1, K]."""
        today = len(features.dates) - 1
        read = sorted({today, *(today - t.horizon for t in self.targets if t in REALISED and t.horizon <= today)})
        plain = standardised(gather(features, INPUTS, np.array(read)), self.mean, self.scale, BOUND)
        days, level = _completed(features, plain, self.targets, _linear(over_levels(plain), self.pooled))
        return days.last(), level[-1:]

    def forecast(self, days: Days, level: Float32) -> Float32:
        """Level of the day and linear cross-section, [R, K]."""
        out: Float32 = level[days.day] + days.centred(days.x) @ self.base.astype(np.float32)
        return out


def fit(features: Features, labels: Labels, config: GroundConfig) -> tuple[Ground, Days, Float32]:
    """Learn from every known continuous node label; gives the ground, the days, and what it leaves of each label [R, K], NaN where not known.

    What is left is less the mean of the day, over the nodes whose label is known.
    """
    raw = gather(features, INPUTS)
    mean, scale = moments(raw.x)
    plain = standardised(raw, mean, scale, BOUND)
    levels, used = over_levels(plain), (len(plain.place) - 1 - plain.day) % config.level_every == 0
    pooled = ridge(levels[used], outcomes(labels, plain)[used], config.penalty, intercept=True)
    days, _ = _completed(features, plain, labels.targets, _linear(levels, pooled))
    y = centred_labels(days, outcomes(labels, days))
    x = days.centred(days.x)
    base = ridge(x, y, config.penalty, intercept=False)
    left = centred_labels(days, y - x @ base.astype(np.float32))
    return Ground(labels.targets, mean, scale, pooled, base), days, left


def outcomes(labels: Labels, days: Days) -> Float32:
    """Continuous labels of each row, [R, K]; NaN where not known, for yes-or-no targets, and where labels are the system's alone."""
    continuous = np.array([not target.binary for target in labels.targets], bool)
    if len(labels.units) == 1:
        return np.full((len(days.node), len(continuous)), np.nan, np.float32)
    return np.where(continuous, labels.values[days.day, 1 + days.node], np.nan).astype(np.float32)


def centred_labels(days: Days, y: Float32) -> Float32:
    """Labels [R, K] less their mean over the nodes of the day whose label is known."""
    known = np.isfinite(y)
    filled, share = days.means(np.where(known, y, np.float32(0))), days.means(known.astype(np.float32))
    mean = np.divide(filled, share, out=np.zeros_like(filled), where=share > 0)
    out: Float32 = y - mean[days.day].astype(np.float32)
    return out


def over_levels(days: Days) -> Float32:
    """Own inputs and means of the day beside them, [R, 24 + 14]."""
    shared = days.means(days.x[:, [INPUTS.index(name) for name in MEANS]]).astype(np.float32)
    return np.concatenate([days.x, shared[days.day]], axis=1)


def _linear(x: Float32, coefficients: Float) -> Float32:
    out: Float32 = x @ coefficients[:-1].astype(np.float32) + coefficients[-1].astype(np.float32)
    return out


def _completed(features: Features, days: Days, targets: tuple[Target, ...], forecast: Float32) -> tuple[Days, Float32]:
    """The days with the errors of past forecasts [R, K] as further inputs, and the mean forecast of each day [T, K]."""
    errors = []
    for k, target in enumerate(targets):
        if target in REALISED:
            seen = features.column(REALISED[target])[days.day, days.node].astype(np.float32)
            errors.append(np.clip((seen - days.earlier(forecast[:, k], target.horizon)) / np.float32(SURPRISE), -BOUND, BOUND))
    x = np.concatenate([days.x, *(error[:, None] for error in errors)], axis=1, dtype=np.float32)
    return days.keep(np.all(np.isfinite(x), axis=1), x), days.means(forecast).astype(np.float32)
