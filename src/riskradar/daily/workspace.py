"""A workspace: a settings file that names its store."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from riskradar import config as configuration
from riskradar.config import Config
from riskradar.errors import StorageError, UsageError
from riskradar.store import Store

WORKSPACE = Path("riskradar.toml")
MADE = "sqlite:///store/radar.db"  # by riskradar init


def enter(file: Path, settings: Sequence[str] = ()) -> tuple[Config, Store]:
    """The settings of a workspace, over the preset that they name, and its store; UsageError where they name none, or one that is not there."""
    if not file.exists():
        raise UsageError(f"no settings {file} here; nothing was done; `riskradar init` writes them, or give --config")
    made = _settings(file, settings)
    if not made.data.store:
        raise UsageError(f"{file} names no data.store; nothing was done; set it, or riskradar init")
    return made, Store.open(made.data.store)


def store_here(url: str = "", file: Path = WORKSPACE) -> Store:
    """The store of a URL, or without one that of the workspace here, or the one that `riskradar init` makes; UsageError where there is none."""
    return Store.open(url or (_settings(file).data.store if file.exists() else "") or MADE)


def found(file: Path, store: str) -> bool:
    """Write the settings of a new workspace, each of the others beside it as a comment; False, and nothing is touched, where there are some already.

    StorageError when they cannot be written.
    """
    text = resources.files("riskradar.daily").joinpath("workspace.toml").read_text("utf-8")
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(text.replace('"STORE"', json.dumps(store)))
    except FileExistsError:
        return False
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}; the store is made; free some space or rights, run again") from None
    return True


def _settings(file: Path, settings: Sequence[str] = ()) -> Config:
    try:
        preset = tomllib.loads(file.read_text("utf-8")).get("preset", "standard")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        preset = "standard"  # configuration.load says in one line what is wrong with the file
    return configuration.load(str(preset), file, settings)
