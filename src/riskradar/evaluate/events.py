"""Independent falls of the system index, and what a calm day is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskradar.labels import ROUNDING
from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Float, Int

HIGH_SESSIONS = 252  # a high is the highest close of so many sessions
DEEP = 0.10  # the falls that the event figures are about


@dataclass(frozen=True)
class Event:
    """One independent fall as positions in the dates: peak, first close at its depth or deeper, lowest close; recovery is None while it lasts."""

    peak: int
    crossing: int
    trough: int
    recovery: int | None
    depth: float


def find_highs(level: Float) -> Int:
    """Sessions that close above every one of the 251 before them; the first sessions use the history there is."""
    before = pd.Series(level).rolling(HIGH_SESSIONS - 1, min_periods=1).max().shift().fillna(-math.inf).to_numpy()
    return np.flatnonzero(level > before)


def find_events(level: Float, depth: float) -> tuple[Event, ...]:
    """Falls of at least `depth` from a 252-session high of level [T], each ended by the next such high.

    The peak is the first day of its high; the first sessions use the history there is. Events are outcomes: they look ahead.
    """
    highs = find_highs(level)
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


def scored_target(labels: Labels) -> Target:
    """The target whose score raises the alarms of the event figures: what makes days calm, or else the deepest, longest fall."""
    return calm_target(labels, max((t for t in labels.targets if t.binary), key=lambda t: (t.depth, t.horizon)))


def events_within(labels: Labels, depth: float, span: slice) -> tuple[Event, ...]:
    """Events whose peak and crossing both lie in the span."""
    return tuple(e for e in find_events(labels.level, depth) if span.start <= e.peak and e.crossing < span.stop)
