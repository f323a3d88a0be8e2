"""The pages: rendered on the server from the answers that the API gives, so that each has its twin under /v1; scripts draw what moves."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from riskradar.errors import RadarError
from riskradar.html import account as told
from riskradar.html import board, evidence, words
from riskradar.html.indicators import indicators
from riskradar.html.lead import facts, lead
from riskradar.html.page import environment
from riskradar.html.timeline import timeline
from riskradar.serve import account, fragile, sheet
from riskradar.serve.lines import strip
from riskradar.serve.overview import overview
from riskradar.serve.problems import Missing, Refused
from riskradar.serve.shelf import LATEST, Shelf, View
from riskradar.serve.wire import matches
from riskradar.tables import Target

log = logging.getLogger("riskradar.serve")

DAMAGED = "A stored run cannot be read. It was left as it is; the log of the server says which, and why."
KEPT = 64  # pages held as text
MOVED = 5  # measures on the first page
STALE = 7  # days after which data are called old
NAV = (
    ("/", "Overview"), ("/network", "Network"), ("/explain", "Explain"), ("/scenarios", "Scenarios"), ("/evaluation", "Evaluation"),
    ("/alerts", "Alerts"), ("/track", "Track record"), ("/data", "Data"), ("/runs", "Runs"),
)  # fmt: skip
KINDS = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
STATIC = {
    "site.css": ("riskradar.serve", "static/site.css"),
    "theme.js": ("riskradar.serve", "static/theme.js"),
    "shared.js": ("riskradar.serve", "static/shared.js"),
    "overview.js": ("riskradar.serve", "static/overview.js"),
    "network.js": ("riskradar.serve", "static/network.js"),
    "alerts.js": ("riskradar.serve", "static/alerts.js"),
    "watch.css": ("riskradar.serve", "static/watch.css"),
    "ring.js": ("riskradar.serve", "static/ring.js"),
    "scenarios.js": ("riskradar.serve", "static/scenarios.js"),
    "cytoscape.min.js": ("riskradar.serve", "static/vendor/cytoscape.min.js"),
    "page.css": ("riskradar.html", "templates/page.css"),
    "plotly-cartesian.min.js": ("riskradar.html", "vendor/plotly-cartesian.min.js"),
}  # fmt: skip


class Asked(BaseModel, frozen=True, extra="forbid"):
    """Which run a page is about."""

    run: str = Field(LATEST, max_length=80)


class OverviewAsked(Asked, frozen=True):
    """Whose outlook, and of which session."""

    model: str = Field("", max_length=80)
    date: dt.date | None = None


class NetworkAsked(Asked, frozen=True):
    """Two dates; the script of the page reads them from its address and writes them there."""

    a: dt.date | None = None
    b: dt.date | None = None


class RunsAsked(Asked, frozen=True):
    """Two runs to compare, and the last name of the page before."""

    first: str = Field("", max_length=80)
    second: str = Field("", max_length=80)
    cursor: str = Field("", max_length=80)


@dataclass(frozen=True)
class Page:
    """A page: its address, its template, the address of its JSON twin, and what the template is given."""

    path: str
    template: str
    twin: str
    context: Callable[[View, Any], Mapping[str, Any]]


def router(shelf: Shelf, today: Callable[[], dt.date] = lambda: dt.datetime.now(dt.UTC).date()) -> APIRouter:
    """Every page and the files that they load; today: the day by which data are called old."""
    site = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    pages = {
        page.path: page
        for page in (
            Page("/", "overview.html", "/overview", overview_page),
            Page("/network", "network.html", "/network/{end}", network_page),
            Page("/evaluation", "evaluation.html", "/leaderboard", evaluation_page),
            Page("/data", "data.html", "/health", data_page),
        )
    }

    @lru_cache(KEPT)
    def rendered(path: str, asked: Asked, stamp: object, day: dt.date) -> str:
        page, view = pages[path], shelf.view(asked.run)
        return render(page.template, **{**chrome(page, view, asked, day), **page.context(view, asked)})

    def answer(path: str, asked: Asked) -> Response:
        return guarded(shelf, path, lambda: rendered(path, asked, shelf.stamp(asked.run), today()))

    @site.get("/")
    def overview_(asked: Annotated[OverviewAsked, Query()]) -> Response:
        return answer("/", asked)

    @site.get("/network")
    def network_(asked: Annotated[NetworkAsked, Query()]) -> Response:
        return answer("/network", Asked(run=asked.run))

    for path in ("/evaluation", "/data"):
        site.add_api_route(path, _about(path, answer))

    @site.get("/runs")
    def runs_(asked: Annotated[RunsAsked, Query()]) -> Response:
        return guarded(shelf, "/runs", lambda: render("runs.html", **bare("/runs"), **runs_page(shelf, asked)))

    @site.get("/static/{name}")
    def static(request: Request, name: Annotated[str, Path(max_length=80)]) -> Response:
        if name not in STATIC:
            raise Missing("no such file")
        body, tag = held(name)
        headers = {"cache-control": "no-cache", "etag": tag, "content-type": KINDS[name.rpartition(".")[2]]}
        wanted = request.headers.get("if-none-match")
        return Response(None, 304, headers) if wanted is not None and matches(wanted, tag) else Response(body, 200, headers)

    return site


def guarded(shelf: Shelf, path: str, make: Callable[[], str]) -> Response:
    """A page, or the page that says why there is none."""
    try:
        return HTMLResponse(make(), headers={"cache-control": "no-cache"})
    except Refused as refused:
        return HTMLResponse(render("empty.html", **bare(path), detail=refused.detail, some=bool(shelf.names())), refused.status)
    except RadarError as error:
        log.warning("%s", error)
        return HTMLResponse(render("empty.html", **bare(path), detail=DAMAGED, some=True), 500)


def astray(status: int, detail: str) -> Response:
    """The page for an address that is none, or that asks what its page does not know."""
    return HTMLResponse(render("empty.html", **bare(""), detail=detail, some=True), status)


def _about(path: str, answer: Callable[[str, Asked], Response]) -> Callable[..., Response]:
    """A route of a page that is asked for by its run alone."""

    def route(asked: Annotated[Asked, Query()]) -> Response:
        return answer(path, asked)

    return route


@cache
def held(name: str) -> tuple[bytes, str]:
    """A static file and its tag."""
    package, path = STATIC[name]
    body = resources.files(package).joinpath(path).read_bytes()
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def render(template: str, **context: Any) -> str:
    """A page as text."""
    return environment("riskradar.serve").get_template(template).render(nav=NAV, **context)


def bare(path: str) -> dict[str, Any]:
    """The frame of a page about no run in particular."""
    return {"here": path, "run": "", "as_of": "", "replayed": False, "old": 0, "twin": "/v1/runs"}


def chrome(page: Page, view: View, asked: Asked, day: dt.date) -> dict[str, Any]:
    """The frame of a page about a run: its name where it is not the latest, the session, and how old that is."""
    end = dt.date.fromisoformat(view.record.about["panel"]["end"])
    age = (day - end).days
    named = asked.run if asked.run != LATEST else ""
    address = f"/v1/runs/{named or LATEST}{page.twin.format(end=end)}"
    return {**bare(page.path), "run": named, "as_of": str(end), "old": age if age > STALE else 0, "twin": address}


def overview_page(view: View, asked: OverviewAsked) -> dict[str, Any]:
    """The outlook and what stands beside it; the timeline is fetched by its script."""
    found = overview(view, asked.model, asked.date)
    inputs = replace(view.inputs, chosen=found.now.model)
    first = next((t for t in found.now.targets if t.target == inputs.targets[0]["name"]), found.now.targets[0])
    drawn = timeline(inputs)
    able = [name for name in inputs.forecasts if sheet.probable(inputs, name, first.target)]
    return {
        "found": found, "now": found.now, "first": first, "lead": sheet.answer(first), "about": view.record.about,
        "horizons": [sheet.horizon(t, t.target == first.target) for t in found.now.targets], "octaves": sheet.octaves(),
        "year": sheet.year(view, found.now, first), "pushes": sheet.pushes(found.terms), "facts": facts(inputs), "models": able,
        "timeline": drawn, "span": view.record.evaluation["span"], "sealed": view.record.evaluation.get("sealed") or "",
        "as_of": str(found.as_of), "replayed": found.now.replayed,
        "moved": found.moved[: len(found.now.targets) + MOVED], "alarm_title": sheet.alarm_title(found.alarms),
        "targets": [(t["name"], words.brief(Target.parse(t["name"])), sheet.probable(inputs, found.now.model, t["name"])) for t in inputs.targets],
        "assets": fragile.listed(view, found.as_of, found.now.replayed), "twin": twin(asked),
    }  # fmt: skip


def twin(asked: OverviewAsked) -> str:
    """The address of what the first page was made from."""
    query = urlencode({key: value for key, value in asked.model_dump(exclude={"run"}, mode="json").items() if value})
    return f"/v1/runs/{quote(asked.run)}/overview" + (f"?{query}" if query else "")


def network_page(view: View, asked: Asked) -> dict[str, Any]:
    """The measures over time; the graphs of two dates are fetched by their script."""
    if not view.live:
        raise Missing("this run repeats the paper by its own rules: its graphs are not drawn here")
    return {**sheet.synchrony(view), "measures": sheet.measures(strip(view), view), "layers": view.record.about.get("layers", {}),
            "absent": view.record.about.get("layers_absent", {})}  # fmt: skip


def evaluation_page(view: View, asked: Asked) -> dict[str, Any]:
    """The same evidence as in the report, by the same parts."""
    inputs = view.inputs
    return {
        "about": view.record.about, "evaluation": view.record.evaluation, "lead": lead(inputs), "board": board.board(inputs),
        "headline": board.headline(inputs), "halves": board.halves(inputs), "curves": evidence.curves(inputs), "warnings": evidence.warnings(inputs),
        "aligned": evidence.aligned(inputs), "alarm_tables": evidence.alarm_tables(inputs), "indicators": indicators(inputs),
        "protocol": account.card(view).protocol, "absent": told.absent(inputs), "shares": view.record.about.get("shares", {}),
    }  # fmt: skip


def data_page(view: View, asked: Asked) -> dict[str, Any]:
    """What was read and refused, what is absent, and what the run cannot tell."""
    inputs = view.inputs
    return {"about": view.record.about, "evaluation": view.record.evaluation, "intake": told.intake(inputs), "absent": told.absent(inputs),
            "settings": told.settings(inputs), "limits": told.limits(inputs), "health": account.health(view)}  # fmt: skip


def runs_page(shelf: Shelf, asked: RunsAsked) -> dict[str, Any]:
    """The stored runs, and what differs between two of them."""
    listed = account.runs(shelf, cursor=asked.cursor)
    both = asked.first and asked.second
    found = account.difference(shelf.view(asked.first), shelf.view(asked.second)) if both else None
    return {"listed": listed, "sound": [row for row in listed.rows if not row.reason], "asked": asked, "difference": found}
