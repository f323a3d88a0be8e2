"""The paper's four models on one window (7.2, 5.8, 5.9), each with its own rows, split and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit

from riskradar.models.dense import Shape, TrainConfig, parameters
from riskradar.paper.config import LearnersConfig, PaperConfig
from riskradar.paper.window import INPUTS, Window, train_count
from riskradar.tables.arrays import Float, Int

TITLES = {"logistic": "Logistic regression", "forest": "Random forest", "static": "Static GNN", "temporal": "Temporal GNN"}
NETWORKS: dict[str, Literal["snapshot", "temporal"]] = {"static": "snapshot", "temporal": "temporal"}
WIDTHS = ((32, 16), (64, 0))  # section 5.8 and Figure 4: width, hidden units of the head


@dataclass(frozen=True, eq=False)
class Scored:
    """One model on all rows that it reads, in order of time.

    rows [m]: positions in the window; trained: how many of them, the first, were trained on; probability [S, m];
    purged [S, m]: from a model without the training rows whose labels read the test; importance [7], or None.
    """

    model: str
    rows: Int
    trained: int
    probability: Float
    purged: Float
    importance: Float | None

    @property
    def test(self) -> Int:
        """Positions of the test rows."""
        return self.rows[self.trained :]


def shape(kind: Literal["snapshot", "temporal"], learners: LearnersConfig, sequence: int) -> Shape:
    """A network of the paper; the temporal one has a linear head in either width, as section 5.9 says."""
    if kind == "snapshot":
        return Shape("snapshot", learners.width, learners.head_hidden, len(INPUTS))
    return Shape("temporal", learners.width, 0, len(INPUTS), sequence=sequence)


def counts() -> dict[str, int]:
    """Parameters of both networks in both published widths."""
    out: dict[str, int] = {}
    for width, hidden in WIDTHS:
        learners = LearnersConfig(width=width, head_hidden=hidden)
        out |= {f"{model} {width}": parameters(shape(kind, learners, 5)) for model, kind in NETWORKS.items()}
    return out


def run(window: Window, config: PaperConfig, stage: Callable[[str], None] = lambda name: None) -> dict[str, Scored]:
    """Every model of the window, by name."""
    out = {}
    for model in TITLES:
        stage(f"{window.name}: {TITLES[model]}")
        out[model] = _scored(model, window, config)
    return out


def sample_rows(model: str, window: Window, config: PaperConfig) -> Int:
    """Rows that a model reads: each weekday, each graph, or each graph that ends a full sequence."""
    if model not in NETWORKS:
        return np.arange(len(window.dates))
    return window.rows if model == "static" else window.rows[config.protocol.sequence - 1 :]


def early(rows: Int, trained: int, config: PaperConfig) -> Int:
    """Which of the training samples have labels that end before the test begins."""
    return np.flatnonzero(rows[:trained] + config.protocol.purge <= rows[trained])


def _scored(model: str, window: Window, config: PaperConfig) -> Scored:
    rows = sample_rows(model, window, config)
    trained = train_count(len(rows), config.protocol)
    plain, importance = _fit(model, window, config, rows, np.arange(trained))
    purged = _fit(model, window, config, rows, early(rows, trained, config))[0] if config.protocol.purge else plain
    return Scored(model, rows, trained, plain, purged, importance)


def _fit(model: str, window: Window, config: PaperConfig, rows: Int, train: Int) -> tuple[Float, Float | None]:
    """Train on the samples `train` and score all; a single class is all that a baseline then says, and a network is trained on it all the same."""
    train = train[np.isfinite(window.y[rows[train]])]
    y = window.y[rows[train]]
    if model in NETWORKS and len(y):
        return _network(model, window, config, rows, train), None
    if len(y) == 0 or y.min() == y.max():
        return np.full((1, len(rows)), y[0] if len(y) else np.nan), None
    x = window.means[rows]
    return _logistic(x, train, y) if model == "logistic" else _forest(x, train, y, config.learners)


def _logistic(x: Float, train: Int, y: Float) -> tuple[Float, None]:
    """Ridge-penalised, on features standardised over the training rows (scikit-learn's defaults)."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
    z = (x - mean) / np.where(scale > 0, scale, 1.0)
    return LogisticRegression(max_iter=1000).fit(z[train], y).predict_proba(z)[None, :, 1], None


def _forest(x: Float, train: Int, y: Float, learners: LearnersConfig) -> tuple[Float, Float]:
    """One forest a seed (scikit-learn's defaults), and the mean decrease of impurity by feature (Figure 11)."""
    from sklearn.ensemble import RandomForestClassifier

    forests = [RandomForestClassifier(learners.trees, random_state=seed, n_jobs=1).fit(x[train], y) for seed in range(learners.seeds)]
    probability = np.stack([forest.predict_proba(x)[:, 1] for forest in forests])
    return probability, np.mean([forest.feature_importances_ for forest in forests], axis=0)


def _network(model: str, window: Window, config: PaperConfig, rows: Int, train: Int) -> Float:
    from riskradar.models.networks import Gcn, logits  # torch
    from riskradar.models.train import Samples
    from riskradar.models.train import train as fit

    learners, kind = config.learners, NETWORKS[model]
    made = shape(kind, learners, config.protocol.sequence)
    ends = np.searchsorted(window.rows, rows)
    snapshots = window.snapshots.compact()
    epochs = learners.static_epochs if model == "static" else learners.temporal_epochs
    settings = TrainConfig(epochs=epochs, rate=learners.rate, batch=learners.batch)
    seeds: Any = range(learners.seeds)
    learned = fit(Gcn(made), Samples(snapshots, ends[train], (window.y[rows[train]][:, None],)), seeds, settings)
    probability: Float = expit(logits(made, learned.weights, snapshots, ends)[:, :, 0].astype(float))
    return probability
