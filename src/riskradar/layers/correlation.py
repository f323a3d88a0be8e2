"""Correlation layer: an edge where |rho| of the daily log returns reaches a threshold (paper 4.2, 6.1).

Spearman is settled in integers: doubled centred average ranks 2r-(W+1) are whole numbers, so |rho| >= tau is decided without rounding.
"""

from fractions import Fraction
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field
from scipy.stats import rankdata

from riskradar.features import log_returns
from riskradar.tables import Bits, Panel
from riskradar.tables.arrays import Bool, Float


class CorrelationConfig(BaseModel, frozen=True, extra="forbid"):
    """window: daily returns in each correlation; threshold: least |rho| of an edge."""

    method: Literal["spearman", "pearson"] = "spearman"
    window: int = Field(default=60, ge=3, le=250)
    threshold: float = Field(default=0.5, gt=0, le=1, multiple_of=0.01)


def correlation(panel: Panel, config: CorrelationConfig) -> Bits:
    """Edges of every session, [T, N, N] as bits; an asset takes part when it is a member and its whole window of returns is known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)
    T, N = returns.shape
    edges = np.zeros((T, N, N), bool)
    rule = spearman_edges if config.method == "spearman" else pearson_edges
    tau = Fraction(str(config.threshold))
    for t in range(config.window, T):
        window = returns[t - config.window + 1 : t + 1]
        use = np.flatnonzero(panel.member[t] & np.isfinite(window).all(axis=0))
        if len(use) > 1:
            edges[t][np.ix_(use, use)] = rule(np.ascontiguousarray(window[:, use]), tau)
    return Bits.of(edges)


def spearman_edges(returns: Float, tau: Fraction) -> Bool:
    """|Spearman rho| >= tau for all pairs of columns of [W, n], decided in integers; a constant column has no edge."""
    ranks = (2 * rankdata(returns, axis=0)).astype(np.int64) - (len(returns) + 1)
    product = ranks.T @ ranks
    square = np.diagonal(product)
    left = tau.denominator**2 * product**2
    right = tau.numerator**2 * square[:, None] * square[None, :]
    out: Bool = (left >= right) & (right > 0)
    return out


def pearson_edges(returns: Float, tau: Fraction) -> Bool:
    """|Pearson r| >= tau for all pairs of columns of [W, n]; sums run over the window row by row, so that a pair's bits are its own."""
    centred = returns - returns[0]  # exactly zero where a column is constant
    total = np.zeros(returns.shape[1])
    for row in centred:
        total = total + row
    centred -= total / len(returns)
    product = np.zeros((returns.shape[1],) * 2)
    for row in centred:
        product = product + row[:, None] * row[None, :]
    square = np.diagonal(product)
    out: Bool = (np.abs(product) >= float(tau) * np.sqrt(square[:, None] * square[None, :])) & (square[:, None] > 0) & (square[None, :] > 0)
    return out
