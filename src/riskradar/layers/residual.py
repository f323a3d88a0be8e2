"""Residual layer: which assets moved together once the market, and optionally their sector, is taken out (science 5, wide 5).

The market is the equal weight of members on each session, whatever the system index is. Both regressions are ordinary least squares inside the
window of the graph; the correlation of what is left is one of ranks, so that one crash day does not decide an edge.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from riskradar.features import log_returns, mean_return
from riskradar.layers.ranks import Method
from riskradar.layers.windows import Drawing, NearestConfig, correlations, nearest
from riskradar.tables import Layer, Panel
from riskradar.tables.arrays import Bool, Code, Float

EXPLAINED = 1e-10  # an asset with less of its variance left than this is its market or sector: the rest is rounding
Side = Literal["all", "within", "across"]


class ResidualConfig(NearestConfig, frozen=True):
    """remove: the market, or the market and the mean of the asset's sector.

    method: `gaussian` is Pearson's correlation of normal scores of the ranks; power: of rho, for the weight of an edge.
    """

    method: Method | Literal["gaussian"] = "spearman"
    remove: Literal["market", "sector"] = "market"
    power: float = Field(default=1.0, gt=0, le=10)


def residual(panel: Panel, config: ResidualConfig, side: Side = "all") -> Layer | str:
    """The `neighbours` assets whose residual returns correlate most with those of each asset, above 0; [T, N, k], directed.

    side: neighbours from anywhere, from the asset's sector as labelled on the day of drawing, or from the other sectors.
    Row t uses closes and members up to its last refresh, and members of t.
    """
    if (side != "all" or config.remove == "sector") and not (panel.sector >= 0).any():
        return "no sector labels; give data.sectors"
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)
    market = mean_return(returns, panel.member)
    sectors = sector_returns(returns, panel.member, panel.sector, len(panel.sectors)) if config.remove == "sector" else None

    def similarity(drawing: Drawing) -> Float:
        sector = panel.sector[drawing.at, drawing.columns]
        left = without(drawing.values, market[drawing.span, None])
        if sectors is not None:
            own = np.where(sector >= 0, sectors[drawing.span][:, sector], 0.0)
            left = without(left, without(own, market[drawing.span, None]))
        rho = correlations(normal_scores(left)) if config.method == "gaussian" else correlations(left, config.method)
        rho = np.where(_joinable(drawing.values, left), np.maximum(rho, 0.0) ** config.power, np.nan)
        return rho if side == "all" else np.where(_allowed(sector, side), rho, np.nan)

    return nearest(panel, returns, config, similarity)


def normal_scores(values: Float) -> Float:
    """Normal quantiles of (rank - 1/2) / W in each column of [W, M]; ties take their mean rank."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    out: Float = ndtri((rankdata(values, axis=0) - 0.5) / len(values))
    return out


def within(panel: Panel, config: ResidualConfig) -> Layer | str:
    """The residual layer with neighbours of the same sector only."""
    return residual(panel, config, "within")


def across(panel: Panel, config: ResidualConfig) -> Layer | str:
    """The residual layer with neighbours of other sectors only."""
    return residual(panel, config, "across")


def without(values: Float, factor: Float) -> Float:
    """What least squares with a constant leaves of the columns of [W, M], given a factor [W, M] or [W, 1]; a constant one takes only the mean."""
    centred, pull = values - values.mean(axis=0), factor - factor.mean(axis=0)
    power = (pull * pull).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        beta = np.where(power > EXPLAINED * (factor * factor).sum(axis=0), (centred * pull).sum(axis=0) / power, 0.0)
    left: Float = centred - beta * pull
    return left


def sector_returns(returns: Float, member: Bool, sector: Code, count: int) -> Float:
    """Equal-weight return of the members of each sector, [T, sectors]; 0 on sessions where it has none."""
    means = [mean_return(returns, member & (sector == code)) for code in range(count)]
    return np.nan_to_num(np.stack(means, axis=1), nan=0.0)


def _joinable(values: Float, left: Float) -> Bool:
    """Pairs of assets that both keep a variance of their own."""
    own: Bool = (left * left).sum(axis=0) > EXPLAINED * ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    both: Bool = own[:, None] & own
    return both


def _allowed(sector: Code, side: Side) -> Bool:
    known = (sector[:, None] >= 0) & (sector >= 0)
    same = sector[:, None] == sector
    allowed: Bool = known & (same if side == "within" else ~same)
    return allowed
