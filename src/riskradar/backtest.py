"""Model x folds x seeds -> Forecast. The harness calls `fit` and `predict` itself and hands out data up to the cut-off only.

A stored number is always made by the one call `score_day`: a batch of one session on one thread. A back-test is a loop over it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.models import Fitted, Model, ModelsConfig, Prediction
from riskradar.split import Fold, SplitConfig, folds
from riskradar.tables import Features, Forecast, Graphs, Labels


class BacktestConfig(BaseModel, frozen=True, extra="forbid"):
    """jobs: processes that share the work (0: one per core)."""

    jobs: int = Field(default=0, ge=0)


@dataclass(frozen=True, eq=False)
class Backtest:
    """forecasts by model; hashes: what each fold's model had learned, by `model/seed/fold`; absent: models that could not run, with the reason."""

    forecasts: dict[str, Forecast]
    hashes: dict[str, str]
    absent: dict[str, str]


def score_day(fitted: Fitted, features: Features, graphs: Graphs, t: int) -> Prediction:
    """Score session t from the `fitted.history` sessions that end with it."""
    start = max(t - fitted.history + 1, 0)
    return fitted.predict(features.rows(start, t + 1), graphs.rows(start, t + 1))


def fit_fold(model: Model, features: Features, graphs: Graphs, labels: Labels, fold: Fold, seed: int) -> Fitted:
    """Train on one fold: labels outside `fold.train` become NaN, and a live fold sees no row after its cut-off."""
    values = np.where(fold.train[:, None, :], labels.values, np.nan)
    past = Labels(labels.dates, labels.units, labels.targets, values, labels.known, labels.onset, labels.level)
    if fold.kind == "live":
        features, graphs, past = features.upto(fold.cutoff), graphs.upto(fold.cutoff), past.upto(fold.cutoff)
    return model.fit(features, graphs, past, seed=seed)


def learned(fitted: Fitted) -> str:
    """SHA-256 of everything that a model has learned."""
    digest = hashlib.sha256()
    for name, array in sorted(fitted.state().items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def run_folds(model: Model, features: Features, graphs: Graphs, labels: Labels, plan: list[Fold], seed: int) -> tuple[NDArray[Any], list[str]]:
    """Fit on each fold and score its sessions, [2, t, U, K] (score, probability) fold after fold, with the hashes of what was learned."""
    scores, probabilities, hashes = [], [], []
    with threadpool_limits(1):
        for fold in plan:
            fitted = fit_fold(model, features, graphs, labels, fold, seed)
            hashes.append(learned(fitted))
            days = [score_day(fitted, features, graphs, t) for t in range(fold.start, fold.stop)]
            scores += [day.score for day in days]
            probabilities += [day.probability for day in days]
    return np.stack([np.stack(scores), np.stack(probabilities)]), hashes


def run(features: Features, graphs: Graphs, labels: Labels, config: ModelsConfig, split: SplitConfig, backtest: BacktestConfig) -> Backtest:
    """Forecasts of every model of `config` on the sessions that `split` scores; a model without its inputs is absent, with the reason."""
    made = {name: models.make(name, config) for name in config.names}
    absent = {name: reason for name, model in made.items() if (reason := model.lacks(features))}
    no_graphs = replace(graphs, layers={})
    plans = {name: folds(labels, split, model.refit_years) for name, model in made.items() if name not in absent}
    jobs = [(name, seed) for name in plans for seed in range(config.seeds if made[name].seeds else 1)]
    jobs.sort(key=lambda job: not made[job[0]].seeds)  # what draws random numbers takes longest: start it first
    results = Parallel(n_jobs=backtest.jobs or -1, max_nbytes=None)(
        delayed(run_folds)(made[name], features, graphs if made[name].graphs else no_graphs, labels, plans[name], seed) for name, seed in jobs
    )
    done = dict(zip(jobs, results, strict=True))
    hashes = {f"{name}/{seed}/{fold.name}": h for (name, seed), (_, hs) in done.items() for fold, h in zip(plans[name], hs, strict=True)}
    return Backtest({name: _join(name, plan, done, labels) for name, plan in plans.items()}, hashes, absent)


def _join(name: str, plan: list[Fold], done: Mapping[tuple[str, int], tuple[NDArray[Any], list[str]]], labels: Labels) -> Forecast:
    rows = np.concatenate([np.arange(fold.start, fold.stop) for fold in plan])
    order = np.argsort(rows, kind="stable")
    seeds = sorted(seed for job, seed in done if job == name)
    values = np.stack([done[name, seed][0][:, order] for seed in seeds], axis=1)
    cutoff = np.concatenate([np.full(fold.stop - fold.start, fold.cutoff, "datetime64[D]") for fold in plan])[order]
    units = labels.units[: values.shape[3]]  # a system-level model scores the first unit only
    return Forecast(name, plan[0].kind, labels.dates[rows[order]], units, labels.targets, values[0], values[1], cutoff)
