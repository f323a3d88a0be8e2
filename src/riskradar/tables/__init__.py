"""The tables that stages hand to each other: frozen, with named axes and `upto(date)`."""

from riskradar.tables.distribution import Distribution
from riskradar.tables.facts import MARKET, Facts
from riskradar.tables.features import Features
from riskradar.tables.forecast import Forecast, ForecastKind, mean_over_seeds, same_kind
from riskradar.tables.graphs import Bits, Graphs, Groups, Held, Layer, Neighbours, Weights
from riskradar.tables.labels import SYSTEM, Labels, Target
from riskradar.tables.measures import Measures
from riskradar.tables.nodes import NodeForecasts
from riskradar.tables.panel import KINDS, Panel
from riskradar.tables.summary import LayerSummary

__all__ = [
    "KINDS", "MARKET", "SYSTEM", "Bits", "Distribution", "Facts", "Features", "Forecast", "ForecastKind", "Graphs", "Groups", "Held", "Labels",
    "Layer", "LayerSummary", "Measures", "Neighbours", "NodeForecasts", "Panel", "Target", "Weights", "mean_over_seeds", "same_kind",
]  # fmt: skip
