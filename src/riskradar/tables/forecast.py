"""Forecast: scores and probabilities, and how honestly they were made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from riskradar.tables.arrays import Days, Float, count_upto, frozen, sessions, unique
from riskradar.tables.labels import Target

if TYPE_CHECKING:
    import pandas as pd

ForecastKind = Literal["live", "transfer", "replication"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """score and probability [S, T, U, K] of one model; NaN where withheld.

    score ranks (unitless); probability is calibrated and lies in [0, 1]; cutoff [T]: the last date that the model learned from.
    kind: live (cutoff <= date on every row), transfer (trained partly on later data) or replication (the paper's own rules).
    ValueError when a live row was learned from its own future.
    """

    model: str
    kind: ForecastKind
    dates: Days
    units: tuple[str, ...]
    targets: tuple[Target, ...]
    score: Float
    probability: Float
    cutoff: Days

    def __post_init__(self) -> None:
        unique("units", self.units)
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        shape = (None, len(self.dates), len(self.units), len(self.targets))
        object.__setattr__(self, "score", frozen("score", self.score, "float64", shape))
        object.__setattr__(self, "probability", frozen("probability", self.probability, "float64", self.score.shape))
        object.__setattr__(self, "cutoff", frozen("cutoff", self.cutoff, "datetime64[D]", (len(self.dates),)))
        if self.kind not in ("live", "transfer", "replication"):
            raise ValueError(f"kind {self.kind!r} is not live, transfer or replication")
        if np.isnat(self.cutoff).any():
            raise ValueError("every row needs the date that its model last learned from")
        if self.kind == "live" and (self.cutoff > self.dates).any():
            raise ValueError(f"{self.model}: a live forecast learned from its own future on {self.dates[self.cutoff > self.dates][0]}")
        with np.errstate(invalid="ignore"):
            if ((self.probability < 0) | (self.probability > 1)).any() or np.isinf(self.score).any():
                raise ValueError(f"{self.model}: probabilities must lie in [0, 1] and scores be finite")

    def rows(self, start: int, stop: int) -> Forecast:
        """Dates start … stop-1."""
        cut = slice(start, stop)
        return Forecast(
            self.model, self.kind, self.dates[cut], self.units, self.targets, self.score[:, cut], self.probability[:, cut], self.cutoff[cut]
        )

    def upto(self, date: Any) -> Forecast:
        """Rows on or before `date`."""
        return self.rows(0, count_upto(self.dates, date))

    def frame(self) -> pd.DataFrame:
        """Long rows: model, kind, seed, date, cutoff, unit, target, score, probability."""
        import pandas as pd

        S, T, U, K = self.score.shape
        at = np.indices((S, T, U, K)).reshape(4, -1)
        names = np.array([t.name for t in self.targets])
        return pd.DataFrame({
            "model": self.model, "kind": self.kind, "seed": at[0].astype(np.int32), "date": self.dates[at[1]], "cutoff": self.cutoff[at[1]],
            "unit": np.array(self.units)[at[2]], "target": names[at[3]], "score": self.score.ravel(), "probability": self.probability.ravel(),
        })  # fmt: skip

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Forecast:
        """The inverse of `frame()` for the rows of one model."""
        targets, units = (tuple(dict.fromkeys(frame[name])) for name in ("target", "unit"))
        day = frame["date"].to_numpy("datetime64[D]")
        dates = np.unique(day)
        shape = (int(frame["seed"].max()) + 1 if len(frame) else 0, len(dates), len(units), len(targets))
        seed, t, u, k = np.indices(shape).reshape(4, -1)
        expected = {"seed": seed, "unit": np.array(units)[u], "target": np.array(targets)[k]}
        if len(frame) != len(t) or (day != dates[t]).any() or any((frame[name].to_numpy() != want).any() for name, want in expected.items()):
            raise ValueError("a forecast file must hold one row for each seed, date, unit and target, in this order")
        cutoff = frame["cutoff"].to_numpy("datetime64[D]").reshape(shape)[0, :, 0, 0]
        score, probability = (frame[name].to_numpy(float).reshape(shape) for name in ("score", "probability"))
        model, kind = str(frame["model"].iloc[0]), frame["kind"].iloc[0]
        return cls(model, kind, dates, units, tuple(Target.parse(name) for name in targets), score, probability, cutoff)

    def _repr_html_(self) -> str:
        return str(self.frame().tail()._repr_html_())  # type: ignore[operator]


def mean_over_seeds(values: Float) -> Float:
    """Average over the seed axis, [S, T, U, K] -> [T, U, K]."""
    averaged: Float = values.mean(axis=0)
    return averaged


def same_kind(forecasts: Sequence[Forecast]) -> ForecastKind:
    """The one kind of all forecasts; ValueError when kinds are mixed, because they must never share a table."""
    kinds = {f.kind for f in forecasts}
    if len(kinds) != 1:
        raise ValueError(f"forecasts of kinds {sorted(kinds)} refuse to be joined")
    return forecasts[0].kind
