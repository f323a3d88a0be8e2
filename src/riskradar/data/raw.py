"""Raw: every cell of every source, parsed one by one and not yet looked at together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from riskradar.data.cells import Fates
from riskradar.data.files import Grid
from riskradar.data.lags import Lag
from riskradar.tables.arrays import Code, Days, Float, Int, day

NO_DAY = np.datetime64("NaT", "D")
OPEN = np.inf  # a membership without an end


@dataclass(frozen=True, eq=False)
class Rows:
    """Cells of one table in canonical order [Q]: by date (undated first), asset, `of`, known_at, position.

    of: code of a fact's series; asset: code, or -1; date: the day that the cell speaks of;
    known_at: as the source says it, for facts else by the lag table, NaT for what was always known;
    value: a close, a volume, a fact, the code of a sector or of a kind, or the last day of a membership (days since 1970);
    position: the cell among all sources; fate: what reading alone decided.
    """

    of: Code
    asset: Code
    date: Days
    known_at: Days
    value: Float
    position: Int
    fate: Fates

    def __len__(self) -> int:
        return len(self.fate)

    def take(self, rows: Any) -> Rows:
        """The chosen rows, in the order given."""
        return Rows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def ordered(self) -> Rows:
        """The same rows in canonical order."""
        keys = [k for k in (self.position, self.known_at, self.of, self.asset, self.date) if len(k) and (k[1:] != k[:-1]).any()]
        return self.take(np.lexsort([k.view(np.int64) if k.dtype.kind == "M" else k for k in keys])) if keys else self

    def upto(self, date: np.datetime64) -> Rows:
        """Rows that speak of `date` or before (undated ones stay) and were not known only later."""
        stop = int(np.searchsorted(self.date.view(np.int64), date.astype(np.int64), side="right"))  # NaT is the smallest integer
        early = self.take(slice(0, stop))
        late = early.known_at > date  # False for NaT
        return early.take(~late) if late.any() else early

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        """All rows of `parts` in canonical order."""
        return cls(*(np.concatenate([getattr(p, name) for p in parts]) for name in cls.__dataclass_fields__)).ordered()


@dataclass(frozen=True, eq=False)
class Raw:
    """Parsed cells by table (prices, volume, sectors, kinds, universe, facts) with the names they use.

    assets, series and sectors are names in sorted order: like a header they are no fact of any date, so `upto` keeps them;
    lags [R]; cells: how many cells each table was read from;
    last: the last day with a readable price; cut: the day that `upto` cut at, or None.
    """

    sources: tuple[Grid, ...]
    assets: tuple[str, ...]
    series: tuple[str, ...]
    lags: tuple[Lag, ...]
    sectors: tuple[str, ...]
    tables: dict[str, Rows]
    cells: dict[str, int]
    sectors_dated: bool
    last: np.datetime64
    notes: tuple[str, ...]
    cut: np.datetime64 | None = None

    def upto(self, date: Any) -> Raw:
        """What had been read by 20:00 New York on `date`: later rows, and rows known later, are gone before anything is assembled."""
        until = day(date)
        tables = {name: rows.upto(until) for name, rows in self.tables.items()}
        return replace(self, tables=tables, cells={name: len(rows) for name, rows in tables.items()}, cut=until)
