"""A workspace: a settings file that names its store."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from riskradar import config as configuration
from riskradar.config import Config
from riskradar.errors import UsageError
from riskradar.store import Store

WORKSPACE = Path("riskradar.toml")


def enter(file: Path, settings: Sequence[str] = ()) -> tuple[Config, Store]:
    """The settings of a workspace, over the preset that they name, and its store; UsageError where they name none, or one that is not there."""
    if not file.exists():
        raise UsageError(f"no settings {file} here; nothing was done; `riskradar init` says what to write into it, or give --config")
    try:
        preset = tomllib.loads(file.read_text("utf-8")).get("preset", "standard")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        preset = "standard"  # configuration.load says in one line what is wrong with the file
    made = configuration.load(str(preset), file, settings)
    if not made.data.store:
        raise UsageError(f"{file} names no data.store; nothing was done; set it, or riskradar init")
    return made, Store.open(made.data.store)
