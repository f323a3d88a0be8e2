"""What is compared: every model on the same sessions of the same span."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from riskradar.evaluate.events import events_within
from riskradar.evaluate.report import Span, TargetRecord
from riskradar.evaluate.scores import climatology
from riskradar.tables import SYSTEM, Forecast, Labels, Target, mean_over_seeds
from riskradar.tables.arrays import Bool, Days, Float, Int

BLOCK_YEARS = 3


@dataclass(frozen=True, eq=False)
class Track:
    """Scores [S, T] and probabilities [S, T] of one model for one target on the dates of the labels; NaN where withheld."""

    scores: Float
    probabilities: Float

    @property
    def score(self) -> Float:
        """Averaged over seeds, [T]."""
        return mean_over_seeds(self.scores)

    @property
    def probability(self) -> Float:
        """Averaged over seeds, [T]."""
        return mean_over_seeds(self.probabilities)


@dataclass(frozen=True, eq=False)
class Sample:
    """What all models share on one target.

    span: the evaluated sessions; shared [T]: every model has a score; over the span [n]: dates, used (shared and label known),
    calibrated (used, and every model that gives probabilities has one),
    onset, positive, climatology (NaN where too young); events: independent falls of the target's depth since the first used day;
    withheld: why no ranking is printed, or empty; split: the first day of the second half.
    """

    target: Target
    span: slice
    shared: Bool
    dates: Days
    used: Bool
    calibrated: Bool
    onset: Bool
    positive: Bool
    climatology: Float
    events: int
    withheld: str
    split: np.datetime64

    @property
    def halves(self) -> dict[str, Bool]:
        """Days before the split and from it on, [n] each, under the years that they cover."""
        early = self.dates < self.split
        parts = [part for part in (early, ~early) if part.any()]
        years = self.dates.astype("datetime64[Y]").astype(int) + 1970
        return {f"{years[part][0]}-{years[part][-1]}": part for part in parts}

    @property
    def blocks(self) -> Int:
        """Number of the three-year block of each session, [n]."""
        years = self.dates.astype("datetime64[Y]").astype(int)
        blocks: Int = (years - years[0]) // BLOCK_YEARS
        return blocks

    def record(self) -> TargetRecord:
        """The target with its base rates on the shared dates."""
        t, used, calm = self.target, self.used, self.used & self.onset
        rate, rate_onset = (float(self.positive[days].mean()) if days.any() else math.nan for days in (used, calm))
        name = fingerprint(self.dates[used], self.positive[used])
        positives, sessions = int(self.positive[used].sum()), int(used.sum())
        start = str(self.dates[used][0]) if sessions else ""
        return TargetRecord(t.name, t.horizon, t.depth, t.kind, rate, rate_onset, positives, self.events, start, sessions, name)


Tracks = dict[str, dict[str, Track]]  # by model, then by target


def align(forecasts: Mapping[str, Forecast], labels: Labels, targets: Sequence[Target], span: slice) -> tuple[Tracks, dict[str, str]]:
    """Tracks of every model that has any score, in the order of names, and what has none with its reason."""
    tracks: Tracks = {}
    missing = {}
    for model, forecast in sorted(forecasts.items()):
        of = {t.name: track for t in targets if (track := _track(forecast, labels, t, span)) is not None}
        if of:
            tracks[model] = of
            missing.update({f"{model} on {t.name}": "no score for this target" for t in targets if t.name not in of})
        else:
            missing[model] = "no score on any evaluated session"
    return tracks, missing


def sample(target: Target, tracks: Sequence[Track], labels: Labels, span: slice, split: np.datetime64, min_events: int) -> Sample:
    """The shared dates of one target: those on which every track has a score; probabilities are compared where every track that gives any has one."""
    shared = np.logical_and.reduce([np.ones(len(labels.dates), bool), *(~np.isnan(t.score) for t in tracks)])
    y = labels.system(target)[span]
    used = shared[span] & ~np.isnan(y)
    days = np.flatnonzero(used) + span.start
    count = len(events_within(labels, target.depth, slice(days[0], span.stop))) if len(days) else 0
    base = climatology(labels, target)[span]
    given = [p for t in tracks if np.isfinite((p := t.probability[span])[used]).any()]
    few = f"{count} independent events of {100 * target.depth:g} %; at least {min_events} are needed"
    return Sample(
        target=target,
        span=span,
        shared=shared,
        dates=labels.dates[span],
        used=used,
        calibrated=np.logical_and.reduce([used, ~np.isnan(base), *(np.isfinite(p) for p in given)]),
        onset=labels.onset[span],
        positive=y == 1,
        climatology=base,
        events=count,
        withheld=few if count < min_events else "",
        split=split,
    )


def span_record(labels: Labels, span: slice) -> Span:
    """The evaluated sessions."""
    dates, onset = labels.dates[span], labels.onset[span]
    return Span(str(dates[0]), str(dates[-1]), len(dates), int(onset.sum()), fingerprint(dates, onset))


def fingerprint(dates: Days, outcomes: Bool) -> str:
    """A short name of a set of dates and what happened on them."""
    return hashlib.sha256(dates.astype("<i8").tobytes() + outcomes.tobytes()).hexdigest()[:16]


def _track(forecast: Forecast, labels: Labels, target: Target, span: slice) -> Track | None:
    """The system's scores on the dates of the labels; None without a session inside the span that every seed scores."""
    if SYSTEM not in forecast.units or target not in forecast.targets or not len(forecast.score):
        return None
    _, to, of = np.intersect1d(labels.dates, forecast.dates, assume_unique=True, return_indices=True)
    aligned = []
    for table in (forecast.score, forecast.probability):
        values = np.full((len(table), len(labels.dates)), np.nan)
        values[:, to] = table[:, of, forecast.units.index(SYSTEM), forecast.targets.index(target)]
        aligned.append(values)
    track = Track(*aligned)
    return None if np.isnan(track.score[span]).all() else track
