"""Model x folds x seeds -> Forecast. The harness calls `fit` and `predict` itself and hands out data up to the cut-off only.

A stored number is always made by the one call `score_day`: a batch of one session on one thread. A back-test is a loop over it.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from joblib import delayed
from pydantic import BaseModel, Field
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.models import Fitted, Model, ModelsConfig, Prediction, Stacked, State
from riskradar.models.pool import horizons
from riskradar.resume import Cache, Scored, code, digest
from riskradar.split import Fold, SplitConfig, folds
from riskradar.tables import Distribution, Features, Forecast, Graphs, Labels
from riskradar.workers import workers

log = logging.getLogger("riskradar")


class BacktestConfig(BaseModel, frozen=True, extra="forbid"):
    """jobs: processes that share the work (0: one per core); dask: the scheduler of a cluster that does it instead, as tcp://host:port."""

    jobs: int = Field(default=0, ge=0)
    dask: str = ""


@dataclass(frozen=True, eq=False)
class Backtest:
    """forecasts by model; hashes: what each fold's model had learned, by `model/seed/fold`; absent: models that could not run, with the reason.

    seconds: CPU time by model, of all seeds and folds; falls: what the models that draw paths of the index expect, live ones only.
    """

    forecasts: dict[str, Forecast]
    hashes: dict[str, str]
    absent: dict[str, str]
    seconds: dict[str, float]
    falls: dict[str, Distribution]


@dataclass(frozen=True, eq=False)
class Job:
    """One fold of one model, with the seeds that train together: what is done as a whole, anywhere."""

    name: str
    model: Model
    seeds: tuple[int, ...]
    fold: Fold


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


def seeds_of(model: Model, count: int) -> list[tuple[int, ...]]:
    """The seeds of each job: all in one where they train together."""
    every = tuple(range(count if model.seeds else 1))
    return [every] if isinstance(model, Stacked) else [(seed,) for seed in every]


def learned(fitted: Fitted) -> str:
    """SHA-256 of everything that a model has learned."""
    return state_hash(fitted.state())


def state_hash(state: State) -> str:
    """SHA-256 of what `Fitted.state` gave."""
    digest = hashlib.sha256()
    for name, array in sorted(state.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def do(job: Job, features: Features, graphs: Graphs, labels: Labels) -> Scored:
    """Fit on the fold and score its sessions, on one thread."""
    start = time.process_time()
    features = features.rows(0, len(features.dates))  # read-only again after a change of process: else every day would copy its history
    with threadpool_limits(1):
        fitted = fit_seeds(job.model, features, graphs, labels, job.fold, job.seeds)
        days = [[score_day(one, features, graphs, t) for t in range(job.fold.start, job.fold.stop)] for one in fitted]
    values = np.stack([np.array([[getattr(day, name) for day in of] for of in days]) for name in ("score", "probability")])
    falls = np.array([day.falls for day in days[0]])  # a model that draws paths has no seeds
    return Scored(values, falls, tuple(learned(one) for one in fitted), time.process_time() - start)


def run(
    features: Features, graphs: Graphs, labels: Labels, config: ModelsConfig, split: SplitConfig, backtest: BacktestConfig, cache: Cache | None = None
) -> Backtest:
    """Forecasts of every model of `config` on the sessions that `split` scores; a model without its inputs is absent, with the reason.

    cache: jobs that it holds are not done again, and each finished job is kept in it.
    """
    return walk({name: models.make(name, config) for name in config.names}, config.seeds, features, graphs, labels, split, backtest, cache)


def walk(
    made: Mapping[str, Model], seeds: int, features: Features, graphs: Graphs, labels: Labels, split: SplitConfig, backtest: BacktestConfig,
    cache: Cache | None = None,
) -> Backtest:  # fmt: skip
    """See run: the same of models that were made elsewhere, each that draws random numbers trained with so many seeds."""
    absent = {name: reason for name, model in made.items() if (reason := model.lacks(features, graphs))}
    plans = {name: folds(labels, split, model.refit_years) for name, model in made.items() if name not in absent}
    jobs = [Job(name, made[name], together, fold) for name in plans for together in seeds_of(made[name], seeds) for fold in plans[name]]
    results: dict[str, list[tuple[Job, Scored]]] = {name: [] for name in plans}
    hashes: dict[str, str] = {}
    for job, found in zip(jobs, _do_all(jobs, features, graphs, labels, backtest, cache), strict=True):
        results[job.name].append((job, found))
        hashes |= {f"{job.name}/{seed}/{job.fold.name}": h for seed, h in zip(job.seeds, found.learned, strict=True)}
    seconds = {name: sum(found.seconds for _, found in of) for name, of in results.items()}
    forecasts = {name: _join(name, of, labels) for name, of in results.items()}
    falls = {name: _falls(forecasts[name], results[name]) for name in forecasts if results[name][0][1].falls.size and forecasts[name].kind == "live"}
    return Backtest(forecasts, hashes, absent, seconds, falls)


def _do_all(jobs: list[Job], features: Features, graphs: Graphs, labels: Labels, backtest: BacktestConfig, cache: Cache | None) -> list[Scored]:
    """Every job's result, in the order of the jobs; what takes longest starts first."""
    done: dict[int, Scored] = {}
    keys: list[str] = []
    if cache:
        tables = {with_graphs: digest(code(), features, labels, graphs if with_graphs else "") for with_graphs in {job.model.graphs for job in jobs}}
        keys = [digest(tables[job.model.graphs], job) for job in jobs]
        done = {i: found for i, key in enumerate(keys) if (found := cache.get(key))}
        if done:
            log.info(f"{len(done)} of {len(jobs)} jobs were finished before")
    no_graphs = replace(graphs, layers={})
    rest = sorted(set(range(len(jobs))) - set(done), key=lambda i: (-jobs[i].model.graphs - jobs[i].model.seeds, i))
    with workers(backtest.jobs, backtest.dask, (features, graphs, no_graphs, labels)) as parallel:
        for i, found in parallel(delayed(_numbered)(i, jobs[i], features, graphs if jobs[i].model.graphs else no_graphs, labels) for i in rest):
            done[i] = found
            if cache:
                cache.put(keys[i], found)
    return [done[i] for i in range(len(jobs))]


def _numbered(number: int, job: Job, features: Features, graphs: Graphs, labels: Labels) -> tuple[int, Scored]:
    return number, do(job, features, graphs, labels)


def _join(name: str, results: list[tuple[Job, Scored]], labels: Labels) -> Forecast:
    """One table of all folds and seeds, by date."""
    plan = {job.fold.name: job.fold for job, _ in results}
    seeds = {job.seeds: [found.values for other, found in results if other.seeds == job.seeds] for job, _ in results}
    values = np.concatenate([np.concatenate(of, axis=2) for of in seeds.values()], axis=1)
    rows = np.concatenate([np.arange(fold.start, fold.stop) for fold in plan.values()])
    order = np.argsort(rows, kind="stable")
    score, probability = values[:, :, order]
    cutoff = np.concatenate([np.full(fold.stop - fold.start, fold.cutoff, "datetime64[D]") for fold in plan.values()])[order]
    units = labels.units[: values.shape[3]]  # a system-level model scores the first unit only
    return Forecast(name, results[0][0].fold.kind, labels.dates[rows[order]], units, labels.targets, score, probability, cutoff)


def _falls(forecast: Forecast, results: list[tuple[Job, Scored]]) -> Distribution:
    """What one model expects on all of its sessions, by date; live folds follow each other."""
    falls = np.concatenate([found.falls for _, found in results])
    return Distribution(forecast.model, forecast.dates, horizons(forecast.targets), falls, forecast.cutoff)
