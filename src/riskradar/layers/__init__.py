"""Panel -> Graphs: one function per layer; the graph of session t joins the members of t and reads closes up to t."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from riskradar.errors import UsageError
from riskradar.layers.comovement import TailConfig, tail, volatility
from riskradar.layers.correlation import CorrelationConfig, correlation, negative, positive
from riskradar.layers.denoised import DenoisedConfig, denoised
from riskradar.layers.exposure import ExposureConfig, MacroConfig, exposure
from riskradar.layers.filters import FilterConfig, planar, tree
from riskradar.layers.residual import ResidualConfig, across, residual, within
from riskradar.layers.sector import SectorConfig, sector
from riskradar.layers.sentiment import SentimentConfig, sentiment
from riskradar.tables import Graphs, Layer, Panel


@dataclass(frozen=True)
class LayerKind:
    """One entry of LAYERS: `build(panel, config)` gives a Layer, or a sentence that says why there is none.

    reads: sessions of the panel that the graph of t depends on, itself included, for a given config;
    about: what an edge is, and the source; needs: data beside closes without which the layer is absent;
    section: the settings that it takes, where they go by another name than the layer.
    """

    build: Callable[[Panel, Any], Layer | str]
    reads: Callable[[Any], int]
    about: str
    section: str = ""
    needs: str = ""


def _window(config: CorrelationConfig | TailConfig) -> int:
    return config.window + 1


LAYERS: dict[str, LayerKind] = {
    "correlation": LayerKind(correlation, _window, "|rho| >= threshold of log returns, Spearman or Pearson (paper 4.2)"),
    "correlation-positive": LayerKind(positive, _window, "the correlation layer where rho is above 0", "correlation"),
    "correlation-negative": LayerKind(negative, _window, "the correlation layer where rho is below 0", "correlation"),
    "sector": LayerKind(sector, lambda config: 1, "the same sector label (paper 4.2)", needs="sectors"),
    "residual": LayerKind(residual, ResidualConfig.reads, "k nearest by rho of least-squares residuals on the equal-weight market"),
    "residual-within": LayerKind(within, ResidualConfig.reads, "k nearest inside the sector by rho of market residuals", "residual", "sectors"),
    "residual-across": LayerKind(across, ResidualConfig.reads, "k nearest in other sectors by rho of market residuals", "residual", "sectors"),
    "denoised": LayerKind(denoised, DenoisedConfig.reads, "k nearest by rho after Marchenko-Pastur clipping (Laloux 1999) or Ledoit-Wolf (2004)"),
    "tree": LayerKind(tree, FilterConfig.reads, "minimum spanning tree of sqrt(2(1 - rho)), N-1 edges (Mantegna 1999)", "filter"),
    "planar": LayerKind(planar, FilterConfig.reads, "triangulated maximally filtered graph, 3N-6 edges (Massara, Di Matteo, Aste 2016)", "filter"),
    "tail": LayerKind(tail, _window, "worst sessions coincide: |A and B| >= threshold sqrt(|A||B|) (after Poon, Rockinger, Tawn 2004)"),
    "volatility": LayerKind(volatility, _window, "rho >= threshold of the sizes of log returns"),
    "exposure": LayerKind(
        exposure, ExposureConfig.reads, "k nearest by exposure to the market and, beside it, to sectors or your series", needs="sectors, or series"
    ),
    "macro": LayerKind(
        exposure, MacroConfig.reads, "k nearest by exposure to the market and, beside it, to macro changes", needs="the macro series that it names"
    ),
    "sentiment": LayerKind(sentiment, SentimentConfig.reads, "k nearest by rho of sentiment where both have any", needs="sentiment by asset"),
}


class LayersConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of LAYERS are built, and how."""

    names: tuple[str, ...] = ("correlation", "sector")
    correlation: CorrelationConfig = CorrelationConfig()
    sector: SectorConfig = SectorConfig()
    residual: ResidualConfig = ResidualConfig()
    denoised: DenoisedConfig = DenoisedConfig()
    filter: FilterConfig = FilterConfig()
    tail: TailConfig = TailConfig()
    volatility: CorrelationConfig = CorrelationConfig()
    exposure: ExposureConfig = ExposureConfig()
    macro: MacroConfig = MacroConfig()
    sentiment: SentimentConfig = SentimentConfig()


def settings_of(name: str, config: LayersConfig) -> Any:
    """The settings of one layer."""
    return getattr(config, LAYERS[name].section or name)


def describe(name: str, config: LayersConfig) -> str:
    """One line about a layer: what an edge is, when graphs are drawn, how far back they read, what they need, where the settings are."""
    kind, settings = LAYERS[name], settings_of(name, config)
    drawn = f"drawn {getattr(settings, 'refresh', 'daily')}, sessions read: {kind.reads(settings)}"
    return "; ".join([kind.about, drawn, *([f"needs {kind.needs}"] if kind.needs else []), f"settings layers.{kind.section or name}"])


def most_edges(name: str, nodes: int, config: LayersConfig) -> int:
    """The most directed edges that a layer can have between so many nodes: its nearest neighbours where it has such, else all pairs."""
    settings = settings_of(name, config)
    chosen = getattr(settings, "keep", "nearest") == "nearest"
    return nodes * min(getattr(settings, "neighbours", nodes) if chosen else nodes, nodes - 1)


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
