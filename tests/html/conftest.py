"""A made-up run, small enough to be evaluated in a second, with everything that run.json holds."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from riskradar import evaluate, html
from riskradar.evaluate import EvaluateConfig
from riskradar.tables import Forecast, Labels, LayerSummary
from tests.evaluate.conftest import make_forecast, make_labels


@dataclass(frozen=True, eq=False)
class Stored:
    about: dict[str, Any]
    evaluation: dict[str, Any]
    forecasts: dict[str, Forecast]
    labels: pd.DataFrame

    def page(self, measures: pd.DataFrame | None = None, summary: LayerSummary | None = None) -> str:
        return html.build(self.about, self.evaluation, self.forecasts, self.labels, measures, summary)

    def told(self, **about: Any) -> "Stored":
        return replace(self, about={**self.about, **about})


def make_forecasts(labels: Labels) -> dict[str, Forecast]:
    rng = np.random.default_rng(6)
    y = np.nan_to_num(labels.system("20/5"))
    skilled = y + rng.normal(size=len(y))
    probability = np.clip(0.25 + 0.3 * (y - 0.4) + 0.05 * rng.normal(size=len(y)), 0.01, 0.99)
    return {
        "vol+breadth": make_forecast("vol+breadth", labels, skilled, probability),
        "noise": make_forecast("noise", labels, rng.normal(size=len(y))),
        "always-on": make_forecast("always-on", labels, np.ones(len(y))),
    }


def make_about(forecasts: dict[str, Forecast]) -> dict[str, Any]:
    model = {"about": "equal weights", "hindsight": False, "history_start": "1995-01-02", "refit_years": 1}
    count = {"table": "prices", "source": "closes.csv", "cells": 9000, "accepted": 8977, "duplicates": 0, "refused": {"not_a_number": 23},
             "empty": 0, "outside": 0, "not_listed": 0, "missing": 0, "off_session": 0}  # fmt: skip
    refused = [{"table": "prices", "source": "closes.csv", "row": k + 1, "column": "ABC", "asset": "ABC", "date": "1999-01-04", "text": f"bad{k}",
                "reason": "not_a_number"} for k in range(23)]  # fmt: skip
    return {
        "id": "20240102-030405-tiny-abcdef", "created": "2024-01-02T03:04:05", "preset": "tiny", "kind": "live",
        "config": {"data": {"prices": "sample"}, "models": {"names": list(forecasts)}}, "config_hash": "c0ffee" * 10,
        "panel": {"text": "21 assets, 3000 sessions", "assets": 21, "sessions": 3000, "start": "1995-01-02", "end": "2006-07-01", "index": "SP500",
                  "sectors_dated": False, "hash": "beef" * 16},
        "intake": {"lines": ["prices from closes.csv: 9,000 cells"],
                   "record": {"counts": [count], "hashes": {"closes.csv": "ab" * 32}, "notes": [], "warnings": [], "refused": refused}},
        "environment": {"riskradar": "0.1.0", "numpy": "2.0.0"}, "seconds": {"read": 0.1, "models": 2.0},
        "models": {name: {**model, "hindsight": name == "noise"} for name in forecasts},
        "absent": {"vix": "no series vix in the macro data"}, "features_absent": {"z_vix": "no series vix"}, "layers_absent": {},
        "layers": {"sector": {"about": "same sector label", "noise": None}},
    }  # fmt: skip


def store(labels: Labels, forecasts: dict[str, Forecast], **settings: Any) -> Stored:
    config = EvaluateConfig(**{"draws": 20, "end": None, "min_events": 3, **settings})
    report = evaluate.run(forecasts, labels, config, {"vix": "no series vix in the macro data"})
    columns: dict[str, Any] = {"date": labels.dates, "level": labels.level, "onset": labels.onset}
    frame = pd.DataFrame(columns | {t.name: labels.system(t) for t in labels.targets})
    return Stored(make_about(forecasts), report.record(), forecasts, frame)


@pytest.fixture(scope="session")
def labels() -> Labels:
    """Twelve years with calm and wild spells, and more than ten deep falls."""
    rng = np.random.default_rng(5)
    wild = np.sin(np.arange(3000) / 45) > 0.6
    returns = rng.normal(np.where(wild, -0.003, 0.0022), np.where(wild, 0.014, 0.006))
    return make_labels(100 * np.exp(np.cumsum(returns)))


@pytest.fixture(scope="session")
def run(labels: Labels) -> Stored:
    return store(labels, make_forecasts(labels))


@pytest.fixture(scope="session")
def page(run: Stored) -> str:
    return run.page()
