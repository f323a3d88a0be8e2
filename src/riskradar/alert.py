"""Alarms on the score of the day: when one begins and ends, what is told to whom, and when a missing score is an alarm itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from riskradar.data.calendar import exchange
from riskradar.evaluate.alarms import alarms
from riskradar.health import NEW_YORK, DailyConfig, complete
from riskradar.tables import Labels
from riskradar.tables.arrays import Float

QUIET, FIRING, ENDED, ACKNOWLEDGED = "quiet", "firing", "ended", "acknowledged"
DEAD_MAN = "no-score"
URLS = "RISKRADAR_ALERT_URLS"  # of the environment, separated by spaces: an address may hold a password, which no file should
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
CLAIM = timedelta(minutes=2)  # a sender that has said nothing for so long is dead, and another may send its message


class AlertsConfig(BaseModel, frozen=True, extra="forbid"):
    """The `[alerts]` section.

    target: whose score is watched (empty: 20/10, or the first); rate: nominal share of calm days in alarm; urls: receivers, as apprise writes them,
    or http addresses that take a JSON object; morning: New York time by which the score of the last session must be there.
    """

    target: str = ""
    rate: float = Field(0.10, gt=0, lt=1)
    urls: tuple[str, ...] = ()
    morning: time = time(9, 0)

    def receivers(self) -> dict[str, str]:
        """Addresses by a name that tells nothing of them, from here and from the environment."""
        return {hashlib.sha256(url.encode()).hexdigest()[:12]: url for url in (*self.urls, *os.environ.get(URLS, "").split())}


@dataclass(frozen=True)
class Watched:
    """One session as the rule sees it: `state` is quiet or firing, `threshold` NaN before there is one."""

    date: str
    state: str
    score: float
    threshold: float


def watch(score: Float, labels: Labels, target: str, rate: float, first: int) -> list[Watched]:
    """The state of sessions `first` and later from scores [T], NaN where withheld; row t uses what was known on t (see evaluate.alarms).

    Between alarm days the state stays: a fall below the ONSET line, or a withheld score, ends no alarm.
    """
    found = alarms(score, labels, target, rate)
    decided = labels.onset & ~np.isnan(score) & ~np.isnan(found.threshold)
    last = np.maximum.accumulate(np.where(decided, np.arange(len(score)), -1))
    firing = (last >= 0) & found.raised[last]
    return [
        Watched(str(labels.dates[t]), FIRING if firing[t] else QUIET, float(score[t]), float(found.threshold[t])) for t in range(first, len(score))
    ]


def changes(days: Sequence[Watched], log: Sequence[Mapping[str, Any]]) -> list[tuple[Watched, str]]:
    """The days on which the state differs from the one before, which starts with the last in the log, each with its new state."""
    firing = standing(log) in (FIRING, ACKNOWLEDGED)
    out = []
    for day in days:
        if (day.state == FIRING) != firing:
            firing = not firing
            out.append((day, FIRING if firing else ENDED))
    return out


def standing(log: Sequence[Mapping[str, Any]]) -> str:
    """The state that a log of changes ends with."""
    return str(log[-1]["state"]) if log else QUIET


def episode(log: Sequence[Mapping[str, Any]]) -> str:
    """The day on which the last alarm began, empty before the first."""
    return next((str(row["date"]) for row in reversed(log) if row["state"] == FIRING), "")


def text(row: Mapping[str, Any], state: str, since: str) -> str:
    """One line for a receiver."""
    head = f"{row['model']} {row['target']}: alarm since {since}" if state == FIRING else f"{row['model']} {row['target']}: alarm of {since} ended"
    chance = "withheld" if row["probability"] is None else f"{row['probability']:.1%}"
    usual = "unknown" if row["base_rate"] is None else f"{row['base_rate']:.1%}"
    return f"{head}; {row['date']}: probability {chance}, usual {usual}"


def overdue(last: str, moment: datetime, calendar: str, daily: DailyConfig, config: AlertsConfig) -> str:
    """The session whose score should be there by now and is not, or an empty string.

    last: the newest session in the ledger. A score is due on the morning after its session; where the calendar is `observed`, every weekday is
    taken for a session.
    """
    local = moment.astimezone(NEW_YORK)
    until = complete(moment, daily)
    until = min(until, np.datetime64(local.date() - timedelta(days=1 if local.time() >= config.morning else 2), "D"))
    if calendar == "observed":
        due = np.busday_offset(until, 0, roll="backward").astype("datetime64[D]")
    else:
        days = exchange(calendar).days
        due = days[np.searchsorted(days, until, side="right") - 1]
    return str(due) if not last or str(due) > last else ""


def wait(failures: int) -> timedelta:
    """How long a receiver that failed is left alone: twice as long each time, an hour at most."""
    return min(FIRST_WAIT * int(2 ** min(failures - 1, 10)), LONGEST_WAIT)
