"""What moves a score most on each session, where the score is a sum: cheap enough for every row that is said or given away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from riskradar import attribution, models
from riskradar.attribution import exact
from riskradar.errors import Withheld
from riskradar.models import Fitted
from riskradar.models.classic import FittedLogistic
from riskradar.models.har import FittedHar
from riskradar.models.pool import FittedPool
from riskradar.models.pool.betamap import FittedBetaMap
from riskradar.models.pool.garch import FittedGarch
from riskradar.models.pool.library import FittedLibrary
from riskradar.models.rules import FittedRule
from riskradar.reopen import Opened
from riskradar.split import folds
from riskradar.tables import Features
from riskradar.tables.arrays import Float

MOST = 3
SUMS: dict[type, Callable[[Any, Features, int], exact.Sum]] = {
    FittedRule: exact.rule, FittedLogistic: exact.logistic, FittedHar: exact.har,
    **dict.fromkeys((FittedPool, FittedLibrary, FittedGarch, FittedBetaMap), exact.anchored),
}  # fmt: skip
Driver = dict[str, Any]


def usual(fitted: Fitted, past: Features, target: int) -> Float:
    """The mean of each term of a sum over the sessions that it learned from, NaN where it was never known; empty for a model that is no sum."""
    if type(fitted) not in SUMS:
        return np.empty(0)
    columns = SUMS[type(fitted)](fitted, past, target)[1].T
    return np.array([column[known].mean() if (known := np.isfinite(column)).any() else np.nan for column in columns])


def driving(fitted: Fitted, features: Features, mean: Float, target: int) -> list[Driver]:
    """The MOST terms of the last session's score that differ most from their `usual` mean: name, what it adds, value; empty where nobody knows."""
    if not np.isfinite(mean).all() or not len(mean):
        return []
    names, columns, weights, _ = SUMS[type(fitted)](fitted, features, target)
    adds = weights * (columns[-1] - mean)
    found = sorted(zip(-np.abs(adds), names, adds.tolist(), columns[-1].tolist(), strict=True))[:MOST]
    return [{"name": name.removeprefix("mean:"), "adds": add, "value": value} for _, name, add, value in found] if np.isfinite(adds).all() else []


def of_run(opened: Opened, model: str) -> dict[tuple[str, str], list[Driver]]:
    """What drove each score of a stored run, by date and target; of a model that is no sum the last session alone.

    A rule or a regression is learned again where it is not kept; other models have drivers where what they learned is kept.
    """
    own, found = models.make(model, opened.config.models), dict[tuple[str, str], list[Driver]]()
    targets = [(k, target) for k, target in enumerate(opened.labels.targets) if target.binary]
    for fold in folds(opened.labels, opened.config.split, own.refit_years):
        first = opened.features.dates[fold.start]
        if not (attribution.explainable(model, opened) or all(opened.keeps(model, first, seed) for seed in opened.seeds(model))):
            continue
        fitted, past = opened.fitted(model, first, opened.seeds(model)[0]), opened.features.upto(fold.cutoff)
        for k, target in targets:
            mean = usual(fitted, past, k)
            for t in range(fold.start, fold.stop) if len(mean) else ():
                found[str(opened.features.dates[t]), target.name] = driving(fitted, opened.features.rows(0, t + 1), mean, k)
            if not len(mean) and fold.stop == len(opened.features.dates):
                found[str(opened.features.dates[-1]), target.name] = _explained(opened, model, target)
    return found


def _explained(opened: Opened, model: str, target: Any) -> list[Driver]:
    """The terms of the last session's explanation."""
    try:
        terms = attribution.explain(opened, model, target, opened.features.dates[-1]).terms
    except Withheld:
        return []
    top = sorted((term for term in terms if term.kind in ("feature", "layer", "series")), key=lambda term: (-abs(term.adds), term.name))[:MOST]
    return [{"name": term.name, "adds": term.adds, "value": term.value} for term in top]
