"""The full protocol beside a short run: what each layer and each part of `srr` adds, whether crises teach each other, placebos that must fail.

Every figure is exploratory. Forecasts that learned from later data are of kind `transfer` and share no table with live ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from riskradar import backtest, evaluate, models, pipeline, placebos
from riskradar.backtest import Backtest
from riskradar.config import Config
from riskradar.errors import UsageError
from riskradar.evaluate.compare import HEADLINE, PRICES_ONLY, WITH_MACRO
from riskradar.models.srr.model import SrrConfig
from riskradar.resume import Cache
from riskradar.split import SplitConfig, folds
from riskradar.tables import Features, Forecast, Graphs, Labels, Panel

SCHEMA = "riskradar.full/1"
SHIFT = 1000  # sessions by which outcomes are moved: about four years, beyond every horizon and every window of a feature
BLOCK = 120  # sessions that stay together when outcomes are shuffled: as many as the bootstrap takes for one, so that its intervals hold
SEED = 0
EVENTS = 2  # a crisis window holds a handful of events; with one, leaving it out leaves nothing
EVERY = "every layer"
SRR = "srr"
VARIANTS: dict[str, dict[str, Any]] = {  # of `srr`, each one change of the configured network
    "graph convolutions": {"encoder": "gcn"},
    "graph transformer": {"encoder": "transformer"},
    "attention without edges": {"encoder": "attention"},
    "layers side by side": {"fusion": "concat"},
    "mean of the layers": {"fusion": "mean"},
    "LSTM": {"temporal": "lstm"},
    "causal transformer": {"temporal": "transformer"},
    "one snapshot": {"temporal": "none", "sequence": 1},
    "memory of each asset": {"place": "nodes"},
    "focal loss": {"loss": "focal"},
}

Rows = list[dict[str, Any]]
Stage = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Line:
    """What the protocol works on: the market, the tables made of it, the forecasts of the short form, and where finished jobs are kept."""

    config: Config
    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels
    base: Mapping[str, Forecast]
    cache: Cache | None

    @classmethod
    def of(cls, config: Config, panel: Panel, base: Mapping[str, Forecast], cache: Cache | None = None) -> Line:
        """The line built on a panel."""
        return cls(config, panel, *pipeline.tables(panel, config), base, cache)

    @property
    def graph_models(self) -> tuple[str, ...]:
        """Models of the short form that read graphs."""
        return tuple(name for name in self.base if models.make(name, self.config.models).graphs)

    @property
    def variants(self) -> dict[str, SrrConfig]:
        """`srr` with one thing changed, by what is changed; what does not fit together is left out, and all where the short form has no `srr`."""
        own, out = self.config.models.srr, {}
        for name, change in VARIANTS.items() if SRR in self.base else ():
            with suppress(ValueError):
                out[name] = SrrConfig(**own.model_dump() | change)
        return {name: config for name, config in out.items() if config != own}

    @property
    def targets(self) -> tuple[str, ...]:
        """The headline targets among the labels, or all of them."""
        every = tuple(t.name for t in self.labels.targets if t.binary)
        return tuple(t for t in HEADLINE if t in every) or every

    def test(self, *, names: Sequence[str] | None = None, split: SplitConfig | None = None) -> Backtest:
        """The models of the short form again, on these tables."""
        config = self.config.models.model_copy(update={"names": tuple(self.base if names is None else names)})
        return backtest.run(self.features, self.graphs, self.labels, config, split or self.config.split, self.config.backtest, self.cache)

    def test_what_can(self) -> Backtest:
        """The same; where a layer is gone with the facts that it is drawn from, graph models are absent with the reason."""
        try:
            return self.test()
        except UsageError as error:
            rest = self.test(names=[name for name in self.base if name not in self.graph_models])
            return replace(rest, absent=rest.absent | dict.fromkeys(self.graph_models, str(error)))


def run(line: Line, stage: Stage = lambda name: None) -> dict[str, Any]:
    """All five parts as one record; `stage` hears the name of each arm as it begins."""
    return {
        "schema": SCHEMA,
        "targets": list(line.targets),
        "removed": [row for name in arms(line) for row in _removed(line, name, stage)],
        "variants": _variants(line, stage),
        "left_out": {"kind": "transfer", "rows": _left_out(line, stage)},
        "transfer": {"kind": "transfer", "rows": _transfer(line, stage)},
        "placebos": [row for name, make in PLACEBOS.items() for row in _placebo(name, make(line), stage)],
        "settings": {"shift": SHIFT, "block": BLOCK, "seed": SEED, "min_events_in_a_window": EVENTS},
    }


def arms(line: Line) -> tuple[str, ...]:
    """The layers that are taken out in turn, and all of them together where there are several."""
    if not line.graph_models:
        return ()
    names = tuple(line.graphs.layers)
    return (*names, EVERY) if len(names) > 1 else names


def hours(line: Line, cpu: Mapping[str, float], wall: Mapping[str, float]) -> float:
    """Wall hours that `run` needs here, from what the short form took: CPU seconds by model, wall seconds by stage.

    A walk-forward costs what it cost; a split with fewer folds costs by its folds or by its scored sessions, whichever is more. A busy machine
    is expected to stay so.
    """
    again = sum(cpu[name] for name in line.base)
    graphs, varied = sum(cpu[name] for name in line.graph_models), cpu.get(SRR, 0.0) * len(line.variants)
    windows = [line.config.split.model_copy(update={"method": "leave-one-crisis-out"}), *_pairs(line.config.split)]
    crises = sum(cpu[name] * _share(line, name, split) for split in windows for name in line.base)
    work = graphs * len(arms(line)) + varied + crises + again * len(PLACEBOS)
    tables = len(line.config.split.crises) + len(windows) - 1 + len(PLACEBOS)
    rows = len(line.variants) + 2 * len(line.graph_models) * len(arms(line)) + len(line.base) * tables
    processes = line.config.backtest.jobs or os.cpu_count() or 1
    pace = max(wall["models"] / max(again, 1e-9), 1 / processes)  # under 1 / processes when jobs of a killed run were found
    return (work * pace + wall["evaluation"] * rows / max(len(line.base), 1)) / 3600


def _share(line: Line, name: str, split: SplitConfig) -> float:
    """The cost of a split as a share of the model's walk-forward."""
    years = models.make(name, line.config.models).refit_years
    try:
        plan, whole = folds(line.labels, split, years), folds(line.labels, line.config.split, years)
    except UsageError:
        return 0.0
    days = [sum(fold.stop - fold.start for fold in of) for of in (plan, whole)]
    return max(len(plan) / len(whole), days[0] / days[1])


def _removed(line: Line, layer: str, stage: Stage) -> Iterator[dict[str, Any]]:
    """What each graph model loses with a layer: positive when the layer adds something."""
    stage(f"without {layer}")
    names = tuple(line.graphs.layers) if layer == EVERY else (layer,)
    made = replace(line, graphs=placebos.without(line.graphs, *names)).test(names=line.graph_models)
    for name, forecast in made.forecasts.items():
        other = f"{name} without {layer}"
        pair = {name: line.base[name], other: replace(forecast, model=other)}
        found = _evaluated(pair, line.labels, line.config, comparators=(other,))
        row = next(row for row in found["rows"] if row["model"] == name)
        same = np.array_equal(forecast.score, line.base[name].score, equal_nan=True)
        yield {
            "model": name, "layer": layer, "unread": same, "headline": row["headline"].get(other),
            "targets": {t: row["targets"][t]["paired"][other] for t in line.targets if t in row["targets"]},
        }  # fmt: skip


def _variants(line: Line, stage: Stage) -> Rows:
    """`srr` with one thing changed, and the strongest rule, against `srr` as it is: positive when the change ranks better."""
    tracks = {name: line.base[name] for name in (*WITH_MACRO, *PRICES_ONLY, SRR) if name in line.base}
    for name, changed in line.variants.items():
        stage(f"{SRR}: {name}")
        config = line.config.model_copy(update={"models": line.config.models.model_copy(update={"srr": changed})})
        tracks[name] = replace(replace(line, config=config).test(names=(SRR,)).forecasts[SRR], model=name)
    if not line.variants:
        return []
    found = _evaluated(tracks, line.labels, line.config, comparators=(SRR,))
    rows = {row["model"]: row for row in found["rows"]}
    return [
        {"variant": name, "headline": None if name == SRR else rows[name]["headline"][SRR],
         "targets": {t: _brief(rows[name]["targets"][t]) for t in line.targets if t in rows[name]["targets"]}}
        for name in tracks if name in rows
    ]  # fmt: skip


def _left_out(line: Line, stage: Stage) -> Rows:
    """Each crisis scored by models that learned from everything outside it."""
    stage("leave one crisis out")
    split = line.config.split.model_copy(update={"method": "leave-one-crisis-out"})
    try:
        made = line.test(split=split)
    except UsageError as error:
        return [{"model": name, "crisis": crisis, "reason": str(error)} for crisis in split.crises for name in line.base]
    return [row for crisis in split.crises for row in _window(line, made, crisis, {"crisis": crisis})]


def _transfer(line: Line, stage: Stage) -> Rows:
    """Each crisis scored by models that learned inside one crisis only; on the diagonal, the earlier half teaches and the later is scored."""
    rows: Rows = []
    for split in _pairs(line.config.split):
        stage(f"{split.learn} to {split.judge}")
        about = {"learned": split.learn, "judged": split.judge}
        try:
            rows += _window(line, line.test(split=split), split.judge, about)
        except UsageError as error:
            rows += [{"model": name, **about, "reason": str(error)} for name in line.base]
    return rows


def _pairs(split: SplitConfig) -> list[SplitConfig]:
    return [split.model_copy(update={"method": "transfer", "learn": a, "judge": b}) for a, b in product(split.crises, repeat=2)]


def _window(line: Line, made: Backtest, crisis: str, about: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The models inside one window; ranking is undefined with one class or too few events, and says so."""
    begin, end = line.config.split.crises[crisis]
    try:
        found = _evaluated(made.forecasts, line.labels, line.config, start=begin, end=end, min_events=EVENTS, comparators=())
    except UsageError as error:
        yield from ({"model": name, **about, "reason": str(error)} for name in made.forecasts)
        return
    events = {t["name"]: t["events"] for t in found["targets"]}
    for row in found["rows"]:
        cells = {t: {**_brief(row["targets"][t]), "events": events[t]} for t in line.targets if t in row["targets"]}
        yield {"model": row["model"], **about, "targets": cells}
    yield from ({"model": name, **about, "reason": reason} for name, reason in found["absent"].items() if name in made.forecasts)


PLACEBOS: dict[str, Callable[[Line], Line]] = {
    f"labels shifted by {SHIFT} sessions": lambda line: replace(line, labels=placebos.shifted(line.labels, SHIFT)),
    f"labels shuffled in blocks of {BLOCK}": lambda line: replace(line, labels=placebos.shuffled(line.labels, BLOCK, SEED)),
    "time reversed": lambda line: Line.of(line.config, placebos.reversed_in_time(line.panel), line.base, line.cache),
    "pure noise": lambda line: Line.of(line.config, placebos.noise(line.panel, SEED), line.base, line.cache),
}


def _placebo(name: str, line: Line, stage: Stage) -> Iterator[dict[str, Any]]:
    """Each model where there is nothing to find."""
    stage(name)
    made = line.test_what_can()
    found = _evaluated(made.forecasts, line.labels, line.config)
    for row in found["rows"]:
        cells = {t: _brief(row["targets"][t]) for t in line.targets if t in row["targets"]}
        yield {
            "placebo": name, "model": row["model"], "beats": [other for other, claim in row["headline"].items() if claim["shown"]],
            "targets": {t: {**cell, "verdict": verdict(cell)} for t, cell in cells.items()},
        }  # fmt: skip
    yield from ({"placebo": name, "model": model, "reason": reason} for model, reason in made.absent.items())


def verdict(cell: Mapping[str, Any]) -> str:
    """Whether a placebo fails as it must: the interval of AUROC over all days covers .5, and that of the log-score skill does not lie above 0."""
    auroc, skill = cell["auroc"], cell["log_skill"]
    if auroc["low"] is None:
        return f"undefined: {auroc['reason'] or 'no interval, a class is too rare'}"
    if auroc["low"] > 0.5 or (skill["low"] is not None and skill["low"] > 0):
        return "NOT held: above chance"
    return "NOT held: below chance" if auroc["high"] < 0.5 else "held"


def _brief(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {name: cell[name] for name in ("auroc_onset", "auroc", "log_skill")}


def _evaluated(forecasts: Mapping[str, Forecast], known: Labels, config: Config, **settings: Any) -> dict[str, Any]:
    """The evaluation of the short form with other settings."""
    return evaluate.run(forecasts, known, config.evaluate.model_copy(update=settings)).record()
