"""What a store has said and a market does not show yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from riskradar.data import DataConfig
from riskradar.data.calendar import exchange
from riskradar.data.lags import lag_of
from riskradar.store import Store, database, ledger
from riskradar.store import rows as stored
from riskradar.store.blocks import NEVER, Rows
from riskradar.store.past import between
from riskradar.store.schema import BATCHES
from riskradar.store.view import OF_ASSETS, PRICES, VOLUME
from riskradar.tables import Panel
from riskradar.tables.arrays import Bool, Int
from riskradar.tables.observations import Name

IGNORED, OF_SESSION, FACT = 0, 1, 2  # what the rows of a name are; those that another source brought first are ignored
NO_LAG = -1
LAST_DAY = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class News:
    """Rows `waiting` [Q] of the batches up to `batch` (whose digest is `seal`) that a market does not show yet.

    names, what [n] and sessions of lag [n] by number of a name; files: names and SHA-256 of the sources beside the store.
    """

    batch: int
    seal: str
    names: Mapping[int, Name]
    what: NDArray[np.int8]
    lag: Int
    files: frozenset[tuple[str, str]]
    waiting: Rows

    @classmethod
    def of(cls, store: Store, config: DataConfig, panel: Panel, until: date, batch: int, hashes: Mapping[str, str]) -> News | None:
        """What the first `batch` batches say beyond a panel that was read from them on the day `until`.

        None where lags are counted in sessions that have yet to be observed.
        """
        with database.transaction(store.engine, writes=False) as connection:
            names, seal, every = stored.names(connection), ledger.seal(connection, BATCHES, batch), between(connection, 0, batch)
        oldest = {name: number for number, name in reversed(names.items())}
        what, lag = np.full(len(names) + 1, IGNORED, np.int8), np.full(len(names) + 1, NO_LAG)
        for name, number in oldest.items():
            of_asset = bool(name.asset) and name.series in OF_ASSETS
            what[number] = FACT if not of_asset else OF_SESSION if name.series in (PRICES, VOLUME) else IGNORED
            sessions = lag_of(name.series, config.lags).sessions
            lag[number] = NO_LAG if sessions is None else sessions
        if config.calendar == "observed" and (what == FACT).any():
            return None
        made = cls(batch, seal, names, what, lag, beside(hashes), every)
        seen, shown = made._days(every, until, config.calendar)
        return made.waits(~(seen & (shown <= _number(panel.dates[-1]))))

    def waits(self, rows: Bool) -> News:
        """With only these of the rows that waited."""
        return replace(self, waiting=self.waiting.take(np.flatnonzero(rows & (self.what[self.waiting.of] != IGNORED))))

    def heard(self, store: Store, batch: int) -> News | None:
        """With what later batches brought; None where the store is not the one that was read, or names something new."""
        with database.transaction(store.engine, writes=False) as connection:
            if batch < self.batch or ledger.seal(connection, BATCHES, self.batch) != self.seal:
                return None
            new, seal = between(connection, self.batch, batch), ledger.seal(connection, BATCHES, batch)
        if len(new) and int(new.of.max()) >= len(self.what):
            return None
        return replace(self, batch=batch, seal=seal, waiting=Rows.joined([self.waiting, new]))

    def told(self, after: np.datetime64, until: date, last: np.datetime64, calendar: str) -> tuple[News, Rows] | None:
        """What still waits once sessions after `after` and up to `last` are shown, and the rows about these; None where older ones would change."""
        rows, stop = self.waiting, _number(last)
        seen, shown = self._days(rows, until, calendar)
        mine = seen & (self.what[rows.of] != IGNORED)
        now, session = mine & (shown <= stop), self.what[rows.of] == OF_SESSION
        if (now & (shown <= _number(after))).any() or (mine & ~now & session).any():
            return None
        now &= (now & session).any()
        return self.waits(~now), rows.take(np.flatnonzero(now))

    def _days(self, rows: Rows, until: date, calendar: str) -> tuple[Bool, Int]:
        """Whether each row was known on a day, and the day from which a market shows it."""
        day = _number(np.datetime64(until))
        fact = self.what[rows.of] == FACT
        shown = rows.date.astype(np.int64)
        if fact.any():
            lag = self.lag[rows.of]
            settled = exchange(calendar).known(rows.date.astype("datetime64[D]"), np.maximum(lag, 0)).astype(np.int64)
            settled = np.where(lag == NO_LAG, LAST_DAY, settled)
            shown = np.where(fact, np.maximum(shown, np.where(rows.known == NEVER, settled, rows.known)), shown)
        return (rows.known <= day) & (rows.date <= day), shown


def _number(day: np.datetime64) -> int:
    return int(day.astype("datetime64[D]").astype(np.int64))


def beside(hashes: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """The sources beside the store: `hashes` numbers them."""
    named = [(name.partition(" ")[2], digest) for name, digest in hashes.items()]
    return frozenset(pair for pair in named if not pair[0].startswith("store: "))
