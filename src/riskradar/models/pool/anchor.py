"""The score that ranks: the fixed-sign anchor, never the probability."""

import numpy as np

from riskradar.tables import Features
from riskradar.tables.arrays import Float

ANCHOR = ("z_index_volatility", "breadth")


def anchor(features: Features) -> Float:
    """Mean of two z-scores [T]: breadth, and VIX where there is one; index volatility stands in until the z-score of VIX begins."""
    volatility = features.column("z_index_volatility")
    if "z_vix" in features.context_names:
        implied = features.column("z_vix")
        volatility = np.where(np.maximum.accumulate(np.isfinite(implied)), implied, volatility)
    score: Float = (volatility + features.column("breadth")) / 2
    return score
