"""Exchange sessions, and the session on which something becomes known."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from riskradar.errors import InputError, UsageError
from riskradar.tables.arrays import Days, Int

FIRST_DAY = "1980-01-01"
NEVER = np.datetime64("9999-12-31", "D")  # known only after the calendar ends
QUARTER = 4  # an observed session needs one name in four


@dataclass(frozen=True, eq=False)
class Calendar:
    """Sessions `days` [T] of one exchange; `name` for messages; `slots` turns a day into its position."""

    name: str
    days: Days
    slots: Int

    @classmethod
    def of(cls, name: str, days: Days) -> Calendar:
        """A calendar of strictly increasing days."""
        offsets = (days - days[0]).astype(np.int64) if len(days) else np.empty(0, np.int64)
        slots = np.full(int(offsets[-1]) + 1 if len(days) else 1, -1, np.int64)
        slots[offsets] = np.arange(len(days))
        return cls(name, days, slots)

    def slot(self, dates: Days) -> Int:
        """Position of each date among the sessions, -1 for a day that is none (NaT included)."""
        if not len(self.days):
            return np.full(len(dates), -1)
        offset = dates.view(np.int64) - self.days[0].astype(np.int64)
        inside = (offset >= 0) & (offset < len(self.slots))
        slots: Int = self.slots[np.where(inside, offset, len(self.slots) - 1)]
        slots[~inside] = -1
        return slots

    def known(self, dates: Days, lag: Int) -> Days:
        """The session `lag` sessions after each date, never before the date itself; NEVER where the calendar ends before it."""
        after = np.maximum(np.searchsorted(self.days, dates, side="right") - 1 + lag, np.searchsorted(self.days, dates))
        known: Days = np.append(self.days, NEVER)[np.clip(after, 0, len(self.days))]
        return known

    def require(self, first: np.datetime64, last: np.datetime64) -> None:
        """InputError when dates lie outside the calendar."""
        outside = first if first < self.days[0] else last if last > self.days[-1] else None
        if outside is not None:
            raise InputError(
                f"a price is dated {outside}, outside the calendar {self.name} ({self.days[0]} to {self.days[-1]}); nothing was kept; "
                "set data.start and data.end inside it, or data.calendar to another code or to 'observed'"
            )


@functools.cache
def exchange(code: str) -> Calendar:
    """The sessions of an exchange since 1980, or since its own calendar begins; UsageError with near matches for an unknown code."""
    import exchange_calendars as xc  # loads pandas' offset machinery: only when a calendar is asked for

    names = xc.get_calendar_names()
    if code not in names:
        near = get_close_matches(code.upper(), [*names, "OBSERVED"], n=3, cutoff=0.4)
        raise UsageError(f"data.calendar = {code!r} is no calendar; nothing was read; near matches: {', '.join(near) or 'XNYS, XLON, observed'}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Series.values returning")  # exchange_calendars 4.13 under pandas 3.1
        begins = type(xc.get_calendar(code)).bound_min()
        start = FIRST_DAY if begins is None else max(FIRST_DAY, str(begins.date()))
        sessions = xc.get_calendar(code, start=start).sessions
    return Calendar.of(code, sessions.to_numpy().astype("datetime64[D]"))


def observed(dates: Days, assets: np.ndarray) -> Calendar:
    """The dates on which a quarter of the names listed so far traded; each date is judged by itself and what came before it."""
    days, counts = np.unique(dates, return_counts=True)
    order = np.argsort(dates, kind="stable")
    _, first = np.unique(assets[order], return_index=True)
    listed = np.searchsorted(np.sort(dates[order][first]), days, side="right")
    return Calendar.of("observed", days[QUARTER * counts >= listed])
