"""A score of the past made again, from what was known and learned when it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from riskradar import record
from riskradar.config import Config
from riskradar.daily import market as markets
from riskradar.daily.market import Market
from riskradar.daily.score import rows
from riskradar.daily.speaker import opened
from riskradar.daily.spoken import Spoken
from riskradar.errors import RadarError, UsageError
from riskradar.store import Store, database, ledger

MADE = ("score", "probability", "band", "percentile", "base_rate", "level", "state", "drivers", "coverage")
WORDS = {
    "inputs": "the observations are not those that were scored", "learned": "the models learned something else", "code": "the code has changed",
    "config_hash": "the settings of the run have changed",
}  # fmt: skip


@dataclass(frozen=True)
class Replay:
    """Whether every number of a session was made again bit for bit; `differs`: what is not the same, one line each; `rows` as they were said."""

    date: str
    equal: bool
    differs: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]

    def record(self) -> dict[str, Any]:
        """As JSON-able values."""
        return {"date": self.date, "equal": self.equal, "differs": list(self.differs), "rows": list(self.rows)}


def replay(store: Store, home: Path, config: Config, day: str) -> Replay:
    """Make the scores of a session again: the store as it was when they were made, the run that spoke, its models as they are on disk.

    Damage is named as a difference, row or file. UsageError for a day without a score.
    """
    try:
        with database.transaction(store.engine, writes=False) as connection:
            before = ledger.said(connection, stop=day)
    except RadarError as error:
        return Replay(day, False, (str(error).partition(";")[0],), ())
    said = [row for row in before if row["date"] == day]
    if not said:
        raise UsageError(f"the ledger has no score of {day}; nothing was made again; riskradar now tells its last session")
    try:
        made = _again(store, home, config, said, before)
    except RadarError as error:
        return Replay(day, False, (str(error).partition(";")[0],), tuple(said))
    differs = [f"{WORDS[name]} ({name})" for name in WORDS if made[0][name] != said[0][name]]
    pairs = [(old, new, name) for old, new in zip(said, made, strict=True) for name in MADE if old[name] != new[name]]
    numbers = [f"{old['target']}: {name} was {old[name]} and is {new[name]}" for old, new, name in pairs]
    return Replay(day, not numbers, (*numbers, *differs), tuple(said))


def _again(store: Store, home: Path, config: Config, said: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one session, made anew."""
    first = said[0]
    speaker = opened(record.load(home, first["run"]), first["model"])
    panel, _ = markets.read(store, speaker.config, date.fromisoformat(first["read"]), first["batch"], np.datetime64(first["date"]))
    market = Market.of(panel, speaker.config, with_graphs=bool(speaker.graphs))
    past = replace(Spoken.none(), new=[row for row in before if row["date"] < first["date"]]).over(speaker.forecast, market.dates).scores
    marks = {"batch": first["batch"], "read": first["read"]}
    return rows(speaker, market, len(panel.dates) - 1, past, datetime.fromisoformat(first["made_at"]), config.daily, marks)
