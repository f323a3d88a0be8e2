"""The flagship.

Nodes: which assets are fragile; level by a ridge, cross-section by a ridge and a graph residual (wide study, section 5).
System: a fixed anchor and a correction by graph networks (science study, 9). Node forecasts explain it and are not claimed to improve it.
"""

from collections.abc import Callable

from riskradar.models.base import Model
from riskradar.models.radar.ground import INPUTS, REALISED, GroundConfig
from riskradar.models.radar.nodes import NodesConfig, RadarNodes
from riskradar.models.radar.ridges import Har, NodeRidge

# Forecasters of continuous node targets: Models whose score is the forecast itself, [system and nodes, K], with no probability.
NODE_MODELS: dict[str, Callable[[NodesConfig], Model]] = {
    "har": lambda config: Har(config),
    "ridge": lambda config: NodeRidge(config),
    "ridge-graph": lambda config: NodeRidge(config, neighbours=True),
    "nodes": lambda config: RadarNodes(config),
    "nodes-no-graph": lambda config: RadarNodes(config, message=False),
}

__all__ = ["INPUTS", "NODE_MODELS", "REALISED", "GroundConfig", "Har", "NodeRidge", "NodesConfig", "RadarNodes"]
