"""One evening: fetch, read, score every new session, write it down with what it alarms, deliver. Safe to run again, twice at once, or to kill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from riskradar import alert, health, ingest
from riskradar.alert import ENDED, FIRING
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily.deliver import deliver
from riskradar.daily.market import Market
from riskradar.daily.memory import Memory
from riskradar.daily.score import rows
from riskradar.daily.speaker import Speaker, headline, speaking
from riskradar.daily.spoken import Spoken
from riskradar.data.sources import Client
from riskradar.store import Store, database, ledger
from riskradar.store.schema import ALERTS, SCORES

Rows = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Update:
    """What one evening did: the rows that it added, the alert states that changed, how many messages it delivered, and the fetch."""

    rows: Rows
    changed: Rows
    delivered: int
    fetched: ingest.Report | None

    @property
    def withheld(self) -> str:
        """Why the newest of the added scores is withheld, or an empty string."""
        return next((str(row["reason"]) for row in self.rows if row["date"] == self.rows[-1]["date"] and row["reason"]), "")

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        fetched = None if self.fetched is None else self.fetched.record()
        return {"rows": list(self.rows), "changed": list(self.changed), "delivered": self.delivered, "fetched": fetched}


def update(store: Store, home: Path, config: Config, moment: datetime, *, offline: bool = False, client: Client | None = None) -> Update:
    """Score every session after the last of the ledger, up to the last that is complete at `moment` (with its zone), and deliver what it alarms.

    Scores, changes of alerts and messages are one commit. A session that is not the newest, or is scored late (daily.late), sends nothing.
    offline: nothing is fetched. UsageError where no run speaks yet; the errors of ingest.fetch and of a store.
    """
    fetched = None if offline else ingest.fetch(store, config, moment, client)
    added, changed = Desk(store, speaking(store, home)).evening(config, moment)
    return Update(added, changed, deliver(store, config.alerts, moment), fetched)


class Desk:
    """The evenings of one store, with one run that speaks: what one of them read serves the next, which says the same as if it had read it anew."""

    def __init__(self, store: Store, speaker: Speaker) -> None:
        self.store, self.speaker = store, speaker
        self._memory, self._spoken = Memory(store, speaker.config, speaker.graphs), Spoken.none()

    def evening(self, config: Config, moment: datetime) -> tuple[Rows, Rows]:
        """The rows of the ledger and the changes of alerts that were committed."""
        done = None
        while done is None:
            done = self._written(config, moment)
        return done

    def _written(self, config: Config, moment: datetime) -> tuple[Rows, Rows] | None:
        """The same; None where another process wrote in between."""
        speaker, until = self.speaker, markets.reading_day(moment)
        with database.transaction(self.store.engine, writes=False) as connection:
            head, batch, day = ledger.head(connection, SCORES), ledger.last_batch(connection), ledger.last_day(connection)
            spoken, log = self._spoken.heard(connection), ledger.alert_log(connection)
        last = np.datetime64(day) if day else np.datetime64(speaker.record.about["panel"]["end"]) - 1
        market = self._memory.market(until, batch, health.complete(moment, config.daily), last)
        if market is None:
            return (), ()
        self._spoken = spoken = spoken.over(speaker.forecast, market.dates)
        first = int(np.searchsorted(market.dates, last, side="right"))
        new = rows(speaker, market, first, spoken.scores, moment, config.daily, {"batch": batch, "read": until.isoformat()})
        changed = _changes(speaker, market, spoken.scores, new, config, log)
        with database.transaction(self.store.engine, writes=True) as connection:
            if ledger.head(connection, SCORES) != head:
                return None
            ledger.say(connection, new)
            ledger.append(connection, ALERTS, [{**row, "note": "", "moment": moment.astimezone(UTC).isoformat()} for row in changed])
            if not new[-1]["late"]:
                target = headline(speaker.targets, config.alerts.target)
                newest = next(row for row in reversed(new) if row["target"] == target)
                _announce(connection, newest, [*log, *changed], config, moment)
        return tuple(new), tuple(changed)


def _changes(
    speaker: Speaker, market: Market, past: Any, new: Sequence[Mapping[str, Any]], config: Config, log: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:  # fmt: skip
    """The changes of state of the watched target on the new sessions."""
    target = headline(speaker.targets, config.alerts.target)
    mine = [row for row in new if row["target"] == target]
    first = len(market.dates) - len(mine)
    score = past[:, [t.name for t in speaker.targets].index(target)].copy()
    score[first:] = [np.nan if row["score"] is None else row["score"] for row in mine]
    days = alert.watch(score, market.labels, target, config.alerts.rate, first)
    own = [row for row in log if row["rule"] == target]
    return [{"rule": target, "model": speaker.model, "date": day.date, "state": state} for day, state in alert.changes(days, own)]


def _announce(connection: Any, newest: Mapping[str, Any], log: Sequence[Mapping[str, Any]], config: Config, moment: datetime) -> None:
    """Tell of an alarm that stands on the newest session and was not told of, and of the end of one that was."""
    own = [row for row in log if row["rule"] == newest["target"]]
    state, since = alert.standing(own), alert.episode(own)
    if not since or ledger.silenced(connection, moment):
        return
    key = f"{newest['target']}/{since}/{newest['model']}"
    told, ended = ledger.posted(connection, f"{key}/{FIRING}"), state == ENDED
    say = ENDED if ended else FIRING
    if ended != told or ledger.posted(connection, f"{key}/{say}"):
        return
    message = {
        "schema": "riskradar.alert/1", "key": f"{key}/{say}", "state": say, "since": since, "text": alert.text(newest, say, since),
        **{name: newest[name] for name in ("date", "target", "model", "score", "probability", "base_rate", "level", "run")},
    }  # fmt: skip
    ledger.post(connection, message["key"], message, config.alerts.receivers(), moment)
