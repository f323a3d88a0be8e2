"""Alarms that could have been raised at the time: a threshold that keeps false alarms at their rate, and rules to enter and to leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from riskradar.errors import UsageError
from riskradar.evaluate.events import calm_target
from riskradar.evaluate.scores import matured
from riskradar.tables import Labels, Target
from riskradar.tables.arrays import Bool, Float, Int

CALM_DAYS = 252  # matured calm ONSET days before a threshold is set
AIM = 0.85  # share of the nominal rate that the threshold aims at; staying in alarm uses up the rest (market study, section 7)
STEP = 0.005  # by which the quantile moves with each matured calm day (Gibbs and Candes 2021; market study, section 7)
LOWEST, HIGHEST = 0.5, 0.995  # of the quantile
GAP = 0.06  # an alarm ends below a quantile lower by this
LEAST_HELD = 5  # ONSET sessions that an alarm lasts at least


@dataclass(frozen=True, eq=False)
class Alarms:
    """threshold [T], NaN before there is one; raised [T]: in alarm. Only an ONSET day can be in alarm: in a fall, a warning is too late."""

    threshold: Float
    raised: Bool


def alarms(score: Float, labels: Labels, target: Target | str, rate: float, step: float = STEP) -> Alarms:
    """Alarms of score [T] (NaN where withheld) at a nominal false-alarm rate; row t uses what was known on t.

    The threshold is a quantile of the scores of past ONSET days that proved calm (`calm_target` did not happen), once CALM_DAYS of them are known.
    Each calm day, when its label is known, moves the quantile: up when it was in alarm, down when it was not, so that the share of calm days in
    alarm tends to AIM times the rate whatever the score does (adaptive conformal inference). An alarm begins at the threshold and ends below a
    lower quantile, after LEAST_HELD ONSET days or more.
    UsageError when the labels do not hold the target.
    """
    goal = next((t for t in labels.targets if target in (t, t.name)), None)
    if goal is None:
        raise UsageError(f"target {target} is not among the labels; nothing was computed; use one of {', '.join(t.name for t in labels.targets)}")
    calm = calm_target(labels, goal)
    at = matured(labels, calm)
    days = np.flatnonzero((labels.system(calm) == 0) & labels.onset & ~np.isnan(score) & (at < len(score)))
    days = days[np.argsort(at[days], kind="stable")]
    return Alarms(*_follow(np.ascontiguousarray(score), np.array(labels.onset), days, at[days], AIM * rate, step))


def real_time_threshold(score: Float, labels: Labels, target: Target | str, rate: float) -> Float:
    """The threshold of `alarms`, [T]."""
    return alarms(score, labels, target, rate).threshold


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _follow(score: Float, risk: Bool, days: Int, arrival: Int, aim: float, step: float) -> tuple[Float, Bool]:
    threshold, raised = np.full(score.size, np.nan), np.zeros(score.size, np.bool_)
    kept, n, quantile, on, held = np.empty(days.size), 0, 1 - aim, False, 0
    for t in range(score.size):
        while n < days.size and arrival[n] <= t:
            u = days[n]
            if not np.isnan(threshold[u]):
                quantile = min(max(quantile + step * (raised[u] - aim), LOWEST), HIGHEST)
            place = np.searchsorted(kept[:n], score[u], side="right")
            kept[place + 1 : n + 1] = kept[place:n].copy()
            kept[place] = score[u]
            n += 1
        if n < CALM_DAYS:
            continue
        threshold[t] = _quantile(kept, n, quantile)
        if not risk[t] or np.isnan(score[t]):
            continue
        if not on:
            on, held = score[t] >= threshold[t], 0
        elif held >= LEAST_HELD:
            on = score[t] >= _quantile(kept, n, quantile - GAP)
        held += 1
        raised[t] = on
    return threshold, raised


@njit(cache=True, nogil=True)  # type: ignore[misc, unused-ignore]
def _quantile(ordered: Float, n: int, q: float) -> float:
    rank = q * (n - 1)
    below = min(int(rank), n - 2)
    return float(ordered[below] + (rank - below) * (ordered[below + 1] - ordered[below]))
