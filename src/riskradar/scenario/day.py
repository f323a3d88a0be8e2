"""A stored run under shocks: scores, measures, layers and losses before and after, on one day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from riskradar import backtest, measures
from riskradar.attribution import FIRST
from riskradar.errors import UsageError
from riskradar.evaluate.alarms import alarms
from riskradar.models import RULES, Fitted
from riskradar.registry import near
from riskradar.reopen import Opened
from riskradar.scenario.effects import changed_nodes, drivers, layers_table, losses, out_of_range, plain
from riskradar.scenario.grammar import Names, Shock, consistent, parse, read_date
from riskradar.scenario.line import Tables, after, measures_at
from riskradar.scenario.market import Moves, moves
from riskradar.tables import Target
from riskradar.tables.arrays import Float, count_upto

SCHEMA = "riskradar.stress/1"
SCORED = ("radar", "pool")  # with the rules: what is scored unless models are named
HEADLINE = "20/10"


class Scenario(BaseModel, frozen=True, extra="forbid"):
    """What a stress test asks, as in its TOML file.

    shocks: see riskradar.scenario.grammar; reverse: a kind of shock whose smallest size over the alert line is looked for; models: the rows (empty:
    the rules, pool and radar of the run), the first with probabilities in the sentence; target: of the sentence; exposures: a file of balance sheets
    (see riskradar.contagion), or empty: losses spread by the weights of `layer` (correlation, or the first layer that the run has).
    """

    shocks: tuple[str, ...] = ()
    reverse: str = ""
    models: tuple[str, ...] = ()
    target: str = ""
    exposures: str = ""
    layer: str = ""


@dataclass(frozen=True, eq=False)
class Day:
    """One session of an opened run, ready to be shocked; names: the models that score it; target: what the sentence is about."""

    opened: Opened
    t: int
    names: tuple[str, ...]
    target: Target

    @classmethod
    def of(cls, opened: Opened, date: Any, models: Sequence[str] = (), target: str = "") -> Day:
        """UsageError for a day, a model or a target that the run has not."""
        date = read_date(str(date))
        targets = {one.name: one for one in opened.labels.targets if one.binary}
        deepest = max(targets, key=lambda name: (targets[name].depth, targets[name].horizon), default="")
        wanted = target or (HEADLINE if HEADLINE in targets else deepest)
        if wanted not in targets:
            raise UsageError(f"no target {wanted!r}{near(wanted, targets)} in {opened.record.id}; its targets are {', '.join(targets)}")
        usual = [name for name in (*FIRST, *opened.names) if name in opened.names and (name in RULES or name in SCORED)]
        names = tuple(dict.fromkeys(models or usual or opened.names))
        for name in names:
            opened.fold(name, date)
        return cls(opened, opened.row(date), names, targets[wanted])

    @property
    def date(self) -> np.datetime64:
        """The session."""
        found: np.datetime64 = self.opened.features.dates[self.t]
        return found

    @cached_property
    def before(self) -> Tables:
        """What was known on the session."""
        stop = self.t + 1
        return self.opened.panel.rows(0, stop), self.opened.features.rows(0, stop), self.opened.graphs.rows(0, stop)

    @cached_property
    def fitted(self) -> dict[str, list[Fitted]]:
        """Each model as it was on the session, once a seed."""
        return {name: [self.opened.fitted(name, self.date, seed) for seed in self.opened.seeds(name)] for name in self.names}

    @cached_property
    def headline(self) -> str:
        """The first model that gives probabilities, or the first one."""
        k = self.position(self.target)
        return next((name for name in self.names if np.isfinite(self.scored(name, self.before)[:, 1, k]).any()), self.names[0])

    @cached_property
    def cutoff(self) -> int:
        """Sessions that the headline model had seen when it learned."""
        return count_upto(self.opened.features.dates, self.opened.fold(self.headline, self.date).cutoff)

    @cached_property
    def line(self) -> float:
        """The alert line of the headline model's score: the real-time threshold of the session; NaN before there is one."""
        labels, forecast = self.opened.labels, self.opened.record.forecasts()[self.headline]
        score = np.full(len(labels.dates), np.nan)
        at = [one.name for one in forecast.targets].index(self.target.name)
        score[np.searchsorted(labels.dates, forecast.dates)] = forecast.score.mean(axis=0)[:, 0, at]
        return float(alarms(score, labels, self.target, self.opened.config.evaluate.false_alarm_rate).threshold[self.t])

    def position(self, target: Target) -> int:
        """The place of a target."""
        return self.opened.labels.targets.index(target)

    def scored(self, name: str, tables: Tables) -> Float:
        """Score and probability of the system by each seed, [S, 2, K], on the last session of the tables."""
        _, features, graphs = tables
        with threadpool_limits(1):
            days = [backtest.score_day(one, features, graphs, self.t) for one in self.fitted[name]]
        return np.array([[day.score[0], day.probability[0]] for day in days])

    def value(self, tables: Tables) -> float:
        """The mean score of the headline model for the target."""
        return float(self.scored(self.headline, tables)[:, 0, self.position(self.target)].mean())

    def shocks(self, texts: Sequence[str]) -> list[Shock]:
        """The shocks in words, read against the names of the run."""
        names = Names.of(self.before[0], self.opened.graphs.layers)
        return [parse(text, names) for text in texts]

    def after(self, shocks: Sequence[Shock]) -> tuple[Tables, Moves]:
        """The tables under shocks, and what these do to the market."""
        consistent(shocks)
        by = moves(self.before[0], shocks, self.opened.config.data, self.opened.panel)
        lifts: dict[str, Fraction] = {}
        for shock in shocks:
            if shock.kind == "layer":
                lifts[shock.target] = lifts.get(shock.target, Fraction(0)) + shock.amount
        return after(self.before, self.opened.config, by, {name: float(lift) for name, lift in lifts.items() if lift}), by


def stress(day: Day, scenario: Scenario) -> dict[str, Any]:
    """The record of one stress test (JSON): rows by model, drivers, shocks alone, measures, layers, nodes, losses, warnings.

    drivers and alone: what inputs, and shocks, do to the headline row one at a time. Everything reads the past of the session and its shocked last
    row; later data are out of reach. Raises the UsageErrors of the grammar.
    """
    shocks = day.shocks(scenario.shocks)
    (then, by), alone = day.after(shocks), [{"shock": shock.text, **_alone(day, shock)} for shock in shocks]
    layer = scenario.layer or spreading(day)
    found = {
        "schema": SCHEMA, "run": day.opened.record.id, "date": str(day.date), "shocks": [shock.text for shock in shocks],
        "target": _target(day.target), "model": day.headline, "rows": [_row(day, name, then) for name in day.names],
        "interval": "lowest and highest of the seeds; it says how much the training's chance matters, and nothing else",
        "alert_line": plain(day.line), "onset": bool(day.opened.labels.onset[day.t]),
    }  # fmt: skip
    now = day.before
    return found | {
        "drivers": drivers(now, then, lambda tables: day.scored(day.headline, tables)[:, :, day.position(day.target)].mean(axis=0)),
        "alone": alone, "measures": _measures(day, then), "layers": layers_table(now, then), "nodes": changed_nodes(now, then, day.cutoff),
        "losses": losses(now, then, by, layer, scenario.exposures),
        "notes": [*by.notes, *_unread(now, then, shocks)],
        "warnings": out_of_range(now, then, day.cutoff, day.opened.record.layers()),
    }  # fmt: skip


def spreading(day: Day) -> str:
    """The layer that losses spread by unless one is named: correlation, or the first, or none."""
    names = tuple(day.opened.graphs.layers)
    return next((name for name in ("correlation", *names) if name in names), "")


def _alone(day: Day, shock: Shock) -> dict[str, float | None]:
    """What the headline row gains by one shock, None where the scenario needs the others beside it."""
    try:
        tables, _ = day.after([shock])
    except UsageError:  # a fall of everything that another shock takes back
        return {"score": None, "probability": None}
    k = day.position(day.target)
    score, probability = (day.scored(day.headline, tables) - day.scored(day.headline, day.before))[:, :, k].mean(axis=0)
    return {"score": plain(score), "probability": plain(probability)}


def _target(target: Target) -> dict[str, Any]:
    return {"name": target.name, "depth": target.depth, "horizon": target.horizon}


def _row(day: Day, name: str, then: Tables) -> dict[str, Any]:
    values = [day.scored(name, tables) for tables in (day.before, then)]
    cells = {}
    for k, target in enumerate(day.opened.labels.targets):
        pair = [{"score": plain(v[:, 0, k].mean()), "probability": plain(v[:, 1, k].mean()), **_spread(v[:, 1, k])} for v in values]
        cells[target.name] = {"before": pair[0], "after": pair[1]}
    return {"model": name, "seeds": len(values[0]), "targets": cells}


def _spread(probability: Float) -> dict[str, float | None]:
    return {"low": plain(probability.min()), "high": plain(probability.max())} if len(probability) > 1 else {"low": None, "high": None}


def _measures(day: Day, then: Tables) -> dict[str, dict[str, Any]]:
    config, names = day.opened.config.measures, tuple(day.opened.record.about["measures"])
    pair = [measures_at(panel, graphs, config, names) for panel, _, graphs in (day.before, then)]
    units = {name: measures.MEASURES[name].unit for name in names}
    return {name: {"before": plain(pair[0][name]), "after": plain(pair[1][name]), "unit": units[name]} for name in names}


def _unread(now: Tables, then: Tables, shocks: Sequence[Shock]) -> list[str]:
    """A shock that nothing in the run reads changes nothing, and that must not look like good news."""
    T = len(now[1].dates)
    pairs = ((now[1].values[-1], then[1].values[-1]), (now[1].context[-1], then[1].context[-1]), (now[2].block(T - 1, T), then[2].block(T - 1, T)))
    if not shocks or then is now or not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
        return []
    return ["nothing that this run reads on the day moved: no feature and no graph (a graph drawn monthly waits for the next month)"]
