"""Verbs about live data: the store, the evening, the ledger, alarms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from riskradar import config as configuration
from riskradar import record, reopen, store
from riskradar.api.runs import HOME, run
from riskradar.daily import alarms, speaker, workspace
from riskradar.daily import now as present
from riskradar.daily import replay as again
from riskradar.daily import update as evening
from riskradar.daily.market import reading_day
from riskradar.daily.replay import Replay
from riskradar.daily.update import Update
from riskradar.daily.workspace import WORKSPACE
from riskradar.data import DataConfig
from riskradar.data.calendar import exchange
from riskradar.errors import UsageError


def init(folder: Path = Path("store"), server: str = "") -> str:
    """Make a store in a folder, or open the one that is there; returns the URL for data.store.

    server: of PostgreSQL, which keeps the rows while the folder keeps the raw files; UsageError for another, or one with a password in its URL.
    Beside the folder a commented riskradar.toml that names the store, unless there is one.
    """
    url = DataConfig(store=store.url_of(folder.resolve(), server)).store
    store.Store.create(url)
    workspace.found(folder.resolve().parent / WORKSPACE, url)
    return url


def data_import(url: str, prices: Sequence[Path] = (), macro: Path | None = None, sentiment: Path | None = None) -> dict[str, store.Receipt]:
    """Add files to a store (empty: that of the workspace here), one commit each; name -> what became of its cells.

    Raises the errors of riskradar.store.import_file.
    """
    files: list[tuple[Path, store.Setting]] = [(path, "prices") for path in prices]
    files += [(macro, "macro")] if macro else []
    files += [(sentiment, "sentiment")] if sentiment else []
    if not files:
        raise UsageError("no file was named; nothing was stored; give --prices, --macro or --sentiment")
    opened = workspace.store_here(url)
    return {str(path): store.import_file(opened, path, setting, datetime.now(UTC)) for path, setting in files}


def data_export(url: str, path: Path, as_of: str = "") -> int:
    """Write what a store (empty: that of the workspace here) knew to a Parquet or CSV file of series, asset, date, known_at and value; how many rows.

    as_of: 20:00 New York of a day, or now. known_at is empty where the lag table decides. UsageError for another ending or no day.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise UsageError(f"{path} ends neither in .parquet nor in .csv; nothing was written; name one of them")
    moment = store.evening(_day(as_of)) if as_of else datetime.now(UTC)
    frame = workspace.store_here(url).as_of(moment).observations().frame()
    record.write_bytes(path, frame.to_parquet(index=False) if path.suffix == ".parquet" else frame.to_csv(index=False).encode())
    return len(frame)


def data_calendar(code: str = "XNYS", start: str = "", end: str = "") -> list[str]:
    """The sessions of an exchange from `start` (today) to `end` (two weeks later). UsageError for an unknown exchange or no day."""
    first = _day(start) if start else datetime.now(UTC).date()
    last = _day(end) if end else first + timedelta(days=14)
    days = exchange(code).days
    return [str(day) for day in days[(days >= np.datetime64(first)) & (days <= np.datetime64(last))]]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date; nothing was read; write it as 2008-09-15") from None


def train(
    *, file: Path = WORKSPACE, settings: Sequence[str] = (), home: Path = HOME, now: datetime | None = None,
    stage: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:  # fmt: skip
    """Run the settings of a workspace on what its store knows now; promote the run where it is not worse than the one that speaks.

    Returns the row of the ledger: run, model, promoted (1 or 0), reason. Both runs are kept.
    """
    moment = now or datetime.now(UTC)
    made, place = workspace.enter(file, settings)
    fixed = [*settings, f"data.as_of={reading_day(moment)}"]
    return speaker.consider(place, run(None, made.preset, fixed, file=file, home=home, now=moment, stage=stage), made.daily, moment)


def update(
    *, file: Path = WORKSPACE, settings: Sequence[str] = (), home: Path = HOME, now: datetime | None = None, offline: bool = False
) -> Update:  # fmt: skip
    """Fetch, score every new session, write it down with what it alarms, deliver: see riskradar.daily.update."""
    made, place = workspace.enter(file, settings)
    return evening.update(place, home, made, now or datetime.now(UTC), offline=offline)


def now(*, file: Path = WORKSPACE, home: Path = HOME, moment: datetime | None = None) -> dict[str, Any]:
    """What is said now: see riskradar.daily.now; without a workspace, the last row of the newest live run."""
    return present.now(file, home, moment or datetime.now(UTC))


def replay(date: Any, *, file: Path = WORKSPACE, settings: Sequence[str] = (), home: Path = HOME) -> Replay:
    """Make the scores of a session of the ledger again, bit for bit: see riskradar.daily.replay."""
    made, place = workspace.enter(file, settings)
    return again.replay(place, home, made, str(reopen.session(date)))


def alerts(
    *, file: Path = WORKSPACE, settings: Sequence[str] = (), now: datetime | None = None, ack: int = 0, note: str = "",
    silence: datetime | None = None, send: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """The state of the alarms (see riskradar.daily.alarms.state), after acknowledging one, silencing all until a moment, or delivering.

    send: also alarm when the score of the last session did not come by the next morning; meant to run every few minutes.
    """
    moment = now or datetime.now(UTC)
    made, place = workspace.enter(file, settings)
    if ack:
        alarms.acknowledge(place, ack, note, moment)
    if silence is not None:
        alarms.silence(place, silence, note, moment)
    confirmed = alarms.sweep(place, made, moment) if send else 0
    return alarms.state(place, moment) | {"delivered": confirmed}


def alerts_backtest(
    run: str = "latest", *, model: str = "", file: Path | None = None, settings: Sequence[str] = (), home: Path = HOME
) -> dict[str, Any]:  # fmt: skip
    """What the rule of [alerts] would have done on a stored run, on the row `model` or daily.model: see riskradar.daily.alarms.backtest."""
    made = configuration.load("standard", file, settings)
    return alarms.backtest(record.load(home, run), made.alerts, model or made.daily.model)
