"""Contagion: how losses spread over a network of exposures; DebtRank, linear and of 2012, and threshold cascades, for many scenarios in one call."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from riskradar.data.files import Grid, open_file
from riskradar.errors import InputError, UsageError
from riskradar.registry import near
from riskradar.tables.arrays import Bool, Float, Float32, frozen, unique

Method = Literal["linear", "2012"]
COLUMNS = ("debtor", "creditor", "amount", "equity")
SETTLED = 1e-13  # of equity: the step below which a scenario has come to rest
ROUNDS = 10_000
ROUNDING = 1e-12  # by which a sum of exposures may miss a threshold that it equals
STRENGTH = 0.5  # of a neighbour's loss that a complete graph of weight 1 passes on; an assumption, as layers hold no balance sheet


@dataclass(frozen=True, eq=False)
class Exposures:
    """Who loses when others lose.

    names [N]; impact [N, N]: the share of its equity that i loses when j loses all of its own; value [N]: shares of the total, summing to 1;
    source: the user's file, or the layer that stands in for one: it is printed beside every loss.
    """

    names: tuple[str, ...]
    impact: Float
    value: Float
    source: str

    def __post_init__(self) -> None:
        nodes = len(unique("names", self.names))
        object.__setattr__(self, "impact", frozen("impact", self.impact, "float64", (nodes, nodes)))
        object.__setattr__(self, "value", frozen("value", self.value, "float64", (nodes,)))
        if not np.isfinite(self.impact).all() or (self.impact < 0).any() or self.impact.diagonal().any():
            raise ValueError("impact must be finite, not negative, and 0 on the diagonal")

    def total(self, losses: Float) -> Float:
        """Losses [S, N] as shares of the whole, [S]."""
        return losses @ self.value


def debtrank(impact: Float, shocks: Float, method: Method = "linear") -> Float:
    """Losses [S, N] after first losses `shocks` [S, N], all as shares of equity in [0, 1]; impact [N, N] as in Exposures.

    linear: every loss is passed on at once and in full, h = min(1, h0 + impact h), the least solution, exact but for rounding
    (Bardoscia, Battiston, Caccioli, Caldarelli 2015). 2012: a node passes on what it had lost when it was first hit, once, with impacts
    up to 1 (Battiston, Puliga, Kaushik, Tasca, Caldarelli 2012). What spread is losses - shocks. UsageError for shocks outside [0, 1].
    """
    start = np.ascontiguousarray(shocks, float)
    if not ((start >= 0) & (start <= 1)).all():
        raise UsageError("a first loss is a share of equity between 0 and 1; nothing was computed")
    return _linear(impact, start) if method == "linear" else _once(np.minimum(impact, 1.0), start)


def _linear(impact: Float, shocks: Float) -> Float:
    losses, rows = _unbounded(impact, shocks)
    losses[rows] = shocks[rows]
    step = shocks[rows]
    for _ in range(ROUNDS):
        if not len(rows):
            return losses
        reached = np.minimum(losses[rows] + step @ impact.T, 1.0)
        step = reached - losses[rows]
        losses[rows] = reached
        going = step.max(axis=1) > SETTLED
        rows, step = rows[going], step[going]
    raise InputError(f"{len(rows)} scenarios did not come to rest in {ROUNDS:,} rounds; nothing was kept; check the amounts, losses barely fade")


def _unbounded(impact: Float, shocks: Float) -> tuple[Float, np.ndarray]:
    """(I - impact)^-1 shocks, and the rows for which this is not the answer: somebody loses more than everything, or losses grow without end."""
    first = np.column_stack([np.ones(shocks.shape[1]), shocks.T])
    try:
        solved = np.linalg.solve(np.eye(len(impact)) - impact, first)
    except np.linalg.LinAlgError:
        return shocks.copy(), np.arange(len(shocks))
    fades = bool((solved[:, 0] > 0).all())  # impact >= 0: (I - impact) x = 1 has a positive x where, and only where, its spectral radius is below 1
    losses = np.maximum(solved[:, 1:].T, shocks)  # rounding must not heal anybody
    return losses, np.flatnonzero((losses > 1.0).any(axis=1) | (not fades))


def _once(impact: Float, shocks: Float) -> Float:
    losses, distressed, done = shocks, shocks > 0, np.zeros(shocks.shape, bool)
    while distressed.any():
        losses = np.minimum(losses + np.where(distressed, losses, 0.0) @ impact.T, 1.0)
        done |= distressed
        distressed = (losses > 0) & ~done
    return losses


def cascade(impact: Float, failed: Bool, threshold: float | Float = 1.0, recovery: float = 0.0) -> Bool:
    """Who has failed in the end, [S, N], when `failed` [S, N] fail first: a node fails once its losses on failed ones reach its threshold.

    Losses are (1 - recovery) times the sum of impact over failed nodes. With impact = exposure / equity and threshold 1 this is the insolvency
    cascade of Gai and Kapadia (2010); with `shares` of neighbours it is the threshold model of Watts (2002). threshold: one, or [N], above 0.
    """
    least = np.broadcast_to(np.asarray(threshold, float), impact.shape[:1])
    if not (least > 0).all() or not 0 <= recovery <= 1:
        raise UsageError("a threshold lies above 0 and a recovery between 0 and 1; nothing was computed")
    now = np.array(failed, bool)
    while True:
        following = now | ((1 - recovery) * (now @ impact.T) >= least * (1 - ROUNDING))
        if (following == now).all():
            return now
        now = following


def shares(weights: Float | Float32) -> Float:
    """Each row of weights [N, N] over its sum; a node without neighbours keeps zeros."""
    dense = np.asarray(weights, float)
    total = dense.sum(axis=1, keepdims=True)
    out: Float = np.divide(dense, total, out=np.zeros_like(dense), where=total > 0)
    return out


def implied(names: Sequence[str], weights: Float32, member: Bool, layer: str, strength: float = STRENGTH) -> Exposures:
    """Market-implied exposures: node i loses strength * w_ij / (n - 1) when j loses everything, over the n members of the day; equal values.

    weights [N, N]: one graph of `layer`, cut at 1. No balance sheet stands behind them, and the source says so.
    """
    n = max(int(member.sum()), 2)
    impact = np.minimum(np.asarray(weights, float), 1.0) * (strength / (n - 1))
    source = f"market-implied weights of the layer {layer} (no balance sheet; a complete graph would pass on {100 * strength:g} % of a loss)"
    return Exposures(tuple(names), impact, member / n, source)


def exposures(path: str | Path) -> Exposures:
    """Exposures from a long CSV or Parquet file: debtor, creditor, amount, equity (of the creditor, in the same unit).

    The creditor loses amount / equity when the debtor loses everything; several rows of a pair are added. A row with amount 0 states the equity of
    a node that only owes. Values are shares of equity. InputError for a cell that is no number, an equity that is missing, not above 0 or stated
    in two ways, and for a node that owes itself.
    """
    grid = open_file(path, "exposures").grid()
    rows = _rows(grid)
    equity = _equity(rows, grid.name)
    names = tuple(sorted({name for debtor, creditor, *_ in rows for name in (debtor, creditor)} - {""}))
    if lost := [name for name in names if name not in equity]:
        raise InputError(f"{grid.name} has no equity of {lost[0]!r}; nothing was kept; add a row with it as creditor and amount 0")
    place, owed = {name: i for i, name in enumerate(names)}, np.zeros((len(names), len(names)))
    for debtor, creditor, amount, _ in rows:
        if debtor == creditor:
            raise InputError(f"{grid.name}: {debtor!r} owes itself; nothing was kept; drop the row")
        if debtor:
            owed[place[creditor], place[debtor]] += amount
    own = np.array([equity[name] for name in names])
    return Exposures(names, owed / own[:, None], own / own.sum(), f"exposures of {grid.name}")


def _rows(grid: Grid) -> list[tuple[str, str, float, float | None]]:
    found = [column.strip().lower() for column in grid.columns]
    if lost := [name for name in COLUMNS if name not in found]:
        raise InputError(f"{grid.name} has no column {lost[0]!r}{near(lost[0], found)}; nothing was kept; give {', '.join(COLUMNS)}")
    at = [found.index(name) for name in COLUMNS]
    out = []
    for row in range(grid.data.num_rows):
        debtor, creditor, amount, equity = (grid.text(row, column).strip() for column in at)
        if not creditor:
            raise InputError(f"{grid.name}, row {row + 1}: no creditor; nothing was kept; name it")
        owed = _number(grid, row, "amount", amount)
        if owed and not debtor:
            raise InputError(f"{grid.name}, row {row + 1}: an amount without a debtor; nothing was kept; name it")
        out.append((debtor, creditor, owed, _number(grid, row, "equity", equity) if equity else None))
    return out


def _number(grid: Grid, row: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0 or (name == "equity" and value == 0):
        least = "above 0" if name == "equity" else "0 or more"
        raise InputError(f"{grid.name}, row {row + 1}: {name} {text!r} is no number {least}; nothing was kept; correct it")
    return value


def _equity(rows: list[tuple[str, str, float, float | None]], name: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for _, creditor, _, equity in rows:
        if equity is not None and out.setdefault(creditor, equity) != equity:
            raise InputError(f"{name} states the equity of {creditor!r} as {out[creditor]:g} and {equity:g}; nothing was kept; keep one")
    return out
