"""Labels -> folds: what a model may learn from, and the sessions that it is then asked about.

Purge and embargo are counted in sessions by date: a label may be used at a cut-off when the session on which it became known is not later.
"""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field, field_validator

from riskradar.errors import UsageError
from riskradar.tables import ForecastKind, Labels
from riskradar.tables.arrays import Bool, day

# The windows of the paper (section 6.1).
CRISES = {
    "dot-com": (date(1998, 1, 1), date(2003, 12, 31)),
    "gfc": (date(2006, 1, 1), date(2011, 12, 31)),
    "covid": (date(2018, 1, 1), date(2021, 12, 31)),
}


class SplitConfig(BaseModel, frozen=True, extra="forbid"):
    """How sessions are divided into folds.

    walk-forward: refit in January (each model says how often), learn from everything known, score until the next refit;
    first: the first session that is scored.
    holdout: learn from the first `train_share` of the sessions, score the rest.
    leave-one-crisis-out: score each window of `crises`, learn from everything outside it (a `transfer` forecast).
    transfer: learn inside the window `learn` of `crises` only and score the window `judge`; inside one window, learn from its earlier half
    and score its later half (a `transfer` forecast too).
    embargo: further sessions kept out between training and test.
    """

    method: Literal["walk-forward", "holdout", "leave-one-crisis-out", "transfer"] = "walk-forward"
    first: date = date(1997, 1, 2)
    train_share: float = Field(default=0.8, gt=0, lt=1)
    embargo: int = Field(default=0, ge=0, le=1000)
    crises: dict[str, tuple[date, date]] = CRISES
    learn: str = ""
    judge: str = ""

    @field_validator("crises")
    @classmethod
    def _one_after_the_other(cls, crises: dict[str, tuple[date, date]]) -> dict[str, tuple[date, date]]:
        windows = sorted(crises.values())
        if any(begin > end for begin, end in windows) or any(end >= begin for (_, end), (begin, _) in pairwise(windows)):
            raise ValueError("each window must end after it begins and before the next one begins")
        return crises


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows start … stop-1 are scored by a model that learned from the labels marked in `train` [T, K], the last of them known on `cutoff`."""

    name: str
    start: int
    stop: int
    train: Bool
    cutoff: np.datetime64
    kind: ForecastKind


def walk_forward(labels: Labels, config: SplitConfig, refit_years: int) -> list[Fold]:
    """Expanding folds that start in January, every `refit_years`, and yearly before the first of these: a short history grows fast."""
    dates = labels.dates
    first = int(np.searchsorted(dates, day(config.first)))
    years = dates.astype("datetime64[Y]").astype(int)
    age = years - years[min(first, len(dates) - 1)] if len(dates) else years
    refit = (age < refit_years) | (age % refit_years == 0)
    starts = [t for t in range(first, len(dates)) if t == first or (years[t] != years[t - 1] and refit[t])]
    stops = [*starts, len(dates)][1:]
    return [_past(labels, config, start, stop) for start, stop in zip(starts, stops, strict=True)]


def holdout(labels: Labels, config: SplitConfig, refit_years: int) -> list[Fold]:
    """One fold: the first `train_share` of the sessions, purged, then the rest."""
    T = len(labels.dates)
    start = int(T * config.train_share)
    return [_past(labels, config, start, T)] if start < T else []


def leave_one_crisis_out(labels: Labels, config: SplitConfig, refit_years: int) -> list[Fold]:
    """One fold a crisis: labels that end before it begins (less the embargo), and rows that begin after it ends (plus the embargo)."""
    dates, folds = labels.dates, []
    rows = np.arange(len(dates))[:, None]
    for name, (begin, end) in config.crises.items():
        start, stop = _window(labels, begin, end)
        if start == stop:
            continue
        before = (labels.known < dates[max(start - config.embargo, 0)]) & (rows < start)
        after = (rows >= stop + config.embargo) & ~np.isnat(labels.known)
        used = labels.known[before | after]
        if len(used):
            folds.append(Fold(name, start, stop, before | after, used.max(), "transfer"))
    return folds


def transfer(labels: Labels, config: SplitConfig, refit_years: int) -> list[Fold]:
    """One fold: labels that begin and end inside the window `learn`, and the rows of the window `judge`; inside one window, its two halves."""
    if lost := [name for name in (config.learn, config.judge) if name not in config.crises]:
        raise UsageError(f"split.transfer: {lost[0]!r} is no crisis window; set split.learn and split.judge to one of {', '.join(config.crises)}")
    rows = np.arange(len(labels.dates))[:, None]
    (begin, end), (start, stop) = (_window(labels, *config.crises[name]) for name in (config.learn, config.judge))
    if config.learn == config.judge:
        start = end = (begin + end) // 2
    if begin >= end or start >= stop:
        return []
    last = end - 1 - (config.embargo if end <= start else 0)
    first = begin + (config.embargo if stop <= begin else 0)
    train = (rows >= first) & (labels.known <= labels.dates[max(last, 0)])
    used = labels.known[train]
    return [Fold(f"{config.learn} to {config.judge}", start, stop, train, used.max(), "transfer")] if len(used) else []


def _window(labels: Labels, begin: date, end: date) -> tuple[int, int]:
    """The rows start … stop-1 of a window."""
    return int(np.searchsorted(labels.dates, day(begin))), int(np.searchsorted(labels.dates, day(end), side="right"))


def _past(labels: Labels, config: SplitConfig, start: int, stop: int) -> Fold:
    cutoff = labels.dates[max(start - config.embargo, 0)]
    return Fold(str(labels.dates[start]), start, stop, labels.known <= cutoff, cutoff, "live")


SPLITS = {"walk-forward": walk_forward, "holdout": holdout, "leave-one-crisis-out": leave_one_crisis_out, "transfer": transfer}


def folds(labels: Labels, config: SplitConfig, refit_years: int = 1) -> list[Fold]:
    """The folds of `config.method`; UsageError when no session is left to score."""
    out = SPLITS[config.method](labels, config, refit_years)
    if not out:
        span = f"{labels.dates[0]} to {labels.dates[-1]}" if len(labels.dates) else "no session"
        raise UsageError(f"split.{config.method} leaves nothing to score (panel: {span}); set split.first or split.crises inside the panel")
    return out
