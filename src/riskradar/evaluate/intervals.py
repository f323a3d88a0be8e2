"""How sure a number is: resampled calendar sessions and each event left out in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from riskradar.evaluate.events import Event
from riskradar.evaluate.report import Claim, Score
from riskradar.tables.arrays import Bool, Float

DEFINED_SHARE = 0.9  # of the draws: an interval over fewer would only speak of the lucky ones


@dataclass(frozen=True, eq=False)
class Resamples:
    """Weights of the n sessions of the span, the same for every model, target and metric.

    weights [1 + draws + E, n]: first every session once, then the bootstrap draws, then each of E events left out;
    depths [E]: the depth of each event, so that a target leaves out the events of its own depth; level: of the interval.
    """

    weights: Float
    draws: int
    depths: Float
    level: float

    def score(self, values: Float, depth: float, otherwise: str) -> Score:
        """The score of values [1 + draws + E]; `otherwise` is the reason where it is undefined."""
        if math.isnan(values[0]):
            return Score(math.nan, otherwise)
        low, high = self.interval(values)
        left_out = values[1 + self.draws :][self.depths >= depth]
        whole = len(left_out) > 0 and not np.isnan(left_out).any()
        return Score(float(values[0]), "", low, high, *((float(left_out.min()), float(left_out.max())) if whole else (math.nan, math.nan)))

    def interval(self, values: Float) -> tuple[float, float]:
        """The central `level` of the bootstrap draws in values [1 + draws, ...]; NaN when too few draws are defined."""
        drawn = values[1 : 1 + self.draws]
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn) < DEFINED_SHARE * self.draws:
            return math.nan, math.nan
        low, high = np.quantile(drawn, [(1 - self.level) / 2, (1 + self.level) / 2])
        return float(low), float(high)


def resample(sessions: int, events: Sequence[Bool], depths: Sequence[float], draws: int, mean_block: float, level: float, seed: int) -> Resamples:
    """Weights of the stationary bootstrap of `sessions` sessions in blocks of mean length `mean_block`, and of each of `events` [n] left out.

    Politis and Romano 1994: blocks begin anywhere, have geometric lengths and run on in a circle.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + draws + len(events), sessions))
    at = np.arange(sessions)
    for draw in range(1, 1 + draws):
        begins = rng.random(sessions) < 1 / mean_block
        begins[0] = True
        begin = np.maximum.accumulate(np.where(begins, at, 0))
        start = rng.integers(sessions, size=sessions)[begin]
        weights[draw] = np.bincount((start + at - begin) % sessions, minlength=sessions)
    for row, event in enumerate(events):
        weights[1 + draws + row, event] = 0
    return Resamples(weights, draws, np.array(depths, float), level)


def stretch(event: Event, start: int, sessions: int, horizon: int) -> Bool:
    """Sessions of the span [n] that owe their labels to one event: from `horizon` before its peak to its recovery, or to the trough + horizon.

    The days before the peak belong to it: they hold most of its positive ONSET days, and leaving them in would not leave it out.
    """
    at = np.arange(start, start + sessions)
    end = event.trough + horizon if event.recovery is None else event.recovery
    inside: Bool = (at >= event.peak - horizon) & (at < end)
    return inside


def claim(score: Score, what: str, against: str) -> Claim:
    """A paired difference with the sentence that may be printed; it is shown only when interval and left-out range both lie above 0."""
    shown = score.low > 0 and score.event_low > 0
    if math.isnan(score.value):
        sentence = f"{what} cannot be compared with {against}: {score.reason}."
    else:
        sentence = (
            f"{what} ranks ONSET days {'better' if score.value >= 0 else 'worse'} than {against} by {abs(score.value):.3f} AUROC"
            f" ({_range(score.low, score.high)} over resampled sessions, {_range(score.event_low, score.event_high)} when each event is left out):"
            f" {'shown' if shown else 'not shown'}."
        )
    return Claim(score.value, score.reason, score.low, score.high, score.event_low, score.event_high, shown, sentence)


def reality_check(values: Float, drawn: Float) -> float:
    """How likely the best of K differences is to look this good when none of them is above 0: values [K], bootstrap draws [K, B] -> p.

    White 2000: the share of draws in which the largest difference, each less its own value, reaches the largest value. NaN without a row.
    """
    if not len(values):
        return math.nan
    best = np.fmax.reduce(drawn - values[:, None], axis=0)  # a draw that leaves a row undefined says nothing about it
    return float((1 + (best >= values.max()).sum()) / (1 + len(best)))


def _range(low: float, high: float) -> str:
    return "undefined" if math.isnan(low) else f"{low:+.3f} to {high:+.3f}"
