"""Features that remember every session since the first, one session at a time: what they carry from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar.features import FEATURES, MANY, ewma_volatility, highest, log_returns, values_of, z_score
from riskradar.tables import Panel
from riskradar.tables.arrays import Float


@dataclass(frozen=True)
class Carried:
    """start: what is remembered after a panel; step: the values of the last `rows` sessions of one that goes on, and what is remembered then."""

    start: Callable[[Panel], Any]
    step: Callable[[Panel, int, Any], tuple[Float, Any]]


def _weighted(returns: Callable[[Panel], Float]) -> Carried:
    """An exponentially weighted volatility remembers its last variance."""

    def start(panel: Panel) -> Float:
        last = np.full(returns(panel).shape[1], np.nan)
        ewma_volatility(returns(panel), last)
        return last

    def step(panel: Panel, rows: int, last: Float) -> tuple[Float, Float]:
        last = last.copy()
        return ewma_volatility(returns(tail(panel, 2, rows))[-rows:], last), last

    return Carried(start, step)


def _expanding(parts: Callable[[Panel], Float], reads: int, value: Callable[[Float], Float]) -> Carried:
    """A value of all rows so far of columns that read few sessions each remembers these columns."""

    def step(panel: Panel, rows: int, before: Float) -> tuple[Float, Float]:
        columns = np.append(before, parts(tail(panel, reads, rows))[-rows:], axis=0)
        return value(columns)[-rows:], columns

    return Carried(parts, step)


def _standard(name: str) -> Carried:
    return _expanding(lambda panel: values_of(FEATURES[name], panel), FEATURES[name].reads, z_score)


def _fallen(panel: Panel) -> Float:
    """How many stocks have a drawdown, how many of them are in distress, and how far they fell [T, 3]."""
    known = panel.member & np.array([kind == "stock" for kind in panel.kind], bool) & np.isfinite(highest(panel.close, FEATURES["breadth"].window))
    return np.stack([known.sum(axis=1), *(values_of(FEATURES[name], panel) for name in ("share_in_distress", "mean_drawdown"))], axis=1)


def _first(one: Carried) -> Carried:
    def step(panel: Panel, rows: int, state: Any) -> tuple[Float, Any]:
        values, state = one.step(panel, rows, state)
        return values[:, 0], state

    return Carried(one.start, step)


def _standard_of(one: Carried, name: str) -> Carried:
    """The same for a feature that carries something itself."""

    def start(panel: Panel) -> tuple[Float, Any]:
        return values_of(FEATURES[name], panel), one.start(panel)

    def step(panel: Panel, rows: int, state: tuple[Float, Any]) -> tuple[Float, Any]:
        values, inner = one.step(panel, rows, state[1])
        column = np.append(state[0], values)
        return z_score(column)[-rows:], (column, inner)

    return Carried(start, step)


def tail(panel: Panel, reads: int, rows: int) -> Panel:
    """The sessions that the last `rows` rows read."""
    T = len(panel.dates)
    return panel.rows(max(T - reads - rows + 1, 0), T)


_INDEX = _first(_weighted(lambda panel: log_returns(panel.level)[:, None]))
CARRIED = {
    "ewma_volatility": _weighted(lambda panel: log_returns(panel.close)),
    "index_volatility": _INDEX,
    "z_index_volatility": _standard_of(_INDEX, "index_volatility"),
    "breadth": _expanding(
        _fallen, FEATURES["breadth"].window, lambda part: np.where(part[:, 0] >= MANY, z_score(part[:, 1]), z_score(part[:, 2]))
    ),
    **{f"z_{name}": _standard(name) for name in ("vix", "credit_change", "hy_change")},
}  # fmt: skip
