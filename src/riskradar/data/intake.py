"""What became of every cell: counted, and each refusal kept with its reason."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from riskradar.data.cells import Fate, Fates
from riskradar.data.files import Grid
from riskradar.data.raw import Raw
from riskradar.tables.arrays import Code, Int
from riskradar.tables.panel import Panel

STRAYS = 0.01  # of the closes on days without a session, or not above 0: more is another market's calendar, or no prices at all, not a slip
LEAP = 3.0  # times as much, or a third, from one close to the next: hardly ever a price alone
NAMED = 6  # leaps in a warning


class Count(NamedTuple):
    """Cells of one table from one source: cells = accepted + duplicates + refused + empty + outside (data.start, data.end).

    Of the empty closes, `not_listed` lie before the asset's first accepted close, `missing` after it, `off_session` on days without a session.
    """

    table: str
    source: str
    cells: int
    accepted: int
    duplicates: int
    refused: dict[str, int]
    empty: int
    outside: int
    not_listed: int
    missing: int
    off_session: int

    def line(self) -> str:
        """The count in one line."""
        parts = [f"{self.accepted:,} accepted"]
        if self.refused:
            parts.append(f"{sum(self.refused.values()):,} refused ({', '.join(f'{n:,} {why}' for why, n in self.refused.items())})")
        parts += [f"{n:,} {word}" for n, word in ((self.duplicates, "identical duplicates"), (self.outside, "outside data.start and data.end")) if n]
        if self.table == "prices" and self.empty:
            split = ((self.not_listed, "not listed yet"), (self.missing, "missing"), (self.off_session, "on days without a session"))
            parts.append(f"{self.empty:,} empty ({', '.join(f'{n:,} {word}' for n, word in split if n)})")
        elif self.empty:
            parts.append(f"{self.empty:,} empty")
        return f"{self.table} from {self.source}: {self.cells:,} cells: {', '.join(parts)}"


class Refusal(NamedTuple):
    """One refused cell as it was written; `row` counts the rows of data from 1."""

    table: str
    source: str
    row: int
    column: str
    asset: str
    date: str
    text: str
    reason: str


@dataclass(frozen=True, eq=False)
class Rejected:
    """Positions [Q] of the refused cells of one table, with fates and asset codes."""

    table: str
    position: Int
    fate: Fates
    asset: Code


@dataclass(frozen=True, eq=False)
class Intake:
    """The account of one load: counts per table and source, sha256 of each source, notes, warnings, and every refused cell."""

    counts: tuple[Count, ...]
    hashes: dict[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    assets: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    sources: tuple[Grid, ...]

    @functools.cached_property
    def refused(self) -> tuple[Refusal, ...]:
        """Every refused cell, in the order of the sources."""
        cells = [(int(p), int(f), int(a), r.table) for r in self.rejected for p, f, a in zip(r.position, r.fate, r.asset, strict=True)]
        return tuple(self._refusal(*cell) for cell in sorted(cells))

    def _refusal(self, position: int, fate: int, asset: int, table: str) -> Refusal:
        grid = next(g for g in reversed(self.sources) if g.first <= position)
        row, column = divmod(position - grid.first, len(grid.columns))
        when = "" if grid.stamp is None else grid.text(row, grid.stamp)
        name = self.assets[asset] if asset >= 0 else "" if grid.owner is None else grid.text(row, grid.owner)
        return Refusal(table, grid.name, row + 1, grid.columns[column], name, when, grid.text(row, column), Fate(fate).name.lower())

    def lines(self) -> list[str]:
        """What to print: one line per table and source, then notes and warnings."""
        return [*(c.line() for c in self.counts), *self.notes, *(f"warning: {w}" for w in self.warnings)]

    def record(self) -> dict[str, Any]:
        """The account as JSON-able values."""
        return {
            "counts": [c._asdict() for c in self.counts], "hashes": self.hashes, "notes": list(self.notes), "warnings": list(self.warnings),
            "refused": [r._asdict() for r in self.refused],
        }  # fmt: skip


def take_account(raw: Raw, fates: dict[str, Fates], slots: Int, first: int, panel: Panel) -> Intake:
    """The account of one assembly; `slots` are the sessions of the price cells (-1: none), `first` that of the panel's first row.

    RuntimeError when cells in are not cells accounted for: that is a bug, never the user's fault.
    """
    seen = ~np.isnan(panel.close)
    listed = np.where(seen.any(axis=0), first + seen.argmax(axis=0), np.iinfo(np.int64).max)
    counts = tuple(
        _count(table, grid.name, fates[table][here], (slots[here], listed, rows.asset[here]) if table == "prices" else None)
        for table, rows in raw.tables.items() for grid, here in _by_source(raw.sources, rows.position)
    )  # fmt: skip
    _conserve(raw.cells, counts, panel, whole=raw.cut is None)
    hashes = {f"{number} {grid.name}": grid.sha256 for number, grid in enumerate(raw.sources, 1)}
    return Intake(counts, hashes, _notes(raw, panel), _warnings(raw, fates, listed, panel), raw.assets, _rejected(raw, fates), raw.sources)


def _conserve(cells: dict[str, int], counts: tuple[Count, ...], panel: Panel, *, whole: bool) -> None:
    """Cells in = accepted + duplicates + refused + empty + outside, and what was accepted is in the panel (facts known after a cut are not)."""
    found: dict[str, int] = {"prices": int(np.count_nonzero(~np.isnan(panel.close)))}
    if panel.volume is not None:
        found["volume"] = int(np.count_nonzero(~np.isnan(panel.volume)))
    if whole:
        found["facts"] = len(panel.facts.value)
    for table, n in cells.items():
        mine = [c for c in counts if c.table == table]
        accepted = found.get(table, sum(c.accepted for c in mine))
        told = sum(c.duplicates + sum(c.refused.values()) + c.empty + c.outside for c in mine)
        if accepted + told != n:
            raise RuntimeError(f"{table}: {n} cells came in, {accepted} reached the panel, {told} are told apart; nothing was kept; this is a bug")


def _notes(raw: Raw, panel: Panel) -> tuple[str, ...]:
    notes = [f"system index: {panel.index}", *raw.notes]
    if "sectors" in raw.tables:
        notes.append("sectors: dated labels" if raw.sectors_dated else "sectors: today's labels")
    revised = [name for name, lag in zip(raw.series, raw.lags, strict=True) if lag.revised]
    if revised:
        notes.append(f"re-estimated over their whole history, so kept out of headlines: {', '.join(revised)}")
    return tuple(notes)


def _warnings(raw: Raw, fates: dict[str, Fates], listed: Int, panel: Panel) -> tuple[str, ...]:
    out = []
    silent = [name for name, slot in zip(raw.assets, listed, strict=True) if slot == np.iinfo(np.int64).max]
    if silent and raw.cut is None:
        out.append(f"no usable close: {', '.join(silent)}; kept as names, never members")
    if raw.cut is None and np.isnan(panel.level).all():
        out.append(f"the system index ({panel.index}) has no value known on its own session; choose another data.index")
    closes = np.bincount(fates["prices"], minlength=len(Fate))
    strays = closes[Fate.NOT_SESSION] / max(closes[Fate.NOT_SESSION] + closes[Fate.ACCEPTED], 1)
    if raw.cut is None and strays > STRAYS:
        out.append(f"{100 * strays:.1f} % of the closes lie on days without a session and were refused; "
                   "if this is another market, set data.calendar to its exchange, such as XTKS, or to observed")  # fmt: skip
    negative = closes[Fate.NONPOSITIVE] / max(closes[Fate.NONPOSITIVE] + closes[Fate.ACCEPTED], 1)
    if raw.cut is None and negative > STRAYS:
        out.append(f"{100 * negative:.1f} % of the closes are not above 0 and were refused; if these are returns, give prices")
    if raw.cut is None and (leaps := _leaps(panel)):
        more = f" and {len(leaps) - NAMED} more" if len(leaps) > NAMED else ""
        out.append(f"three times the close before or more, or a third or less, kept as written: {', '.join(leaps[:NAMED])}{more}; "
                   "if that is a split or another unit, adjust the file or leave the name out by data.exclude")  # fmt: skip
    strange = [name for name in raw.assets if not name.isascii()]
    if strange:
        out.append(f"names beyond plain ASCII are never merged with those they resemble: {', '.join(map(ascii, strange))}")
    if "facts" in raw.tables:
        lost = np.unique(raw.tables["facts"].of[fates["facts"] == Fate.NO_LAG])
        out += [f"series {raw.series[c]!r} refused: when it is published is not known; set data.lags.{raw.series[c]} to its lag in sessions, "
                "or give the file a known_at column" for c in lost]  # fmt: skip
    return tuple(out)


def _leaps(panel: Panel) -> list[str]:
    """Name, session and ratio of each close that is LEAP times the asset's last one before it, or one LEAP-th, the largest first."""
    out = []
    for name, close in zip(panel.assets, panel.close.T, strict=True):
        known = np.flatnonzero(np.isfinite(close))
        step = np.diff(np.log(close[known]))
        out += [(abs(step[k]), f"{name} {panel.dates[known[k + 1]]} (x{np.exp(step[k]):.3g})") for k in np.flatnonzero(np.abs(step) >= np.log(LEAP))]
    return [told for _, told in sorted(out, key=lambda leap: -leap[0])]


def _rejected(raw: Raw, fates: dict[str, Fates]) -> tuple[Rejected, ...]:
    """The refused cells of every table."""
    out = []
    for table, rows in raw.tables.items():
        which = np.flatnonzero(fates[table] >= Fate.NOT_A_NUMBER)
        out.append(Rejected(table, rows.position[which], fates[table][which], rows.asset[which]))
    return tuple(out)


def _by_source(sources: tuple[Grid, ...], position: Int) -> list[tuple[Grid, Any]]:
    found = [(grid, (position >= grid.first) & (position < grid.first + grid.size)) for grid in sources]
    return [(grid, slice(None) if here.all() else here) for grid, here in found if here.any()]


def _count(table: str, source: str, fates: Fates, empties: tuple[Int, Int, Code] | None) -> Count:
    n = np.bincount(fates, minlength=len(Fate))
    refused = {fate.name.lower(): int(n[fate]) for fate in Fate if fate >= Fate.NOT_A_NUMBER and n[fate]}
    before = off = 0
    if empties is not None and n[Fate.EMPTY]:
        empty = fates == Fate.EMPTY
        slots, listed = empties[0][empty], empties[1][empties[2][empty]]
        off = int((slots < 0).sum())
        before = int(((slots >= 0) & (slots < listed)).sum())
    empty_count = int(n[Fate.EMPTY])
    missing = empty_count - before - off if empties is not None else 0
    accepted, same, outside = int(n[Fate.ACCEPTED]), int(n[Fate.DUPLICATE]), int(n[Fate.OUTSIDE])
    return Count(table, source, len(fates), accepted, same, refused, empty_count, outside, before, missing, off)
