"""What is said now: the last row of the ledger for each target, or why nothing is; it loads nothing that computes, to answer at once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from riskradar import health
from riskradar.errors import UsageError
from riskradar.health import DailyConfig
from riskradar.store import Store, database, ledger

FIRST = ("radar", "vix+breadth", "vol+breadth")  # the model that speaks where none is named: the flagship, or the rule that it stands on
BACK = 5  # sessions over which the change is told


def now(file: Path, home: Path, moment: datetime) -> dict[str, Any]:
    """date, model, run, `withheld` (why nothing may be said, or empty), targets, alerts, health, `fragile`, of the store that a settings file names.

    Each target: its last row of the ledger with `change`, the change of its probability over 5 sessions. Where there is no such file, the last
    session of the newest live run in `home`, which alone may have fragile assets (see nodes.fragile). UsageError before the first score.
    """
    if not file.exists():
        return _of_run(home, moment)
    url, daily = settings(file)
    with database.transaction(Store.open(url).engine, writes=False) as connection:
        rows, log = ledger.said(connection, ledger.days_back(connection, BACK)), ledger.alert_log(connection)
        speaker = ledger.promoted(connection)
    if not rows:
        raise UsageError("no score was made yet; nothing is shown; riskradar update")
    return tell(rows, log, moment, daily) | {"promoted": speaker["run"] if speaker else None, "fragile": None}


def tell(rows: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]], moment: datetime, daily: DailyConfig) -> dict[str, Any]:
    """The last session of some rows of the ledger, oldest first, beside the state of its alerts."""
    last = rows[-1]["date"]
    newest = [row for row in rows if row["date"] == last]
    old = health.stale(last, moment, daily)
    held = [f"{row['target']}: {row['reason']}" for row in newest if row["state"] == "withheld"]
    if old:
        newest = [{**row, **dict.fromkeys(("score", "probability", "percentile")), "band": [None, None], "level": "withheld"} for row in newest]
    return {
        "date": last, "model": newest[0]["model"], "run": newest[0]["run"], "withheld": old or "; ".join(held),
        "targets": [{**row, "change": None if old else _change(row, rows)} for row in newest],
        "alerts": [dict(row) for row in _latest(log)],
        "health": {"session": last, "made_at": newest[0]["made_at"], "coverage": newest[0]["coverage"], "late": newest[0]["late"]},
    }  # fmt: skip


def settings(file: Path) -> tuple[str, DailyConfig]:
    """The store and the [daily] section of a settings file, without loading the rest; UsageError where it names none."""
    try:
        made = tomllib.loads(file.read_text("utf-8"))
        return str(made["data"]["store"]), DailyConfig.model_validate(made.get("daily", {}))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"settings {file} cannot be read ({error}); nothing is shown; give --config, or riskradar init") from None
    except (KeyError, TypeError):
        raise UsageError(f"{file} names no data.store; nothing is shown; riskradar init") from None
    except ValidationError as error:
        raise UsageError(f"{file}, section daily: {error.errors()[0]['msg'].lower()}; nothing is shown; `riskradar show config`") from None


def _change(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> float | None:
    """What the probability gained over the last sessions; None where one of the two is not known, or another model spoke."""
    own = [one for one in rows if one["target"] == row["target"] and one["model"] == row["model"]]
    if len(own) <= BACK or own[-1 - BACK]["probability"] is None or row["probability"] is None:
        return None
    return float(row["probability"] - own[-1 - BACK]["probability"])


def _latest(log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last change of each rule."""
    return list({row["rule"]: row for row in log}.values())


def _of_run(home: Path, moment: datetime) -> dict[str, Any]:
    """The last session of the newest live run."""
    from riskradar import record  # here: what reads runs takes seconds to load
    from riskradar.daily.score import percentile
    from riskradar.exchange import regime

    live = [name for name in record.listing(home) if record.load(home, name).about["kind"] == "live"]
    if not live:
        raise UsageError(f"no workspace here and no live run in {home}; nothing is shown; riskradar init, or riskradar run")
    run = record.load(home, live[-1])
    forecasts, outcomes = run.forecasts(), run.outcomes()
    model = next(name for name in (*FIRST, *forecasts) if name in forecasts)
    last = str(forecasts[model].dates[-1])
    marks = {"run": run.id, "config_hash": run.about["config_hash"]}
    short = {name: f.rows(max(len(f.dates) - BACK - 1, 0), len(f.dates)) for name, f in forecasts.items()}
    scores, targets = forecasts[model].score[:, :, 0].mean(axis=0), [t.name for t in forecasts[model].targets]
    rows = [
        {**row, "state": "withheld" if row["probability"] is None else "scored", "reason": "the model gave no score" * (row["probability"] is None),
         "percentile": percentile(scores[:, targets.index(row["target"])]) if row["date"] == last else None,
         "made_at": run.about["created"], "coverage": None, "late": True}
        for row in regime(short, outcomes, model, marks)
    ]  # fmt: skip
    told = None if health.stale(last, moment, DailyConfig()) else _fragile(run.about)
    return tell(rows, [], moment, DailyConfig()) | {"promoted": None, "fragile": told}


def _fragile(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """The assets with the worst forecasts of a run's last session, and what that does not claim; None where the run forecast no asset."""
    told = about.get("nodes") or {}
    return {**told["fragile"], "note": told["note"]} if told.get("fragile") else None
