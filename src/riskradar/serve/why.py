"""Why a score is what it is, for the API and its tools, and what a shock would do to it, for the tools."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue

from riskradar import html, scenario
from riskradar.attribution import VIEWS, ask
from riskradar.errors import UsageError, Withheld
from riskradar.scenario import words
from riskradar.serve.answers import HEAD, Answer, shown
from riskradar.serve.problems import Refused
from riskradar.serve.scores import envelope, target_of
from riskradar.serve.shelf import View

Found = TypeVar("Found")


class Push(BaseModel, frozen=True):
    """What one thing adds to the score; value and usual: of a feature or a series, on the day and in what it is compared with."""

    kind: str
    name: str
    adds: float
    value: float | None
    usual: float | None


class Explained(Answer):
    """score = reference + the terms of each view + gap; views: which kinds of terms add up to the same. Warnings are checks that failed."""

    model: str
    target: str
    date: dt.date
    against: dt.date | None
    score: float
    reference: float
    baseline: str
    probability: float | None
    sentences: tuple[str, ...]
    views: dict[str, tuple[str, ...]]
    terms: tuple[Push, ...]
    other_edges: float
    gap: float
    steps: int
    attention: dict[str, float]
    warnings: tuple[str, ...]

    model_config = shown({**HEAD, "model": "vol+breadth", "target": "20/5", "date": "2008-09-15", "against": None, "score": 1.39, "reference": 0.0,
                          "baseline": "the past mean", "probability": 0.78, "sentences": ["On 15 Sep 2008 vol+breadth puts the chance at 78 %."],
                          "views": {"inputs": ["feature", "series"]}, "terms": [], "other_edges": 0.0, "gap": 0.0, "steps": 0, "attention": {},
                          "warnings": []})  # fmt: skip


class Stressed(Answer):
    """What the run would have said had the market been shocked on `date`: the record of riskradar.scenario, and its sentences."""

    date: dt.date
    shocks: tuple[str, ...]
    sentences: tuple[str, ...]
    found: dict[str, JsonValue]

    model_config = shown({**HEAD, "date": "2008-09-15", "shocks": ["JPM returns -15%"], "sentences": ["If JPM fell 15 % further ..."], "found": {}})


def explain(view: View, date: dt.date | None, target: str, model: str, against: dt.date | None) -> Explained:
    """The terms of a score that add up to it, of the anchor's row unless a model is named; a model that has to be trained again takes its time."""
    name = model or view.inputs.anchor
    target_of(view.forecast(name), target)
    found = _asked(lambda: ask(view.opened(), date and str(date), target, against=against and str(against), model=name))
    told = {key: value for key, value in found.record().items() if key in Explained.model_fields and key not in Answer.model_fields}
    return Explained(**envelope(view, found.date), **told, sentences=tuple(html.sentences(found)), views=dict(VIEWS))


def stress(view: View, date: dt.date, shocks: Sequence[str], model: str, target: str) -> Stressed:
    """The scores, measures, layers and losses of one day before and after the shocks."""
    given = {"shocks": tuple(shocks), "models": (model or view.inputs.anchor,), "target": target}

    def run() -> dict[str, Any]:
        wanted = scenario.read(None, given)
        return scenario.run(scenario.Day.of(view.opened(), str(date), wanted.models, wanted.target), wanted)

    found = _asked(run)
    return Stressed(**envelope(view, str(date)), date=date, shocks=tuple(shocks), sentences=tuple(words.sentences(found)), found=found)


def _asked(make: Callable[[], Found]) -> Found:
    """An answer; what the run does not know, and what it withheld, is the caller's to mend, and its one line says how."""
    try:
        return make()
    except (UsageError, Withheld) as error:
        raise Refused(422, str(error)) from None
