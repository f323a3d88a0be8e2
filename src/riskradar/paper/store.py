"""A replication as a stored run: the same files and schema as any run, of kind `replication`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from riskradar import record
from riskradar.paper import page, verdicts
from riskradar.paper.experiment import Replication
from riskradar.paper.learn import TITLES
from riskradar.record import Record


def keep(done: Replication, moment: datetime, home: Path) -> Record:
    """Store a replication with its page; errors as in record.save."""
    name = record.run_id(moment, done.config.preset, done.config.hash())
    about = describe(done, name, moment)
    return record.save(home, name, about, done.forecasts, done.labels, done.evaluation, page.build(about, done.evaluation))


def describe(done: Replication, name: str, moment: datetime) -> dict[str, Any]:
    """What run.json holds beside the tables."""
    panel, made = done.panel, done.config
    return {
        "id": name,
        "created": moment.isoformat(timespec="seconds"),
        "preset": made.preset,
        "kind": "replication",
        "config": made.model_dump(mode="json"),
        "config_hash": made.hash(),
        "panel": {
            "text": str(panel), "assets": len(panel.assets), "sessions": len(panel.dates), "start": str(panel.dates[0]), "end": str(panel.dates[-1]),
        },
        "intake": {"lines": list(done.intake.lines()), "record": done.intake.record()},
        "environment": record.environment(),
        "seconds": {k: round(v, 2) for k, v in done.seconds.items()},
        "models": dict(TITLES),
        "absent": done.evaluation["absent"],
        "sentence": verdicts.sentence(done.evaluation),
    }  # fmt: skip
