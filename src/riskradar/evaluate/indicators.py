"""Measures as scores: whether a classic indicator, taken as it is, ever ranked the days before falls above the others."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from riskradar.errors import UsageError
from riskradar.evaluate.compare import EvaluateConfig, run
from riskradar.evaluate.report import Score
from riskradar.tables import SYSTEM, Forecast, Labels, Measures


def measures_as_scores(
    measures: Measures, labels: Labels, rises: Mapping[str, bool], config: EvaluateConfig, sealed: dt.date | None = None
) -> dict[str, dict[str, Any]]:
    """AUROC with interval of each raw measure on each target, on all and on ONSET days, each measure on the days that it has.

    rises: True where the source expects more of the measure in stress; otherwise its negative is the score. The other direction is
    1 - AUROC, so that both are in the table and nobody needs to turn a sign in silence. Nothing is fitted: a measure of session t is its
    own score on t. Returns measure -> {"score": "+" or "-", "targets": {target: {"start", "sessions", "auroc", "auroc_onset"}}};
    a measure without a score carries "reason". sealed: see `run`.
    """
    settings = config.model_copy(update={"comparators": ()})
    return {name: _judge(name, measures, labels, rises[name], settings, sealed) for name in measures.names}


def _judge(name: str, measures: Measures, labels: Labels, rises: bool, config: EvaluateConfig, sealed: dt.date | None) -> dict[str, Any]:
    forecast = _forecast(name, measures, labels, 1.0 if rises else -1.0)
    out: dict[str, Any] = {"score": "+" if rises else "-", "targets": {}}
    try:
        found = run({name: forecast}, labels, config, sealed=sealed)
    except UsageError as error:
        return out | {"reason": str(error)}
    if not found.rows:
        return out | {"reason": found.absent[name]}
    for target in found.targets:
        cell = found.rows[0].targets[target.name]
        out["targets"][target.name] = {
            "start": target.start, "sessions": target.sessions, "auroc": _both(cell.auroc), "auroc_onset": _both(cell.auroc_onset)
        }  # fmt: skip
    return out


def _forecast(name: str, measures: Measures, labels: Labels, sign: float) -> Forecast:
    score = np.repeat(sign * measures.column(name)[None, :, None, None], len(labels.targets), axis=3)
    return Forecast(name, "live", measures.dates, (SYSTEM,), labels.targets, score, np.full_like(score, math.nan), measures.dates)


def _both(score: Score) -> dict[str, Any]:
    """Value and interval of the stated direction, and the value of the other one; undefined is null with its reason."""
    plain = {"value": score.value, "low": score.low, "high": score.high, "reverse": 1 - score.value}
    return {key: None if math.isnan(value) else value for key, value in plain.items()} | {"reason": score.reason}
