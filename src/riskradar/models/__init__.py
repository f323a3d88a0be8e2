"""Models: rules that are never fitted, classic learners, and (lazily, they need torch) networks."""

from collections.abc import Callable

import numpy as np
from pydantic import BaseModel, Field

from riskradar.errors import UsageError
from riskradar.models.base import Fitted, Model, Prediction, Stacked
from riskradar.models.classic import Forest, ForestConfig, Logistic, LogisticConfig
from riskradar.models.gcn import Network, SnapshotConfig, TemporalConfig
from riskradar.models.har import Har, HarConfig
from riskradar.models.rules import RULES, Rule
from riskradar.tables import Features


class ModelsConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of MODELS run, and how; seeds: how often a model that draws random numbers is trained."""

    names: tuple[str, ...] = (*RULES, "har", "logistic-vol", "logistic", "forest", "snapshot-gcn", "temporal-gcn")
    seeds: int = Field(default=1, ge=1, le=100)
    har: HarConfig = HarConfig()
    logistic: LogisticConfig = LogisticConfig()
    forest: ForestConfig = ForestConfig()
    snapshot: SnapshotConfig = SnapshotConfig()
    temporal: TemporalConfig = TemporalConfig()


def _always(model: Model) -> Callable[[ModelsConfig], Model]:
    return lambda config: model


MODELS: dict[str, Callable[[ModelsConfig], Model]] = {
    **{name: _always(rule) for name, rule in RULES.items()},
    "har": lambda config: Har(config.har),
    "logistic-vol": lambda config: Logistic(LogisticConfig(inputs=("index_volatility",)), "logistic regression on index volatility alone"),
    "logistic": lambda config: Logistic(config.logistic),
    "forest": lambda config: Forest(config.forest),
    "snapshot-gcn": lambda config: Network("snapshot", config.snapshot, "graph convolutions on the day's graph (paper 5.8)"),
    "temporal-gcn": lambda config: Network("temporal", config.temporal, "graph convolutions and a GRU over past graphs (paper 5.9)"),
}


def make(name: str, config: ModelsConfig) -> Model:
    """One model by name; UsageError names what exists."""
    if name not in MODELS:
        raise UsageError(f"models.names has {name!r}; `riskradar show models` lists what exists")
    return MODELS[name](config)


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


__all__ = ["MODELS", "RULES", "Fitted", "Model", "ModelsConfig", "Prediction", "Stacked", "history_start", "make"]
