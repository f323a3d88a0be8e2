"""Check-up: try everything that a run needs, and say what to do about what does not work."""

import importlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import riskradar
from riskradar import config, data, pipeline
from riskradar.data import DataConfig
from riskradar.errors import RadarError, UsageError
from riskradar.record import environment, listing, load

SHORT = (  # a few years of the main job, with one member and one epoch of what is learned
    "data.end=1999-06-30", "split.first=1998-01-02", "evaluate.min_events=1", "evaluate.draws=20", "backtest.jobs=1",
    'models.names=["base-rate", "logistic-vol", "forest", "temporal-gcn", "pool", "radar"]', "models.seeds=1", "models.forest.trees=10",
    "models.temporal.train.epochs=1", "models.radar.train.epochs=1",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One thing that was tried; `text` says what was found, and what to do when it is not good."""

    name: str
    good: bool
    text: str


def examine(home: Path) -> list[Check]:
    """Try each part that a run uses; never raises."""
    checks = {
        "version": lambda: ", ".join(f"{name} {found}" for name, found in environment().items()),
        "calendar": _calendar,
        "sample": _sample,
        "networks": _torch,
        "line": _line,
        "runs": lambda: _home(home),
    }
    return [_try(name, check) for name, check in checks.items()]


def _try(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except RadarError as error:
        return Check(name, False, str(error))
    except Exception as error:  # noqa: BLE001 - a broken part must not hide the others
        return Check(name, False, f"{type(error).__name__}: {error}; install the pinned versions again (constraints.txt)")


def _calendar() -> str:
    calendar = importlib.import_module("exchange_calendars").get_calendar("XNYS", start="1980-01-01")
    return f"XNYS from {calendar.first_session:%Y-%m-%d} to {calendar.last_session:%Y-%m-%d}"


def _sample() -> str:
    panel, _ = data.load(DataConfig())
    return str(panel)


def _torch() -> str:
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        raise UsageError("torch is not installed and the networks need it; install the pinned versions again (constraints.txt)") from None
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def _line() -> str:
    start = time.perf_counter()
    done = pipeline.run(config.load("standard", None, SHORT))
    scores = sum(int(np.isfinite(each.score).sum()) for each in done.backtest.forecasts.values())
    return f"{scores} scores by {len(done.backtest.forecasts)} models in {time.perf_counter() - start:.1f} s"


def _home(home: Path) -> str:
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=home):
        pass
    names = listing(home)
    for name in names:
        load(home, name)
    return f"{home} can be written; {len(names)} runs in it (riskradar {riskradar.__version__})"
