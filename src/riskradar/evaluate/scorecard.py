"""What the alarms of one row were worth: before each peak, before the first 5 % were lost, and in false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from riskradar.evaluate.alarms import CALM_DAYS, alarms
from riskradar.evaluate.events import Event, calm_target, events_within
from riskradar.evaluate.intervals import Resamples
from riskradar.evaluate.report import Caught, EventRecord, Warned
from riskradar.evaluate.scores import share
from riskradar.labels import ONSET_DEPTH, ROUNDING
from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Bool, Float, Int

LEAD_SESSIONS = 40  # an alarm earlier than this before a peak is not about that peak
BEFORE_CROSSING = 20  # sessions before the peak from which an alarm counts as one before the first 5 % were lost (market study, section 4)
DISQUALIFYING_RATE = 0.12  # realised false-alarm rate above which event figures are bought, not earned
SHIFTS = 200
SESSIONS_PER_YEAR = 252
BLOCK_YEARS = 5


def scorecard(score: Float, labels: Labels, target: Target, span: slice, rate: float, plan: Resamples, seed: int) -> EventRecord:
    """Event figures of one model from its score [T] on `target`, on the sessions of `span` that have a real-time threshold.

    Recall and lead are counted to the peak; a missed event has nothing of its fall left ahead; an alarm is false when its
    calm label turns out 0. The null shifts the same alarms in a circle among the ONSET days, the only ones that can be in alarm.
    """
    found = alarms(score, labels, target, rate)
    defined = ~np.isnan(found.threshold) & ~np.isnan(score)
    known = np.flatnonzero(defined[span]) + span.start
    if not len(known):
        return unscored(target, f"no session has {CALM_DAYS} matured calm ONSET days before it", labels, span, rate)
    live = slice(int(known[0]), int(known[-1]) + 1)
    falls = events_within(labels, target.depth, span)
    scored = _scored(falls, live)
    if not scored:
        return unscored(target, f"no event has {LEAD_SESSIONS} scored sessions before its peak", labels, span, rate)
    raised, level = found.raised[live], labels.level[live]
    copies = _shifted(raised, (labels.onset & defined)[live], seed)
    peaks, troughs = np.array([e.peak for e in scored]) - live.start, np.array([min(e.trough, live.stop - 1) for e in scored]) - live.start
    at, lead, ahead = _first_alarms(raised, peaks, troughs, level)
    null = np.array([[_median(lead), ahead.mean()] for _, lead, ahead in (_first_alarms(copy, peaks, troughs, level) for copy in copies)])
    before = _caught(raised, copies, peaks - LEAD_SESSIONS, peaks + 1)
    warned = {e.peak: _warned(labels, e.peak, a + live.start, d, s) for e, a, d, s in zip(scored, at, lead, ahead, strict=True)}
    return EventRecord(
        target=target.name,
        reason="",
        events=len(scored),
        recall=before.recall,
        null_recall=before.null_recall,
        p=before.p,
        lead_median=_median(lead),
        null_lead=_mean(null[:, 0]),
        share_ahead=float(ahead.mean()),
        null_share_ahead=float(null[:, 1].mean()),
        **_alarm_rates(found.raised, defined, labels, target, live, span, plan),
        nominal_rate=rate,
        each=tuple(warned.get(e.peak, _withheld(labels, e)) for e in falls),
        crossing=_before_crossing(raised, copies, labels, scored, live),
        crossing_shallow=_before_crossing(raised, copies, labels, _scored(events_within(labels, ONSET_DEPTH, span), live), live),
    )


def unscored(target: Target, reason: str, labels: Labels, span: slice, rate: float) -> EventRecord:
    """An event record without figures, and why."""
    each = tuple(_withheld(labels, e) for e in events_within(labels, target.depth, span))
    return EventRecord(target.name, reason, 0, *(math.nan,) * 10, rate, False, each)


def _scored(falls: Sequence[Event], live: slice) -> list[Event]:
    """Falls with a whole lead window of scored sessions before the peak."""
    return [e for e in falls if live.start <= e.peak - LEAD_SESSIONS and e.peak < live.stop]


def _before_crossing(raised: Bool, copies: Bool, labels: Labels, falls: Sequence[Event], live: slice) -> Caught:
    """Falls with an alarm from 20 sessions before the peak to the last close before 5 % were lost."""
    lost = [int(np.argmax(1 - labels.level[e.peak :] / labels.level[e.peak] >= ONSET_DEPTH - ROUNDING)) for e in falls]
    peaks = np.array([e.peak for e in falls], int) - live.start
    return _caught(raised, copies, peaks - BEFORE_CROSSING, np.minimum(peaks + np.array(lost, int), len(raised)))


def _caught(raised: Bool, copies: Bool, start: Int, stop: Int) -> Caught:
    """Share of the windows [start, stop) with an alarm, the same of the shifted copies, and the share of copies that do as well."""
    if not len(start):
        return Caught(0)
    counted = np.cumsum(np.pad(np.vstack([raised[None], copies]), ((0, 0), (1, 0))), axis=1)
    recall = (counted[:, stop] > counted[:, start]).mean(axis=1)
    return Caught(len(start), float(recall[0]), float(recall[1:].mean()), float((1 + (recall[1:] >= recall[0]).sum()) / (1 + SHIFTS)))


def _shifted(raised: Bool, risk: Bool, seed: int) -> Bool:
    """The alarms on the days at risk, shifted among these days in a circle by at least a year of them, [SHIFTS, n]."""
    at = np.flatnonzero(risk)
    least = min(SESSIONS_PER_YEAR, len(at) // 4)
    copies = np.zeros((SHIFTS, len(raised)), bool)
    for copy, shift in zip(copies, np.random.default_rng(seed).integers(least, len(at) - least, size=SHIFTS, endpoint=True), strict=True):
        copy[at] = np.roll(raised[at], shift)
    return copies


def _alarm_rates(raised: Bool, defined: Bool, labels: Labels, target: Target, live: slice, span: slice, plan: Resamples) -> dict[str, Any]:
    happened = labels.system(calm_target(labels, target))
    quiet, risk = defined & labels.onset & (happened == 0), np.flatnonzero((defined & labels.onset)[live]) + live.start
    opened = risk[raised[risk] & ~np.append(False, raised[risk][:-1])]  # a stretch below -5 % ends no alarm
    years = (live.stop - live.start) / SESSIONS_PER_YEAR
    low, high = plan.interval(share(raised[span], quiet[span], plan.weights))
    realised = _mean(raised[quiet].astype(float))
    year = labels.dates.astype("datetime64[Y]").astype(int) + 1970
    blocks = {y: quiet & (year >= y) & (year < y + BLOCK_YEARS) for y in range(year[span.start], year[span.stop - 1] + 1, BLOCK_YEARS)}
    return {
        "false_alarms_per_year": float((happened[opened] == 0).sum() / years),
        "alarms_per_year": float(len(opened) / years),
        "right": _mean(happened[opened]),
        "realised_rate": realised,
        "realised_low": low,
        "realised_high": high,
        "realised_blocks": {f"{y}-{y + BLOCK_YEARS - 1}": float(raised[days].mean()) for y, days in blocks.items() if days.any()},
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
