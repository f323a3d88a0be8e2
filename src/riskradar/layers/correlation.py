"""Correlation layer: which assets moved together over a window of daily log returns (paper 4.2, 6.1).

The kernels in `ranks` settle |rho| >= tau exactly for Spearman, in integers; here they meet panels and settings.
"""

import os
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from riskradar.features import log_returns
from riskradar.layers.ranks import LENGTHS, Relation, Sign, Window, edges, nearest, weights
from riskradar.tables import Bits, Layer, Neighbours, Panel, Weights
from riskradar.tables.arrays import Float, Float32

LONG = 500  # sessions that are worth a thread of their own


class CorrelationConfig(BaseModel, frozen=True, extra="forbid"):
    """window: daily returns in each correlation.

    keep: `edges` where |rho| reaches `threshold`; `weights` of all pairs; the `nearest` `neighbours` of each asset.
    """

    method: Literal["spearman", "pearson"] = "spearman"
    window: int = Field(default=60, ge=LENGTHS[0], le=LENGTHS[-1])
    keep: Literal["edges", "weights", "nearest"] = "edges"
    threshold: float = Field(default=0.5, gt=0, le=1, multiple_of=0.01)
    neighbours: int = Field(default=10, ge=1, le=1000)


def correlation(panel: Panel, config: CorrelationConfig, sign: Sign = "absolute") -> Layer:
    """The layer of every session; an asset takes part when it is a member and its whole window of returns is known and not constant.

    sign: which correlations count, by their size, only positive or only negative ones; a signed relation is two layers.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return related(panel, log_returns(panel.close), config, sign)


def related(panel: Panel, values: Float, config: CorrelationConfig, sign: Sign) -> Layer:
    """The correlation layer of any values [T, N], NaN where not known."""
    T, N = values.shape
    before, relation = Window.empty(config.window, N), Relation(config.method, sign)
    threads = min(os.cpu_count() or 1, 1 + T // LONG)
    if config.keep == "edges":
        return Bits(N, edges(before, values, panel.member, relation, config.threshold, threads)[1])
    if config.keep == "nearest":
        _, index, weight = nearest(before, values, panel.member, relation, config.neighbours, threads)
        return Neighbours(index, np.abs(weight))
    rho = weights(before, values, panel.member, config.method, threads=threads)[1]
    return Weights(N, _one_sign(rho, sign))


def positive(panel: Panel, config: CorrelationConfig) -> Layer:
    """The part of the correlation layer with rho above 0."""
    return correlation(panel, config, "positive")


def negative(panel: Panel, config: CorrelationConfig) -> Layer:
    """The part of the correlation layer with rho below 0, as positive weights."""
    return correlation(panel, config, "negative")


def _one_sign(rho: Float32, sign: Sign) -> Float32:
    """Non-negative weights, 0 where undefined or of the other sign."""
    turned = np.abs(rho) if sign == "absolute" else rho if sign == "positive" else -rho
    return np.fmax(turned, np.float32(0))  # fmax: NaN, an undefined pair, has no edge
