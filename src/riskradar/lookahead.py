"""Audit: cut the source rows at a session before anything is loaded, build everything again, and see whether a number moved.

Row t computed from rows cut at t is exactly what a live run would have had, so the diagonal over all sessions finds any leak that ever shows.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from riskradar import backtest, data, labels, layers, measures, models, nodes, split
from riskradar.config import Config
from riskradar.data import DataConfig, Intake, Raw
from riskradar.data.cells import Fate
from riskradar.evaluate.alarms import real_time_threshold
from riskradar.features import FEATURES, YEAR, values_of
from riskradar.features import build as build_features
from riskradar.labels import known_on
from riskradar.measures import MEASURES
from riskradar.models.radar import NODE_MODELS
from riskradar.registry import carried
from riskradar.split import Fold
from riskradar.tables import Features, Graphs, Labels, Panel
from riskradar.tables.arrays import Float

Tables = tuple[Features, Graphs, Labels]  # what a model reads and learns from

RANDOM_DATES = 30
COLD_DATES = 3
NETWORK_REFITS = 5
THRESHOLD_DATES = 60
TAIL = 20  # rows of a layer that are compared when its past is rebuilt beside a changed future

BLIND_SPOTS = (
    "static tables without known_at: today's sector labels and kinds are taken as if they had always been known",
    "the choice of the universe: names that failed and are not in the file leave no trace (survivorship)",
    "the choice of models, features and settings by people who have seen this history",
    "values that a vendor rewrote before they reached the file",
)


@dataclass(frozen=True)
class Line:
    """The functions under audit; a test replaces one by a leaking twin to see that it is found."""

    assemble: Callable[[Raw, DataConfig], tuple[Panel, Intake]] = data.assemble
    label: Callable[[Panel, labels.LabelsConfig], Labels] = labels.build
    fold: Callable[[Labels, split.SplitConfig, int], list[Fold]] = split.folds
    fit: Callable[..., models.Fitted] = backtest.fit_fold
    threshold: Callable[..., Float] = real_time_threshold


@dataclass(frozen=True)
class Finding:
    """A number that moved when only the future changed."""

    component: str
    check: str
    date: str
    detail: str


@dataclass(frozen=True, eq=False)
class Audit:
    """What was compared and what was found; `findings` is empty when no leak was found."""

    findings: tuple[Finding, ...]
    compared: dict[str, int]
    sessions: int
    seed: int
    blind_spots: tuple[str, ...] = BLIND_SPOTS

    def lines(self) -> list[str]:
        """For people: each leak once, with its first date and how often it showed."""
        by_component: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.findings:
            by_component.setdefault((finding.component, finding.check), []).append(finding)
        found = [f"LEAK  {c}: {f[0].detail} ({check}; first on {f[0].date}, {len(f)} times)" for (c, check), f in by_component.items()]
        counts = ", ".join(f"{name} {count:,}" for name, count in self.compared.items())
        verdict = f"{len(by_component)} leaks" if found else "no leak found"
        return [*found, f"{verdict} in {self.sessions} sessions; numbers compared bit for bit: {counts}; random dates from seed {self.seed}",
                *(f"cannot see: {spot}" for spot in self.blind_spots)]  # fmt: skip

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {"findings": [vars(f) for f in self.findings], "compared": self.compared, "sessions": self.sessions, "seed": self.seed,
                "cannot_see": list(self.blind_spots)}  # fmt: skip


@dataclass(eq=False)
class _Notes:
    findings: list[Finding] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)

    def same(self, component: str, check: str, date: Any, whole: NDArray[Any], cut: NDArray[Any]) -> None:
        """Compare bit for bit, NaN equal to NaN."""
        self.compared[check] = self.compared.get(check, 0) + whole.size
        if whole.shape != cut.shape:
            self.findings.append(Finding(component, check, str(date), f"shape {whole.shape} of the whole is {cut.shape} without the future"))
        elif whole.tobytes() != cut.tobytes() and not np.array_equal(whole, cut, equal_nan=whole.dtype.kind == "f"):
            self.findings.append(Finding(component, check, str(date), "changes when the future is changed or removed"))

    def join(self, other: _Notes) -> None:
        self.findings += other.findings
        for check, count in other.compared.items():
            self.compared[check] = self.compared.get(check, 0) + count


@dataclass(frozen=True, eq=False)
class _Whole:
    """The tables built once from all rows."""

    raw: Raw
    config: Config
    line: Line
    panel: Panel
    values: dict[str, Float]
    graphs: Graphs
    measures: dict[str, Float]
    labels: Labels

    def cut(self, date: np.datetime64) -> Panel:
        return self.line.assemble(self.raw.upto(date), self.config.data)[0]


def audit(
    raw: Raw, config: Config, line: Line | None = None, *, seed: int = 0, jobs: int = 0, stage: Callable[[str], None] = lambda name: None
) -> Audit:
    """Audit the line from source rows to scores; `jobs` processes (0: one per core). Design 3; reliability charter P1."""
    line = line or Line()
    notes, rng = _Notes(), np.random.default_rng(seed)
    stage("cut before anything was loaded")
    cold = _cold(raw, config, line, rng)
    stage("whole")
    whole = _whole(raw, config, line)
    for date, panel, values in cold:
        _compare_cold(whole, date, panel, values, notes)
    sessions = np.arange(len(whole.panel.dates))
    workers = jobs or os.cpu_count() or 1
    parts = [part for part in np.array_split(rng.permutation(sessions), max(4 * workers, 1)) if len(part)]
    events = _critical(whole, rng)
    stage(f"diagonal over {len(sessions)} sessions")
    parallel = Parallel(n_jobs=workers, max_nbytes=None)
    for part in parallel(delayed(carried(_diagonal))(whole, part) for part in parts):
        notes.join(part)
    stage(f"prefix, poison and shuffle on {len(events)} dates")
    for part in parallel(delayed(carried(_changed_future))(whole, dates, seed) for dates in np.array_split(events, 2 * workers)):
        notes.join(part)
    stage("what models learn")
    for part in parallel(delayed(carried(_learned))(whole, name) for name in config.models.names):
        notes.join(part)
    for part in parallel(delayed(carried(_learned_of_assets))(whole, name) for name in config.nodes.names):
        notes.join(part)
    _thresholds(whole, notes, rng)
    return Audit(tuple(sorted(notes.findings, key=lambda f: (f.component, f.check, f.date))), notes.compared, len(sessions), seed)


def _whole(raw: Raw, config: Config, line: Line) -> _Whole:
    panel = line.assemble(raw, config.data)[0]
    built = build_features(panel, config.features)
    names = [*built.names, *built.context_names]
    graphs = layers.build(panel, config.layers)
    measured = measures.build(panel, graphs, config.measures)
    columns = {name: measured.column(name) for name in measured.names}
    known = line.label(panel, config.labels)
    return _Whole(raw, config, line, panel, {n: built.column(n) for n in names}, graphs, columns, known)


def _cold(raw: Raw, config: Config, line: Line, rng: np.random.Generator) -> list[tuple[np.datetime64, Panel, dict[str, Float]]]:
    """A few cuts made before the whole exists: a cache that forgets its cut-off answers them, or the whole, with the wrong one."""
    days, chosen = np.unique(raw.tables["prices"].date), config.data
    days = days[(days >= np.datetime64(chosen.start or "0001-01-01")) & (days <= np.datetime64(chosen.end or "9999-12-31"))]
    out = []
    for date in np.sort(rng.choice(days[len(days) // 4 :], min(COLD_DATES, len(days)), replace=False)):
        panel = line.assemble(raw.upto(date), config.data)[0]
        names = [n for n in (*config.features.node, *config.features.context) if all(s in panel.facts.series for s in FEATURES[n].needs)]
        out.append((date, panel, {n: values_of(FEATURES[n], panel) for n in names}))
    return out


def _compare_cold(whole: _Whole, date: np.datetime64, panel: Panel, values: dict[str, Float], notes: _Notes) -> None:
    rows = len(panel.dates)
    if panel.dates[-1] > date:
        notes.findings.append(Finding("source rows", "cold cut", str(date), "rows after the cut-off reached the panel"))
    for name in ("close", "member", "sector", "level"):
        notes.same(f"panel {name}", "cold cut", date, getattr(whole.panel, name)[:rows], getattr(panel, name))
    for name in whole.values.keys() & values.keys():
        notes.same(f"feature {name}", "cold cut", date, whole.values[name][:rows], values[name])


def _diagonal(whole: _Whole, sessions: NDArray[np.int64]) -> _Notes:
    """Row t of everything from source rows cut at t, each component given its declared window only."""
    notes = _Notes()
    for t in sessions:
        date = whole.panel.dates[t]
        cut = whole.cut(date)
        if cut.dates[-1] > date:
            notes.findings.append(Finding("source rows", "diagonal", str(date), "rows after the cut-off reached the panel"))
            cut = cut.upto(date)
        if cut.dates[-1] < date:  # nobody traded: the session exists only because a later one does
            continue
        end = len(cut.dates)
        for name in ("close", "member", "sector", "level"):
            notes.same(f"panel {name}", "diagonal", date, getattr(whole.panel, name)[t], getattr(cut, name)[-1])
        last: dict[int, Panel] = {}
        for name, values in whole.values.items():
            reads = FEATURES[name].reads or end
            window = last.setdefault(reads, cut.rows(max(end - reads, 0), end))
            notes.same(f"feature {name}", "diagonal", date, values[t : t + 1], values_of(FEATURES[name], window)[-1:])
        for name in whole.graphs.layers:
            _layer_rows(whole, name, cut, t, 1, "diagonal", notes)
        _label_rows(whole, cut, int(t), notes)
    return notes


def _layer_rows(whole: _Whole, name: str, panel: Panel, t: int, rows: int, check: str, notes: _Notes) -> None:
    """Compare the last `rows` dates up to session t of one layer, built from its declared window."""
    kind, settings = layers.kind_of(name), layers.settings_of(name, whole.config.layers)
    end, date = t + 1, whole.panel.dates[t]
    window = panel.rows(max(end - rows + 1 - kind.reads(settings), 0), end)
    rows = min(rows, len(window.dates))
    layer = kind.build(window, settings)
    if isinstance(layer, str):  # nothing known yet, as for sectors before the first label
        layer_rows = np.zeros((rows, len(panel.assets), len(panel.assets)), np.float32)
    else:
        layer_rows = layer.block(len(window.dates) - rows, len(window.dates))
    notes.same(f"layer {name}", check, date, whole.graphs.layers[name].block(end - rows, end), layer_rows)


def _measure_rows(whole: _Whole, name: str, panel: Panel, t: int, check: str, notes: _Notes) -> None:
    """Compare the last dates up to session t of one measure, built from its declared window and the graphs that this window gives.

    Only at critical and random sessions, not on the diagonal over all of them: a measure costs as much as all features together.
    """
    measure, values, settings, chosen = MEASURES[name], whole.measures[name], whole.config.measures, whole.config.layers
    kept = (settings.layer,) if measure.graph else ()
    end, rows = t + 1, min(TAIL, t + 1)
    start = max(end - rows + 1 - measure.reads(settings), 0) if measure.reads(settings) else 0
    before = max(start - max((layers.kind_of(layer).reads(layers.settings_of(layer, chosen)) for layer in kept), default=0), 0)
    graphs = layers.build(panel.rows(before, end), chosen.model_copy(update={"names": kept}))
    found = measures.values_of(measure, panel.rows(start, end), graphs.rows(start - before, end - before), settings)
    notes.same(f"measure {name}", check, whole.panel.dates[t], values[end - rows : end], found[-rows:])


def _label_rows(whole: _Whole, cut: Panel, t: int, notes: _Notes) -> None:
    """On session t the labels of t-H become known, whatever their value, and no later one."""
    targets, date = whole.labels.targets, whole.panel.dates[t]
    start = max(t + 1 - max([YEAR, *(target.horizon + 1 for target in targets)]), 0)
    built = whole.line.label(cut.rows(start, t + 1), whole.config.labels)
    notes.same("label onset", "diagonal", date, whole.labels.onset[t : t + 1], built.onset[-1:])
    for k, target in enumerate(targets):
        component = f"label {target.name}"
        first = max(t - target.horizon + 1, start)
        early = built.values[first - start :, :, k]
        notes.same(component, "known too early", date, np.full_like(early, np.nan), early)
        if t >= target.horizon:
            s = t - target.horizon
            notes.same(component, "diagonal", date, whole.labels.values[s, :, k], built.values[s - start, :, k])
            notes.same(component, "known at t+H", date, np.array([date]), whole.labels.known[s : s + 1, k])


def _critical(whole: _Whole, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sessions where leaks like to hide: listings, ends, gaps, ends of years, first rows after warm-up, the last five; and random ones."""
    panel, T = whole.panel, len(whole.panel.dates)
    changes = np.flatnonzero((panel.member[1:] != panel.member[:-1]).any(axis=1))
    years = np.flatnonzero(np.diff(panel.dates.astype("datetime64[Y]").astype(int)))
    warm = [int(known[0]) for values in whole.values.values() if len(known := np.flatnonzero(np.isfinite(values.reshape(T, -1)).any(axis=1)))]
    chosen = {*changes[:10], *(changes[:10] + 1), *years, *warm, *range(max(T - 5, 0), T), *rng.integers(0, T, RANDOM_DATES)}
    return np.array(sorted(int(t) for t in chosen if t < T))


@np.errstate(over="ignore", invalid="ignore")  # an index of a thousand returns of a million per cent is no number, and need not be one
def _changed_future(whole: _Whole, sessions: NDArray[np.int64], seed: int) -> _Notes:
    """All rows up to each of the sessions, with the future cut off, poisoned or shuffled."""
    notes = _Notes()
    for t, check in itertools.product(sessions, ("prefix", "poison", "shuffle")):
        date, rng = whole.panel.dates[t], np.random.default_rng([seed, t])
        panel = whole.cut(date) if check == "prefix" else whole.line.assemble(change_future(whole.raw, date, check, rng), whole.config.data)[0]
        rows = int(np.searchsorted(panel.dates, date, side="right"))
        for name in ("close", "member", "sector", "level"):
            notes.same(f"panel {name}", check, date, getattr(whole.panel, name)[:rows], getattr(panel, name)[:rows])
        for name, values in whole.values.items():
            notes.same(f"feature {name}", check, date, values[:rows], values_of(FEATURES[name], panel)[:rows])
        for name in whole.graphs.layers if rows else ():
            _layer_rows(whole, name, panel, rows - 1, TAIL, check, notes)
        for name in whole.measures if rows else ():
            _measure_rows(whole, name, panel, rows - 1, check, notes)
        was, now = whole.labels.upto(date), whole.line.label(panel, whole.config.labels).upto(date)
        for k, target in enumerate(whole.labels.targets):
            notes.same(f"label {target.name}", check, date, was.values[:rows, :, k], now.values[:rows, :, k])
    return notes


def change_future(raw: Raw, date: np.datetime64, how: str, rng: np.random.Generator) -> Raw:
    """The same rows with every value that was not known on `date` set to a million (`poison`) or exchanged among themselves (`shuffle`)."""
    tables = {}
    for name, rows in raw.tables.items():
        value = rows.value.copy()
        future = np.flatnonzero(((rows.date > date) | (rows.known_at > date)) & (rows.fate == Fate.ACCEPTED))
        if name in ("prices", "volume", "facts"):
            value[future] = 1e6 if how == "poison" else value[rng.permutation(future)]
        tables[name] = replace(rows, value=value)
    return replace(raw, tables=tables)


def _learned(whole: _Whole, name: str) -> _Notes:
    """What a model of the system learned; see _taught."""
    model, chosen = models.make(name, whole.config.models), whole.config

    def tables(panel: Panel) -> Tables:
        return build_features(panel, chosen.features), _graphs(whole, panel, model.graphs), whole.line.label(panel, chosen.labels)

    graphs = whole.graphs if model.graphs else replace(whole.graphs, layers={})
    return _taught(whole, f"model {name}", model, (build_features(whole.panel, chosen.features), graphs, whole.labels), tables)


def _learned_of_assets(whole: _Whole, name: str) -> _Notes:
    """What a model of single assets learned; see _taught."""
    settings = whole.config.nodes.model_copy(update={"names": (name,)})
    model = NODE_MODELS[name](settings.recipe)
    return _taught(whole, f"model of assets {name}", model, nodes.tables(whole.panel, settings), lambda panel: nodes.tables(panel, settings))


def _taught(whole: _Whole, component: str, model: models.Model, all_rows: Tables, tables: Callable[[Panel], Tables]) -> _Notes:
    """What a model learned by a cut-off, and its first score after it, from all rows and from rows cut there."""
    notes, (features, graphs, known) = _Notes(), all_rows
    if model.lacks(features, graphs):
        return notes
    folds = whole.line.fold(known, whole.config.split, model.refit_years)
    for fold in folds:
        _check_fold(known, fold, notes)
    if model.seeds or model.graphs:
        folds = [folds[i] for i in np.unique(np.linspace(0, len(folds) - 1, NETWORK_REFITS).astype(int))]
    for fold in [f for f in folds if f.kind == "live"]:
        panel = whole.cut(fold.cutoff)
        rows = len(panel.dates)
        cut_features, cut_graphs, cut_labels = tables(panel)
        cut_fold = replace(fold, train=fold.train[:rows], start=min(fold.start, rows - 1), stop=rows)
        fits = [
            (whole.line.fit(model, features, graphs, known, fold, 0), features, graphs),
            (whole.line.fit(model, cut_features, cut_graphs, cut_labels, cut_fold, 0), cut_features, cut_graphs),
        ]
        hashes = [np.array([backtest.learned(fitted)]) for fitted, _, _ in fits]
        notes.same(component, "what it learned", fold.cutoff, *hashes)
        days = [backtest.score_day(fitted, x, g, rows - 1) for fitted, x, g in fits]
        notes.same(component, "its score", fold.cutoff, days[0].score, days[1].score)
        notes.same(component, "its probability", fold.cutoff, days[0].probability, days[1].probability)
        if days[0].falls.size:
            notes.same(component, "its forward falls", fold.cutoff, days[0].falls, days[1].falls)
    return notes


def _graphs(whole: _Whole, panel: Panel, wanted: bool) -> Graphs:
    return layers.build(panel, whole.config.layers if wanted else whole.config.layers.model_copy(update={"names": ()}))


def _check_fold(labels: Labels, fold: Fold, notes: _Notes) -> None:
    """No label that became known after the cut-off is learned from, and the cut-off is not after the first session scored."""
    dates = labels.dates
    notes.compared["folds"] = notes.compared.get("folds", 0) + fold.train.size
    known = np.stack([known_on(dates, target.horizon) for target in labels.targets], axis=1)
    late = fold.train & ~(known <= fold.cutoff)
    if fold.kind == "live" and (late.any() or fold.cutoff > dates[fold.start]):
        detail = f"{int(late.sum())} training labels were not known at the cut-off {fold.cutoff}"
        notes.findings.append(Finding("split", "purge", str(dates[fold.start]), detail))


def _thresholds(whole: _Whole, notes: _Notes, rng: np.random.Generator) -> None:
    """The real-time alarm threshold of t from scores and labels cut at t."""
    target = next((t for t in whole.labels.targets if t.binary), None)
    score = next((values for values in whole.values.values() if values.ndim == 1 and np.isfinite(values).any()), None)
    if target is None or score is None:
        return
    full = whole.line.threshold(score, whole.labels, target, 0.1)
    for t in np.unique(rng.integers(0, len(score), THRESHOLD_DATES)):
        date = whole.panel.dates[t]
        cut = whole.line.threshold(score[: t + 1], whole.labels.upto(date), target, 0.1)
        notes.same("alarm threshold", "diagonal", date, full[t : t + 1], cut[-1:])
