"""The test that a score cannot pass by following prices down: which first closes below a high go on to a fall, and which do not."""

from __future__ import annotations

import math

import numpy as np

from riskradar.evaluate.events import find_highs
from riskradar.evaluate.intervals import Resamples
from riskradar.evaluate.report import Pullback, Score
from riskradar.evaluate.scores import ranking
from riskradar.labels import ROUNDING
from riskradar.tables.arrays import Bool, Float, Int

FIRST = (0.01, 0.02, 0.03)  # the pullback at which the score is read (market study, section 0)
GOES_ON = (0.05, 0.10)
LEAST = 5  # pullbacks of each outcome: fewer rank nothing


def pullbacks(score: Float, level: Float, span: slice, plan: Resamples) -> tuple[Pullback, ...]:
    """For each first close 1, 2 and 3 % below a 252-session high: AUROC of the score on that close, for reaching 5 and 10 % before a new high.

    score [T] NaN where withheld, level [T]. All these closes have fallen nearly alike, so a score that only rises because prices have fallen
    gains little here: by how much a close overshot its mark, which is what the trend rule reads. A pullback that has not ended with the data
    counts only where it has gone on. Outcomes look ahead, to the next high.
    """
    out = []
    for first in FIRST:
        at, deepest, over = _episodes(level, first, span)
        for depth in GOES_ON:
            known = np.isfinite(score[at]) & (over | (deepest >= depth - ROUNDING))
            out.append(_ranked(score[span], at[known] - span.start, (deepest >= depth - ROUNDING)[known], (first, depth), plan))
    return tuple(out)


def _episodes(level: Float, first: float, span: slice) -> tuple[Int, Float, Bool]:
    """Closes that are the first `first` below their high, the deepest fall before the next high, and whether that high has come."""
    highs = find_highs(level)
    found = []
    for peak, stop in zip(highs, [*highs[1:], len(level)], strict=True):
        fall = 1 - level[peak:stop] / level[peak]
        below = np.flatnonzero(fall >= first - ROUNDING)
        if len(below) and span.start <= peak + below[0] < span.stop:
            found.append((peak + below[0], np.nanmax(fall), stop < len(level)))
    at, deepest, over = zip(*found, strict=True) if found else ((), (), ())
    return np.array(at, int), np.array(deepest, float), np.array(over, bool)


def _ranked(score: Float, at: Int, reached: Bool, closes: tuple[float, float], plan: Resamples) -> Pullback:
    count = int(reached.sum())
    if min(count, len(at) - count) < LEAST:
        return Pullback(*closes, len(at), count, Score(math.nan, f"{count} of {len(at)} pullbacks went on; {LEAST} of each outcome are needed"))
    if np.ptp(score[at]) == 0:
        return Pullback(*closes, len(at), count, Score(math.nan, "constant score: it ranks nothing"))
    days, positive = (np.zeros(len(score), bool) for _ in range(2))
    days[at], positive[at] = True, reached
    return Pullback(*closes, len(at), count, plan.score(ranking(score, positive, days, plan.weights)[0], closes[1], ""))
