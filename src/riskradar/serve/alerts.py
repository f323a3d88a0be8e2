"""Alarms: where each target stands, every alarm with what became of it, and what the rule would have done on a stored run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, JsonValue

from riskradar import alert
from riskradar.alert import ACKNOWLEDGED, ENDED, FIRING, AlertsConfig
from riskradar.daily import alarms
from riskradar.daily.standing import Standing
from riskradar.daily.track import outcomes
from riskradar.errors import StorageError, UsageError
from riskradar.serve.answers import RUN, Answer, plain, shown
from riskradar.serve.problems import Missing, Refused
from riskradar.serve.scores import envelope
from riskradar.serve.shelf import View
from riskradar.serve.workplace import Ledger, Workplace
from riskradar.store.ledger import SENT

State = Literal["live", "no workspace", "no score", "damaged"]
NO_WORKSPACE = "the server was started outside a workspace; start it where riskradar.toml is, or with --config"
NO_SCORE = "no score was said yet; `riskradar train` and then `riskradar update` say the first"
STANDS_NOT = "no alarm of that number stands; nothing was noted; /v1/alerts lists them"


class Stand(BaseModel, frozen=True):
    """A target on the newest session; margin: score less threshold, in the unit of the score. Only the watched target's alarms are told."""

    target: str
    watched: bool
    state: Literal["calm", "alert", "undefined"]
    since: dt.date | None
    date: dt.date
    score: float | None
    threshold: float | None
    margin: float | None
    probability: float | None
    base_rate: float | None
    level: str
    reason: str


class Noted(BaseModel, frozen=True):
    """An acknowledgement."""

    moment: dt.datetime
    note: str


class Alarm(BaseModel):
    """One alarm: from which session to which, how many messages were posted and confirmed, who acknowledged it, and whether the fall followed.

    ended: null while it stands; came: of the first session, null while not known.
    """

    id: int
    target: str
    model: str
    began: dt.date
    ended: dt.date | None
    posted: int
    delivered: int
    acknowledged: tuple[Noted, ...]
    came: bool | None

    model_config = shown({
        "id": 7, "target": "20/10", "model": "radar", "began": "2020-02-24", "ended": None, "posted": 1, "delivered": 1,
        "acknowledged": [{"moment": "2020-02-24T23:10:00Z", "note": "the desk has cut its exposure"}], "came": None,
    })  # fmt: skip


class Silence(BaseModel, frozen=True):
    """A stretch in which nothing is posted."""

    start: dt.datetime
    stop: dt.datetime
    note: str


class Alerts(BaseModel):
    """The alarms of the workspace, newest first; state: why there are none to tell; silenced: until when nothing is posted, null where all is told.

    overdue: the session whose score should be there and is not; waiting: messages that no receiver has confirmed.
    """

    state: State
    reason: str
    run: str | None
    model: str | None
    as_of: dt.date | None
    overdue: dt.date | None
    silenced: dt.datetime | None
    waiting: int
    targets: tuple[Stand, ...]
    silences: tuple[Silence, ...]
    next: str | None
    rows: tuple[Alarm, ...]

    model_config = shown({
        "state": "live", "reason": "", "run": RUN, "model": "radar", "as_of": "2020-02-25", "overdue": None, "silenced": None, "waiting": 0,
        "targets": [{
            "target": "20/10", "watched": True, "state": "alert", "since": "2020-02-24", "date": "2020-02-25", "score": 0.61, "threshold": 0.44,
            "margin": 0.17, "probability": 0.12, "base_rate": 0.05, "level": "high", "reason": "",
        }], "silences": [], "next": None, "rows": [],
    })  # fmt: skip


class Rehearsal(Answer, frozen=True):
    """What the rule would have done on a stored run: each alarm, and its figures beside those of the same alarms shifted in a circle.

    figures: null where they are undefined, with the reason; sealed: the later half of the run is left out.
    """

    model: str
    target: str
    start: dt.date
    end: dt.date
    sealed: bool
    reason: str
    alarms: tuple[tuple[dt.date, dt.date | None], ...]
    figures: dict[str, JsonValue] | None


def alerts(place: Workplace | None, limit: int = 50, cursor: int | None = None) -> Alerts:
    """The alarms so far, those before number `cursor` where it is given."""
    if place is None:
        return nothing("no workspace", NO_WORKSPACE)
    held, now = place.ledger(), place.clock()
    if held.broken or not held.said:
        return nothing("damaged" if held.broken else "no score", held.broken or NO_SCORE)
    newest, config = held.said[-1], place.config
    late = alert.overdue(newest["date"], now, config.data.calendar, config.daily, config.alerts)
    every = [alarm for alarm in reversed(list(episodes(held))) if cursor is None or alarm.id < cursor]
    silences = tuple(Silence(start=row["start"], stop=row["stop"], note=row["note"]) for row in reversed(held.silences))
    return Alerts(
        state="live", reason="", run=newest["run"], model=newest["model"], as_of=newest["date"],
        overdue=dt.date.fromisoformat(late) if late else None,
        silenced=max((one.stop for one in silences if one.start <= now < one.stop), default=None), silences=silences,
        waiting=sum(all(one["state"] != SENT for one in tries) for _, tries in held.messages),
        targets=tuple(stand(each, held) for each in held.standings),
        next=str(every[limit - 1].id) if len(every) > limit else None, rows=tuple(every[:limit]),
    )  # fmt: skip


def nothing(state: State, reason: str) -> Alerts:
    """No alarm can be told, and why."""
    return Alerts(state=state, reason=reason, run=None, model=None, as_of=None, overdue=None, silenced=None, waiting=0, targets=(), silences=(),
                  next=None, rows=())  # fmt: skip


def stand(found: Standing, held: Ledger) -> Stand:
    """One target as the newest session leaves it."""
    last = found.days[-1]
    row = next(row for row in reversed(held.said) if row["target"] == found.target)
    undefined = last.threshold != last.threshold and not found.firing
    return Stand(
        target=found.target, watched=found.watched, state="alert" if found.firing else "undefined" if undefined else "calm",
        since=None if undefined else dt.date.fromisoformat(found.since), date=dt.date.fromisoformat(last.date), score=plain(last.score),
        threshold=plain(last.threshold), margin=plain(last.score - last.threshold), probability=row["probability"], base_rate=row["base_rate"],
        level=row["level"], reason=found.reason,
    )  # fmt: skip


def episodes(held: Ledger) -> Iterator[Alarm]:
    """Every alarm of the log, oldest first."""
    began = [row for row in held.log if row["state"] == FIRING]
    came = outcomes([{"target": row["rule"], "date": row["date"]} for row in began], held.labels) if began else []
    for row, outcome in zip(began, came, strict=True):
        later = [one for one in held.log if one["rule"] == row["rule"] and one["id"] > row["id"]]
        end = next((one for one in later if one["state"] == ENDED), None)
        seen = [one for one in later if one["state"] == ACKNOWLEDGED and (end is None or one["id"] < end["id"])]
        key = f"{row['rule']}/{row['date']}/{row['model']}/"
        tries = [[one["state"] for one in tried] for message, tried in held.messages if message["key"].startswith(key)]
        yield Alarm(
            id=row["id"], target=row["rule"], model=row["model"], began=row["date"], ended=end["date"] if end else None, posted=len(tries),
            delivered=sum(SENT in states for states in tries), came=None if outcome != outcome else bool(outcome),
            acknowledged=tuple(Noted(moment=one["moment"], note=one["note"]) for one in seen),
        )  # fmt: skip


def acknowledge(place: Workplace | None, number: int, note: str) -> Alarm:
    """Write down that an alarm was seen, once for each note.

    Refused with 404 for a number that is none, 409 where it has ended, 503 where nothing can be written.
    """
    if place is None:
        raise Missing(NO_WORKSPACE)
    if number not in {row["id"] for row in place.ledger().log if row["state"] == FIRING}:
        raise Missing("no alarm has that number; nothing was noted; /v1/alerts lists them")
    try:
        alarms.acknowledge(place.store, number, note, place.clock())
    except UsageError:
        raise Refused(409, STANDS_NOT) from None
    except StorageError:
        raise Refused(503, "the store cannot be written; nothing was noted; ask again later", {"retry-after": "60"}) from None
    return next(alarm for alarm in episodes(place.ledger()) if alarm.id == number)


def rehearsal(view: View, place: Workplace | None, model: str = "") -> Rehearsal:
    """What the rule of a workspace, or else the rule as it comes, would have done on a run with a model, by default the one that speaks.

    Missing for a model without scores, or a target that the run has not.
    """
    rule, speaks = (place.config.alerts, place.config.daily.model) if place else (AlertsConfig(), "")
    if model:
        view.forecast(model)
    try:
        done: Mapping[str, Any] = alarms.backtest(view.record, rule, model or (speaks if speaks in view.inputs.forecasts else ""))
    except UsageError as error:
        raise Missing(f"the rule cannot be followed on this run: {str(error).partition(';')[0]}") from None
    figures = done["figures"]
    return Rehearsal(
        **envelope(view, done["end"]), model=done["model"], target=done["target"], start=done["start"], end=done["end"], sealed=done["sealed"],
        reason=figures["reason"], alarms=tuple((span["start"], span["end"] or None) for span in done["alarms"]),
        figures=None if figures["reason"] else figures,
    )  # fmt: skip
