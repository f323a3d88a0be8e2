"""Why a score is what it is, for the page, the API and its tools."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from pydantic import BaseModel

from riskradar import html
from riskradar.attribution import VIEWS, Explanation, ask, story
from riskradar.errors import UsageError, Withheld
from riskradar.features import log_returns
from riskradar.measures import connectedness
from riskradar.reopen import Opened
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


class Importance(BaseModel, frozen=True):
    """A name in the system on that day.

    adds: to the score; debtrank: the share of the market lost beside it when it fails alone, by exposures implied by `layer`; strength: its weights
    there; connectedness: what it gives to the others net of what it takes, percent (Diebold and Yilmaz 2014). Null: not known on the day.
    """

    name: str
    sector: str
    adds: float
    layer: str
    debtrank: float | None
    strength: float | None
    connectedness: float | None


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
    stability: float | None
    importance: tuple[Importance, ...]
    warnings: tuple[str, ...]

    model_config = shown({**HEAD, "model": "vol+breadth", "target": "20/5", "date": "2008-09-15", "against": None, "score": 1.39, "reference": 0.0,
                          "baseline": "the past mean", "probability": 0.78, "sentences": ["On 15 Sep 2008 vol+breadth puts the chance at 78 %."],
                          "views": {"inputs": ["feature", "series"]}, "terms": [], "other_edges": 0.0, "gap": 0.0, "steps": 0, "attention": {},
                          "stability": None, "importance": [], "warnings": []})  # fmt: skip


def explain(view: View, date: dt.date | None, target: str, model: str, against: dt.date | None) -> Explained:
    """The terms of a score that add up to it, of the anchor's row unless a model is named; a model that has to be trained again takes its time.

    UsageError when the data are no longer those of the run.
    """
    name = model or view.inputs.anchor
    target_of(view.forecast(name), target)
    opened = view.opened()
    found = mended(lambda: ask(opened, date and str(date), target, against=against and str(against), model=name))
    told = {key: value for key, value in found.record().items() if key in Explained.model_fields and key not in Answer.model_fields}
    return Explained(
        **envelope(view, found.date), **told, sentences=tuple(html.sentences(found)), views=dict(VIEWS), importance=tuple(importance(opened, found)),
    )  # fmt: skip


def importance(opened: Opened, found: Explanation) -> Iterator[Importance]:
    """Every member on the day, those first that add most to the score either way."""
    t, graph = opened.row(found.date), story.drawn(opened, found)
    given = _given(opened, t)
    for node in sorted(graph["nodes"], key=lambda node: (-abs(node["adds"]), node["name"])):
        linked = bool(graph["layer"])
        yield Importance(
            name=node["name"], sector=node["sector"], adds=node["adds"], layer=graph["layer"], debtrank=node["debtrank"] if linked else None,
            strength=node["strength"] if linked else None, connectedness=given.get(node["place"]),
        )  # fmt: skip


def _given(opened: Opened, t: int) -> dict[int, float]:
    """What each asset gives to the others net of what it takes; nothing where the window is too short for so many names."""
    settings, panel = opened.config.measures, opened.panel
    returns = log_returns(panel.close[: t + 1])[-settings.connectedness_window :]
    some = np.flatnonzero(panel.member[t] & np.isfinite(returns).all(axis=0) & (np.ptp(returns, axis=0) > 0))
    theta = connectedness.table(returns[:, some], settings.ahead)
    return {} if theta is None else dict(zip(some.tolist(), connectedness.net(theta).tolist(), strict=True))


def mended(make: Callable[[], Found]) -> Found:
    """An answer; what the run does not know, and what it withheld, is the caller's to mend, and its one line says how."""
    try:
        return make()
    except (UsageError, Withheld) as error:
        raise Refused(422, str(error)) from None
