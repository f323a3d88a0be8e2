"""The pool: a weighted mean of the path library, the filtered simulation and the beta map, coherent in horizon and depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, NonNegativeFloat, PositiveFloat

from riskradar.models.base import EVERY_SESSION, Fitted, Prediction, State, part
from riskradar.models.calibration import coherent
from riskradar.models.pool.betamap import BetaMap, FittedBetaMap
from riskradar.models.pool.falls import Falls, averaged
from riskradar.models.pool.garch import FittedGarch, Garch, GarchConfig
from riskradar.models.pool.library import FittedLibrary, Library, LibraryConfig
from riskradar.tables import Features, Graphs, Labels, Target

NEAREST = 0.002  # no probability is nearer to 0 or 1 (market study, 7)


class PoolConfig(BaseModel, frozen=True, extra="forbid"):
    """The members, and the weights of library, garch and beta map. The weights come from a study that saw both halves of the history."""

    library: LibraryConfig = LibraryConfig()
    garch: GarchConfig = GarchConfig()
    weights: tuple[PositiveFloat, PositiveFloat, NonNegativeFloat] = (0.4, 0.3, 0.3)


@dataclass(frozen=True)
class Pool:
    """A linear pool: its score is the anchor's, its probability the weighted mean of its members."""

    config: PoolConfig
    about: str
    hindsight: bool = True  # see PoolConfig
    refit_years: int = 1
    graphs: bool = False
    seeds: bool = False

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return Library(self.config.library).lacks(features, graphs)  # which reads all that the other members do

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> FittedPool:
        """Fit each member."""
        library = Library(self.config.library).fit(features, graphs, labels, seed=seed)
        garch = Garch(self.config.garch).fit(features, graphs, labels, seed=seed)
        return FittedPool(labels.targets, self.config.weights, library, garch, BetaMap().fit(features, graphs, labels, seed=seed))

    def restore(self, targets: tuple[Target, ...], state: State) -> FittedPool:
        """See Model.restore."""
        library = Library(self.config.library).restore(targets, part(state, "library"))
        garch = Garch(self.config.garch).restore(targets, part(state, "garch"))
        return FittedPool(targets, self.config.weights, library, garch, BetaMap().restore(targets, part(state, "beta")))


@dataclass(frozen=True, eq=False)
class FittedPool:
    """The fitted members and their weights."""

    targets: tuple[Target, ...]
    weights: tuple[float, float, float]
    library: FittedLibrary
    garch: FittedGarch
    beta: FittedBetaMap
    history: int = EVERY_SESSION

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict. While the beta map has too few labels its weight goes to the others; without library or simulation: withheld."""
        library, garch, beta = (member.predict(features, graphs) for member in (self.library, self.garch, self.beta))
        given = np.stack([library.probability, garch.probability, beta.probability])
        young = np.isnan(given[2])
        weights = np.array(self.weights)[:, None, None] * np.ones_like(given)
        weights[2][young], given[2][young] = 0.0, 0.0
        mean = np.clip((weights * given).sum(axis=0) / weights.sum(axis=0), NEAREST, 1 - NEAREST)
        return Prediction(library.score, coherent(mean[0], self.targets)[None])

    def falls(self, features: Features, horizons: tuple[int, ...]) -> Falls | None:
        """The forward fall as equally likely outcomes: the quantile average of library and simulation; None where either is withheld."""
        library, garch = (member.falls(features, horizons) for member in (self.library, self.garch))
        return averaged(library, garch) if library and garch else None

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        members: dict[str, Fitted] = {"library": self.library, "garch": self.garch, "beta": self.beta}
        return {f"{name}.{key}": array for name, member in members.items() for key, array in member.state().items()}
