"""Model x folds x seeds -> Forecast. The harness calls `fit` and `predict` itself and hands out data up to the cut-off only.

A stored number is always made by the one call `score_day`: a batch of one session on one thread. A back-test is a loop over it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.errors import UsageError
from riskradar.models import Fitted, Model, ModelsConfig, Prediction, Stacked
from riskradar.models.pool import ATOMS, Simulated
from riskradar.split import Fold, SplitConfig, folds
from riskradar.tables import Distribution, Features, Forecast, Graphs, Labels


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
    """Train on one fold with one seed; see fit_seeds."""
    return fit_seeds(model, features, graphs, labels, fold, (seed,))[0]


def fit_seeds(model: Model, features: Features, graphs: Graphs, labels: Labels, fold: Fold, seeds: Sequence[int]) -> Sequence[Fitted]:
    """Train on one fold, once a seed: labels outside `fold.train` become NaN, and a live fold sees no row after its cut-off."""
    values = np.where(fold.train[:, None, :], labels.values, np.nan)
    past = Labels(labels.dates, labels.units, labels.targets, values, labels.known, labels.onset, labels.level)
    if fold.kind == "live":
        features, graphs, past = features.upto(fold.cutoff), graphs.upto(fold.cutoff), past.upto(fold.cutoff)
    if isinstance(model, Stacked):
        return model.fit_seeds(features, graphs, past, seeds=seeds)
    return [model.fit(features, graphs, past, seed=seed) for seed in seeds]


def learned(fitted: Fitted) -> str:
    """SHA-256 of everything that a model has learned."""
    digest = hashlib.sha256()
    for name, array in sorted(fitted.state().items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def run_folds(
    model: Model, features: Features, graphs: Graphs, labels: Labels, plan: list[Fold], seeds: Sequence[int]
) -> tuple[NDArray[Any], list[list[str]]]:
    """Fit on each fold and score its sessions, [2, S, t, U, K] (score, probability) fold after fold, with the hashes of what each seed learned."""
    days: list[list[Prediction]] = [[] for _ in seeds]
    hashes: list[list[str]] = [[] for _ in seeds]
    features = features.rows(0, len(features.dates))  # read-only again after a change of process: else every day would copy its history
    with threadpool_limits(1):
        for fold in plan:
            for s, fitted in enumerate(fit_seeds(model, features, graphs, labels, fold, seeds)):
                hashes[s].append(learned(fitted))
                days[s] += [score_day(fitted, features, graphs, t) for t in range(fold.start, fold.stop)]
    return np.stack([np.array([[getattr(day, name) for day in of] for of in days]) for name in ("score", "probability")]), hashes


def run_falls(
    name: str, model: Model, features: Features, graphs: Graphs, labels: Labels, plan: list[Fold], horizons: tuple[int, ...]
) -> Distribution:
    """The forward falls that one simulating model expects on the sessions of each fold, one day at a time."""
    features = features.rows(0, len(features.dates))
    empty = np.full((len(horizons), ATOMS), np.nan)
    falls = []
    with threadpool_limits(1):
        for fold in plan:
            fitted = fit_fold(model, features, graphs, labels, fold, 0)
            if not isinstance(fitted, Simulated):
                raise UsageError(f"model {name!r} simulates no path; a distribution of falls comes from library, garch or pool")
            for t in range(fold.start, fold.stop):
                found = fitted.falls(features.rows(0, t + 1), horizons)
                falls.append(empty if found is None else found.atoms())
    dates = np.concatenate([labels.dates[fold.start : fold.stop] for fold in plan])
    cutoff = np.concatenate([np.full(fold.stop - fold.start, fold.cutoff, "datetime64[D]") for fold in plan])
    return Distribution(name, dates, horizons, np.array(falls), cutoff)


def run(features: Features, graphs: Graphs, labels: Labels, config: ModelsConfig, split: SplitConfig, backtest: BacktestConfig) -> Backtest:
    """Forecasts of every model of `config` on the sessions that `split` scores; a model without its inputs is absent, with the reason."""
    made = {name: models.make(name, config) for name in config.names}
    absent = {name: reason for name, model in made.items() if (reason := model.lacks(features, graphs))}
    no_graphs = replace(graphs, layers={})
    plans = {name: folds(labels, split, model.refit_years) for name, model in made.items() if name not in absent}
    jobs = [(name, seeds) for name in plans for seeds in _seeds(made[name], config.seeds)]
    jobs.sort(key=lambda job: -made[job[0]].graphs - made[job[0]].seeds)  # what takes longest starts first
    results = Parallel(n_jobs=backtest.jobs or -1, max_nbytes=None)(
        delayed(run_folds)(made[name], features, graphs if made[name].graphs else no_graphs, labels, plans[name], seeds) for name, seeds in jobs
    )
    values: dict[str, list[NDArray[Any]]] = {name: [] for name in plans}
    hashes: dict[str, str] = {}
    for (name, seeds), (scored, found) in zip(jobs, results, strict=True):
        values[name].append(scored)
        hashes |= {f"{name}/{seed}/{fold.name}": h for seed, hs in zip(seeds, found, strict=True) for fold, h in zip(plans[name], hs, strict=True)}
    return Backtest({name: _join(name, plan, np.concatenate(values[name], axis=1), labels) for name, plan in plans.items()}, hashes, absent)


def _seeds(model: Model, count: int) -> list[tuple[int, ...]]:
    """The seeds of each job: all in one where they train together."""
    every = tuple(range(count if model.seeds else 1))
    return [every] if isinstance(model, Stacked) else [(seed,) for seed in every]


def _join(name: str, plan: list[Fold], values: NDArray[Any], labels: Labels) -> Forecast:
    rows = np.concatenate([np.arange(fold.start, fold.stop) for fold in plan])
    order = np.argsort(rows, kind="stable")
    score, probability = values[:, :, order]
    cutoff = np.concatenate([np.full(fold.stop - fold.start, fold.cutoff, "datetime64[D]") for fold in plan])[order]
    units = labels.units[: values.shape[3]]  # a system-level model scores the first unit only
    return Forecast(name, plan[0].kind, labels.dates[rows[order]], units, labels.targets, score, probability, cutoff)
