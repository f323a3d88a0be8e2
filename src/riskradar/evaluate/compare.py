"""The leaderboard: every model on the same dates and the same draws, and one headline."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from riskradar.errors import UsageError
from riskradar.evaluate.cell import WHOLE, evaluate
from riskradar.evaluate.definitions import definitions
from riskradar.evaluate.events import DEEP, events_within, scored_target
from riskradar.evaluate.intervals import Resamples, claim, resample, stretch
from riskradar.evaluate.pullback import pullbacks
from riskradar.evaluate.report import Cell, Claim, EventDates, EventRecord, Pullback, Report, Row, Score
from riskradar.evaluate.sample import Sample, Track, align, sample, span_record
from riskradar.evaluate.scorecard import scorecard, unscored
from riskradar.tables import Forecast, ForecastKind, Labels, Target, same_kind
from riskradar.tables.arrays import Float, day

HEADLINE = ("20/5", "20/10", "60/10")
SPLIT = dt.date(2010, 1, 1)  # choices are made before it (design 6)
DRAWN_DIGITS = 4  # of a drawn headline: what later tries are compared by
WITH_MACRO = ("vix+breadth+credit", "vix+breadth")
PRICES_ONLY = ("vol+breadth",)


class EvaluateConfig(BaseModel):
    """What is evaluated and how sure it must be; `end` None is the end of the data, `comparators` None takes the strongest rules there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: dt.date = dt.date(1998, 1, 2)
    end: dt.date | None = dt.date(2022, 12, 30)
    split: dt.date = SPLIT
    draws: int = Field(500, ge=20)
    mean_block: int = Field(120, ge=1)
    level: float = Field(0.90, gt=0, lt=1)
    seed: int = 0
    comparators: tuple[str, ...] | None = None
    false_alarm_rate: float = Field(0.10, gt=0, lt=1)
    min_events: int = Field(10, ge=1)


def run(
    forecasts: Mapping[str, Forecast],
    labels: Labels,
    config: EvaluateConfig,
    absent: Mapping[str, str] = MappingProxyType({}),
    sealed: dt.date | None = None,
) -> Report:
    """Compare forecasts of the system on the dates, draws and events that they share; only live ones make a claim.

    absent: models that could not be run, with the reason; a model without any score joins them instead of emptying the
    shared dates. The report does not depend on the order of the models.
    sealed: the evaluation is the one of the day before, from outcomes known by then; a half needs no least number of events and claims nothing.
    UsageError when no session or binary target is left, or a comparator has no score; ValueError when kinds are mixed.
    """
    kind = same_kind(list(forecasts.values())) if forecasts else "live"
    if sealed is not None:
        labels, config = labels.upto(day(sealed) - 1), config.model_copy(update={"min_events": 1})
    span, targets = judged(labels, config), [t for t in labels.targets if t.binary]
    if not targets:
        raise UsageError("the labels hold no yes-or-no target; nothing was evaluated; add one such as 20/5")
    tracks, missing = align(forecasts, labels, targets, span)
    samples = {
        t.name: sample(t, [of[t.name] for of in tracks.values() if t.name in of], labels, span, day(config.split), config.min_events) for t in targets
    }
    comparators, plan = _comparators(config, list(tracks)), resamples(labels, targets, span, config)
    found = {m: {name: evaluate(t, samples[name], labels, plan, config.false_alarm_rate) for name, t in of.items()} for m, of in tracks.items()}
    board = _Board(kind, comparators, found, samples, plan, sealed is not None)
    return Report(
        schema="riskradar.evaluation/1",
        kind=kind,
        span=span_record(labels, span),
        definitions=definitions(config, labels),
        targets=tuple(s.record() for s in samples.values()),
        comparators=comparators,
        rows=tuple(board.row(model, *_warnings(of, samples, labels, config, plan)) for model, of in tracks.items()),
        events=_deep_events(labels, span),
        absent=dict(sorted({**missing, **absent}.items())),
        headline=board.headline,
        sealed="" if sealed is None else str(sealed),
    )


@dataclass(frozen=True, eq=False)
class _Board:
    """Cells and ONSET AUROC of every resample [R] over the whole span and in each half, by model and target."""

    kind: ForecastKind
    comparators: tuple[str, ...]
    found: dict[str, dict[str, tuple[Cell, dict[str, Float]]]]
    samples: dict[str, Sample]
    plan: Resamples
    sealed: bool

    @property
    def headline(self) -> tuple[str, ...]:
        """The headline targets that can be ranked."""
        return tuple(name for name in HEADLINE if name in self.samples and not self.samples[name].withheld)

    def row(self, model: str, event: EventRecord, told: tuple[Pullback, ...]) -> Row:
        """One model with its paired differences and its headline, over the span, in each half and in every draw."""
        cells = {name: replace(cell, paired=self.paired(model, [name])) for name, (cell, _) in self.found[model].items()}
        halves = {years: self.paired(model, self.headline, years) for years in next(iter(self.samples.values())).halves}
        draws = {other: self._drawn(model, other) for other in self.comparators if other != model}
        return Row(model, cells, self.paired(model, self.headline), event, halves, draws, told)

    def paired(self, model: str, names: Sequence[str], period: str = WHOLE) -> dict[str, Claim]:
        """Mean difference of ONSET AUROC over the named targets against each comparator."""
        what = f"{model} ({'mean of ' if len(names) > 1 else ''}{', '.join(names) or 'no target'}{', ' if period else ''}{period})"
        claims = {other: claim(self._score(model, other, names, period), what, other) for other in self.comparators}
        # learned partly on later data, by other rules, or on the years that choices are made on: nothing that it shows is a claim
        why = self.kind if self.kind != "live" else "half of the span" if period else "first half only" if self.sealed else ""
        if why:
            claims = {other: replace(c, shown=False, sentence=f"{why}: {c.sentence}") for other, c in claims.items()}
        return {other: replace(c, sentence=f"{model} is the reference.") if other == model else c for other, c in claims.items()}

    def _score(self, model: str, other: str, names: Sequence[str], period: str) -> Score:
        for m, name in ((m, n) for n in names for m in (model, other)):
            if name not in self.found[m]:
                return Score(math.nan, f"{m} has no score for {name}")
            cell = self.found[m][name][0]
            if reason := (cell.halves[period] if period else cell).auroc_onset.reason:
                return Score(math.nan, f"{m} on {name}: {reason}")
        if not names:
            return Score(math.nan, "no headline target has enough events")
        return self.plan.score(self._difference(model, other, names, period), min(self.samples[n].target.depth for n in names), "")

    def _difference(self, model: str, other: str, names: Sequence[str], period: str) -> Float:
        values: Float = np.mean([self.found[model][n][1][period] - self.found[other][n][1][period] for n in names], axis=0)
        return values

    def _drawn(self, model: str, other: str) -> tuple[float, ...]:
        """The headline in each bootstrap draw, rounded; empty where it is undefined."""
        if math.isnan(self._score(model, other, self.headline, WHOLE).value):
            return ()
        values = self._difference(model, other, self.headline, WHOLE)[1 : 1 + self.plan.draws]
        return tuple(np.round(values, DRAWN_DIGITS).tolist())


def judged(labels: Labels, config: EvaluateConfig) -> slice:
    """The sessions that are evaluated; UsageError when there are none."""
    start = int(np.searchsorted(labels.dates, day(config.start)))
    stop = len(labels.dates) if config.end is None else int(np.searchsorted(labels.dates, day(config.end), side="right"))
    if start >= stop:
        found = f"the data hold sessions from {labels.dates[0]} to {labels.dates[-1]}" if len(labels.dates) else "the data hold no session"
        asked = f"evaluate.start {config.start} and evaluate.end {config.end or 'none'} leave no session to evaluate"
        raise UsageError(f"{asked}: {found}; nothing was evaluated; set them inside these")
    return slice(start, stop)


def _comparators(config: EvaluateConfig, models: Sequence[str]) -> tuple[str, ...]:
    if config.comparators is None:
        return tuple(m for m in WITH_MACRO if m in models) or tuple(m for m in PRICES_ONLY if m in models)
    if lost := [m for m in config.comparators if m not in models]:
        raise UsageError(f"evaluate.comparators names {', '.join(lost)} without a score; nothing was evaluated; choose among {', '.join(models)}")
    return config.comparators


def resamples(labels: Labels, targets: Sequence[Target], span: slice, config: EvaluateConfig) -> Resamples:
    """One set of draws for everything, in blocks that are never shorter than the longest horizon."""
    longest, sessions = max(t.horizon for t in targets), span.stop - span.start
    events = events_within(labels, min(t.depth for t in targets), span)
    masks = [stretch(event, span.start, sessions, longest) for event in events]
    return resample(sessions, masks, [e.depth for e in events], config.draws, max(config.mean_block, longest), config.level, config.seed)


def _warnings(
    of: Mapping[str, Track], samples: Mapping[str, Sample], labels: Labels, config: EvaluateConfig, plan: Resamples
) -> tuple[EventRecord, tuple[Pullback, ...]]:
    target = scored_target(labels)
    shared = samples[target.name]
    if target.name not in of:
        return unscored(target, f"no score for {target.name}", labels, shared.span, config.false_alarm_rate), ()
    score = np.where(shared.shared, of[target.name].score, np.nan)
    event = scorecard(score, labels, target, shared.span, config.false_alarm_rate, plan, config.seed)
    return event, pullbacks(score, labels.level, shared.span, plan)


def _deep_events(labels: Labels, span: slice) -> tuple[EventDates, ...]:
    dates = labels.dates
    return tuple(EventDates(str(dates[e.peak]), str(dates[e.crossing]), str(dates[e.trough]), e.depth) for e in events_within(labels, DEEP, span))
