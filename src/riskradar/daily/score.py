"""One session after the other scored by the run that speaks, each as a row of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar import backtest, health
from riskradar.attribution.drivers import driving, usual
from riskradar.daily.market import Market, without
from riskradar.daily.speaker import Speaker
from riskradar.evaluate.scores import climatology
from riskradar.exchange import band, level
from riskradar.health import DailyConfig
from riskradar.models import Fitted, Prediction
from riskradar.resume import code
from riskradar.tables import SYSTEM, Forecast
from riskradar.tables.arrays import Float

SCHEMA = "riskradar.score/1"


def rows(
    speaker: Speaker, market: Market, first: int, past: Float, moment: datetime, daily: DailyConfig, marks: Mapping[str, Any]
) -> list[dict[str, Any]]:  # fmt: skip
    """A row of the ledger for each session from position `first` on and each yes-or-no target, oldest first.

    past [T, K]: scores said before, NaN where none; marks: what was read (`batch`, `read`). Every number of a row is made one session at a time.
    """
    days = range(first, len(market.dates))
    with threadpool_limits(1):
        said = {name: _predictions(fitted, market, days) for name, fitted in speaker.fitted.items()}
    forecasts = {name: _forecast(speaker, market, name, days, values) for name, values in said.items()}
    own, rates = forecasts[speaker.model], {target.name: climatology(market.labels, target) for target in speaker.watched}
    score, chance, (low, high) = own.score[:, :, 0].mean(axis=0), own.probability[:, :, 0].mean(axis=0), band(forecasts, speaker.model)
    one, learned = speaker.fitted[speaker.model][0], market.features.upto(np.datetime64(speaker.cutoff))
    means = {target.name: usual(one, learned, speaker.targets.index(target)) for target in speaker.watched}
    history = past.copy()
    history[first:] = score
    about = {
        "run": speaker.record.id, "config_hash": speaker.record.about["config_hash"], "learned": speaker.learned, "code": code(),
        "made_at": moment.astimezone(UTC).isoformat(), **marks,
    }  # fmt: skip
    out = []
    for n, t in enumerate(days):
        date, row = str(market.dates[t]), market.row(t)
        observed, known = health.coverage(market.panel, row), market.inputs.by_session[t]
        day = {"schema": SCHEMA, "date": date, "model": speaker.model, "coverage": observed, "inputs": known}
        read = market.features.rows(0, t + 1)
        for target in speaker.watched:
            k = speaker.targets.index(target)
            why, base = health.withheld(market.panel, row, chance[n, k], daily), rates[target.name][t]
            numbers = {"score": score[n, k], "probability": chance[n, k], "percentile": percentile(history[: t + 1, k])}
            out.append({
                **day, "target": target.name, "state": "withheld" if why else "scored", "reason": why,
                **{name: None if why else _plain(value) for name, value in numbers.items()},
                "band": [None, None] if why else [_plain(low[n, k]), _plain(high[n, k])], "base_rate": _plain(base),
                "level": level(np.nan if why else chance[n, k], base),
                "drivers": [] if why else driving(one, read, means[target.name], k), "late": health.made_late(date, moment, daily), **about,
            })  # fmt: skip
    return out


def _predictions(fitted: Sequence[Fitted], market: Market, days: range) -> Float:
    """Score and probability of the system [2, S, t, K]."""
    said = [[_predicted(one, market, t) for t in days] for one in fitted]
    return np.array([[[getattr(day, name)[0] for day in of] for of in said] for name in ("score", "probability")])


def _predicted(fitted: Fitted, market: Market, t: int) -> Prediction:
    """Session t; where graphs are not kept for as long as a model reads, it reads none."""
    T, gone = len(market.dates), len(market.dates) - len(market.graphs.dates)
    if gone and fitted.history > t - gone + 1:
        return backtest.score_day(fitted, market.features, without(market.features), t)
    return backtest.score_day(fitted, market.features.rows(gone, T), market.graphs, t - gone)


def _forecast(speaker: Speaker, market: Market, name: str, days: range, values: Float) -> Forecast:
    dates = market.dates[days.start : days.stop]
    cutoff = np.full(len(dates), np.datetime64(speaker.cutoff))
    return Forecast(name, "live", dates, (SYSTEM,), speaker.targets, values[0][:, :, None], values[1][:, :, None], cutoff)


def percentile(scores: Float) -> float:
    """Share of the sessions before whose score was not higher than the last, 0 to 1; NaN where there was none."""
    before = scores[:-1][np.isfinite(scores[:-1])]
    return float((before <= scores[-1]).mean()) if len(before) and np.isfinite(scores[-1]) else np.nan


def _plain(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)

