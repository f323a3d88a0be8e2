"""Independent falls, alarms that could have been raised at the time, and what they were worth before each peak."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from riskradar.errors import UsageError
from riskradar.evaluate.report import EventRecord, Warned
from riskradar.evaluate.scores import matured
from riskradar.labels import ROUNDING
from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Bool, Float, Int

HIGH_SESSIONS = 252  # a high is the highest close of so many sessions
DEEP = 0.10  # the falls that the event figures are about
CALM_DAYS = 252  # matured calm ONSET days before a threshold is set
LEAD_SESSIONS = 40  # an alarm earlier than this before a peak is not about that peak
DISQUALIFYING_RATE = 0.12  # realised false-alarm rate above which event figures are bought, not earned
SHIFTS = 200
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True)
class Event:
    """One independent fall as positions in the dates: peak, first close at its depth or deeper, lowest close; recovery is None while it lasts."""

    peak: int
    crossing: int
    trough: int
    recovery: int | None
    depth: float


def find_events(level: Float, depth: float) -> tuple[Event, ...]:
    """Falls of at least `depth` from a 252-session high of level [T], each ended by the next such high.

    The peak is the first day of its high; the first sessions use the history there is. Events are outcomes: they look ahead.
    """
    before = pd.Series(level).rolling(HIGH_SESSIONS - 1, min_periods=1).max().shift().fillna(-math.inf).to_numpy()
    highs = np.flatnonzero(level > before)
    events = []
    for peak, recovery in zip(highs, [*highs[1:], len(level)], strict=True):
        fall = 1 - level[peak:recovery] / level[peak]
        if np.nanmax(fall) >= depth - ROUNDING:
            crossing, trough = np.flatnonzero(fall >= depth - ROUNDING)[0], np.nanargmax(fall)
            end = None if recovery == len(level) else int(recovery)
            events.append(Event(int(peak), int(peak + crossing), int(peak + trough), end, float(fall[trough])))
    return tuple(events)


def calm_target(labels: Labels, target: Target) -> Target:
    """What makes a day calm: the longest horizon of the shallowest system fall of 10 % or more; `target` itself where there is none."""
    deep = [t for t in labels.targets if t.kind == "drawdown" and t.depth >= DEEP]
    return min(deep, key=lambda t: (t.depth, -t.horizon)) if deep else target


def real_time_threshold(score: Float, labels: Labels, target: Target | str, rate: float) -> Float:
    """The threshold that would have kept false alarms at `rate`, [T]: the (1 - rate) quantile of the score on past calm ONSET days.

    An alarm is a score at or above it. score [T] on the dates of the labels, NaN where withheld. Row t uses the scores of days
    whose calm label (`calm_target`) is known on or before t; NaN until CALM_DAYS of them are known.
    UsageError when the labels do not hold the target.
    """
    goal = next((t for t in labels.targets if target in (t, t.name)), None)
    if goal is None:
        raise UsageError(f"target {target} is not among the labels; nothing was computed; use one of {', '.join(t.name for t in labels.targets)}")
    calm = calm_target(labels, goal)
    at = matured(labels, calm)
    days = np.flatnonzero((labels.system(calm) == 0) & labels.onset & ~np.isnan(score) & (at < len(score)))
    days = days[np.argsort(at[days], kind="stable")]
    return _expanding_quantile(score[days], at[days], len(score), 1 - rate, CALM_DAYS)


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _expanding_quantile(values: Float, arrival: Int, length: int, q: float, minimum: int) -> Float:
    out, kept, n = np.full(length, np.nan), np.empty(values.size), 0
    for t in range(length):
        while n < values.size and arrival[n] <= t:
            place = np.searchsorted(kept[:n], values[n], side="right")
            kept[place + 1 : n + 1] = kept[place:n].copy()
            kept[place] = values[n]
            n += 1
        if n >= minimum:
            rank = q * (n - 1)
            below = min(int(rank), n - 2)
            out[t] = kept[below] + (rank - below) * (kept[below + 1] - kept[below])
    return out


def scored_target(labels: Labels) -> Target:
    """The target whose score raises the alarms of the event figures: what makes days calm, or else the deepest, longest fall."""
    return calm_target(labels, max((t for t in labels.targets if t.binary), key=lambda t: (t.depth, t.horizon)))


def events_within(labels: Labels, depth: float, span: slice) -> tuple[Event, ...]:
    """Events whose peak and crossing both lie in the span."""
    return tuple(e for e in find_events(labels.level, depth) if span.start <= e.peak and e.crossing < span.stop)


def scorecard(score: Float, labels: Labels, target: Target, span: slice, rate: float, seed: int) -> EventRecord:
    """Event figures of one model from its score [T] on `target`, on the sessions of `span` that have a real-time threshold.

    Recall and lead are counted to the peak; a missed event has nothing of its fall left ahead; an alarm is false when its
    calm label turns out 0. The null shifts the same alarms in a circle by at least a year.
    """
    threshold = real_time_threshold(score, labels, target, rate)
    defined = ~np.isnan(threshold) & ~np.isnan(score)
    known = np.flatnonzero(defined[span]) + span.start
    if not len(known):
        return unscored(target, f"no session has {CALM_DAYS} matured calm ONSET days before it", labels, span, rate)
    live = slice(int(known[0]), int(known[-1]) + 1)
    falls = events_within(labels, target.depth, span)
    scored = [e for e in falls if live.start <= e.peak - LEAD_SESSIONS and e.peak < live.stop]
    if not scored:
        return unscored(target, f"no event has {LEAD_SESSIONS} scored sessions before its peak", labels, span, rate)
    alarm, level = (score >= threshold)[live], labels.level[live]
    peaks, troughs = np.array([e.peak for e in scored]) - live.start, np.array([min(e.trough, live.stop - 1) for e in scored]) - live.start
    at, lead, ahead = _first_alarms(alarm, peaks, troughs, level)
    null = _shifted(alarm, peaks, troughs, level, seed)
    recall = float((lead >= 0).mean())
    warned = {e.peak: _warned(labels, e.peak, a + live.start, d, s) for e, a, d, s in zip(scored, at, lead, ahead, strict=True)}
    return EventRecord(
        target=target.name,
        reason="",
        events=len(scored),
        recall=recall,
        null_recall=float(null[:, 0].mean()),
        p=float((1 + (null[:, 0] >= recall).sum()) / (1 + SHIFTS)),
        lead_median=_median(lead),
        null_lead=_mean(null[:, 1]),
        share_ahead=float(ahead.mean()),
        null_share_ahead=float(null[:, 2].mean()),
        **_alarm_rates(alarm, defined[live], labels, target, live),
        nominal_rate=rate,
        each=tuple(warned.get(e.peak, _withheld(labels, e)) for e in falls),
    )


def unscored(target: Target, reason: str, labels: Labels, span: slice, rate: float) -> EventRecord:
    """An event record without figures, and why."""
    each = tuple(_withheld(labels, e) for e in events_within(labels, target.depth, span))
    return EventRecord(target.name, reason, 0, *(math.nan,) * 10, rate, False, each)


def _alarm_rates(alarm: Bool, defined: Bool, labels: Labels, target: Target, live: slice) -> dict[str, Any]:
    calm = labels.system(calm_target(labels, target))[live] == 0
    opened = alarm & ~np.append(False, alarm[:-1])
    quiet, years = calm & labels.onset[live] & defined, len(alarm) / SESSIONS_PER_YEAR
    realised = float(alarm[quiet].mean()) if quiet.any() else math.nan
    return {
        "false_alarms_per_year": float((opened & calm).sum() / years),
        "alarms_per_year": float(opened.sum() / years),
        "realised_rate": realised,
        "disqualified": realised > DISQUALIFYING_RATE,
    }


def _first_alarms(alarm: Bool, peaks: Int, troughs: Int, level: Float) -> tuple[Int, Float, Float]:
    """First alarm from 40 sessions before each peak to its trough: position, sessions to the peak, share of the fall still ahead."""
    n = len(alarm)
    following = np.append(np.minimum.accumulate(np.where(alarm, np.arange(n), n)[::-1])[::-1], n)
    at = following[peaks - LEAD_SESSIONS]
    missed = at > troughs
    close = level[np.minimum(at, n - 1)]
    fall = level[peaks] - level[troughs]
    with np.errstate(invalid="ignore", divide="ignore"):
        ahead = np.where(missed, 0.0, np.where(at <= peaks, 1.0, (close - level[troughs]) / fall))
    return at, np.where(missed, np.nan, peaks - at), ahead


def _shifted(alarm: Bool, peaks: Int, troughs: Int, level: Float, seed: int) -> Float:
    """Recall, median lead and mean share ahead of circularly shifted alarms, [SHIFTS, 3]."""
    n = len(alarm)
    least = min(SESSIONS_PER_YEAR, n // 4)
    out = np.empty((SHIFTS, 3))
    for row, shift in enumerate(np.random.default_rng(seed).integers(least, n - least, size=SHIFTS, endpoint=True)):
        _, lead, ahead = _first_alarms(np.roll(alarm, shift), peaks, troughs, level)
        out[row] = (lead >= 0).mean(), _median(lead), ahead.mean()
    return out


def _median(lead: Float) -> float:
    early = lead[lead >= 0]
    return float(np.median(early)) if len(early) else math.nan


def _mean(values: Float) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def _warned(labels: Labels, peak: int, alarm: int, lead: float, ahead: float) -> Warned:
    if math.isnan(lead):
        return Warned(str(labels.dates[peak]), "missed", math.nan, math.nan)
    return Warned(str(labels.dates[peak]), str(labels.dates[alarm]), float(lead), float(ahead))


def _withheld(labels: Labels, event: Event) -> Warned:
    return Warned(str(labels.dates[event.peak]), "score withheld", math.nan, math.nan)
