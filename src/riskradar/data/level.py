"""The system index: what the fall of the system is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import numpy as np

from riskradar.errors import UsageError
from riskradar.tables.arrays import Bool, Days, Float
from riskradar.tables.facts import MARKET, Facts

EQUAL_WEIGHT = "equal-weight"
BROAD = "spx"  # the macro series that serves as index where no asset does
BASE = 100.0


class Choice(NamedTuple):
    """How the level is made: from an asset, from a macro series, or as the equal weight of the members (both codes None)."""

    text: str
    asset: int | None = None
    series: str | None = None


def choose_index(assets: Sequence[str], kinds: Sequence[str], series: Sequence[str], index: str) -> Choice:
    """The user's index, or for "auto" the first that exists: an index asset, the series spx, the equal weight; UsageError for an unknown name."""
    if index == "auto":
        named = [name for name, kind in zip(assets, kinds, strict=True) if kind == "index"]
        index = named[0] if named else BROAD if BROAD in series else EQUAL_WEIGHT
    if index == EQUAL_WEIGHT:
        return Choice("equal weight of members")
    if index in assets:
        return Choice(f"asset {index}", asset=list(assets).index(index))
    if index in series:
        return Choice(f"macro series {index}", series=index)
    near = get_close_matches(index, [*assets, *series, EQUAL_WEIGHT, "auto"], n=3, cutoff=0.4) or [EQUAL_WEIGHT]
    raise UsageError(f"data.index = {index!r} is neither an asset nor a macro series; nothing was kept; near matches: {', '.join(near)}")


def system_level(choice: Choice, dates: Days, close: Float, member: Bool, facts: Facts) -> Float:
    """The index level [T]; row t from what was known on t, never carried over: NaN on a session without a value."""
    if choice.asset is not None:
        return close[:, choice.asset].copy()
    if choice.series is None:
        return equal_weight(close, member)
    level = np.full(len(dates), np.nan)
    if not len(dates):
        return level
    rows = np.flatnonzero((facts.of == facts.series.index(choice.series)) & (facts.asset == MARKET) & (facts.known_at == facts.date))
    row = np.searchsorted(dates, facts.date[rows])
    on = (row < len(dates)) & (dates[np.minimum(row, len(dates) - 1)] == facts.date[rows]) & (facts.value[rows] > 0)
    level[row[on]] = facts.value[rows[on]]
    return level


def equal_weight(close: Float, member: Bool) -> Float:
    """Cumulated simple mean return of the members, each since its last close as a member, [T, N] -> [T]; 100 on the first session with a member.

    Sums run name by name in canonical order, so that neither other columns nor later rows can move a bit.
    """
    return np.where(member.any(axis=1), BASE * np.cumprod(1.0 + mean_returns(close, member)), np.nan)


def mean_returns(close: Float, member: Bool) -> Float:
    """The simple mean return behind `equal_weight`, [T]; 0 on a session without one."""
    T, N = close.shape
    total, count = np.zeros(T), np.zeros(T)
    rows = np.arange(T)
    for j in range(N):
        seen = np.maximum.accumulate(np.where(member[:, j], rows, -1))
        last = np.concatenate([[-1], seen[:-1]])
        held = member[:, j] & (last >= 0)
        total += np.where(held, close[:, j] / close[np.maximum(last, 0), j] - 1.0, 0.0)
        count += held
    return np.divide(total, count, out=np.zeros(T), where=count > 0)
