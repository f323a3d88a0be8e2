"""Verbs about runs: make, see, compare, audit, explain, stress, serve."""

from __future__ import annotations

import dataclasses
import importlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from riskradar import (
    attribution,
    data,
    evaluate,
    exchange,
    full,
    html,
    layers,
    lookahead,
    models,
    nodes,
    paper,
    pipeline,
    record,
    reopen,
    scenario,
    store,
    trials,
)  # fmt: skip
from riskradar import config as configuration
from riskradar.attribution import Explanation, chains, crises, drivers, story
from riskradar.checkup import Check, examine
from riskradar.config import Config
from riskradar.errors import UsageError
from riskradar.features import FEATURES
from riskradar.layers import LAYERS
from riskradar.lookahead import Audit
from riskradar.measures import MEASURES
from riskradar.pipeline import Run
from riskradar.record import Record
from riskradar.reopen import Opened
from riskradar.resume import Cache
from riskradar.tables import Target

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("riskradar")

HOME = Path("runs")
UNFINISHED = ".unfinished"  # in the home of the runs: what a killed run had finished


def run(
    prices: pd.DataFrame | None = None,
    preset: str = "standard",
    settings: Sequence[str] = (),
    *,
    file: Path | None = None,
    home: Path = HOME,
    confirm: bool = False,
    now: datetime | None = None,
    stage: Callable[[str], None] = lambda name: None,
) -> Record:
    """Run the whole line and store it as a run with its report; a run that was killed goes on where it stopped.

    prices: closes, dates by names, instead of `data.prices`; settings: `section.key=value` over the preset and the file;
    confirm: evaluate the sealed half too, which adds a line to results/trials.jsonl (see riskradar.trials);
    now: the moment that names the run; the presets of the paper give a replication. Raises the errors of riskradar.errors.
    """
    if preset in paper.PRESETS:
        if confirm:
            raise UsageError(f"preset {preset!r} has no sealed half: it repeats the paper by its own rules; run it without --confirm")
        return _replicate(paper.load(preset, file, settings), prices, now or datetime.now(UTC), home, stage)
    made = configuration.load(preset, file, settings)
    cache = Cache(home / UNFINISHED)
    done = pipeline.run(made, None if prices is None else data.read_frame(prices, made.data), stage, cache, confirm=confirm)
    moment = now or datetime.now(UTC)
    stage("report")
    name = record.run_id(moment, made.preset, made.hash())
    about = describe(done, name, moment)
    evaluation, outcomes = done.report.record(), record.labels_frame(done.labels)
    about["protocol"] = trials.account(about, evaluation, str(evaluate.sealed_day(made.evaluate)), trials.TRIALS, asked=confirm)
    about["sentence"] = html.sentence(about, evaluation, done.backtest.forecasts, outcomes)
    about["why"] = _why(Opened(Record(home / name, about, evaluation), made, done.panel, done.features, done.graphs, done.labels), done, evaluation)
    page = html.build(about, evaluation, done.backtest.forecasts, outcomes, done.measures.frame(), done.summary, done.falls)
    beside = {"measures": done.measures.frame(), "layers": done.summary.frame(), **({} if done.falls is None else {"falls": done.falls})}
    if done.nodes.forecasts:
        beside["nodes"] = done.nodes.forecasts.frame()
    stored = record.save(home, name, about, done.backtest.forecasts, done.labels, evaluation, page, beside)
    cache.clear()
    return stored


def full_protocol(
    run: str = "latest", prices: pd.DataFrame | None = None, *, home: Path = HOME, stage: Callable[[str], None] = lambda name: None
) -> dict[str, Any]:
    """The full protocol beside a stored run (see riskradar.full), written as full.json and full.html into its folder; it may take days.

    The hours that it needs are logged before it starts; killed, it goes on where it stopped when it is called again.
    UsageError when the prices are not those of the run.
    """
    stored = record.load(home, run)
    about = stored.about
    if about["kind"] != "live":
        raise UsageError(f"{stored.id} is a {about['kind']} run; the full protocol stands beside live runs; run standard first")
    if stored.evaluation["sealed"]:
        raise UsageError(f"the full protocol looks at both halves and {stored.id} at one; nothing was run; run with --confirm --full")
    cache = Cache(home / UNFINISHED)
    line = reopen.reopen(stored, prices).line(cache)
    foretold = full.hours(line, about["cpu_seconds"], about["seconds"])
    log.info(f"the full protocol needs about {foretold:.2f} hours here, less what was finished before; it can be killed and goes on")
    start = time.perf_counter()
    hashes = {"run": stored.id, "config_hash": about["config_hash"], "panel_hash": about["panel"]["hash"]}
    found = hashes | full.run(line, stage)
    found |= {"hours_foretold": foretold, "hours": (time.perf_counter() - start) / 3600}
    record.write_text(stored.folder / "full.json", json.dumps(found, indent=1, allow_nan=False))
    record.write_text(stored.folder / "full.html", html.full_page(about, found))
    cache.clear()
    return found


def _why(opened: Opened, done: Run, evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Why the page's first model said what it did on the last session and at the height of each crisis; none where it cannot be explained."""
    model = html.anchor(opened.record.about, evaluation, done.backtest.forecasts)
    if not model or not attribution.explainable(model, opened):
        return []
    forecast = done.backtest.forecasts[model]
    target = attribution.headline(opened)
    told = story.told(opened, model, target, forecast, evaluation.get("sealed"))
    return [
        {"name": name, "model": model, "date": found.date, "sentences": html.sentences(found), "terms": found.record(0)["terms"], "graph": graph,
         "scenarios": scenario.standard(opened, model, target, found.date, graph["nodes"], done.summary)}
        for name, found, graph in told
    ]  # fmt: skip


def _replicate(made: paper.PaperConfig, prices: pd.DataFrame | None, moment: datetime, home: Path, stage: Callable[[str], None]) -> Record:
    done = paper.run(made, None if prices is None else data.read_frame(prices, made.data), stage)
    stage("report")
    return paper.keep(done, moment, home)


def describe(done: Run, name: str, moment: datetime) -> dict[str, Any]:
    """What run.json holds beside the tables: settings, hashes, sources, versions, stage times and what was left out, why."""
    panel, made = done.panel, done.config
    return {
        "id": name,
        "created": moment.isoformat(timespec="seconds"),
        "preset": made.preset,
        "kind": "live" if all(f.kind == "live" for f in done.backtest.forecasts.values()) else "transfer",
        "config": made.model_dump(mode="json"),
        "config_hash": made.hash(),
        "panel": {
            "text": str(panel), "assets": len(panel.assets), "sessions": len(panel.dates), "start": str(panel.dates[0]), "end": str(panel.dates[-1]),
            "index": panel.index, "sectors_dated": panel.sectors_dated, "hash": record.panel_hash(panel),
        },
        "intake": {"lines": list(done.intake.lines()), "record": done.intake.record()},
        "environment": record.environment(),
        "seconds": {k: round(v, 2) for k, v in done.seconds.items()},
        "cpu_seconds": {k: round(v, 2) for k, v in done.backtest.seconds.items()},
        "models": {n: _describe_model(n, done) for n in made.models.names},
        "absent": done.backtest.absent,
        "learned": done.backtest.hashes,
        "features_absent": done.features.absent,
        "layers_absent": done.graphs.absent,
        "layers": {n: {"about": layers.kind_of(n).about, "noise": layers.noise_density(n, made.layers)} for n in done.graphs.layers},
        "measures_absent": done.measures.absent,
        "measures": {n: _describe_measure(n, done) for n in done.measures.names},
        "nodes": nodes.describe(done.nodes, done.skill),
        "shares": evaluate.shares(done.backtest.forecasts),
    }  # fmt: skip


def _describe_measure(name: str, done: Run) -> dict[str, Any]:
    """Formula, source, and the measure as a score (see evaluate.measures_as_scores)."""
    measure = MEASURES[name]
    return {"about": measure.about, "source": measure.source, "unit": measure.unit, "stride": measure.stride, "rises": measure.rises,
            **done.indicators[name]}  # fmt: skip


def _describe_model(name: str, done: Run) -> dict[str, Any]:
    model = models.make(name, done.config.models)
    start = models.history_start(model, done.features) if name not in done.backtest.absent else None
    return {"about": model.about, "hindsight": model.hindsight, "refit_years": model.refit_years, "history_start": start}


def report(run: str = "latest", *, home: Path = HOME, out: Path | None = None, confirm: bool = False) -> Path:
    """Write the report of a stored run again, into its folder or to `out`; returns the path.

    confirm: open the sealed half of the run first: its stored forecasts are evaluated to the end, and the try is logged;
    out: ending in .jsonl or .parquet, it takes the regime indicator of the row that speaks instead (see riskradar.exchange).
    """
    stored = record.load(home, run)
    if confirm and stored.evaluation.get("sealed"):
        stored = _opened(stored)
    if out is not None and out.suffix in exchange.ENDINGS:
        return _regime(stored, out)
    if stored.about["kind"] == "replication":
        page = paper.build(stored.about, stored.evaluation)
    else:
        page = html.build(stored.about, stored.evaluation, stored.forecasts(), stored.labels(), stored.measures(), stored.layers(), stored.falls())
    target = out or stored.folder / "report.html"
    record.write_text(target, page)
    return target


def _regime(stored: Record, out: Path) -> Path:
    if stored.about["kind"] == "replication":
        raise UsageError(f"{stored.id} repeats the paper and has no regime indicator; nothing was written; give a live run")
    forecasts = stored.forecasts()
    model = next(name for name in (*attribution.FIRST, *forecasts) if name in forecasts)
    marks = {"run": stored.id, "config_hash": stored.about["config_hash"], "panel_hash": stored.about["panel"]["hash"]}
    try:
        why = drivers.of_run(reopen.reopen(stored), model)
    except UsageError as error:
        log.warning(f"no row says what drove it: {error}")
        why = {}
    exchange.write(exchange.regime(forecasts, stored.outcomes(), model, marks, why), out)
    return out


def _opened(stored: Record) -> Record:
    """The run with both halves evaluated, logged and stored; what needs tables that are not stored stays sealed: its measures, its forward falls."""
    settings = configuration.check({"evaluate": stored.about["config"]["evaluate"]}, Config).evaluate
    forecasts, outcomes = stored.forecasts(), stored.outcomes()
    report = evaluate.run(forecasts, outcomes, settings, stored.about["absent"])
    evaluation = dataclasses.replace(report, outlook=evaluate.outlook(forecasts, {}, outcomes, settings)).record()
    if evaluation["outlook"] and stored.evaluation.get("outlook"):
        evaluation["outlook"]["falls"] = stored.evaluation["outlook"]["falls"]
    if table := stored.nodes():
        stored.about["nodes"]["skill"] = nodes.judge(table, settings, None)
    now = {**stored.about, "created": datetime.now(UTC).isoformat(timespec="seconds")}
    protocol = trials.account(now, evaluation, str(evaluate.sealed_day(settings)), trials.TRIALS, asked=True)
    return record.replaced(stored, {**stored.about, "protocol": {**protocol, "measures_until": protocol["split"]}}, evaluation)


def compare(first: str, second: str, *, home: Path = HOME) -> dict[str, dict[str, Any]]:
    """Evaluate the models that two runs share on the dates that both have, each against itself in the first run.

    Returns model -> {"rows": {run: row of the evaluation}, "span": the dates shared, "targets", "sealed"}; a half that is sealed in one of
    them stays so. UsageError when the runs were measured on different outcomes.
    """
    runs = [record.load(home, name) for name in (first, second)]
    if replications := [r.id for r in runs if r.about["kind"] == "replication"]:
        raise UsageError(f"{replications[0]} repeats the paper by its own rules and shares no table with other runs; compare live runs")
    tables = [r.outcomes() for r in runs]
    common = np.intersect1d(tables[0].dates, tables[1].dates)
    outcomes = [table.values[np.isin(table.dates, common)] for table in tables]
    if tables[0].targets != tables[1].targets or not np.array_equal(outcomes[0], outcomes[1], equal_nan=True):
        raise UsageError(f"{runs[0].id} and {runs[1].id} have other targets or outcomes; compare runs of the same targets on the same index")
    forecasts = [r.forecasts() for r in runs]
    settings = configuration.check({"evaluate": runs[0].about["config"]["evaluate"]}, Config).evaluate
    sealed = evaluate.sealed_day(settings) if any(r.evaluation.get("sealed") for r in runs) else None
    out = {}
    for name in [n for n in forecasts[0] if n in forecasts[1]]:
        pair = {f"{name} @ {r.id}": dataclasses.replace(f[name], model=f"{name} @ {r.id}") for r, f in zip(runs, forecasts, strict=True)}
        found = evaluate.run(pair, tables[0], settings.model_copy(update={"comparators": (next(iter(pair)),)}), sealed=sealed).record()
        out[name] = {"rows": {row["model"]: row for row in found["rows"]}, **{key: found[key] for key in ("span", "targets", "sealed")}}
    return out


def show(
    what: str = "runs", name: str = "", *, home: Path = HOME, preset: str = "standard", settings: Sequence[str] = ()
) -> Mapping[str, Any]:  # fmt: skip
    """What exists: `runs`, `config`, `features`, `layers`, `measures`, `models`, `model` and its name (parts, parameters, cost of a score).

    Anything else is the name of a stored run (its run.json and evaluation).
    """
    if what == "runs":
        return {name: record.load(home, name).about["panel"]["text"] for name in record.listing(home)}
    if what == "config" and preset in paper.PRESETS:
        return paper.load(preset, None, settings).model_dump(mode="json")
    if what == "config":
        return configuration.load(preset, None, settings).model_dump(mode="json")
    if what == "features":
        return {name: f"{f.axis}; {f.about}" + (f"; needs {', '.join(f.needs)}" if f.needs else "") for name, f in FEATURES.items()}
    if what == "layers":
        chosen = configuration.load(preset, None, settings).layers
        return {name: layers.describe(name, chosen) for name in LAYERS}
    if what == "measures":
        return {name: measure.line() for name, measure in MEASURES.items()}
    if what == "models":
        made = configuration.load(preset, None, settings)
        return {key: f"refit every {m.refit_years} y; {m.about}" for key in models.MODELS for m in (models.make(key, made.models),)}
    if what == "model":
        if not name:
            raise UsageError("show model needs a name, as in `riskradar show model srr`; `riskradar show models` lists what exists")
        made = configuration.load(preset, None, settings)
        targets = tuple(Target.parse(text) for text in made.labels.targets)
        return models.describe(name, made.models, targets, lambda layer, nodes: layers.most_edges(layer, nodes, made.layers))
    stored = record.load(home, what)
    return {"about": stored.about, "evaluation": stored.evaluation}


def audit(
    prices: pd.DataFrame | None = None,
    preset: str = "standard",
    settings: Sequence[str] = (),
    *,
    file: Path | None = None,
    seed: int = 0,
    stage: Callable[[str], None] = lambda name: None,
) -> Audit:
    """Look for the future in every number of the line, on the user's own data and settings; see riskradar.lookahead."""
    made = configuration.load(preset, file, settings)
    raw = store.read(made.data) if prices is None else data.read_frame(prices, made.data)
    return lookahead.audit(raw, made, seed=seed, jobs=made.backtest.jobs, stage=stage)


def stress(
    run: str | reopen.Opened = "latest",
    date: Any = "",
    shocks: Sequence[str] = (),
    *,
    file: Path | None = None,
    reverse: str = "",
    model: str = "",
    target: str = "",
    home: Path = HOME,
) -> dict[str, Any]:
    """What a stored run would have said on `date` had the market been shocked: the record of riskradar.scenario.day.

    run: its name, or the run already opened (see riskradar.reopen), which answers in a second; shocks: lines such as those in
    riskradar.scenario.grammar; file: a TOML file with the keys of riskradar.scenario.Scenario; reverse: look for the smallest shock of this kind
    that lifts the score over its alert line. UsageError in one line for whatever the run does not know.
    """
    given = {"shocks": tuple(shocks), "reverse": reverse, "models": (model,) if model else (), "target": target}
    asked = scenario.read(file, given)
    return scenario.run(scenario.Day.of(_reopened(run, home), date, asked.models, asked.target), asked)


def explain(
    run: str = "latest", date: Any = None, target: str = "", *, against: Any = None, model: str = "", prices: pd.DataFrame | None = None,
    home: Path = HOME,
) -> Explanation:  # fmt: skip
    """Why the score of a stored run is what it is on one session (default: its last), in terms that add up; see riskradar.attribution.

    target: 20/10 unless given, or the first; against: another session, to explain the change since then; model: the radar, or the anchor rule;
    prices: closes in place of the files that the run read. Raises the errors of riskradar.errors.
    """
    return attribution.ask(reopen.reopen(record.load(home, run), prices), date, target, against=against, model=model)


def importance(run: str | Opened = "latest", date: Any = None, target: str = "", *, model: str = "", home: Path = HOME) -> dict[str, Any]:
    """The assets of one session (default: the last) by what each adds to the score, DebtRank and connections; see riskradar.attribution.story."""
    opened = _reopened(run, home)
    return story.importance(opened, attribution.ask(opened, date, target, model=model))


def pathways(run: str | Opened = "latest", source: str = "", date: Any = None, *, home: Path = HOME) -> dict[str, Any]:
    """The strongest paths from an asset through the graphs of one session (default: the last); see riskradar.attribution.chains."""
    return chains.pathways(_reopened(run, home), source, date)


def profile(
    run: str | Opened = "latest", crisis: str = "", target: str = "", *, model: str = "", every: int = crises.EVERY, home: Path = HOME
) -> dict[str, Any]:  # fmt: skip
    """What the scores of a crisis were made of, and when what led them changed; see riskradar.attribution.crises."""
    opened = _reopened(run, home)
    return crises.profile(opened, crisis, *attribution.chosen(opened, model, target), every)


def _reopened(run: str | Opened, home: Path) -> Opened:
    return reopen.reopen(record.load(home, run)) if isinstance(run, str) else run


def serve(*, home: Path = HOME, host: str = "127.0.0.1", port: int = 8000, allow: Sequence[str] = (), file: Path | None = None) -> None:
    """Serve the stored runs, and the ledger of a workspace, as pages and as an API until interrupted; see riskradar.serve.start."""
    _extra("serve").start(home, host, port, allow, file)


def mcp(*, home: Path = HOME) -> None:
    """Answer the Model Context Protocol over standard input and output until it ends; see riskradar.serve.mcp."""
    _extra("serve.mcp").start(home)


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(f"riskradar.{module}")
    except ModuleNotFoundError as error:
        if str(error.name).startswith("riskradar"):
            raise
        raise UsageError(f"{error.name} is not installed; nothing was started; pip install 'systemic-risk-radar[serve]'") from None


def doctor(*, home: Path = HOME) -> list[Check]:
    """Check that everything that a run needs is here and works."""
    return examine(home)
