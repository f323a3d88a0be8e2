"""The profile of a crisis: what its scores were made of, day by day, and when what led them changed (the paper's appendix G.2)."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from riskradar.attribution import LARGEST_GAP, attribute, known_target
from riskradar.attribution.atoms import Read
from riskradar.attribution.table import VIEWS, Term, mean, terms
from riskradar.errors import UsageError, Withheld
from riskradar.features import FEATURES
from riskradar.models import Fitted
from riskradar.registry import near
from riskradar.reopen import Opened
from riskradar.tables import Target
from riskradar.tables.arrays import day

log = logging.getLogger("riskradar")

SCHEMA = "riskradar.profile/1"
EVERY = 5  # sessions from one day that is explained to the next
LONG = 30  # CPU seconds that are told beforehand
FAMILIES = ("prices", "macro series", "graph layers")


@dataclass(frozen=True)
class _Day:
    """One day: its score, the baseline's, and what each input adds between them."""

    date: str
    score: float
    reference: float
    terms: tuple[Term, ...]

    @property
    def gap(self) -> float:
        return self.score - self.reference - sum(term.adds for term in self.terms)

    def leading(self, kind: str = "") -> str:
        """The input, of one kind or of any, that adds or takes most."""
        return label(max((term for term in self.terms if kind in ("", term.kind)), key=lambda term: abs(term.adds)))


def profile(opened: Opened, crisis: str, model: str, target: Target, every: int = EVERY) -> dict[str, Any]:
    """What a model's scores were made of over a crisis of the run's settings, on every so many of the sessions that it scored (JSON).

    crisis: its name, or a year that lies in it. inputs: of each feature, series and layer its mean contribution, its share of all absolute
    contributions, and the share of days that it leads; families: the same shares of prices, macro series and layers; spread: how many equal inputs
    would be as spread out (inverse Herfindahl index, mean over days); leads: by "input" and "layer", who leads, and each day on which that
    changed. Every day is explained by the model as it was then. UsageError for a crisis, model or target that the run has not.
    """
    start = time.process_time()
    name, (begin, end) = window(opened.config.split.crises, crisis)
    inside = [(date, score) for date, score in _scores(opened, model, target) if day(begin) <= date <= day(end)]
    days = list(_days(opened, model, target, inside[::every]))
    if not days:
        raise UsageError(f"{model} scored no session of {name} ({begin} to {end}) that can be explained; nothing was computed; choose another")
    gap = max((each.gap for each in days), key=abs)
    return {
        "schema": SCHEMA, "run": opened.record.id, "model": model, "target": target.name, "crisis": name, "start": str(begin), "end": str(end),
        "every": every, "sessions": len(inside), "explained": len(days), **_made_of(days),
        "days": [{"date": d.date, "score": d.score, "reference": d.reference, "adds": {label(t): t.adds for t in d.terms}} for d in days],
        "largest_gap": gap, "cpu_seconds": time.process_time() - start,
        "warnings": [f"on one of these days the contributions miss the score by {abs(gap):.1g}"] if abs(gap) > LARGEST_GAP else [],
    }  # fmt: skip


def label(term: Term) -> str:
    """The name of an input; that of a layer may be that of a feature too."""
    return f"{term.name} graph" if term.kind == "layer" else term.name


def window(crises: Mapping[str, tuple[Any, Any]], asked: str) -> tuple[str, tuple[Any, Any]]:
    """The crisis of a name, or the one that a year lies in; UsageError when there is none."""
    for name, (begin, end) in crises.items():
        if asked.lower() == name.lower() or (asked.isdigit() and begin.year <= int(asked) <= end.year):
            return name, (begin, end)
    have = ", ".join(f"{name} ({begin.year} to {end.year})" for name, (begin, end) in crises.items()) or "none"
    raise UsageError(f"no crisis {asked!r}{near(asked, crises)} in the settings of the run; nothing was computed; it has {have}")


def _scores(opened: Opened, model: str, target: Target) -> list[tuple[np.datetime64, float]]:
    """Sessions with a score, and the mean of its seeds."""
    opened.fold(model, opened.features.dates[-1])  # refuses a model that did not run
    known_target(opened, target)
    forecast = opened.record.forecasts()[model]
    score = forecast.score[:, :, 0, forecast.targets.index(target)].mean(axis=0)
    return [(date, float(one)) for date, one in zip(forecast.dates, score, strict=True) if np.isfinite(one)]


def _days(opened: Opened, model: str, target: Target, scored: Sequence[tuple[np.datetime64, float]]) -> Iterator[_Day]:
    """Each day explained, where its baseline was known; a model is opened once a fold, and a long wait is foretold."""
    k, tables, kept = opened.labels.targets.index(target), (opened.panel, opened.features, opened.graphs), dict[str, list[Fitted]]()
    for n, (date, score) in enumerate(scored):
        if n == 1:
            begun = time.process_time()
        if n == 2 and (cost := (time.process_time() - begun) * len(scored)) > LONG:
            log.info(f"{len(scored)} days to explain, about {cost:.0f} CPU seconds")
        fold = opened.fold(model, date)
        if fold.name not in kept:
            kept[fold.name] = [opened.fitted(model, date, seed) for seed in opened.seeds(model)]
        try:
            seeds = [attribute(fitted, Read.of(tables, opened.row(date), k, fold.cutoff)) for fitted in kept[fold.name]]
        except Withheld:
            continue
        whole = mean([terms(atoms, opened.features.nodes) for atoms in seeds])
        inputs = tuple(term for term in whole if term.kind in VIEWS["inputs"])
        yield _Day(str(date), score, float(np.mean([atoms.reference for atoms in seeds])), inputs)


def _made_of(days: Sequence[_Day]) -> dict[str, Any]:
    """inputs, families, spread and leads; an input that a model does not read on a day adds nothing on it."""
    every = {label(term): term for each in days for term in each.terms}
    adds = np.array([[found.get(name, 0.0) for name in every] for each in days for found in ({label(t): t.adds for t in each.terms},)])
    size = np.abs(adds)
    whole = size.sum(axis=1, keepdims=True)
    within = np.divide(size, whole, out=np.full_like(size, 1 / len(every)), where=whole > 0)
    share = size.sum(axis=0) / whole.sum() if whole.any() else within[0]
    leads = {"input": _led(days, [each.leading() for each in days])}
    if any(term.kind == "layer" for term in days[0].terms):
        leads["layer"] = _led(days, [each.leading("layer") for each in days])
    inputs = {
        name: {"kind": term.kind, "mean": float(adds[:, n].mean()), "share": float(share[n]), "leads": leads["input"]["shares"].get(name, 0.0)}
        for n, (name, term) in enumerate(every.items())
    }  # fmt: skip
    families = {family: sum(inputs[name]["share"] for name, term in every.items() if _family(term) == family) for family in FAMILIES}
    return {"inputs": inputs, "families": families, "spread": float((1 / (within**2).sum(axis=1)).mean()), "leads": leads}


def _led(days: Sequence[_Day], by: Sequence[str]) -> dict[str, Any]:
    """The share of days that each leads, and the days on which the lead changed."""
    shares = {name: count / len(by) for name, count in Counter(by).most_common()}
    changes = [{"date": each.date, "from": old, "to": new} for (old, new), each in zip(pairwise(by), days[1:], strict=True) if old != new]
    highest = max(range(len(days)), key=lambda n: days[n].score)
    return {"shares": shares, "at_highest": by[highest], "changes": changes}


def _family(term: Term) -> str:
    if term.kind == "layer":
        return FAMILIES[2]
    feature = FEATURES.get(term.name)
    return FAMILIES[bool(feature is not None and feature.axis == "context" and feature.needs)]
