"""The whole line, top to bottom, no branches: panel, features, graphs, labels, back-test, evaluation."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from riskradar import backtest, data, evaluate, features, labels, layers
from riskradar.backtest import Backtest
from riskradar.config import Config
from riskradar.data import Intake, Raw
from riskradar.evaluate import Report
from riskradar.tables import Features, Graphs, Labels, Panel


@dataclass(frozen=True, eq=False)
class Run:
    """Every table of one run, and the seconds that each stage took."""

    config: Config
    panel: Panel
    intake: Intake
    features: Features
    graphs: Graphs
    labels: Labels
    backtest: Backtest
    report: Report
    seconds: dict[str, float]


def run(config: Config, raw: Raw | None = None, stage: Callable[[str], None] = lambda name: None) -> Run:
    """From source rows (read from `config.data` unless given) to the report; `stage` hears the name of each stage as it begins."""
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        stage(name)
        start = time.perf_counter()
        result = work(*arguments)
        seconds[name] = time.perf_counter() - start
        return result

    raw = timed("read", data.read, config.data) if raw is None else raw
    panel, intake = timed("panel", data.assemble, raw, config.data)
    built = timed("features", features.build, panel, config.features)
    graphs = timed("graphs", layers.build, panel, config.layers)
    known = timed("labels", labels.build, panel, config.labels)
    tested = timed("models", backtest.run, built, graphs, known, config.models, config.split, config.backtest)
    report = timed("evaluation", evaluate.run, tested.forecasts, known, config.evaluate, tested.absent)
    return Run(config, panel, intake, built, graphs, known, tested, report, seconds)
