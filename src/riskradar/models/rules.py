"""Simple rules: the score is fixed in advance and never fitted; only the map from score to probability is learned.

Every learned model is judged against these. Inputs are z-scores over all sessions so far, in equal weights (design 5); the distance from a high
is a share already and stays as it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskradar.models.base import Prediction, State
from riskradar.models.calibration import Platt, coherent
from riskradar.models.inputs import matrix, missing, outcomes
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float


@dataclass(frozen=True)
class Rule:
    """The mean of `inputs`; hindsight marks a choice that was made after seeing the history it is judged on."""

    inputs: tuple[str, ...]
    about: str
    hindsight: bool = False
    refit_years: int = 1
    graphs: bool = False
    seeds: bool = False

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, self.inputs)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedRule":
        """Learn the Platt map of each target; the score itself has nothing to learn."""
        score = matrix(features, self.inputs).mean(axis=1)
        return FittedRule(self.inputs, labels.targets, Platt.fit(score, outcomes(labels)))

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedRule":
        """See Model.restore."""
        return FittedRule(self.inputs, targets, Platt(state["intercept"], state["slope"]))


@dataclass(frozen=True, eq=False)
class FittedRule:
    """A rule with its probability map."""

    inputs: tuple[str, ...]
    targets: tuple[Target, ...]
    platt: Platt
    history: int = 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        score = np.full(len(self.targets), matrix(features, self.inputs)[-1].mean())
        return Prediction(score[None], coherent(self.platt(score), self.targets)[None])

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"intercept": self.platt.intercept, "slope": self.platt.slope}


@dataclass(frozen=True)
class Constant:
    """The same score on every day of a fold: the share of past days with the label, or 1 for the alarm that never stops."""

    always: bool
    about: str
    hindsight: bool = False
    refit_years: int = 1
    graphs: bool = False
    seeds: bool = False

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return ""

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedConstant":
        """Count the past days with the label, with one imagined day of each outcome; withheld before any is known."""
        y = outcomes(labels)
        days = np.isfinite(y).sum(axis=0)
        share = np.where(days > 0, (np.nansum(y, axis=0) + 1) / (days + 2), np.nan)
        return FittedConstant(np.ones_like(share) if self.always else share, np.full_like(share, np.nan) if self.always else share)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedConstant":
        """See Model.restore."""
        return FittedConstant(state["score"], state["probability"])


@dataclass(frozen=True, eq=False)
class FittedConstant:
    """A constant score and probability per target [K]."""

    score: Float
    probability: Float
    history: int = 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        return Prediction(self.score[None], self.probability[None])

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"score": self.score, "probability": self.probability}


RULES: dict[str, Rule | Constant] = {
    "base-rate": Constant(False, "share of past days with the label"),
    "always-on": Constant(True, "an alarm on every day"),
    "ewma-vol": Rule(("z_index_volatility",), "volatility of the index, exponential weights"),
    "vix": Rule(("z_vix",), "Cboe VIX"),
    "trend": Rule(("index_below_high",), "distance of the index from its 252-session high"),
    "breadth": Rule(("breadth",), "stocks far below their 60-session high"),
    "vol+breadth": Rule(("z_index_volatility", "breadth"), "equal weights"),
    "vix+breadth": Rule(("z_vix", "breadth"), "equal weights"),
    "vix+breadth+credit": Rule(("z_vix", "breadth", "z_credit_change"), "equal weights; credit: 60-session change of Baa-10y", hindsight=True),
    "vix+breadth+hy": Rule(("z_vix", "breadth", "z_hy_change"), "equal weights; hy: 60-session change of the high-yield spread", hindsight=True),
}
