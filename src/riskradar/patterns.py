"""Runs: stretches of sessions on which a price only rose, or only fell: the structural runs of the Stock Pattern Assistant (paper 8.1).

A change is measured from the close before the run, so that a run of one session has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from riskradar.tables import Panel
from riskradar.tables.arrays import Days, Float, Int

LONGEST = 60  # sessions: a run that lasts longer counts as one of this length
STALE = 31  # sessions that a run which SPA reports stays in view at most: no fewer than the calendar days of its facts
NEAR = 2  # calendar days between the start of a run and an event that belongs to it


@dataclass(frozen=True, eq=False)
class Runs:
    """Maximal runs of one price [R]: sign (+1 rising, -1 falling), first and last session (start … end), change and worst fall.

    change: close of `end` over the close before `start`, less 1; fall: largest drop from a close to a later one inside the run, 0 or more:
    0 in a rising run, the whole change in a falling one. The last run may go on after the last session.
    """

    sign: Int
    start: Int
    end: Int
    change: Float
    fall: Float


def detect(close: Float) -> Runs:
    """All maximal runs of closes [T]; an unchanged or unknown close ends a run."""
    sign = np.zeros(len(close), np.int64)
    with np.errstate(invalid="ignore"):
        sign[1:] = np.nan_to_num(np.sign(np.diff(close))).astype(np.int64)
    edge = np.flatnonzero(np.diff(np.concatenate([[0], sign, [0]])))
    start = np.array([at for at in edge if at < len(sign) and sign[at]], int)
    end = np.array([edge[np.searchsorted(edge, at) + 1] - 1 for at in start], int)
    change = close[end] / close[start - 1] - 1
    return Runs(sign[start], start, end, change, np.maximum(-change, 0.0))


def running(close: Float, longest: int) -> Float:
    """Sessions that the run of each day has lasted, negative while the price falls, at most `longest`; 0 where it did not move, [T, N].

    Row t reads the `longest` + 1 closes up to t; NaN where the last two of them are not known.
    """
    out: Float = _running(np.ascontiguousarray(close), longest)
    return out


@numba.njit(cache=True)
def _running(close: Float, longest: int) -> Float:
    out = np.full_like(close, np.nan)
    for i in range(close.shape[1]):
        for t in range(1, close.shape[0]):
            step = close[t, i] - close[t - 1, i]
            if np.isnan(step):
                continue
            length = 1
            while step != 0 and length < longest and t - length >= 1 and (close[t - length, i] - close[t - length - 1, i]) * step > 0:
                length += 1
            out[t, i] = length * np.sign(step)
    return out


def run_change(panel: Panel, window: int) -> Float:
    """Log return over the run of each day, from the close before it, over `window` sessions at most, [T, N]; NaN where there is none."""
    close, length = panel.close, running(panel.close, window)
    known = np.isfinite(length)
    before = np.arange(len(close))[:, None] - np.where(known, np.abs(length), 0).astype(np.int64)
    return np.where(known, np.log(close / close[before, np.arange(close.shape[1])]), np.nan)


def by_asset(series: str) -> Callable[[Panel, int], Float]:
    """The feature that shows what was known of `series` of each asset, [T, N]."""

    def view(panel: Panel, window: int) -> Float:
        out = np.full_like(panel.close, np.nan)
        for asset in range(len(panel.assets)):
            out[:, asset] = panel.facts.view(series, panel.dates, asset)
        return out

    return view


def spa_change(panel: Panel, window: int) -> Float:
    """Log return of the newest run that SPA reports for each asset, [T, N]; NaN where none is known, or it lasted more than `window` sessions.

    Measured on the panel's own closes: a file that measures from the first close of a run says 0 for runs of one session.
    """
    out = np.full_like(panel.close, np.nan)
    for asset in range(len(panel.assets)):
        row = panel.facts.newest("spa_bars", panel.dates, asset)
        day = np.flatnonzero(row >= 0)
        ended, bars = panel.facts.date[row[day]], np.abs(panel.facts.value[row[day]]).astype(np.int64)
        end = np.searchsorted(panel.dates, ended)
        use = (panel.dates[end] == ended) & (bars <= np.minimum(end, window))
        day, end, before = day[use], end[use], (end - bars)[use]
        out[day, asset] = np.log(panel.close[end, asset] / panel.close[before, asset])
    return out


def events_near(start: Days, events: Days) -> Int:
    """How many of the events [E] lie within NEAR calendar days of each start [R]."""
    gap = np.abs(start.astype(np.int64)[:, None] - events.astype(np.int64)[None, :])
    count: Int = (gap <= NEAR).sum(axis=1)
    return count
