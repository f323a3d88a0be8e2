"""Logistic regression and random forest on the day's numbers: the paper's baselines (section 7.2), under an honest protocol."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from scipy.special import expit

from riskradar.models.base import Prediction, State
from riskradar.models.calibration import LEAST, coherent
from riskradar.models.inputs import matrix, missing, outcomes
from riskradar.tables import Features, Graphs, Labels, Target
from riskradar.tables.arrays import Float, Int

PAPER = ("mean:return", "mean:volatility_20", "mean:volatility_60", "mean:drawdown_20", "mean:drawdown_60", "mean:momentum_10", "mean:momentum_30")
TREES = ("feature", "threshold", "left", "right", "share", "roots", "first")  # the arrays of a forest, in the order of its fields


class LogisticConfig(BaseModel, frozen=True, extra="forbid"):
    """inputs: context features and `mean:` of node features; strength: inverse of the ridge penalty on standardised inputs."""

    inputs: tuple[str, ...] = Field(default=PAPER, min_length=1)
    strength: float = Field(default=1.0, gt=0)
    refit_years: int = Field(default=1, ge=1)


class ForestConfig(BaseModel, frozen=True, extra="forbid"):
    """trees, leaf: least days in a leaf; every: train on every n-th session, since neighbours share most of their window."""

    inputs: tuple[str, ...] = Field(default=PAPER, min_length=1)
    trees: int = Field(default=200, ge=1, le=5000)
    leaf: int = Field(default=10, ge=1)
    every: int = Field(default=5, ge=1)
    refit_years: int = Field(default=3, ge=1)


@dataclass(frozen=True)
class Logistic:
    """Ridge-penalised logistic regression, one per target; the probability is the score."""

    config: LogisticConfig
    about: str = "logistic regression on the day's means of the paper's features"
    hindsight: bool = False
    graphs: bool = False
    seeds: bool = False

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, self.config.inputs)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedLogistic":
        """Standardise on the rows used, then fit; a target with fewer than 252 labels or one class is withheld."""
        from sklearn.linear_model import LogisticRegression

        x = matrix(features, self.config.inputs)
        weights = np.full((len(labels.targets), 1 + x.shape[1]), np.nan)
        for k, (use, y) in enumerate(_targets(x, labels, 1)):
            if len(y) < LEAST or y.min() == y.max():
                continue
            mean, scale = x[use].mean(axis=0), x[use].std(axis=0)
            scale = np.where(scale > 0, scale, 1.0)
            model = LogisticRegression(C=self.config.strength, max_iter=1000).fit((x[use] - mean) / scale, y)
            slope = model.coef_[0] / scale
            weights[k] = np.concatenate([model.intercept_ - (slope * mean).sum(), slope])
        return FittedLogistic(self.config.inputs, labels.targets, weights)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedLogistic":
        """See Model.restore."""
        return FittedLogistic(self.config.inputs, targets, state["weights"])


@dataclass(frozen=True, eq=False)
class FittedLogistic:
    """weights [K, 1+M] on unscaled inputs, intercept first."""

    inputs: tuple[str, ...]
    targets: tuple[Target, ...]
    weights: Float
    history: int = 1

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        x = matrix(features, self.inputs)[-1]
        score = np.array([w[0] + (w[1:] * x).sum() for w in self.weights])
        return Prediction(score[None], coherent(expit(score), self.targets)[None])

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {"weights": self.weights}


@dataclass(frozen=True)
class Forest:
    """Random forest (Breiman 2001), one per target; the mean leaf share is score and probability."""

    config: ForestConfig
    about: str = "random forest on the day's means of the paper's features"
    hindsight: bool = False
    graphs: bool = False
    seeds: bool = True

    @property
    def refit_years(self) -> int:
        """See Model."""
        return self.config.refit_years

    def lacks(self, features: Features, graphs: Graphs) -> str:
        """See Model.lacks."""
        return missing(features, self.config.inputs)

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "FittedForest":
        """Grow the trees; a target with fewer than 252 labelled days or one class is withheld."""
        from sklearn.ensemble import RandomForestClassifier

        x = matrix(features, self.config.inputs)
        trees: list[list[Any]] = []
        for use, y in _targets(x, labels, self.config.every):
            if len(y) * self.config.every < LEAST or y.min() == y.max():
                trees.append([])
                continue
            forest = RandomForestClassifier(self.config.trees, min_samples_leaf=self.config.leaf, random_state=seed, n_jobs=1).fit(x[use], y)
            trees.append([tree.tree_ for tree in forest.estimators_])
        return FittedForest.of(self.config.inputs, labels.targets, trees)

    def restore(self, targets: tuple[Target, ...], state: State) -> "FittedForest":
        """See Model.restore."""
        feature, threshold, left, right, share, roots, first = (state[name] for name in TREES)
        return FittedForest(self.config.inputs, targets, feature, threshold, left, right, share, roots, first)


@dataclass(frozen=True, eq=False)
class FittedForest:
    """All trees of all targets laid end to end: a node asks `x[feature] <= threshold` and goes left or right; feature < 0 is a leaf.

    roots: first node of each tree; first: first tree of each target [K+1].
    """

    inputs: tuple[str, ...]
    targets: tuple[Target, ...]
    feature: Int
    threshold: Float
    left: Int
    right: Int
    share: Float
    roots: Int
    first: Int
    history: int = 1

    @classmethod
    def of(cls, inputs: tuple[str, ...], targets: tuple[Target, ...], trees: list[list[Any]]) -> "FittedForest":
        """Lay scikit-learn trees end to end."""
        flat = [tree for target in trees for tree in target]
        roots = np.cumsum([0, *(tree.node_count for tree in flat)])
        first = np.cumsum([0, *(len(target) for target in trees)])

        def join(read: Any, dtype: str) -> NDArray[Any]:
            parts = [read(tree, root) for tree, root in zip(flat, roots, strict=False)]
            return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)

        return cls(
            inputs, targets, join(lambda tree, root: tree.feature, "int64"), join(lambda tree, root: tree.threshold, "float64"),
            join(lambda tree, root: tree.children_left + root, "int64"), join(lambda tree, root: tree.children_right + root, "int64"),
            join(lambda tree, root: tree.value[:, 0, 1] / tree.value[:, 0, :].sum(axis=1), "float64"),
            roots[:-1].astype("int64"), first.astype("int64"),
        )  # fmt: skip

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        """See Fitted.predict."""
        x = matrix(features, self.inputs)[-1]
        score = np.full(len(self.targets), np.nan)
        if np.isfinite(x).all():
            score = self.shares(x)
        return Prediction(score[None], coherent(score, self.targets)[None])

    def shares(self, x: Float) -> Float:
        """Mean leaf share of each target [K] for inputs [M]."""
        found: Float = _walk(x.astype(np.float32), self.feature, self.threshold, self.left, self.right, self.share, self.roots, self.first)
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """See Fitted.state."""
        return {name: getattr(self, name) for name in TREES}


@numba.njit(cache=True)
def _walk(x: Any, feature: Int, threshold: Float, left: Int, right: Int, share: Float, roots: Int, first: Int) -> Float:
    out = np.full(len(first) - 1, np.nan)
    for k in range(len(first) - 1):
        total = 0.0
        for tree in range(first[k], first[k + 1]):
            node = roots[tree]
            while feature[node] >= 0:
                node = left[node] if x[feature[node]] <= threshold[node] else right[node]
            total += share[node]
        if first[k + 1] > first[k]:
            out[k] = total / (first[k + 1] - first[k])
    return out


def _targets(x: Float, labels: Labels, every: int) -> list[tuple[Int, Float]]:
    """Rows and labels to learn from, for each target: inputs and label known, every n-th of them counted back from the newest."""
    out = []
    for y in outcomes(labels).T:
        use = np.flatnonzero(np.isfinite(y) & np.isfinite(x).all(axis=1))[::-every][::-1]
        out.append((use, y[use]))
    return out
