"""Co-movement beyond the direction of ordinary days: assets whose worst sessions coincide, and assets that become restless together."""

import numpy as np
from pydantic import BaseModel, Field

from riskradar.features import log_returns
from riskradar.layers.correlation import CorrelationConfig, related
from riskradar.layers.kernels.tails import scan_tails
from riskradar.layers.ranks import threshold
from riskradar.layers.windows import nobody
from riskradar.tables import Bits, Layer, Panel


class TailConfig(BaseModel, frozen=True, extra="forbid"):
    """window: sessions; share: of them that are an asset's tail, rounded up; threshold: the least share of tails in common."""

    window: int = Field(default=250, ge=5, le=1000)
    share: float = Field(default=0.1, gt=0, le=0.5)
    threshold: float = Field(default=0.5, gt=0, le=1, multiple_of=0.01)


def tail(panel: Panel, config: TailConfig) -> Bits | str:
    """Edges where worst sessions coincide, [T, N, N] every session; row t uses closes t-W … t.

    An asset's tail A is the set of its lowest `share` of log returns of the window, all of those that tie with the last one included; an edge is
    |A and B| >= threshold * sqrt(|A| |B|), settled in integers. An asset takes part when it is a member, its whole window is known and ties have not
    made its tail more than twice as large. Lower tail dependence by counting, as in Poon, Rockinger and Tawn (2004).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)
    T, N = returns.shape
    ratio, most = threshold(config.threshold), int(np.ceil(config.share * config.window - 1e-9))
    packed = np.zeros((T, -(-N * (N - 1) // 16)), np.uint8)
    scan_tails(np.ascontiguousarray(returns.T), panel.member, config.window, most, ratio.numerator, ratio.denominator, packed)
    return Bits(N, packed) if packed.any() else nobody(config.window)


def volatility(panel: Panel, config: CorrelationConfig) -> Layer | str:
    """The correlation layer, positive correlations only, of the sizes of log returns instead of the returns: who becomes restless with whom."""
    if len(panel.dates) <= config.window:
        return nobody(config.window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return related(panel, np.abs(log_returns(panel.close)), config, "positive")
