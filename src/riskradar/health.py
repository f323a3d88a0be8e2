"""Whether a score of the day may be shown: enough of the members observed, nothing too old. Silence is better than a guess."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, Field

from riskradar.tables import Panel

NEW_YORK = ZoneInfo("America/New_York")
RECENT = 20  # sessions: who was a member on one of them is expected to be observed today


class DailyConfig(BaseModel, frozen=True, extra="forbid"):
    """What a score of the day needs.

    model: the row that speaks (empty: radar, or the rule that it stands on); coverage: least share of the recent members with a close;
    closed: New York time from which a session is complete; late: days after a session from which its score was made too late to be sent or counted;
    stale: calendar days after which the last score is withheld.
    """

    model: str = ""
    coverage: float = Field(0.9, gt=0, le=1)
    closed: time = time(17, 0)
    late: int = Field(4, ge=1)
    stale: int = Field(4, ge=1)


def complete(moment: datetime, config: DailyConfig) -> np.datetime64:
    """The last day whose session, if it had one, is over at `moment`."""
    local = moment.astimezone(NEW_YORK)
    return np.datetime64(local.date() - timedelta(days=int(local.time() < config.closed)), "D")


def coverage(panel: Panel, t: int) -> float:
    """Share of those who were members on one of the sessions before that are members on session t; 0 where nobody was."""
    expected = panel.member[max(t - RECENT, 0) : t].any(axis=0)
    return float(panel.member[t, expected].mean()) if expected.any() else 0.0


def withheld(panel: Panel, t: int, probability: float, config: DailyConfig) -> str:
    """Why the score of session t is withheld, or an empty string."""
    if (share := coverage(panel, t)) < config.coverage:
        return f"{share:.0%} of the members have a close, {config.coverage:.0%} are needed"
    return "the model gave no score: too little was known" if np.isnan(probability) else ""


def made_late(session: str, moment: datetime, config: DailyConfig) -> bool:
    """Whether a score of `session` that is made at `moment` comes too late to count as one made before the outcome."""
    return moment.astimezone(NEW_YORK).date() > date.fromisoformat(session) + timedelta(days=config.late)


def stale(session: str, moment: datetime, config: DailyConfig) -> str:
    """Why a last score of `session` is no longer shown at `moment`, or an empty string."""
    age = (moment.astimezone(NEW_YORK).date() - date.fromisoformat(session)).days
    return f"the last score is of {session}, {age} days ago, and {config.stale} are allowed" if age > config.stale else ""
