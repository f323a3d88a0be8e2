"""Forward falls as a distribution: CRPS, pinball loss, coverage, and a slow repair of quantiles that miss their level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit

from riskradar.evaluate import scores
from riskradar.evaluate.intervals import Resamples
from riskradar.evaluate.report import FallScores, Score
from riskradar.labels import worst_drawdown
from riskradar.tables import Distribution, Labels
from riskradar.tables.arrays import Bool, Days, Float

LEVELS = (0.10, 0.50, 0.90, 0.95)
BAND = 0.90  # the upper quantile whose coverage is followed block by block
GAIN = 0.05  # of the repair, per horizon (market study, 2): faster gains cover exactly and are useless
BLOCK_YEARS = 5
UNDEFINED = "no session on which every model has a distribution, the fall is known and the climatology has begun"


def crps(falls: Float, weights: Float, outcome: Float) -> Float:
    """Continuous ranked probability score of weighted outcomes, exact: E|X - y| - E|X - X'| / 2 (Gneiting and Raftery 2007).

    falls [T, M] in rising order, weights [M] or [T, M] of any positive sum, outcome [T] -> [T].
    """
    w = weights / weights.sum(axis=-1, keepdims=True)
    spread = (w * falls * (2 * np.cumsum(w, axis=-1) - w - 1)).sum(axis=-1)
    out: Float = (w * np.abs(falls - outcome[:, None])).sum(axis=-1) - spread
    return out


def pinball(quantile: Float, outcome: Float, level: float) -> Float:
    """Quantile loss, [T]: least in the mean for the true quantile (Koenker and Bassett 1978)."""
    gap = outcome - quantile
    out: Float = np.maximum(level * gap, (level - 1) * gap)
    return out


def repaired(quantile: Float, outcome: Float, horizon: int, level: float, gain: float = GAIN) -> Float:
    """Quantiles times exp(theta), [T]; theta moves by gain / horizon times (missed - (1 - level)) for each outcome that has matured.

    Row t uses the falls of t - horizon and before; a session without a quantile or a fall moves nothing (Gibbs and Candes 2021, delayed).
    """
    out: Float = _repair(quantile, outcome, horizon, level, gain / horizon)
    return out


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _repair(quantile: Float, outcome: Float, horizon: int, level: float, step: float) -> Float:
    out, theta = np.full(len(quantile), np.nan), 0.0
    for t in range(len(quantile)):
        u = t - horizon
        if u >= 0 and not np.isnan(out[u]) and not np.isnan(outcome[u]):
            theta += step * ((outcome[u] > out[u]) - (1 - level))
        out[t] = quantile[t] * np.exp(theta)
    return out


def climatology(labels: Labels, horizons: tuple[int, ...], atoms: int) -> Distribution:
    """The falls known so far, all equally likely, on every session of the labels; withheld under 252 of them."""
    levels = (np.arange(atoms) + 0.5) / atoms
    falls = np.stack([_expanding(outcomes(labels, h), h, levels, scores.CLIMATOLOGY_DAYS) for h in horizons], axis=1)
    return Distribution("climatology", labels.dates, horizons, falls, labels.dates)


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _expanding(values: Float, delay: int, levels: Float, least: int) -> Float:
    """Quantiles of the values at t - delay and before, [T, Q]."""
    T, n = len(values), 0
    out, kept = np.full((T, len(levels)), np.nan), np.empty(T)
    for t in range(delay, T):
        new = values[t - delay]
        if not np.isnan(new):
            place = np.searchsorted(kept[:n], new)
            kept[place + 1 : n + 1] = kept[place:n].copy()
            kept[place] = new
            n += 1
        if n >= least:
            for q in range(len(levels)):
                out[t, q] = kept[min(max(int(np.ceil(levels[q] * n)) - 1, 0), n - 1)]
    return out


def outcomes(labels: Labels, horizon: int) -> Float:
    """Worst fall of the system index inside [t, t+H], [T]; NaN where not known."""
    with np.errstate(invalid="ignore"):
        return worst_drawdown(labels.level[:, None], horizon)[:, 0]


def evaluate_falls(
    forecasts: Mapping[str, Distribution], labels: Labels, span: slice, plan: Resamples, split: np.datetime64
) -> dict[str, dict[int, FallScores]]:
    """Every model at every horizon that all share, on the sessions of `span` on which all are known, against the expanding climatology."""
    horizons = tuple(sorted(set.intersection(*(set(f.horizons) for f in forecasts.values()))))
    atoms = next(iter(forecasts.values())).falls.shape[2]
    models = {name: _on(labels, forecast) for name, forecast in forecasts.items()} | {"climatology": climatology(labels, horizons, atoms)}
    late = labels.dates[span] >= split
    parts = {"all": np.ones(len(late), bool), "onset": labels.onset[span], f"before {split}": ~late, f"from {split}": late}
    out: dict[str, dict[int, FallScores]] = {name: {} for name in forecasts}
    for h in horizons:
        y = outcomes(labels, h)
        views = {name: _view(model, h, y, span) for name, model in models.items()}
        used = np.logical_and.reduce([np.isfinite(y[span]), *(np.isfinite(view.crps) for view in views.values())])
        for name in forecasts:
            out[name][h] = _scores(views[name], views["climatology"], used, parts, labels.dates[span], plan)
    return out


def fan(forecast: Distribution, labels: Labels) -> pd.DataFrame:
    """Quantiles of the falls, one row a session, horizon and level: as forecast, repaired by the falls that had matured, and of the climatology.

    date, horizon, level, forecast, repaired, usual; float32 shares.
    """
    on, usual = _on(labels, forecast), climatology(labels, forecast.horizons, forecast.falls.shape[2])
    rows = np.isin(labels.dates, forecast.dates)
    frames = []
    for level in LEVELS:
        plain, base = on.quantile(level), usual.quantile(level)
        for at, h in enumerate(forecast.horizons):
            values = {"forecast": plain[:, at], "repaired": repaired(plain[:, at], outcomes(labels, h), h, level), "usual": base[:, at]}
            columns = {name: column[rows].astype(np.float32) for name, column in values.items()}
            frames.append(pd.DataFrame({"date": forecast.dates, "horizon": np.int32(h), "level": level, **columns}))
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True, eq=False)
class _View:
    """One model at one horizon over the span: CRPS [n], and for each level the losses [n] and whether the fall stayed inside [n], by treatment."""

    crps: Float
    loss: dict[str, dict[float, Float]]
    inside: dict[str, dict[float, Bool]]


def _view(model: Distribution, horizon: int, y: Float, span: slice) -> _View:
    at = model.horizons.index(horizon)
    falls = model.falls[:, at]
    plain = {level: model.quantile(level)[:, at] for level in LEVELS}
    treated = {"forecast": plain, "repaired": {level: repaired(q, y, horizon, level) for level, q in plain.items()}}
    loss = {how: {level: pinball(q, y, level)[span] for level, q in of.items()} for how, of in treated.items()}
    inside = {how: {level: (y <= q)[span] for level, q in of.items()} for how, of in treated.items()}
    return _View(crps(falls, np.ones(falls.shape[1]), y)[span], loss, inside)


def _scores(view: _View, base: _View, used: Bool, parts: dict[str, Bool], dates: Days, plan: Resamples) -> FallScores:
    block = (dates.astype("datetime64[Y]").astype(int) + 1970) // BLOCK_YEARS * BLOCK_YEARS

    def score(values: Float) -> Score:
        return plan.score(values, 0.0, UNDEFINED)

    return FallScores(
        sessions=int(used.sum()),
        crps={part: score(scores.skill(view.crps, base.crps, used & days, plan.weights)) for part, days in parts.items()},
        pinball={
            how: {f"{level:g}": score(scores.skill(loss, base.loss["forecast"][level], used, plan.weights)) for level, loss in of.items()}
            for how, of in view.loss.items()
        },
        coverage={how: {f"{level:g}": score(scores.share(hit, used, plan.weights)) for level, hit in of.items()} for how, of in view.inside.items()},
        blocks={
            how: {f"{b}-{b + BLOCK_YEARS - 1}": float(of[BAND][used & (block == b)].mean()) for b in np.unique(block[used])}
            for how, of in view.inside.items()
        },
    )


def _on(labels: Labels, forecast: Distribution) -> Distribution:
    """The forecast on the dates of the labels."""
    falls = np.full((len(labels.dates), *forecast.falls.shape[1:]), np.nan)
    _, to, of = np.intersect1d(labels.dates, forecast.dates, assume_unique=True, return_indices=True)
    falls[to] = forecast.falls[of]
    return Distribution(forecast.model, labels.dates, forecast.horizons, falls, labels.dates)
