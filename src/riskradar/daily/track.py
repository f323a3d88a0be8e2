"""The track record: what was said before its outcome was known, and what came."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar.evaluate import EvaluateConfig, scores
from riskradar.evaluate.cell import reliability
from riskradar.evaluate.events import events_within
from riskradar.evaluate.intervals import resample
from riskradar.evaluate.report import Bin, Score
from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Bool, Float


@dataclass(frozen=True)
class Counted:
    """Days with a chance above its usual, or at most that, by whether the fall came: hits and false warnings, misses and quiet days."""

    hits: int
    false: int
    misses: int
    quiet: int


@dataclass(frozen=True)
class Tally:
    """The record of one target, from its rows of the ledger.

    rows: all; late: made when part of the outcome could be known, and not counted; withheld: no score was given; open: the outcome is not known yet;
    known: those with an outcome, of which `came` saw the fall, in `falls` independent falls; usual: the mean base rate that was said beside them;
    log_skill, brier_skill: against that base rate, 90 % over resampled sessions; ece, bins: calibration.
    """

    target: str
    rows: int
    late: int
    withheld: int
    open: int
    known: int
    came: int
    falls: int
    said: float
    usual: float
    days: Counted
    log_skill: Score
    brier_skill: Score
    ece: Score
    bins: tuple[Bin, ...]


def outcomes(rows: Sequence[Mapping[str, Any]], labels: Labels) -> list[float]:
    """What came after each row: 1, 0 or NaN where it is not known, or the labels do not hold the session or the target."""
    at = {str(d): t for t, d in enumerate(labels.dates)}
    came = {target.name: labels.system(target) for target in labels.targets if target.binary}
    return [float(came[row["target"]][at[row["date"]]]) if row["target"] in came and row["date"] in at else math.nan for row in rows]


def tally(rows: Sequence[Mapping[str, Any]], labels: Labels, target: Target, config: EvaluateConfig) -> Tally:
    """The record of a target so far; labels: what is known now."""
    own = [row for row in rows if row["target"] == target.name]
    timely = [row for row in own if not row["late"]]
    given = [row for row in timely if row["state"] == "scored"]
    y = np.array(outcomes(given, labels))
    open_ = int(np.isnan(y).sum())
    told = [row for row, came in zip(given, y, strict=True) if not np.isnan(came)]
    p, base = (np.array([math.nan if row[name] is None else row[name] for row in told], float) for name in ("probability", "base_rate"))
    positive: Bool = y[~np.isnan(y)] == 1
    counted = Counted(*(int((side & came).sum()) for side in (p > base, p <= base) for came in (positive, ~positive)))
    return Tally(
        target.name, len(own), len(own) - len(timely), len(timely) - len(given), open_, len(told), int(positive.sum()), _falls(told, labels, target),
        _mean(p), _mean(base), counted, *_judged(p, base, positive, target, config),
    )  # fmt: skip


def _judged(p: Float, base: Float, positive: Bool, target: Target, config: EvaluateConfig) -> tuple[Score, Score, Score, tuple[Bin, ...]]:
    """Log skill, Brier skill, calibration error and its bins."""
    n, came = len(p), int(positive.sum())
    why = "no outcome is known yet" if not n else f"one class only: {came} positive, {n - came} negative" if came in (0, n) else ""
    plan = resample(max(n, 1), [], [], config.draws, max(config.mean_block, target.horizon), config.level, config.seed)
    days = np.isfinite(base)
    ece, bins = reliability(p, positive, np.isfinite(p), target.depth, plan) if n else (Score(math.nan, why), ())
    if why:
        return Score(math.nan, why), Score(math.nan, why), Score(math.nan, why), bins
    skills = [scores.skill(loss(p, positive), loss(base, positive), days, plan.weights) for loss in (scores.log_loss, scores.brier)]
    log, brier = (plan.score(values, target.depth, "no base rate was said") for values in skills)
    return log, brier, ece, bins


def _falls(told: Sequence[Mapping[str, Any]], labels: Labels, target: Target) -> int:
    """Independent falls of the target's depth on the sessions that were told of, up to the last that an outcome reaches."""
    if not told:
        return 0
    first, last = (int(np.searchsorted(labels.dates, np.datetime64(row["date"]))) for row in (told[0], told[-1]))
    return len(events_within(labels, target.depth, slice(first, last + target.horizon + 1)))


def _mean(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
