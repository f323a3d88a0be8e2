"""Probabilities apart from ranking: skill over the expanding climatology, reliability in both halves, coherence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from riskradar.evaluate import scores
from riskradar.evaluate.cell import reliability
from riskradar.evaluate.intervals import Resamples
from riskradar.evaluate.report import Bin, Calibration, Score, Skill
from riskradar.models.calibration import coherent
from riskradar.tables import SYSTEM, Forecast, Labels, mean_over_seeds
from riskradar.tables.arrays import Bool, Float

UNDEFINED = "no session on which every model has a probability, the outcome is known and the climatology has begun"


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """Over the span [n], by target [K]: which sessions are compared, what happened, and the climatology; the chosen sets of sessions."""

    names: tuple[str, ...]
    depths: tuple[float, ...]
    used: Bool
    positive: Bool
    climatology: Float


def calibrate(
    forecasts: Mapping[str, Forecast], labels: Labels, span: slice, plan: Resamples, split: np.datetime64, reference: str
) -> dict[str, Calibration]:
    """Every model on the sessions of `span` for which all have a probability, target by target; seeds are averaged.

    plan: the resamples of the sessions of the span; split: first day of the second half.
    """
    given = {name: _aligned(forecast, labels)[span] for name, forecast in forecasts.items()}
    targets = [t for t in labels.targets if t.binary]
    y = np.stack([labels.system(t)[span] for t in targets], axis=1)
    base = np.stack([scores.climatology(labels, t)[span] for t in targets], axis=1)
    used = np.logical_and.reduce([np.isfinite(y), np.isfinite(base), *(np.isfinite(p) for p in given.values())])
    seen = _Outcomes(tuple(t.name for t in targets), tuple(t.depth for t in targets), used, y == 1, base)
    late = labels.dates[span] >= split
    days = {"all": np.ones(len(late), bool), "onset": labels.onset[span], f"before {split}": ~late, f"from {split}": late}
    values = {name: {part: _skills(p, seen, chosen, plan) for part, chosen in days.items()} for name, p in given.items()}
    out = {}
    for name, p in given.items():
        of = {part: _skill(log, brier, seen, plan) for part, (log, brier) in values[name].items()}
        difference = (values[name]["all"][0] - values[reference]["all"][0]).mean(axis=1)
        halves = {part: chosen for part, chosen in days.items() if part not in ("all", "onset")}
        out[name] = Calibration(
            sessions={n: int(used[:, k].sum()) for k, n in enumerate(seen.names)}, everywhere=of["all"], onset=of["onset"],
            halves={part: of[part] for part in halves}, over_reference=plan.score(difference, min(seen.depths), UNDEFINED),
            reliability={part: _reliability(p, seen, chosen, plan) for part, chosen in halves.items()},
            incoherent=sum(bool((np.abs(coherent(row, tuple(targets)) - row) > 1e-12).any()) for row in p),
        )  # fmt: skip
    return out


def _aligned(forecast: Forecast, labels: Labels) -> Float:
    """Probabilities of the system on the dates of the labels, [T, K] over the yes-or-no targets."""
    out = np.full((len(labels.dates), sum(t.binary for t in labels.targets)), np.nan)
    _, to, of = np.intersect1d(labels.dates, forecast.dates, assume_unique=True, return_indices=True)
    columns = [forecast.targets.index(t) for t in labels.targets if t.binary]
    out[to] = mean_over_seeds(forecast.probability)[of][:, forecast.units.index(SYSTEM), columns]
    return out


def _skills(p: Float, seen: _Outcomes, days: Bool, plan: Resamples) -> tuple[Float, Float]:
    """Log and Brier skill in every resample, two of [R, K]."""
    both = []
    for loss in (scores.log_loss, scores.brier):
        pairs = [(loss(p[:, k], seen.positive[:, k]), loss(seen.climatology[:, k], seen.positive[:, k])) for k in range(p.shape[1])]
        both.append(np.stack([scores.skill(a, b, seen.used[:, k] & days, plan.weights) for k, (a, b) in enumerate(pairs)], axis=1))
    return both[0], both[1]


def _skill(log: Float, brier: Float, seen: _Outcomes, plan: Resamples) -> Skill:
    def by_target(values: Float) -> dict[str, Score]:
        return {name: plan.score(values[:, k], seen.depths[k], UNDEFINED) for k, name in enumerate(seen.names)}

    means = (plan.score(values.mean(axis=1), min(seen.depths), UNDEFINED) for values in (log, brier))
    return Skill(by_target(log), by_target(brier), *means)


def _reliability(p: Float, seen: _Outcomes, days: Bool, plan: Resamples) -> dict[str, tuple[Bin, ...]]:
    parts = [reliability(p[:, k], seen.positive[:, k], seen.used[:, k] & days, depth, plan)[1] for k, depth in enumerate(seen.depths)]
    return dict(zip(seen.names, parts, strict=True))
