"""Distribution: how far the index may fall inside each horizon, as equally likely outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskradar.tables.arrays import Days, Float, frozen, sessions


@dataclass(frozen=True, eq=False)
class Distribution:
    """falls [T, H, M]: worst peak-to-trough falls of the closes inside [t, t+H], as shares in rising order, each as likely as the others.

    NaN on a session for which it is withheld; cutoff [T]: the last date that the parameters were learned from.
    ValueError when a row was learned from its own future or is not in order.
    """

    model: str
    dates: Days
    horizons: tuple[int, ...]
    falls: Float
    cutoff: Days

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        object.__setattr__(self, "falls", frozen("falls", self.falls, "float64", (len(self.dates), len(self.horizons), None)))
        object.__setattr__(self, "cutoff", frozen("cutoff", self.cutoff, "datetime64[D]", (len(self.dates),)))
        if not (self.cutoff <= self.dates).all():
            raise ValueError(f"{self.model}: a distribution learned from its own future")
        if (np.diff(self.falls, axis=2) < 0).any() or (self.falls < 0).any() or (self.falls > 1).any():
            raise ValueError(f"{self.model}: falls must be shares in rising order")

    def quantile(self, level: float) -> Float:
        """The smallest fall that is not exceeded with probability `level`, [T, H]."""
        return self.falls[:, :, max(int(np.ceil(level * self.falls.shape[2] - 1e-9)) - 1, 0)]
