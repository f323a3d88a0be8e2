"""Series as a screen needs them: a few points a pixel, the falls behind them, and the measures once a week."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import lru_cache

import numpy as np

from riskradar.html import series
from riskradar.html import timeline as drawn
from riskradar.serve.answers import Answer, Estimate, Event
from riskradar.serve.problems import Missing
from riskradar.serve.scores import Span, base_rate, envelope, target_of, values
from riskradar.serve.shelf import View
from riskradar.tables.arrays import Days, Float, firsts

KEPT = 8  # rows whose alarms are held
Line = tuple[float | None, ...]


class Timeline(Answer, frozen=True):
    """A model's chance of a fall over time, thinned: of each of so many parts the sessions with the lowest and the highest value are kept.

    low and high: lowest and highest seed, null with one seed; below: the index against its highest close of 252 sessions, null from `sealed` on;
    usual: how often the fall came on the evaluated sessions; alarms: first day and day after the last of each stretch that the model's score
    stood in alarm by its real-time threshold, known for evaluated rows; sealed: the date from which nothing is told of what came, or empty.
    """

    model: str
    target: str
    kind: str
    usual: Estimate
    sealed: str
    dates: tuple[dt.date, ...]
    chance: Line
    low: Line
    high: Line
    below: Line
    alarms: tuple[tuple[dt.date, dt.date], ...]
    falls: tuple[Event, ...]


class Strip(Answer, frozen=True):
    """Every measure on the last session of each week; null: undefined there."""

    dates: tuple[dt.date, ...]
    units: dict[str, str]
    measures: dict[str, Line]
    falls: tuple[Event, ...]


def timeline(view: View, model: str, target: str, span: Span, points: int) -> Timeline:
    """The chance of a fall as `model`, the anchor unless one is named, gave it at the time; points: parts that a span of dates is thinned to."""
    name = model or view.inputs.anchor
    if not name:
        raise Missing("no model of this run gives a probability")
    forecast = view.forecast(name)
    wanted, as_of = target_of(forecast, target), forecast.dates[-1]
    seeds = values(forecast, wanted, "probability")
    first, last = _scored(seeds.mean(axis=0))
    cut, _ = Span(span.start, span.end, limit=len(forecast.dates)).cut(forecast.dates)
    cut = slice(max(cut.start, first), min(cut.stop, last))
    if cut.start >= cut.stop:
        raise Missing("this model gave no chance between these dates")
    dates, seeds = forecast.dates[cut], seeds[:, cut]
    below = _below(view, dates)
    mean, several = seeds.mean(axis=0), len(seeds) > 1
    kept = sorted({*series.turning(mean, points), *series.turning(below, points)})
    ends = [seeds.min(axis=0), seeds.max(axis=0)] if several else [np.full(len(mean), np.nan)] * 2
    low, high = (tuple(series.rounded(end[kept])) for end in ends)
    return Timeline(
        **envelope(view, as_of), model=name, target=target, kind=forecast.kind, usual=base_rate(view, wanted),
        sealed=str(view.record.evaluation.get("sealed") or ""), dates=tuple(dates[kept].tolist()), chance=tuple(series.rounded(mean[kept])),
        low=low, high=high, below=tuple(series.rounded(below[kept])), alarms=alarms(view, name), falls=falls(view),
    )  # fmt: skip


def strip(view: View) -> Strip:
    """The measures as the network page draws them."""
    inputs, frame = view.inputs, view.inputs.measures
    ends = np.flatnonzero(np.append(firsts(inputs.dates, "week")[1:], True))
    dates = inputs.dates[ends]
    names = [] if frame is None else [str(name) for name in frame.columns]
    table = None if frame is None else frame.reindex(dates.astype("datetime64[ns]"))
    told = view.record.about.get("measures", {})
    return Strip(
        **envelope(view, inputs.dates[-1]), dates=tuple(dates.tolist()), units={name: told.get(name, {}).get("unit", "") for name in names},
        measures={} if table is None else {name: tuple(series.rounded(table[name].to_numpy(float))) for name in names}, falls=falls(view),
    )  # fmt: skip


@lru_cache(KEPT)
def alarms(view: View, model: str) -> tuple[tuple[dt.date, dt.date], ...]:
    """Stretches in alarm before the sealed half: the first day, and the day after the last one."""
    inputs = replace(view.inputs, chosen=model)
    dates = [str(d) for d in inputs.dates[: inputs.stop]]
    found = drawn.runs(dates, drawn.alarms(inputs)[: inputs.stop])
    return tuple((dt.date.fromisoformat(start), dt.date.fromisoformat(stop)) for start, stop in found)


def falls(view: View) -> tuple[Event, ...]:
    """The independent falls of the evaluated sessions."""
    return tuple(Event(**event) for event in view.record.evaluation["events"])


def _scored(track: Float) -> tuple[int, int]:
    """First row with a value, and the row after the last one."""
    known = np.flatnonzero(np.isfinite(track))
    if not len(known):
        raise Missing("this model gives no probability of such a fall; the leaderboard says how its score ranks days")
    return int(known[0]), int(known[-1]) + 1


def _below(view: View, dates: Days) -> Float:
    """The index below its high on these dates, NaN from the sealed half on."""
    inputs, out = view.inputs, np.full(len(dates), np.nan)
    _, to, of = np.intersect1d(dates, inputs.dates[: inputs.stop], assume_unique=True, return_indices=True)
    out[to] = inputs.below_high[of]
    return out
