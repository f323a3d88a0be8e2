"""The whole line, top to bottom, no branches: panel, features, graphs, measures, labels, back-test, evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from riskradar import backtest, data, evaluate, features, labels, layers, measures, nodes, store
from riskradar.backtest import Backtest
from riskradar.config import Config
from riskradar.data import Intake, Raw
from riskradar.evaluate import Report
from riskradar.measures import MEASURES
from riskradar.nodes import NodeRun
from riskradar.resume import Cache
from riskradar.tables import Features, Graphs, Labels, LayerSummary, Measures, Panel

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Run:
    """Every table of one run, the layers over time, each measure as a score, the forward falls, and the seconds that each stage took."""

    config: Config
    panel: Panel
    intake: Intake
    features: Features
    graphs: Graphs
    summary: LayerSummary
    measures: Measures
    labels: Labels
    backtest: Backtest
    nodes: NodeRun
    skill: list[dict[str, Any]]
    report: Report
    indicators: dict[str, dict[str, Any]]
    falls: pd.DataFrame | None
    seconds: dict[str, float]


def tables(panel: Panel, config: Config) -> tuple[Features, Graphs, Labels]:
    """What models read and learn from, made of a panel."""
    return features.build(panel, config.features), layers.build(panel, config.layers), labels.build(panel, config.labels)


def run(
    config: Config, raw: Raw | None = None, stage: Callable[[str], None] = lambda name: None, cache: Cache | None = None, *, confirm: bool = False
) -> Run:
    """From source rows (read from `config.data` unless given) to the report; `stage` hears the name of each stage as it begins.

    Every session is scored; what is evaluated ends before the sealed half unless `confirm` (see evaluate.seal).
    cache: where finished jobs are kept while the run lasts.
    """
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        stage(name)
        start = time.perf_counter()
        result = work(*arguments)
        seconds[name] = time.perf_counter() - start
        return result

    raw = timed("read", store.read, config.data) if raw is None else raw
    panel, intake = timed("panel", data.assemble, raw, config.data)
    built = timed("features", features.build, panel, config.features)
    graphs = timed("graphs", layers.build, panel, config.layers)
    summary = timed("layers over time", layers.summarize, layers.originals(graphs), panel.member)
    measured = timed("measures", measures.build, panel, graphs, config.measures)
    known = timed("labels", labels.build, panel, config.labels)
    tested = timed("models", backtest.run, built, graphs, known, config.models, config.split, config.backtest, cache)
    assets = timed("assets", nodes.run, panel, config.nodes, config.split, config.backtest, cache)
    sealed = evaluate.seal(tested.forecasts, known, config.evaluate, confirm=confirm)
    report = timed("evaluation", evaluate.run, tested.forecasts, known, config.evaluate, tested.absent, sealed)
    skill = timed("assets judged", nodes.judge, assets.forecasts, config.evaluate, sealed) if assets.forecasts else []
    outlook = timed("forward falls", evaluate.outlook, tested.forecasts, tested.falls, known, config.evaluate, sealed)
    falls = evaluate.shown(tested.falls, known)
    rises = {name: MEASURES[name].rises for name in measured.names}
    indicators = timed("measures as scores", evaluate.measures_as_scores, measured, known, rises, config.evaluate, sealed)
    return Run(config, panel, intake, built, graphs, summary, measured, known, tested, assets, skill, replace(report, outlook=outlook), indicators,
               falls, seconds)  # fmt: skip
