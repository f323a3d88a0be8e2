"""Probabilities of a fall: the path library, the filtered simulation, the beta map of the anchor, and their pools (market study, 7)."""

from riskradar.models.pool.anchor import anchor
from riskradar.models.pool.betamap import BetaMap
from riskradar.models.pool.falls import ATOMS, Falls, horizons
from riskradar.models.pool.garch import Garch, GarchConfig
from riskradar.models.pool.library import Library, LibraryConfig
from riskradar.models.pool.pool import FittedPool, Pool, PoolConfig

__all__ = [
    "ATOMS", "BetaMap", "Falls", "FittedPool", "Garch", "GarchConfig", "Library", "LibraryConfig", "Pool", "PoolConfig", "anchor", "horizons",
]  # fmt: skip
