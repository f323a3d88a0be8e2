"""Markets and outcomes in which nothing can be foreseen, or no edge is left: what finds something here finds it everywhere.

Each takes a table of the real market and returns the same table with one thing destroyed.
"""

from dataclasses import replace

import numpy as np

from riskradar.features import log_returns
from riskradar.tables import Facts, Graphs, Labels, Neighbours, Panel
from riskradar.tables.arrays import Int


def without(graphs: Graphs, *names: str) -> Graphs:
    """The graphs with the edges of these layers taken out; the layers themselves stay, so every model still finds what it asks for."""
    shape = (len(graphs.dates), len(graphs.nodes), 0)
    empty = Neighbours(np.empty(shape, np.int32), np.empty(shape, np.float32))
    return replace(graphs, layers={name: empty if name in names else layer for name, layer in graphs.layers.items()})


def shifted(labels: Labels, sessions: int) -> Labels:
    """Every session gets the outcomes of `sessions` sessions later, in a circle; the runs of outcomes stay as they are."""
    return _dealt(labels, np.roll(np.arange(len(labels.dates)), -sessions))


def shuffled(labels: Labels, block: int, seed: int) -> Labels:
    """Blocks of `block` sessions exchange their outcomes, all targets together."""
    T = len(labels.dates)
    blocks = np.array_split(np.arange(T), range(block, T, block))
    order = np.random.default_rng(seed).permutation(len(blocks))
    return _dealt(labels, np.concatenate([blocks[i] for i in order]))


def reversed_in_time(panel: Panel) -> Panel:
    """The last close first, on the same dates. Facts are left out: what was known when has no meaning backwards.

    Volatility clusters in either direction, so a score of volatility may keep some of its rank; what is learned about falls may not.
    """
    return replace(
        panel, close=panel.close[::-1], member=panel.member[::-1], sector=panel.sector[::-1], level=panel.level[::-1], facts=Facts.none(),
        volume=None if panel.volume is None else panel.volume[::-1],
    )  # fmt: skip


def noise(panel: Panel, seed: int) -> Panel:
    """Random walks with one common factor in place of the closes, with the mean volatilities of the real ones; no facts."""
    rng = np.random.default_rng(seed)
    common = float(np.nanstd(log_returns(panel.level[:, None])))
    every = log_returns(panel.close)
    own = max(float(np.nanvar(every)) - common**2, 0.0) ** 0.5
    market = np.cumsum(common * rng.standard_normal(len(panel.dates)))
    close = np.exp(market[:, None] + np.cumsum(own * rng.standard_normal(panel.close.shape), axis=0))
    index = np.array([kind == "index" for kind in panel.kind])
    close = np.where(index, np.exp(market)[:, None], close)
    return replace(panel, close=np.where(np.isfinite(panel.close), close, np.nan), level=np.exp(market), facts=Facts.none())


def _dealt(labels: Labels, order: Int) -> Labels:
    """Outcomes in another order; one that would not be known yet stays unknown."""
    values = np.where(np.isnat(labels.known)[:, None, :], np.nan, labels.values[order])
    return replace(labels, values=values)
