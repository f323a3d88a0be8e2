"""The workspace behind the server: what its ledger holds, read whole and checked once for each state that it was in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import RowMapping

from riskradar import config as configuration
from riskradar import health, labels, record
from riskradar.alert import AlertsConfig
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily import workspace
from riskradar.daily.standing import Standing, standings
from riskradar.daily.track import Tally, tally
from riskradar.daily.workspace import WORKSPACE
from riskradar.errors import StorageError, UsageError
from riskradar.record import Record
from riskradar.serve.problems import Refused
from riskradar.store import Store, database, ledger
from riskradar.tables import Labels

log = logging.getLogger("riskradar.serve")

UNREADABLE = "the store of the workspace cannot be read; it was left as it is; the log of the server says why"
Reached = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Workplace:
    """A workspace and the folder of its runs; clock: the moment that is now."""

    config: Config
    store: Store
    home: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _lock: Lock = field(default_factory=Lock)
    _last: list[Ledger] = field(default_factory=list)

    def stamp(self) -> object:
        """The state of the ledger, and the minute: silences end and scores grow old by themselves. Refused where the store cannot be read."""
        return self._reached(), self.clock().replace(second=0, microsecond=0)

    def ledger(self) -> Ledger:
        """All that was said, as it stands now."""
        with self._lock:
            key = self._reached(), markets.reading_day(self.clock())
            if not self._last or self._last[0].key != key:
                self._last[:] = [read(self, key[1])]
            return self._last[0]

    def _reached(self) -> Reached:
        try:
            with database.transaction(self.store.engine, writes=False) as connection:
                return ledger.reach(connection)
        except StorageError as error:
            log.warning("%s", error)
            raise Refused(503, UNREADABLE, {"retry-after": "60"}) from None


@dataclass(frozen=True, eq=False)
class Ledger:
    """What a ledger held: scores, changes of alarms, silences, messages with what was tried, and runs that were considered, each oldest first.

    broken: the first row that is not what was stored; of a broken ledger nothing else is told.
    """

    place: Workplace
    key: tuple[Reached, date]
    broken: str
    said: Sequence[Mapping[str, Any]] = ()
    log: Sequence[Mapping[str, Any]] = ()
    silences: Sequence[Mapping[str, Any]] = ()
    messages: Sequence[tuple[RowMapping, list[RowMapping]]] = ()
    promotions: Sequence[Mapping[str, Any]] = ()

    @cached_property
    def run(self) -> Record:
        """The run that made the newest score."""
        return record.load(self.place.home, self.said[-1]["run"])

    @cached_property
    def standings(self) -> list[Standing]:
        """Where the rule stands on the newest session."""
        return standings(self.place.store, self.run, self.alerts, self.said, self.log)

    @cached_property
    def labels(self) -> Labels:
        """Outcomes as they are known now, by the settings of the run that made the newest score."""
        made, (reached, today) = configuration.check(self.run.about["config"], Config), self.key
        last = health.complete(self.place.clock(), self.place.config.daily)
        panel, _ = markets.read(self.place.store, made, today, reached[-1] or 0, last)
        return labels.build(panel, made.labels)

    @cached_property
    def tallies(self) -> list[Tally]:
        """The record of each target that the newest session speaks of."""
        names = {row["target"] for row in self.said if row["date"] == self.said[-1]["date"]}
        config = self.place.config.evaluate
        return [tally(self.said, self.labels, target, config) for target in self.labels.targets if target.name in names]

    @property
    def alerts(self) -> AlertsConfig:
        """The section that says what is watched."""
        return self.place.config.alerts


def read(place: Workplace, today: date) -> Ledger:
    """The ledger in one committed state, every row checked against its digest and the row before it."""
    with database.transaction(place.store.engine, writes=False) as connection:
        key = ledger.reach(connection), today
        if broken := next(ledger.broken(connection), ""):
            return Ledger(place, key, broken)
        return Ledger(
            place, key, "", ledger.said(connection), ledger.alert_log(connection), ledger.silences(connection), ledger.messages(connection),
            ledger.promotions(connection),
        )  # fmt: skip


def found(home: Path, file: Path | None) -> Workplace | None:
    """The workspace that a settings file names; without one, that of this folder, if it is one. UsageError for a named file without a store."""
    if file is not None:
        return Workplace(*workspace.enter(file), home)
    try:
        return Workplace(*workspace.enter(WORKSPACE), home) if WORKSPACE.exists() else None
    except UsageError as error:
        log.warning("%s; the pages of the ledger are empty", error)
        return None
