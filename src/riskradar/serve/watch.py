"""What is watched: the routes of alarms and of the track record, and their pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from riskradar.html import words
from riskradar.serve import alerts, levels, pages, v1
from riskradar.serve.asked import RunName, Table
from riskradar.serve.problems import MEDIA, Missing, Refused, inert
from riskradar.serve.shelf import LATEST, Shelf, View
from riskradar.serve.track import Track, track
from riskradar.serve.wire import Wire
from riskradar.serve.workplace import Workplace
from riskradar.tables import Target

PRINTED = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$"  # nothing that moves a terminal's cursor or turns its text around
MOST = 2**31 - 1
ROWS = 12  # of the ledger, on the page


class RehearsalAsked(BaseModel, extra="forbid"):
    """Of which model."""

    model: str = Field("", max_length=80, description="a model of the run; empty: the one that would speak", examples=["vol+breadth"])


class LogPage(Table):
    """A part of a log, newest first."""

    limit: int = Field(50, ge=1, le=1_000, description="rows in one answer")
    cursor: int | None = Field(None, ge=1, le=MOST, description="`next` of the page before")


class Note(BaseModel, extra="forbid"):
    """Why an alarm is acknowledged."""

    note: str = Field("", max_length=500, pattern=PRINTED, description="one line of printed text", examples=["the desk has cut its exposure"])


def as_json(request: Request) -> None:
    """Only JSON changes anything: a form of another site cannot send it without being asked whether it may."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "the body must be application/json")


def api(shelf: Shelf, wire: Wire, place: Workplace | None) -> APIRouter:
    """The routes of the API."""
    desk = v1.Desk(shelf, wire, APIRouter(prefix="/v1", responses=v1.PROBLEMS))

    def stamp() -> object:
        return place.stamp() if place else None

    @desk.get("/alerts", alerts.Alerts, "Where each target stands, and every alarm, newest first", table=True)
    async def listed(request: Request, asked: Annotated[LogPage, Query()]) -> Response:
        return await wire.send(request, stamp, lambda: alerts.alerts(place, asked.limit, asked.cursor), v1.as_csv(request, asked))

    @desk.get("/track", Track, "The track record: what was said before its outcome was known, and what came", table=True)
    async def recorded(request: Request, asked: Annotated[LogPage, Query()]) -> Response:
        return await wire.send(request, stamp, lambda: track(place, asked.limit, asked.cursor), v1.as_csv(request, asked))

    @desk.get("/runs/{run}/alerts", alerts.Rehearsal, "What the rule of the alarms would have done on a run")
    async def rehearsed(request: Request, run: RunName, asked: Annotated[RehearsalAsked, Query()]) -> Response:
        return await desk.send(request, run, lambda view: alerts.rehearsal(view, place, asked.model))

    refusals: dict[int | str, dict[str, Any]] = {
        code: {"description": about, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        for code, about in {409: "the alarm has ended", 415: "not JSON"}.items()
    }  # fmt: skip
    path = "/alerts/{number}/acknowledge"
    summary, name = "Acknowledge an alarm that stands; the same note again changes nothing", re.sub(r"\W+", "_", path).strip("_")

    @desk.api.post(path, response_model=alerts.Alarm, responses=refusals, summary=summary, operation_id=name, dependencies=[Depends(as_json)])
    def acknowledge(number: Annotated[int, Path(ge=1, le=MOST, description="its number in /v1/alerts", examples=[7])], asked: Note) -> Response:
        return Response(inert(alerts.acknowledge(place, number, asked.note).model_dump_json().encode()), media_type="application/json")

    return desk.api


def site(shelf: Shelf, place: Workplace | None) -> APIRouter:
    """The pages."""
    made = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @lru_cache(pages.KEPT)
    def rendered(path: str, run: str, *_: object) -> str:
        context = alerts_page(shelf, place, run) if path == "/alerts" else track_page(place)
        return pages.render(path[1:] + ".html", **{**pages.bare(path), "run": "" if run == LATEST else run, **context})

    def page(path: str, asked: pages.Asked) -> Response:
        def make() -> str:
            return rendered(path, asked.run, shelf.stamp(asked.run) if shelf.names() else None, place.stamp() if place else None)

        return pages.guarded(shelf, path, make)

    @made.get("/alerts")
    def alerts_(asked: Annotated[pages.Asked, Query()]) -> Response:
        return page("/alerts", asked)

    @made.get("/track")
    def track_(asked: Annotated[pages.Asked, Query()]) -> Response:
        return page("/track", asked)

    return made


def alerts_page(shelf: Shelf, place: Workplace | None, run: str) -> Mapping[str, Any]:
    """Where the rule stands, each alarm, and what the rule would have done on a run."""
    found = alerts.alerts(place)
    days = {standing.target: standing for standing in place.ledger().standings} if place and found.state == "live" else {}
    first = levels.watched(found)
    rehearsal = rehearsed(shelf.view(run), place) if shelf.names() else None
    return {
        "found": found, "first": first, "year": levels.year(days[first.target]) if first else {}, "rehearsal": rehearsal, "twin": "/v1/alerts",
        "rows": [(stand, levels.margin(stand, days[stand.target].days), words.brief(Target.parse(stand.target))) for stand in found.targets],
        "as_of": str(found.as_of or ""), **({} if rehearsal is None else levels.rehearsed(rehearsal)),
    }  # fmt: skip


def rehearsed(view: View, place: Workplace | None) -> alerts.Rehearsal | None:
    """What the rule would have done on a run; None where it cannot be followed there."""
    try:
        return alerts.rehearsal(view, place)
    except Missing:
        return None


def track_page(place: Workplace | None) -> Mapping[str, Any]:
    """The record by target, whether the ledger is whole, which runs spoke, and the newest rows."""
    found = track(place, ROWS)
    record = levels.record(found)
    drawn = [(each, words.brief(Target.parse(each.target)), levels.calibration(each)) for each in found.targets]
    return {"found": found, **record, "targets": drawn, "as_of": str(found.as_of or ""), "twin": "/v1/track"}
