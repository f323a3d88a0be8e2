"""Observations: numbers with two clocks, the day they speak of and the day they became known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskradar.tables.arrays import Days, Float, frozen, unique


class Name(NamedTuple):
    """What an observation is of; asset "" is the whole market."""

    series: str
    asset: str


Row = tuple[str, str, date, float, date | None]


@dataclass(frozen=True, eq=False)
class Observations:
    """Long rows of prices, volumes, actions, macro and sentiment values.

    names: each series and asset once; of [Q]: its position among them; date [Q]: the day that a value speaks of; value [Q]: finite;
    known_at [Q]: the first day at whose 20:00 New York it was known, NaT where no source proves it and the lag table decides.
    ValueError for an undated or unfinite row, or one known before its day.
    """

    names: tuple[Name, ...]
    of: NDArray[np.int32]
    date: Days
    known_at: Days
    value: Float

    def __post_init__(self) -> None:
        unique("names", [f"{name.series}\n{name.asset}" for name in self.names])
        rows = len(self.of)
        for name, dtype in (("of", "int32"), ("date", "datetime64[D]"), ("known_at", "datetime64[D]"), ("value", "float64")):
            object.__setattr__(self, name, frozen(name, getattr(self, name), dtype, (rows,)))
        if np.isnat(self.date).any() or not np.isfinite(self.value).all():
            raise ValueError("an observation needs a day and a finite value")
        if (self.known_at < self.date).any():
            raise ValueError("known_at lies before the day it speaks of")

    def __len__(self) -> int:
        return len(self.of)

    @classmethod
    def of_rows(cls, rows: Sequence[Row]) -> Observations:
        """From (series, asset, date, value, known_at or None), row by row."""
        names = sorted({Name(row[0], row[1]) for row in rows})
        code = {name: i for i, name in enumerate(names)}
        series, assets, days, values, known = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        of = [code[Name(*pair)] for pair in zip(series, assets, strict=True)]
        return cls(tuple(names), np.array(of, np.int32), np.array(days, "datetime64[D]"), np.array(known, "datetime64[D]"), np.array(values, float))
