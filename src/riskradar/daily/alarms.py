"""What can be done about alarms: see them, acknowledge, silence, deliver, miss a score, and ask what the rule would have done."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from riskradar import alert
from riskradar import config as configuration
from riskradar.alert import ACKNOWLEDGED, DEAD_MAN, FIRING, AlertsConfig
from riskradar.config import Config
from riskradar.daily.deliver import deliver
from riskradar.daily.now import FIRST
from riskradar.daily.speaker import headline
from riskradar.errors import UsageError
from riskradar.evaluate import sealed_day
from riskradar.evaluate.intervals import resample
from riskradar.evaluate.scorecard import scorecard
from riskradar.record import Record
from riskradar.store import Store, database, ledger
from riskradar.store.schema import ALERTS, SILENCES
from riskradar.tables.arrays import day


def state(store: Store, moment: datetime) -> dict[str, Any]:
    """firing: rules in alarm; log: every change, oldest first; silenced; waiting: messages that no receiver has confirmed, with what was tried."""
    with database.transaction(store.engine, writes=False) as connection:
        log, silenced, waiting = ledger.alert_log(connection), ledger.silenced(connection, moment), ledger.unsent(connection)
    last = {row["rule"]: row["state"] for row in log}
    return {
        "firing": [rule for rule, now in last.items() if now in (FIRING, ACKNOWLEDGED)], "silenced": silenced,
        "log": [{key: row[key] for key in ("id", "rule", "model", "date", "state", "note", "moment")} for row in log],
        "waiting": [{"key": row["key"], "receiver": row["receiver"], "tries": len(tries)} for row, tries in waiting],
    }  # fmt: skip


def acknowledge(store: Store, number: int, note: str, moment: datetime) -> None:
    """Write down that an alarm was seen, once for each note; UsageError where that change is not an alarm that still stands."""
    with database.transaction(store.engine, writes=True) as connection:
        log = ledger.alert_log(connection)
        row = next((row for row in log if row["id"] == number), None)
        own = [one for one in log if row and one["rule"] == row["rule"]]
        if row is None or row["state"] != FIRING or alert.standing(own) not in (FIRING, ACKNOWLEDGED) or alert.episode(own) != row["date"]:
            raise UsageError(f"alert {number} is no alarm that stands; nothing was written; `riskradar alerts` lists them")
        if any(one["id"] > number and one["state"] == ACKNOWLEDGED and one["note"] == note for one in own):
            return
        told = {**{key: row[key] for key in ("rule", "model", "date")}, "state": ACKNOWLEDGED, "note": note, "moment": _stamp(moment)}
        ledger.append(connection, ALERTS, [told])


def silence(store: Store, stop: datetime, note: str, moment: datetime) -> None:
    """Post nothing until `stop`; an alarm that stands then is told with the next score. UsageError for a moment that has passed."""
    if stop <= moment:
        raise UsageError(f"{stop.isoformat()} has passed; nothing was silenced; give a later moment")
    with database.transaction(store.engine, writes=True) as connection:
        ledger.append(connection, SILENCES, [{"start": _stamp(moment), "stop": _stamp(stop), "note": note, "moment": _stamp(moment)}])


def sweep(store: Store, config: Config, moment: datetime) -> int:
    """Alarm when the score of the last session did not come by the next morning, then deliver all that is due; how many were confirmed."""
    with database.transaction(store.engine, writes=True) as connection:
        speaker = ledger.promoted(connection)
        missing = alert.overdue(ledger.last_day(connection), moment, config.data.calendar, config.daily, config.alerts) if speaker else ""
        if speaker and missing and not ledger.silenced(connection, moment):
            key = f"{DEAD_MAN}/{missing}/{speaker['model']}"
            message = {
                "schema": "riskradar.alert/1", "key": key, "state": DEAD_MAN, "since": missing, "date": missing, "model": speaker["model"],
                "text": f"no score of {missing} by {config.alerts.morning:%H:%M} New York; see riskradar update",
            }  # fmt: skip
            ledger.post(connection, key, message, config.alerts.receivers(), moment)
    return deliver(store, config.alerts, moment)


def backtest(run: Record, config: AlertsConfig, model: str = "") -> dict[str, Any]:
    """What the rule would have done on a stored run: each alarm, and its figures beside those of the same alarms shifted in a circle.

    A half that is sealed in the run stays so. UsageError for a model or target that the run has not.
    """
    settings = configuration.check({"evaluate": run.about["config"]["evaluate"]}, Config).evaluate
    forecasts, labels = run.forecasts(), run.outcomes()
    if model and model not in forecasts:
        raise UsageError(f"no row {model!r} in {run.id}; nothing was computed; its rows are {', '.join(forecasts)}")
    if run.evaluation.get("sealed"):
        labels = labels.upto(day(sealed_day(settings)) - 1)
    name = model or next(one for one in (*FIRST, *forecasts) if one in forecasts)
    target = headline(forecasts[name].targets, config.target)
    goal = next(one for one in labels.targets if one.name == target)
    own = forecasts[name].upto(labels.dates[-1])
    score = np.full(len(labels.dates), math.nan)
    score[np.searchsorted(labels.dates, own.dates)] = own.score[:, :, 0, own.targets.index(goal)].mean(axis=0)
    span = slice(int(np.searchsorted(labels.dates, day(settings.start))), len(labels.dates))
    if span.start >= span.stop:
        raise UsageError(f"evaluate.start {settings.start} leaves no session of {run.id}; nothing was computed; start earlier")
    plan = resample(span.stop - span.start, [], [], settings.draws, max(settings.mean_block, goal.horizon), settings.level, settings.seed)
    found = scorecard(score, labels, goal, span, config.rate, plan, settings.seed)
    days = alert.watch(score, labels, target, config.rate, span.start)
    return {
        "run": run.id, "model": name, "target": target, "start": days[0].date, "end": days[-1].date, "sealed": bool(run.evaluation.get("sealed")),
        "alarms": _spans(alert.changes(days, [])), "figures": _plain(dataclasses.asdict(found)),
    }  # fmt: skip


def _spans(changed: Sequence[tuple[alert.Watched, str]]) -> list[dict[str, str]]:
    """First and last change of each alarm; an alarm that stands has no end."""
    starts = [one.date for one, now in changed if now == FIRING]
    ends = [one.date for one, now in changed if now != FIRING]
    return [{"start": start, "end": end} for start, end in zip(starts, [*ends, ""], strict=False)]


def _plain(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()

