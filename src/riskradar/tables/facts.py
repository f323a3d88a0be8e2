"""Macro and sentiment facts with two clocks: the day they speak of and the day they became known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar.tables.arrays import Bool, Code, Days, Float, Int, day, frozen, unique

MARKET = -1  # the asset code of a fact that speaks of the whole market


@dataclass(frozen=True, eq=False)
class Facts:
    """Long rows of macro and sentiment values.

    series: names [R]; of: code of each row's series [Q]; asset: position in `Panel.assets`, or MARKET [Q];
    date: the day that the value speaks of [Q]; known_at: the first day at whose 20:00 New York it was known [Q];
    value [Q]; max_age: calendar days after which a value is stale [R]; revised: re-estimated over its whole history [R].
    """

    series: tuple[str, ...]
    of: Code
    asset: Code
    date: Days
    known_at: Days
    value: Float
    max_age: Code
    revised: Bool

    def __post_init__(self) -> None:
        rows, names = len(self.of), len(unique("series", self.series))
        for name, dtype, length in (
            ("of", "int16", rows), ("asset", "int16", rows), ("date", "datetime64[D]", rows), ("known_at", "datetime64[D]", rows),
            ("value", "float64", rows), ("max_age", "int16", names), ("revised", "bool", names),
        ):  # fmt: skip
            object.__setattr__(self, name, frozen(name, getattr(self, name), dtype, (length,)))
        if (self.known_at < self.date).any():
            raise ValueError("known_at lies before the date it speaks of")

    @classmethod
    def none(cls) -> Facts:
        """No facts at all."""
        days = np.empty(0, "datetime64[D]")
        codes = np.empty(0, np.int16)
        return cls((), codes, codes, days, days, np.empty(0), codes, np.empty(0, bool))

    def upto(self, date: Any) -> Facts:
        """Only rows whose `known_at` is on or before `date`."""
        keep = self.known_at <= day(date)
        return self if keep.all() else self.take(keep)

    def take(self, rows: Any) -> Facts:
        """The chosen rows."""
        return Facts(self.series, self.of[rows], self.asset[rows], self.date[rows], self.known_at[rows], self.value[rows], self.max_age, self.revised)

    def view(self, series: str, dates: Days, asset: int = MARKET) -> Float:
        """What was known of `series` on each of `dates`, [T]: the newest observation, in its newest vintage; NaN when none or stale."""
        row = self.newest(series, dates, asset)
        out = np.full(len(dates), np.nan)
        out[row >= 0] = self.value[row[row >= 0]]
        return out

    def newest(self, series: str, dates: Days, asset: int = MARKET) -> Int:
        """The row that `view` reads on each of `dates`, [T]; -1 when there is none or it is stale."""
        out = np.full(len(dates), -1)
        if series not in self.series:
            return out
        code = self.series.index(series)
        rows = np.flatnonzero((self.of == code) & (self.asset == asset))
        rows = rows[np.lexsort((self.date[rows], self.known_at[rows]))]
        if not len(rows):
            return out
        newest = np.maximum.accumulate(self.date[rows].astype(np.int64))
        rows = rows[self.date[rows].astype(np.int64) == newest]  # a late row about an older day never replaces a newer one
        last = np.searchsorted(self.known_at[rows], dates, side="right") - 1
        seen = last >= 0
        row = rows[last[seen]]
        fresh = (dates[seen] - self.date[row]).astype(np.int64) <= self.max_age[code]
        out[np.flatnonzero(seen)[fresh]] = row[fresh]
        return out
