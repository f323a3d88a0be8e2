"""Panel -> Graphs: one function per layer; the graph of session t joins the members of t and reads closes up to t."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model, model_validator

from riskradar.layers.comovement import TailConfig, tail, volatility
from riskradar.layers.correlation import CorrelationConfig, correlation, negative, positive
from riskradar.layers.denoised import DenoisedConfig, denoised
from riskradar.layers.exposure import ExposureConfig, MacroConfig, exposure
from riskradar.layers.filters import FilterConfig, planar, tree
from riskradar.layers.manipulation import ManipulationConfig, manipulation
from riskradar.layers.noise import both_sides, coincident, one_side
from riskradar.layers.residual import ResidualConfig, across, residual, within
from riskradar.layers.sector import SectorConfig, sector
from riskradar.layers.sentiment import SentimentConfig, sentiment
from riskradar.layers.summary import summarize
from riskradar.layers.twins import shuffled
from riskradar.registry import Registry
from riskradar.tables import Graphs, Layer, Panel

__all__ = [
    "LAYERS", "LayerKind", "LayersConfig", "build", "describe", "kind_of", "most_edges", "noise_density", "originals", "settings_of", "summarize",
]  # fmt: skip
TWIN = re.compile(r"(.+)~shuffled(\d*)")


class NoSettings(BaseModel, frozen=True, extra="forbid"):
    """A layer without settings."""


@dataclass(frozen=True)
class LayerKind:
    """One entry of LAYERS: `build(panel, config)` gives a Layer, or a sentence that says why there is none.

    reads: sessions of the panel that the graph of t depends on, itself included, for a given config;
    about: what an edge is, and the source; needs: data beside closes without which the layer is absent;
    section: the settings that it takes, where they go by another name than the layer;
    noise: share of the pairs that it would join if all assets were independent, None where its density is given by construction;
    settings: the class of the settings of a layer that is not in LayersConfig, frozen, with defaults; set as `layers.NAME.KEY`.
    """

    build: Callable[[Panel, Any], Layer | str]
    reads: Callable[[Any], int]
    about: str
    section: str = ""
    needs: str = ""
    noise: Callable[[Any], float] | None = None
    settings: type[BaseModel] = NoSettings


def _window(config: CorrelationConfig | TailConfig) -> int:
    return config.window + 1


LAYERS: Registry[LayerKind] = Registry("layers", LayerKind, {
    "correlation": LayerKind(correlation, _window, "|rho| >= threshold of log returns, Spearman or Pearson (paper 4.2)", noise=both_sides),
    "correlation-positive": LayerKind(positive, _window, "the correlation layer where rho is above 0", "correlation", noise=one_side),
    "correlation-negative": LayerKind(negative, _window, "the correlation layer where rho is below 0", "correlation", noise=one_side),
    "sector": LayerKind(sector, lambda config: 1, "the same sector label (paper 4.2)", needs="sectors"),
    "residual": LayerKind(residual, ResidualConfig.reads, "k nearest by rho of least-squares residuals on the equal-weight market"),
    "residual-within": LayerKind(within, ResidualConfig.reads, "k nearest inside the sector by rho of market residuals", "residual", "sectors"),
    "residual-across": LayerKind(across, ResidualConfig.reads, "k nearest in other sectors by rho of market residuals", "residual", "sectors"),
    "denoised": LayerKind(denoised, DenoisedConfig.reads, "k nearest by rho after Marchenko-Pastur clipping (Laloux 1999) or Ledoit-Wolf (2004)"),
    "tree": LayerKind(tree, FilterConfig.reads, "minimum spanning tree of sqrt(2(1 - rho)), N-1 edges (Mantegna 1999)", "filter"),
    "planar": LayerKind(planar, FilterConfig.reads, "triangulated maximally filtered graph, 3N-6 edges (Massara, Di Matteo, Aste 2016)", "filter"),
    "tail": LayerKind(
        tail, _window, "worst sessions coincide: |A and B| >= threshold sqrt(|A||B|) (after Poon, Rockinger, Tawn 2004)", noise=coincident
    ),
    "volatility": LayerKind(volatility, _window, "rho >= threshold of the sizes of log returns", noise=one_side),
    "exposure": LayerKind(
        exposure, ExposureConfig.reads, "k nearest by exposure to the market and, beside it, to sectors or your series", needs="sectors, or series"
    ),
    "macro": LayerKind(
        exposure, MacroConfig.reads, "k nearest by exposure to the market and, beside it, to macro changes", needs="the macro series that it names"
    ),
    "sentiment": LayerKind(sentiment, SentimentConfig.reads, "k nearest by rho of sentiment where both have any", needs="sentiment by asset"),
    "manipulation": LayerKind(manipulation, ManipulationConfig.reads, "both inside a window of suspicion: lagged z-scores, or AIMM's (paper 8)"),
})  # fmt: skip


class LayersConfig(BaseModel, frozen=True, extra="allow"):
    """Which entries of LAYERS, and which shuffled twins of them (`correlation~shuffled`), are built, and how."""

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
    manipulation: ManipulationConfig = ManipulationConfig()

    @model_validator(mode="before")
    @classmethod
    def _settings_of_others(cls, given: Any) -> Any:
        """Layers that are not fields here bring the class of their settings; a key that is neither is refused."""
        if not isinstance(given, dict):
            return given
        rest = {key: value for key, value in given.items() if key not in cls.model_fields}
        names = {TWIN.sub(r"\1", name) for name in given.get("names", ()) if isinstance(name, str)}
        kinds = {name: LAYERS[name] for name in {*rest, *names} - set(cls.model_fields) if name in LAYERS and not LAYERS[name].section}
        fields: dict[str, Any] = {name: (kind.settings, kind.settings()) for name, kind in kinds.items()}
        made = create_model("Others", __config__=ConfigDict(extra="forbid"), **fields).model_validate(rest)
        return given | {name: getattr(made, name) for name in fields}


def kind_of(name: str, setting: str = "layers.names") -> LayerKind:
    """The entry of a layer, or of its shuffled twin: `NAME~shuffled`, `NAME~shuffled2` for another draw; UsageError on an unknown name."""
    match = TWIN.fullmatch(name)
    if match is None:
        return LAYERS.find(name, setting)
    base, draw = kind_of(match[1], setting), int(match[2] or 1)

    def build(panel: Panel, config: Any) -> Layer | str:
        layer = base.build(panel, config)
        return layer if isinstance(layer, str) else shuffled(layer, len(panel.dates), draw)

    about = f"shuffled twin {draw} (a placebo: same degrees, weights and life, made-up relations) of: {base.about}"
    return replace(base, build=build, about=about, section=base.section or match[1])


def settings_of(name: str, config: LayersConfig) -> Any:
    """The settings of one layer."""
    section = kind_of(name).section or name
    if section in LayersConfig.model_fields:
        return getattr(config, section)
    return (config.model_extra or {}).get(section) or LAYERS[section].settings()


def describe(name: str, config: LayersConfig) -> str:
    """One line about a layer: what an edge is, when graphs are drawn, how far back they read, what they need, where the settings are."""
    kind, settings = kind_of(name), settings_of(name, config)
    drawn = f"drawn {getattr(settings, 'refresh', 'daily')}, sessions read: {kind.reads(settings)}"
    return "; ".join([kind.about, drawn, *([f"needs {kind.needs}"] if kind.needs else []), f"settings layers.{kind.section or name}"])


def noise_density(name: str, config: LayersConfig) -> float | None:
    """Share of the pairs that a layer would join if all assets were independent; None where its settings leave no threshold to chance."""
    kind = kind_of(name)
    share = kind.noise(settings_of(name, config)) if kind.noise else math.nan
    return None if math.isnan(share) else share


def most_edges(name: str, nodes: int, config: LayersConfig) -> int:
    """The most directed edges that a layer can have between so many nodes: its nearest neighbours where it has such, else all pairs."""
    settings = settings_of(name, config)
    chosen = getattr(settings, "keep", "nearest") == "nearest"
    return nodes * min(getattr(settings, "neighbours", nodes) if chosen else nodes, nodes - 1)


def originals(graphs: Graphs) -> Graphs:
    """The graphs without shuffled twins."""
    return replace(graphs, layers={name: layer for name, layer in graphs.layers.items() if not TWIN.fullmatch(name)})


def build(panel: Panel, config: LayersConfig) -> Graphs:
    """All layers of `config` on a panel; a layer without data is absent, with the reason. UsageError on an unknown name."""
    built: dict[str, Layer] = {}
    absent: dict[str, str] = {}
    for name in config.names:
        layer = kind_of(name).build(panel, settings_of(name, config))
        if isinstance(layer, str):
            absent[name] = layer
        else:
            built[name] = layer
    return Graphs(panel.dates, panel.assets, built, absent)
