"""Raw to Panel: everything that looks at more than one cell, and at nothing later than the cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from riskradar.data.calendar import Calendar, exchange, observed
from riskradar.data.cells import Fate, Fates
from riskradar.data.config import DataConfig
from riskradar.data.intake import Intake, take_account
from riskradar.data.level import choose_index, system_level
from riskradar.data.raw import OPEN, Raw, Rows
from riskradar.errors import InputError
from riskradar.tables.arrays import Bool, Code, Days, Float, Int
from riskradar.tables.facts import Facts
from riskradar.tables.panel import KINDS, Panel


def assemble(raw: Raw, config: DataConfig) -> tuple[Panel, Intake]:
    """The panel of all cells in `raw`, and an account of every cell.

    Row t of the whole equals row t of `raw.upto(t)` bit for bit. InputError when no close is usable or a date lies outside the calendar,
    UsageError for an unknown calendar or index.
    """
    fates = {table: settle(rows) for table, rows in raw.tables.items()}
    prices = raw.tables["prices"]
    calendar = _calendar(prices, fates["prices"], config)
    slots = calendar.slot(prices.date)
    fates["prices"][(slots < 0) & (fates["prices"] == Fate.ACCEPTED)] = Fate.NOT_SESSION
    used = fates["prices"] == Fate.ACCEPTED
    if not used.any():
        raise _unusable(raw, fates["prices"])
    frame = _Frame.spanning(raw, fates, calendar, slots[used])
    close = frame.spread("prices", slots)
    kinds = frame.kinds(config.index)
    member = ~np.isnan(close) & frame.universe()
    member[:, [kind == "index" or name in config.exclude for kind, name in zip(kinds, raw.assets, strict=True)]] = False
    facts = frame.facts()
    volume = frame.spread("volume", calendar.slot(raw.tables["volume"].date)) if "volume" in raw.tables else None
    dates = calendar.days[frame.first : frame.stop]
    choice = choose_index(raw.assets, kinds, raw.series, config.index)
    panel = Panel(
        dates=dates, assets=raw.assets, kind=kinds, close=close, member=member, sectors=raw.sectors, sector=frame.sector(),
        sectors_dated=raw.sectors_dated, facts=facts if raw.cut is None else facts.upto(raw.cut),
        level=system_level(choice, dates, close, member, facts), index=choice.text, volume=volume,
    )  # fmt: skip
    return panel, take_account(raw, fates, slots, frame.first, panel)


def published(raw: Raw, config: DataConfig) -> Raw:
    """The same rows with the `known_at` of every fact settled by the lag table, so that `upto` cuts at what had been published."""
    if "facts" not in raw.tables:
        return raw
    facts, prices = raw.tables["facts"], raw.tables["prices"]
    calendar = _calendar(prices, settle(prices), config)
    lag = np.array([lag.sessions or 0 for lag in raw.lags], np.int64)[facts.of]
    late = np.isnat(facts.known_at) & ~np.isnat(facts.date)
    known = np.where(late, calendar.known(facts.date, lag), facts.known_at)
    return replace(raw, tables=raw.tables | {"facts": replace(facts, known_at=known).ordered()})


def settle(rows: Rows) -> Fates:
    """Fates after cells of the same asset, series, date and moment met: equal ones count once, different ones are all refused."""
    fate = rows.fate.copy()
    live = _all_or(fate == Fate.ACCEPTED)
    keys = (rows.date.view(np.int64)[live], rows.asset[live], rows.of[live], rows.known_at.view(np.int64)[live])
    same = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])  # canonical order puts equal keys side by side
    if not same.any():
        return fate
    fresh = np.append(True, ~same)
    starts = np.flatnonzero(fresh)
    value = rows.value[live]
    agree = (np.minimum.reduceat(value, starts) == np.maximum.reduceat(value, starts))[np.cumsum(fresh) - 1]
    fate[live] = np.where(~agree, Fate.CONFLICT, np.where(fresh, Fate.ACCEPTED, Fate.DUPLICATE))
    return fate


def _calendar(prices: Rows, fate: Fates, config: DataConfig) -> Calendar:
    used = fate == Fate.ACCEPTED
    if config.calendar == "observed":
        return observed(prices.date[used], prices.asset[used])
    calendar = exchange(config.calendar)
    if used.any():
        dates = prices.date[used]
        calendar.require(dates[0], dates[-1])
    return calendar


def _unusable(raw: Raw, fate: Fates) -> InputError:
    why = ", ".join(f"{int((fate == f).sum()):,} {f.name.lower()}" for f in Fate if (fate == f).any()) or "no cells"
    name = raw.sources[0].name
    return InputError(f"no usable close in {name} ({why}); nothing was kept; correct the file, or data.columns, calendar, start and end")


class _Frame:
    """The sessions `first` ... `stop`-1 of the calendar by the assets of `raw`, onto which tables are laid."""

    def __init__(self, raw: Raw, fates: dict[str, Fates], calendar: Calendar, first: int, stop: int) -> None:
        self.raw, self.fates, self.calendar, self.first, self.stop = raw, fates, calendar, first, stop
        self.shape = (stop - first, len(raw.assets))

    @classmethod
    def spanning(cls, raw: Raw, fates: dict[str, Fates], calendar: Calendar, slots: Int) -> _Frame:
        """From the first accepted close to the last, or to the cut: a session before the cut is there even if nothing traded on it."""
        last = int(slots[-1])
        if raw.cut is not None:
            last = max(last, int(np.searchsorted(calendar.days, min(raw.cut, raw.last), side="right")) - 1)
        return cls(raw, fates, calendar, int(slots[0]), last + 1)

    def accepted(self, table: str) -> Rows | None:
        """The accepted rows of a table, None where there is no such table."""
        if table not in self.raw.tables:
            return None
        return self.raw.tables[table].take(_all_or(self.fates[table] == Fate.ACCEPTED))

    def spread(self, table: str, slots: Int) -> Float:
        """Values by session and asset; what lies on no session of the panel is refused."""
        fate = self.fates[table]
        fate[(fate == Fate.ACCEPTED) & ((slots < self.first) | (slots >= self.stop))] = Fate.NOT_SESSION
        used, rows = _all_or(fate == Fate.ACCEPTED), self.raw.tables[table]
        out = np.full(self.shape, np.nan)
        out.ravel()[(slots[used] - self.first) * self.shape[1] + rows.asset[used]] = rows.value[used]
        return out

    def kinds(self, index: str) -> tuple[str, ...]:
        """The kind of each asset: as stated, index for the asset that the user measures against, else stock."""
        rows = self.accepted("kinds")
        stated = {} if rows is None else dict(zip(rows.asset.tolist(), rows.value.astype(int).tolist(), strict=True))
        return tuple(KINDS[stated[i]] if i in stated else "index" if name == index else "stock" for i, name in enumerate(self.raw.assets))

    def universe(self) -> Bool:
        """In the universe from the first session on which a membership both runs and is known, to its last day."""
        rows = self.accepted("universe")
        if rows is None:
            return np.ones(self.shape, bool)
        inside = np.zeros(self.shape, bool)
        starts = self._row(_later(rows.date, rows.known_at))
        for asset, start, end in zip(rows.asset, starts, rows.value, strict=True):
            last = None if end == OPEN else self._row(np.array([int(end) + 1], "datetime64[D]"))[0]
            inside[start:last, asset] = True
        return inside

    def sector(self) -> Code:
        """Codes of the newest label known on each session, -1 before the first."""
        rows = self.accepted("sectors")
        out = np.full(self.shape, -1, np.int16)
        if rows is None:
            return out
        moment = _later(rows.date, rows.known_at).view(np.int64)
        newest: dict[int, int] = {}
        when = rows.date.view(np.int64)
        for i in np.lexsort([when, moment]):
            asset = int(rows.asset[i])
            if when[i] >= newest.get(asset, when[i]):
                newest[asset] = when[i]
                out[self._row(moment[i : i + 1].view("datetime64[D]"))[0] :, asset] = rows.value[i]
        return out

    def facts(self) -> Facts:
        """Macro and sentiment rows with the day on which each became known."""
        rows = self.accepted("facts")
        if rows is None:
            return Facts.none()
        lags = self.raw.lags
        ages, revised = np.array([lag.max_age for lag in lags], np.int16), np.array([lag.revised for lag in lags], bool)
        return Facts(self.raw.series, rows.of, rows.asset, rows.date, rows.known_at, rows.value, ages, revised)

    def _row(self, dates: Days) -> Int:
        """The first panel row on or after each date; 0 for undated."""
        rows = np.searchsorted(self.calendar.days[self.first : self.stop], dates)
        return np.where(np.isnat(dates), 0, rows)


def _later(date: Days, known_at: Days) -> Days:
    """The later of two days; undated counts as earliest."""
    later: Days = np.fmax(date, known_at)
    return later


def _all_or(which: Bool) -> Int | slice:
    """The chosen positions; a slice when all are, which copies nothing."""
    return slice(None) if which.all() else np.flatnonzero(which)
