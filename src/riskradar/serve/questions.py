"""The pages that ask why and what if: rendered from the very bytes that the API answers with, and patient while those are being made."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import numpy as np
from anyio import to_thread
from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field
from starlette.responses import HTMLResponse, Response

from riskradar.errors import RadarError, UsageError
from riskradar.html import words
from riskradar.models.rules import RULES, Constant
from riskradar.serve import pages, scores, sheet, waterfall, whatif, why
from riskradar.serve.answers import Answer
from riskradar.serve.asked import Day
from riskradar.serve.pages import Asked, Page
from riskradar.serve.problems import Missing, Refused
from riskradar.serve.shelf import Shelf, View
from riskradar.serve.whatif import Allowed
from riskradar.serve.why import Explained
from riskradar.serve.wire import Wire
from riskradar.tables import Forecast, Target
from riskradar.tables.arrays import day

log = logging.getLogger("riskradar.serve")

PATIENCE, AGAIN = 3.0, 2  # seconds: until a page says that it is being made, and until it is then asked for again
CHANGED = "The data are no longer those of this run, so nothing is computed from them. A new `riskradar run` reads them as they are now."


Chosen = Annotated[Day | None, BeforeValidator(lambda text: text or None)]  # a field of a form that was left empty is none


class ScenariosAsked(Asked, frozen=True):
    """Whose score of what, and on which session."""

    model: str = Field("", max_length=80)
    target: str = Field("", max_length=40)
    date: Chosen = None


class ExplainAsked(ScenariosAsked, frozen=True):
    """And since when."""

    against: Chosen = None


Parameters = dict[str, str]  # of the JSON twin


@dataclass(frozen=True)
class Question:
    """A page whose context is given what was asked and the bytes of its twin, the parameters of that twin, and the answer that these have."""

    page: Page
    wanted: Callable[[View, Any], Parameters]
    make: Callable[[View, Parameters], Answer]


def router(shelf: Shelf, wire: Wire, today: Callable[[], dt.date] = lambda: dt.datetime.now(dt.UTC).date()) -> APIRouter:
    """The two pages; today: the day by which data are called old."""
    site = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def rendered(template: str, status: int, frame: Mapping[str, Any], **headers: str) -> Response:
        return HTMLResponse(pages.render(template, **frame), status, {"cache-control": "no-cache", **headers})

    async def found(question: Question, asked: Asked) -> Response:
        view = await to_thread.run_sync(shelf.view, asked.run)
        query = await to_thread.run_sync(question.wanted, view, asked)
        address = f"/v1/runs/{quote(asked.run, safe='')}{question.page.twin}?{urlencode(query)}"
        frame = pages.chrome(question.page, view, asked, today()) | {"twin": address}
        body = await wire.read(address, lambda: shelf.stamp(asked.run), lambda: question.make(shelf.view(asked.run), query), PATIENCE)
        if body is None:
            return rendered("making.html", 202, frame, refresh=str(AGAIN))
        return await to_thread.run_sync(lambda: rendered(question.page.template, 200, {**frame, **question.page.context(view, (asked, body))}))

    async def answer(question: Question, asked: Asked) -> Response:
        try:
            return await found(question, asked)
        except Refused as error:
            detail, status = error.detail, error.status
        except RadarError as error:
            log.warning("%s", error)
            detail, status = (CHANGED, 409) if isinstance(error, UsageError) else (pages.DAMAGED, 500)
        return rendered("empty.html", status, {**pages.bare(question.page.path), "detail": detail, "some": bool(shelf.names())})

    @site.get("/explain")
    async def explain_(asked: Annotated[ExplainAsked, Query()]) -> Response:
        return await answer(EXPLAIN, asked)

    @site.get("/scenarios")
    async def scenarios_(asked: Annotated[ScenariosAsked, Query()]) -> Response:
        return await answer(SCENARIOS, asked)

    return site


def row(view: View, asked: ScenariosAsked) -> tuple[Forecast, Target]:
    """The forecast that is asked about, of the anchor unless one is named, and its target, the first unless one is named."""
    forecast = view.forecast(asked.model or view.inputs.anchor)
    return forecast, scores.target_of(forecast, asked.target or view.inputs.targets[0]["name"])


def scored(forecast: Forecast, target: Target, date: dt.date | None) -> str:
    """The last session by `date` that has a score."""
    known = forecast.dates[np.isfinite(scores.values(forecast, target, "score").mean(axis=0))]
    place = len(known) if date is None else int(np.searchsorted(known, day(date), side="right"))
    if not place:
        raise Missing("no session was scored by that date; the run says from when on")
    return str(known[place - 1])


def explained(view: View, asked: ExplainAsked) -> Parameters:
    """Dates are those of scored sessions: a Sunday is its Friday."""
    forecast, target = row(view, asked)
    query = {"model": forecast.model, "target": target.name, "date": scored(forecast, target, asked.date)}
    return query | ({"against": scored(forecast, target, asked.against)} if asked.against else {})


def shocked(view: View, asked: ScenariosAsked) -> Parameters:
    """The session alone: what it allows is the same for every row."""
    return {"date": scored(*row(view, asked), asked.date)}


def explain_page(view: View, answered: tuple[ExplainAsked, bytes]) -> dict[str, Any]:
    """The explanation as sentences, bars and tables."""
    found = Explained.model_validate_json(answered[1])
    outlook = scores.now(view, found.model, found.date)
    first = next(told for told in outlook.targets if told.target == found.target)
    return {
        **chosen(view, found.model, found.target, found.date), "found": found, "first": first, "lead": sheet.answer(first), "now": outlook,
        "rows": waterfall.steps(found), "names": waterfall.names(found), "checks": list(waterfall.checks(found)),
        "graphs": waterfall.graphs(found), "reads": any(term.kind == "layer" for term in found.terms), "days": waterfall.days(found),
        "important": waterfall.important(found), "layer": next((each.layer for each in found.importance), ""),
    }  # fmt: skip


def scenarios_page(view: View, answered: tuple[ScenariosAsked, bytes]) -> dict[str, Any]:
    """The dials of the session, and the outlook as it was."""
    asked, found = answered[0], Allowed.model_validate_json(answered[1])
    forecast, target = row(view, asked)
    groups: dict[str, list[tuple[int, whatif.Dial]]] = {}
    for place, dial in enumerate(found.dials):
        groups.setdefault(dial.group, []).append((place, dial))
    outlook = scores.now(view, forecast.model, found.date)
    return {
        **chosen(view, forecast.model, target.name, found.date), "found": found, "groups": groups, "now": outlook,
        "outlooks": [(told, words.brief(Target.parse(told.target))) for told in outlook.targets],
    }  # fmt: skip


def chosen(view: View, model: str, target: str, date: dt.date) -> dict[str, Any]:
    """The fields of the form and what is chosen in them; rows that say the same every day have nothing to explain."""
    inputs = view.inputs
    able = [name for name in inputs.forecasts if not isinstance(RULES.get(name), Constant)]
    first, last = (str(end) for end in (view.scored[0], view.scored[-1]))
    return {
        "models": able, "model": model, "target": target, "date": date, "first_day": first, "last_day": last, "as_of": str(date),
        "replayed": str(date) < last, "about": inputs.about_model(model).get("about", ""), "kind": inputs.forecasts[model].kind,
        "targets": [(t["name"], words.brief(Target.parse(t["name"]))) for t in inputs.targets],
    }  # fmt: skip


def _explanation(view: View, query: Parameters) -> Explained:
    since = dt.date.fromisoformat(query["against"]) if "against" in query else None
    return why.explain(view, dt.date.fromisoformat(query["date"]), query["target"], query["model"], since)


EXPLAIN = Question(Page("/explain", "explain.html", "/explain", explain_page), explained, _explanation)
SCENARIOS = Question(
    Page("/scenarios", "scenarios.html", "/shocks", scenarios_page), shocked,
    lambda view, query: whatif.allowed(view, dt.date.fromisoformat(query["date"])),
)  # fmt: skip
