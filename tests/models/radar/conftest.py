"""One small untidy market with everything that node forecasts read."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from riskradar import features, labels, layers
from riskradar.features import FeaturesConfig
from riskradar.labels import LabelsConfig
from riskradar.layers import LayersConfig
from riskradar.layers.residual import ResidualConfig
from riskradar.models.radar import INPUTS, REALISED, NodesConfig
from riskradar.models.radar.nodes import RECIPE
from riskradar.tables import Features, Graphs, Labels, Panel
from tests.markets import ragged

SMALL = NodesConfig(width=8, train=RECIPE.model_copy(update={"steps": 15, "batch": 4}))
TARGETS = ("log-volatility/5", "log-volatility/20", "log-drawdown/20", "log-drawdown/60")


@dataclass(frozen=True, eq=False)
class Nodes:
    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels

    @classmethod
    def of(cls, panel: Panel, targets: tuple[str, ...] = TARGETS, units: str = "nodes") -> "Nodes":
        built = features.build(panel, FeaturesConfig(node=(*INPUTS, *REALISED.values()), context=()))
        residual = ResidualConfig(method="gaussian", window=60, neighbours=3, power=2.0)
        graphs = layers.build(panel, LayersConfig(names=("residual",), residual=residual))
        return cls(panel, built, graphs, labels.build(panel, LabelsConfig(targets=targets, units=units)))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def market() -> Panel:
    """Three years in which volatilities differ and move, so that there is something to learn."""
    made = ragged(760, seed=4)
    rng = np.random.default_rng(0)
    wild = np.exp(np.cumsum(rng.normal(0, 0.05, made.close.shape), axis=0))
    close = made.close * np.exp(np.cumsum(0.01 * wild / wild.mean() * rng.standard_normal(made.close.shape), axis=0))
    return replace(made, close=close)


@pytest.fixture(scope="session")
def nodes(market: Panel) -> Nodes:
    return Nodes.of(market)
