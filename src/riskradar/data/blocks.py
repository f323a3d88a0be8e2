"""One grid to the cells of its tables; names are still names, and no cell looks at another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from riskradar.data.cells import Fate, Fates, days, moments, numbers, words
from riskradar.data.config import ALIASES, DataConfig
from riskradar.data.files import Grid
from riskradar.data.raw import NO_DAY, OPEN
from riskradar.errors import InputError
from riskradar.tables.arrays import Bool, Days, Float, Int, day
from riskradar.tables.panel import KINDS

_FUNDS = "_etf"  # sector_etf, broad_etf and other_etf are funds


@dataclass(frozen=True, eq=False)
class Block:
    """Cells [Q] of one table: `asset` and `label` are codes into the names `assets` and `labels`, -1 for none."""

    assets: Sequence[str]
    asset: Int
    labels: Sequence[str]
    label: Int
    date: Days
    known_at: Days
    value: Float
    fate: Fates
    position: Int


def roles(columns: Sequence[str], config: DataConfig, name: str) -> dict[str, int]:
    """Which column plays which role: the user's word first, then our own name, then its usual aliases; InputError where two would fit."""
    found = {}
    for role, aliases in ALIASES.items():
        said = config.columns.get(role)
        exact = [said] if said is not None and said in columns else [c for c in columns if c in aliases]
        fits = exact or [c for c in columns if c.lower() in aliases]
        if len(fits) > 1:
            raise InputError(f"{name}: {role} could be any of the columns {fits}; nothing was kept; choose one with data.columns.{role}")
        if fits:
            found[role] = list(columns).index(fits[0])
    return found


def is_long(role: dict[str, int]) -> bool:
    """A price table with one row per asset and date."""
    return "asset" in role and "close" in role


def price_blocks(grid: Grid, config: DataConfig) -> dict[str, Block]:
    """Closes (positive), and volumes (not negative) where a long table has them."""
    role = roles(grid.columns, config, grid.name)
    date, bad = _days(grid, role, "date")
    if not is_long(role):
        columns = [i for i in range(len(grid.columns)) if i != role["date"]]
        cells = _Cells.of(grid, columns).positive(Fate.NONPOSITIVE).dated(date, bad).within(config, start=True)
        return {"prices": cells.block([grid.columns[i] for i in columns], cells.column)}
    codes, names = words(grid.data.column(role["asset"]))
    tables = {}
    for table, column in (("prices", "close"), ("volume", "volume")):
        if column in role:
            cells = _Cells.of(grid, [role[column]]).positive(Fate.NONPOSITIVE if table == "prices" else Fate.NEGATIVE)
            cells = cells.dated(date, bad).within(config, start=True).named(codes, names)
            tables[table] = cells.block(names, codes[cells.row])
    return tables


def fact_blocks(grid: Grid, config: DataConfig) -> dict[str, Block]:
    """Macro or sentiment values, wide (one column per series) or long (series, value), of the market or of assets."""
    role = roles(grid.columns, config, grid.name)
    date, bad = _days(grid, role, "date")
    known = _known(grid, role)
    long = "series" in role and "value" in role
    other = {role[r] for r in ("date", "known_at", "asset") if r in role}
    columns = [role["value"]] if long else [i for i in range(len(grid.columns)) if i not in other]
    cells = _Cells.of(grid, columns).dated(date, bad).within(config, start=False).known(known)
    label, labels = cells.column, [grid.columns[i] for i in columns]
    if long:
        codes, labels = words(grid.data.column(role["series"]))
        cells, label = cells.named(codes, labels), codes[cells.row]
    if "asset" not in role:
        return {"facts": cells.block(labels=labels, label=label)}
    codes, names = words(grid.data.column(role["asset"]))
    of_market = np.array([name == "" for name in names])[codes]
    asset = np.where(of_market, -1, codes)[cells.row]
    return {"facts": cells.block(names, asset, labels, label)}


def sector_blocks(grid: Grid, config: DataConfig) -> dict[str, Block]:
    """Sector labels, dated where the table has a date or a known_at, and the kind of each asset."""
    role = roles(grid.columns, config, grid.name)
    if "asset" not in role or not {"sector", "kind"} & set(role):
        raise InputError(f"{grid.name} needs the columns asset and sector or kind but has {_listed(grid.columns)}; nothing kept; use data.columns")
    codes, names = words(grid.data.column(role["asset"]))
    tables = {}
    if "sector" in role:
        label, labels = words(grid.data.column(role["sector"]))
        unknown = np.array([text == "" or text.lower() == "unknown" for text in labels])[label]
        cells = _Cells.blank(grid, role["sector"], np.where(unknown, Fate.EMPTY, Fate.ACCEPTED)).named(codes, names)
        when = "date" if "date" in role else "start"
        if when in role:
            cells = cells.dated(*_days(grid, role, when))
        tables["sectors"] = cells.known(_known(grid, role)).block(names, codes, labels, np.where(unknown, -1, label))
    if "kind" in role:
        label, texts = words(grid.data.column(role["kind"]))
        kinds = np.array([_kind(text) for text in texts])[label]
        empty = np.array([text == "" for text in texts])[label]
        cells = _Cells.blank(grid, role["kind"], np.where(empty, Fate.EMPTY, np.where(kinds < 0, Fate.BAD_KIND, Fate.ACCEPTED)))
        tables["kinds"] = cells.named(codes, names).block(names, codes, KINDS, kinds)
    return tables


def universe_blocks(grid: Grid, config: DataConfig) -> dict[str, Block]:
    """Memberships: asset, first day (empty: since ever), last day (empty: still)."""
    role = roles(grid.columns, config, grid.name)
    if not {"asset", "start", "end"} <= set(role):
        raise InputError(f"{grid.name} needs the columns asset, start and end but has {_listed(grid.columns)}; nothing kept; use data.columns")
    codes, names = words(grid.data.column(role["asset"]))
    start, bad_start = _days(grid, role, "start")
    end, bad_end = _days(grid, role, "end")
    fate = np.where(bad_start | bad_end, Fate.BAD_DATE, np.where(end < start, Fate.BAD_PERIOD, Fate.ACCEPTED))
    cells = _Cells.blank(grid, role["start"], fate).named(codes, names)
    cells.date[:] = start
    cells.value[:] = np.where(np.isnat(end), OPEN, end.astype(np.int64))
    return {"universe": cells.known(_known(grid, role)).block(names, codes)}


def _kind(text: str) -> int:
    word = "fund" if text.lower().endswith(_FUNDS) else text.lower()
    return KINDS.index(word) if word in ("stock", "fund", "index") else -1


def _days(grid: Grid, role: dict[str, int], name: str) -> tuple[Days, Bool]:
    if name not in role:
        raise InputError(f"{grid.name} has no {name} column among {_listed(grid.columns)}; nothing was kept; name it in data.columns.{name}")
    return days(grid.data.column(role[name]), grid.name)


def _known(grid: Grid, role: dict[str, int]) -> tuple[Days, Bool] | None:
    return moments(grid.data.column(role["known_at"]), grid.name) if "known_at" in role else None


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(repr(c) for c in columns[:8]) + (f" and {len(columns) - 8} more" if len(columns) > 8 else "")


@dataclass(frozen=True, eq=False)
class _Cells:
    """Value cells of a grid, row by row: `row` and `column` (counted among the value columns) of each, and its fate so far."""

    row: Int
    column: Int
    position: Int
    date: Days
    known_at: Days
    value: Float
    fate: Fates

    @classmethod
    def of(cls, grid: Grid, columns: list[int]) -> _Cells:
        parsed = [numbers(grid.data.column(i)) for i in columns]
        value = np.stack([v for v, _ in parsed], axis=1).ravel()
        return cls._at(grid, columns, value, np.stack([f for _, f in parsed], axis=1).ravel())

    @classmethod
    def blank(cls, grid: Grid, column: int, fate: Fates) -> _Cells:
        """One cell per row without a number of its own."""
        return cls._at(grid, [column], np.zeros(grid.data.num_rows), fate.astype(np.int8))

    @classmethod
    def _at(cls, grid: Grid, columns: list[int], value: Float, fate: Fates) -> _Cells:
        R, C = grid.data.num_rows, len(columns)
        row, column = np.repeat(np.arange(R), C), np.tile(np.arange(C), R)
        position = grid.first + row * len(grid.columns) + np.asarray(columns)[column]
        return cls(row, column, position, np.full(R * C, NO_DAY), np.full(R * C, NO_DAY), value, fate)

    def refuse(self, which: Bool, fate: Fate) -> _Cells:
        """Give `fate` to the cells that hold something."""
        self.fate[which & (self.fate != Fate.EMPTY)] = fate
        return self

    def positive(self, fate: Fate) -> _Cells:
        """Refuse values below zero, and zero too where the fate says so."""
        return self.refuse(self.value <= 0 if fate == Fate.NONPOSITIVE else self.value < 0, fate)

    def dated(self, date: Days, bad: Bool) -> _Cells:
        """Give each row its day; a cell on an empty or unreadable day is refused."""
        self.date[:] = date[self.row]
        return self.refuse((bad | np.isnat(date))[self.row], Fate.BAD_DATE)

    def known(self, known: tuple[Days, Bool] | None) -> _Cells:
        """Give each row the day on which it became known, where the source says so."""
        if known is None:
            return self
        self.known_at[:] = known[0][self.row]
        return self.refuse(known[1][self.row], Fate.BAD_DATE).refuse(self.known_at < self.date, Fate.KNOWN_BEFORE_DATE)

    def named(self, codes: Int, names: list[str]) -> _Cells:
        """Refuse the rows without a name."""
        return self.refuse(np.array([name == "" for name in names], bool)[codes][self.row], Fate.NO_NAME)

    def within(self, config: DataConfig, *, start: bool) -> _Cells:
        """Set aside the cells outside data.start and data.end; facts keep their history before the start."""
        if start and config.start is not None:
            self.fate[self.date < day(config.start)] = Fate.OUTSIDE
        if config.end is not None:
            self.fate[self.date > day(config.end)] = Fate.OUTSIDE
        return self

    def block(self, assets: Sequence[str] = (), asset: Int | None = None, labels: Sequence[str] = (), label: Int | None = None) -> Block:
        none = np.full(len(self.row), -1)
        return Block(
            assets, none if asset is None else asset, labels, none if label is None else label,
            self.date, self.known_at, self.value, self.fate, self.position,
        )  # fmt: skip
