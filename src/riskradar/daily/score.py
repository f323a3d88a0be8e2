"""One session after the other scored by the run that speaks, each as a row of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar import backtest, health
from riskradar.attribution import Read, attribute
from riskradar.attribution.table import terms
from riskradar.daily.market import Market, inputs
from riskradar.daily.speaker import Speaker
from riskradar.evaluate.scores import climatology
from riskradar.exchange import band, level
from riskradar.health import DailyConfig
from riskradar.models import Fitted
from riskradar.models.classic import FittedLogistic
from riskradar.models.har import FittedHar
from riskradar.models.pool import FittedPool
from riskradar.models.rules import FittedRule
from riskradar.resume import code
from riskradar.tables import SYSTEM, Forecast
from riskradar.tables.arrays import Days, Float

SCHEMA = "riskradar.score/1"
DRIVERS = 3
SUMS = (FittedRule, FittedLogistic, FittedHar, FittedPool)  # models whose explanation costs nothing; `riskradar explain` takes the others too


def rows(
    speaker: Speaker, market: Market, first: int, past: Float, moment: datetime, daily: DailyConfig, marks: Mapping[str, Any]
) -> list[dict[str, Any]]:  # fmt: skip
    """A row of the ledger for each session from position `first` on and each yes-or-no target, oldest first.

    past [T, K]: scores said before, NaN where none; marks: what was read (`batch`, `read`). Every number of a row is made one session at a time.
    """
    days = range(first, len(market.panel.dates))
    said = {name: _predictions(fitted, market, days) for name, fitted in speaker.fitted.items()}
    forecasts = {name: _forecast(speaker, market, name, days, values) for name, values in said.items()}
    own, usual = forecasts[speaker.model], {target.name: climatology(market.labels, target) for target in speaker.watched}
    score, chance, (low, high) = own.score[:, :, 0].mean(axis=0), own.probability[:, :, 0].mean(axis=0), band(forecasts, speaker.model)
    history = past.copy()
    history[first:] = score
    about = {
        "run": speaker.record.id, "config_hash": speaker.record.about["config_hash"], "learned": speaker.learned, "code": code(),
        "made_at": moment.astimezone(UTC).isoformat(), **marks,
    }  # fmt: skip
    out = []
    for n, t in enumerate(days):
        seen = market.panel.rows(0, t + 1)
        date = str(seen.dates[-1])
        day = {"schema": SCHEMA, "date": date, "model": speaker.model, "coverage": health.coverage(seen, t), "inputs": inputs(seen)}
        for target in speaker.watched:
            k = speaker.targets.index(target)
            why, base = health.withheld(seen, t, chance[n, k], daily), usual[target.name][t]
            numbers = {"score": score[n, k], "probability": chance[n, k], "percentile": percentile(history[: t + 1, k])}
            out.append({
                **day, "target": target.name, "state": "withheld" if why else "scored", "reason": why,
                **{name: None if why else _plain(value) for name, value in numbers.items()},
                "band": [None, None] if why else [_plain(low[n, k]), _plain(high[n, k])], "base_rate": _plain(base),
                "level": level(np.nan if why else chance[n, k], base),
                "drivers": [] if why else _drivers(speaker, market, t, k), "late": health.made_late(date, moment, daily), **about,
            })  # fmt: skip
    return out


def past_scores(own: Forecast, dates: Days, ledger: Sequence[Mapping[str, Any]]) -> Float:
    """What a model said of each session [T, K]: the ledger where it spoke, its live back-test `own` elsewhere; NaN where neither does."""
    out = np.full((len(dates), len(own.targets)), np.nan)
    at = {str(d): t for t, d in enumerate(dates)}
    for t, score in zip((at.get(str(d)) for d in own.dates), own.score[:, :, 0].mean(axis=0), strict=True):
        if t is not None:
            out[t] = score
    names = {target.name: k for k, target in enumerate(own.targets)}
    for row in ledger:
        if row["date"] in at and row["target"] in names and row["model"] == own.model:
            out[at[row["date"]], names[row["target"]]] = np.nan if row["score"] is None else row["score"]
    return out


def _predictions(fitted: Sequence[Fitted], market: Market, days: range) -> Float:
    """Score and probability of the system [2, S, t, K]."""
    with threadpool_limits(1):
        said = [[backtest.score_day(one, market.features, market.graphs, t) for t in days] for one in fitted]
    return np.array([[[getattr(day, name)[0] for day in of] for of in said] for name in ("score", "probability")])


def _forecast(speaker: Speaker, market: Market, name: str, days: range, values: Float) -> Forecast:
    dates = market.panel.dates[days.start : days.stop]
    cutoff = np.full(len(dates), np.datetime64(speaker.cutoff))
    return Forecast(name, "live", dates, (SYSTEM,), speaker.targets, values[0][:, :, None], values[1][:, :, None], cutoff)


def _drivers(speaker: Speaker, market: Market, t: int, k: int) -> list[dict[str, Any]]:
    """What adds most to the score of a session, by feature and series; empty for a model whose explanation takes long."""
    fitted = speaker.fitted[speaker.model][0]
    if not isinstance(fitted, SUMS):
        return []
    tables = (market.panel, market.features, market.graphs)
    atoms = attribute(fitted, Read.of(tables, t, k, np.datetime64(speaker.cutoff)))
    found = [term for term in terms(atoms, market.features.nodes).values() if term.kind in ("feature", "series")]
    top = sorted(found, key=lambda term: (-abs(term.adds), term.name))[:DRIVERS]
    return [{"name": term.name, "adds": _plain(term.adds), "value": _plain(term.value)} for term in top]


def percentile(scores: Float) -> float:
    """Share of the sessions before whose score was not higher than the last, 0 to 1; NaN where there was none."""
    before = scores[:-1][np.isfinite(scores[:-1])]
    return float((before <= scores[-1]).mean()) if len(before) and np.isfinite(scores[-1]) else np.nan


def _plain(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)

