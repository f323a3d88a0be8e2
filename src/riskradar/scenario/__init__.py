"""Scenarios: shocks on the Panel (and, for structure, on the Graphs) of a stored run, then the same line again."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from riskradar import config
from riskradar.errors import UsageError
from riskradar.scenario.backwards import reverse
from riskradar.scenario.day import Day, Scenario, stress
from riskradar.scenario.standard import standard

__all__ = ["Day", "Scenario", "read", "reverse", "run", "standard", "stress"]


def read(file: Path | None, given: dict[str, Any]) -> Scenario:
    """A TOML file of the keys of Scenario, with `given` over it and its shocks after those of the file; UsageError in one line on anything else."""
    content: dict[str, Any] = {}
    if file is not None:
        try:
            content = tomllib.loads(file.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"scenario file {file} cannot be read ({error}); nothing was computed; mend it or give another") from None
    shocks = content.get("shocks", [])
    together = {**content, **{key: value for key, value in given.items() if value}}
    if isinstance(shocks, list):
        together["shocks"] = [*shocks, *given.get("shocks", ())]
    return config.check(together, Scenario)


def run(day: Day, scenario: Scenario) -> dict[str, Any]:
    """The record of a stress test, with the reverse one where it is asked for."""
    if not scenario.shocks and not scenario.reverse:
        raise UsageError("a stress test needs a shock; nothing was computed; give --shock, --as-on, --file or --reverse")
    found = stress(day, scenario)
    return found | ({"reverse": reverse(day, scenario.reverse, scenario.shocks)} if scenario.reverse else {})
