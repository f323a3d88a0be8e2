"""Panel -> Graphs: one function per layer; the graph of session t joins the members of t and reads closes up to t."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from riskradar.errors import UsageError
from riskradar.layers.correlation import CorrelationConfig, correlation, negative, positive
from riskradar.layers.sector import SectorConfig, sector
from riskradar.tables import Graphs, Layer, Panel


@dataclass(frozen=True)
class LayerKind:
    """One entry of LAYERS: `build(panel, config)` gives a Layer, or a sentence that says why there is none.

    reads: sessions of the panel that the graph of t depends on, itself included, for a given config;
    section: the settings that it takes, where they go by another name than the layer.
    """

    build: Callable[[Panel, Any], Layer | str]
    reads: Callable[[Any], int]
    about: str
    section: str = ""


LAYERS: dict[str, LayerKind] = {
    "correlation": LayerKind(correlation, lambda config: config.window + 1, "returns that moved together over a window (paper 4.2)"),
    "correlation-positive": LayerKind(positive, lambda config: config.window + 1, "of these, the positive ones", "correlation"),
    "correlation-negative": LayerKind(negative, lambda config: config.window + 1, "of these, the negative ones", "correlation"),
    "sector": LayerKind(sector, lambda config: 1, "assets with the same sector label (paper 4.2)"),
}


class LayersConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of LAYERS are built, and how."""

    names: tuple[str, ...] = ("correlation", "sector")
    correlation: CorrelationConfig = CorrelationConfig()
    sector: SectorConfig = SectorConfig()


def settings_of(name: str, config: LayersConfig) -> Any:
    """The settings of one layer."""
    return getattr(config, LAYERS[name].section or name)


def build(panel: Panel, config: LayersConfig) -> Graphs:
    """All layers of `config` on a panel; a layer without data is absent, with the reason. UsageError on an unknown name."""
    built: dict[str, Layer] = {}
    absent: dict[str, str] = {}
    for name in config.names:
        if name not in LAYERS:
            raise UsageError(f"layers.names has {name!r}; `riskradar show layers` lists what exists")
        layer = LAYERS[name].build(panel, settings_of(name, config))
        if isinstance(layer, str):
            absent[name] = layer
        else:
            built[name] = layer
    return Graphs(panel.dates, panel.assets, built, absent)
