"""Models: rules that are never fitted, classic learners, and (lazily, they need torch) networks."""

from collections.abc import Callable
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from riskradar.models.base import Fitted, Model, Prediction, Stacked, State
from riskradar.models.classic import Forest, ForestConfig, Logistic, LogisticConfig
from riskradar.models.gcn import Network, SnapshotConfig, TemporalConfig
from riskradar.models.har import Har, HarConfig
from riskradar.models.pool import BetaMap, Garch, Library, Pool, PoolConfig
from riskradar.models.radar.system import Radar, RadarConfig
from riskradar.models.rules import RULES, Rule
from riskradar.models.srr.model import Srr, SrrConfig
from riskradar.models.summary import Described, summary
from riskradar.registry import Registry
from riskradar.tables import Features, Target

EQUAL = (1.0, 1.0, 1.0)
RADARS = ("radar", "radar-anchor", "radar-no-graph", "radar-shuffled")
POOLS = ("library", "garch", "beta-map", "pool")


class ModelsConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of MODELS run, and how; seeds: how often a model that draws random numbers is trained.

    All run but `srr`, which takes minutes, and `equal-pool`, which the pool hardly differs from: add them to `names`.
    """

    names: tuple[str, ...] = (*RULES, "har", "logistic-vol", "logistic", "forest", "snapshot-gcn", "temporal-gcn", *POOLS, *RADARS)
    seeds: int = Field(default=1, ge=1, le=100)
    har: HarConfig = HarConfig()
    logistic: LogisticConfig = LogisticConfig()
    forest: ForestConfig = ForestConfig()
    snapshot: SnapshotConfig = SnapshotConfig()
    temporal: TemporalConfig = TemporalConfig()
    srr: SrrConfig = SrrConfig()
    radar: RadarConfig = RadarConfig()
    pool: PoolConfig = PoolConfig()


def _always(model: Model) -> Callable[[ModelsConfig], Model]:
    return lambda config: model


MODELS: Registry[Callable[[ModelsConfig], Model]] = Registry("models", Callable, {
    **{name: _always(rule) for name, rule in RULES.items()},
    "har": lambda config: Har(config.har),
    "logistic-vol": lambda config: Logistic(LogisticConfig(inputs=("index_volatility",)), "logistic regression on index volatility alone"),
    "logistic": lambda config: Logistic(config.logistic),
    "forest": lambda config: Forest(config.forest),
    "snapshot-gcn": lambda config: Network("snapshot", config.snapshot, "graph convolutions on the day's graph (paper 5.8)"),
    "temporal-gcn": lambda config: Network("temporal", config.temporal, "graph convolutions and a GRU over past graphs (paper 5.9)"),
    "library": lambda config: Library(config.pool.library),
    "garch": lambda config: Garch(config.pool.garch),
    "beta-map": lambda config: BetaMap(),
    "pool": lambda config: Pool(config.pool, "library, simulation and beta map, .4 .3 .3 unless set; ranked by the anchor"),
    "equal-pool": lambda config: Pool(config.pool.model_copy(update={"weights": EQUAL}), "the same members in equal weights; ranked by the anchor"),
    "srr": lambda config: Srr(config.srr),
    "radar": lambda config: Radar(config.radar, config.pool, "the anchor, corrected by graph networks as far as they earned it; chances of the pool"),
    "radar-anchor": lambda config: Radar(config.radar, config.pool, "radar without its networks; ranks only", "anchor"),
    "radar-no-graph": lambda config: Radar(config.radar, config.pool, "radar whose networks see no edge; ranks only", "no-graph"),
    "radar-shuffled": lambda config: Radar(config.radar, config.pool, "radar on shuffled graphs, a placebo; ranks only", "shuffled"),
})  # fmt: skip


def make(name: str, config: ModelsConfig) -> Model:
    """One model by name; UsageError on an unknown one."""
    return MODELS.find(name, "models.names")(config)


def describe(name: str, config: ModelsConfig, targets: tuple[Target, ...], edges: Callable[[str, int], int]) -> dict[str, Any]:
    """What one model is; a network also says what it reads, its parameters by part and what a score costs (see summary)."""
    model = make(name, config)
    plain = {"model": name, "about": model.about, "refit_years": model.refit_years}
    return plain | summary(model, targets, edges) if isinstance(model, Described) else plain


def history_start(model: Model, features: Features) -> str | None:
    """The first session that a rule's z-scores look back to; None for models without z-scores."""
    if not isinstance(model, Rule):
        return None
    firsts = []
    for name in model.inputs:
        plain = "mean_drawdown" if name == "breadth" else name.removeprefix("z_")
        known = np.flatnonzero(np.isfinite(features.column(plain)))
        firsts.append(features.dates[known[0]] if len(known) else features.dates[-1])
    return str(max(firsts))


__all__ = ["MODELS", "RULES", "Fitted", "Model", "ModelsConfig", "Prediction", "Stacked", "State", "describe", "history_start", "make"]
