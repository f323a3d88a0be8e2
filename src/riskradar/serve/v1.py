"""The routes under /v1, none of which changes anything: each one checks its parameters and sends the answer of a module beside this one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from riskradar.serve import account, answers, fragile, lines, market, overview, scores, whatif, why
from riskradar.serve.asked import (
    Day,
    EvaluationAsked,
    ExplainAsked,
    ModelName,
    Name,
    NetworkAsked,
    NodesAsked,
    NowAsked,
    Page,
    PathsAsked,
    Plain,
    RunName,
    RunsPage,
    ShocksAsked,
    StressAsked,
    Table,
    TargetPage,
    TimelineAsked,
)  # fmt: skip
from riskradar.serve.problems import MEDIA, Refused
from riskradar.serve.scores import Span
from riskradar.serve.shelf import Shelf, View
from riskradar.serve.wire import Wire, rather_csv

PROBLEM: dict[str, Any] = {"content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: PROBLEM | {"description": about}
    for code, about in {
        400: "not a request", 401: "a token is needed", 403: "another origin", 404: "not there", 409: "the data have changed since the run",
        413: "too long", 414: "too long an address", 421: "another host", 422: "parameters that do not fit", 429: "too many requests",
        500: "a bug, or a damaged run", 503: "still being made",
    }.items()
}  # fmt: skip


@dataclass(frozen=True)
class Desk:
    """Where routes are added, and what they answer from."""

    shelf: Shelf
    wire: Wire
    api: APIRouter

    def get(self, path: str, model: type[BaseModel], summary: str, table: bool = False) -> Callable[[Any], Any]:
        """Add a route that answers with `model`; table: also as CSV."""
        kinds = {"text/csv": {"schema": {"type": "string"}}} if table else {}
        ok: dict[int | str, dict[str, Any]] = {200: {"content": kinds}, 304: {"description": "as it was: If-None-Match named its ETag"}}
        return self.api.get(path, response_model=model, responses=ok, summary=summary, operation_id=re.sub(r"\W+", "_", path).strip("_"))

    async def send(self, request: Request, run: str, make: Callable[[View], answers.Answer], table: Table | None = None) -> Response:
        """The answer about one run."""
        return await self.wire.send(request, lambda: self.shelf.stamp(run), lambda: make(self.shelf.view(run)), as_csv(request, table))


def router(shelf: Shelf, wire: Wire) -> APIRouter:
    """Every route of the API."""
    desk = Desk(shelf, wire, APIRouter(prefix="/v1", responses=PROBLEMS))
    for add in (_runs, _scores, _questions, _record, _market):
        add(desk)
    return desk.api


def _runs(desk: Desk) -> None:
    """What runs there are, and what each one is."""
    get, send, shelf = desk.get, desk.send, desk.shelf

    @get("/runs", answers.Runs, "Stored runs, newest first", table=True)
    async def runs(request: Request, asked: Annotated[RunsPage, Query()]) -> Response:
        def stamps() -> object:
            return tuple(map(shelf.stamp, shelf.names()))

        return await desk.wire.send(request, stamps, lambda: account.runs(shelf, asked.limit, asked.cursor), as_csv(request, asked))

    @get("/runs/{run}", answers.Run, "A run: what it holds")
    async def one(request: Request, run: RunName, asked: Annotated[Plain, Query()]) -> Response:
        return await send(request, run, account.run)

    @get("/runs/{run}/config", answers.Settings, "Its settings")
    async def config(request: Request, run: RunName, asked: Annotated[Plain, Query()]) -> Response:
        return await send(request, run, account.settings)

    @get("/runs/{run}/diff/{other}", answers.Difference, "What differs from another run", table=True)
    async def diff(request: Request, run: RunName, other: RunName, asked: Annotated[Table, Query()]) -> Response:
        def stamps() -> object:
            return shelf.stamp(run), shelf.stamp(other)

        return await desk.wire.send(request, stamps, lambda: account.difference(shelf.view(run), shelf.view(other)), as_csv(request, asked))

    @get("/runs/{run}/health", answers.Health, "What was read and refused, and what is absent")
    async def health(request: Request, run: RunName, asked: Annotated[Plain, Query()]) -> Response:
        return await send(request, run, account.health)

    @get("/runs/{run}/card", answers.Card, "The model card")
    async def card(request: Request, run: RunName, asked: Annotated[Plain, Query()]) -> Response:
        return await send(request, run, account.card)


def _scores(desk: Desk) -> None:
    """What the models said."""
    get, send = desk.get, desk.send

    @get("/runs/{run}/now", answers.Now, "The chance of each fall on the last session, or on an earlier one as it was known then")
    async def now(request: Request, run: RunName, asked: Annotated[NowAsked, Query()]) -> Response:
        return await send(request, run, lambda view: scores.now(view, asked.model, asked.date))

    @get("/runs/{run}/overview", overview.Overview, "The first page: the outlook, its terms, what moved, the alarms and the data")
    async def first(request: Request, run: RunName, asked: Annotated[NowAsked, Query()]) -> Response:
        return await send(request, run, lambda view: overview.overview(view, asked.model, asked.date))

    @get("/runs/{run}/models/{model}/history", answers.History, "A forecast over time", table=True)
    async def history(request: Request, run: RunName, model: ModelName, asked: Annotated[TargetPage, Query()]) -> Response:
        return await send(request, run, lambda view: scores.history(view, model, asked.target, asked.span()), asked)

    @get("/runs/{run}/timeline", lines.Timeline, "A forecast over time, thinned for drawing, with alarms and falls")
    async def timeline(request: Request, run: RunName, asked: Annotated[TimelineAsked, Query()]) -> Response:
        span = Span(asked.start, asked.end)
        return await send(request, run, lambda view: lines.timeline(view, asked.model, asked.target, span, asked.points))


def _questions(desk: Desk) -> None:
    """Why, and what if: a run is opened again for them, so each may take a while and they wait for one another."""
    get, shelf = desk.get, desk.shelf

    async def slowly(request: Request, run: str, make: Callable[[View], answers.Answer], body: str = "") -> Response:
        return await desk.wire.send(request, lambda: shelf.stamp(run), lambda: make(shelf.view(run)), slow=True, body=body)

    @get("/runs/{run}/explain", why.Explained, "Why a score is what it is: terms that add up to it, or to its change")
    async def explain(request: Request, run: RunName, asked: Annotated[ExplainAsked, Query()]) -> Response:
        return await slowly(request, run, lambda view: why.explain(view, asked.date, asked.target, asked.model, asked.against))

    @get("/runs/{run}/shocks", whatif.Allowed, "Which shocks a session knows, with their range")
    async def shocks(request: Request, run: RunName, asked: Annotated[ShocksAsked, Query()]) -> Response:
        return await slowly(request, run, lambda view: whatif.allowed(view, asked.date))

    @desk.api.post(
        "/runs/{run}/stress", response_model=whatif.Stressed, summary="What the scores would have been under shocks; nothing is stored",
        operation_id="runs_run_stress", responses={415: PROBLEM | {"description": "a body that is not JSON"}}, dependencies=[Depends(json_only)],
    )  # fmt: skip
    async def stress(request: Request, run: RunName, asked: StressAsked) -> Response:
        return await slowly(
            request, run, lambda view: whatif.stress(view, asked.date, asked.shocks, asked.model, asked.target, asked.reverse),
            asked.model_dump_json(),
        )  # fmt: skip


def json_only(request: Request) -> None:
    """A body must say that it is JSON, which no form of another site can."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "a body must be application/json")


def _record(desk: Desk) -> None:
    """What came, and how well the models did."""
    get, send = desk.get, desk.send

    @get("/runs/{run}/labels", answers.Outcomes, "What came after each session", table=True)
    async def labels(request: Request, run: RunName, asked: Annotated[TargetPage, Query()]) -> Response:
        return await send(request, run, lambda view: scores.outcomes(view, asked.target, asked.span()), asked)

    @get("/runs/{run}/events", answers.Events, "The independent falls of 10 % or more", table=True)
    async def events(request: Request, run: RunName, asked: Annotated[Table, Query()]) -> Response:
        return await send(request, run, account.events, asked)

    @get("/runs/{run}/leaderboard", answers.Leaderboard, "Every model on every target, with intervals", table=True)
    async def leaderboard(request: Request, run: RunName, asked: Annotated[Table, Query()]) -> Response:
        return await send(request, run, account.leaderboard, asked)

    @get("/runs/{run}/evaluation", answers.Evaluation, "The evaluation in full: alarms, falls, halves, pullbacks, reliability")
    async def evaluation(request: Request, run: RunName, asked: Annotated[EvaluationAsked, Query()]) -> Response:
        return await send(request, run, lambda view: account.evaluation(view, asked.model))


def _market(desk: Desk) -> None:
    """What the market looked like."""
    get, send = desk.get, desk.send

    @get("/runs/{run}/measures", market.Measured, "The classic measures and their last values", table=True)
    async def measures(request: Request, run: RunName, asked: Annotated[Table, Query()]) -> Response:
        return await send(request, run, market.measured, asked)

    @get("/runs/{run}/measures/{name}", market.Series, "A measure over time", table=True)
    async def measure(request: Request, run: RunName, name: Name, asked: Annotated[Page, Query()]) -> Response:
        return await send(request, run, lambda view: market.series(view, name, asked.span()), asked)

    @get("/runs/{run}/strip", lines.Strip, "Every measure once a week, with falls")
    async def strip(request: Request, run: RunName, asked: Annotated[Plain, Query()]) -> Response:
        return await send(request, run, lines.strip)

    @get("/runs/{run}/layers", market.Layered, "The layers and their last summaries", table=True)
    async def layers(request: Request, run: RunName, asked: Annotated[Table, Query()]) -> Response:
        return await send(request, run, market.layered, asked)

    @get("/runs/{run}/layers/{name}", market.LayerHistory, "A layer over time", table=True)
    async def layer(request: Request, run: RunName, name: Name, asked: Annotated[Page, Query()]) -> Response:
        return await send(request, run, lambda view: market.layer_history(view, name, asked.span()), asked)

    @get("/runs/{run}/nodes", fragile.Fragile, "Forecasts of single assets on one session, the most fragile first", table=True)
    async def nodes(request: Request, run: RunName, asked: Annotated[NodesAsked, Query()]) -> Response:
        return await send(request, run, lambda view: fragile.fragile(view, asked.date, asked.limit, asked.cursor), asked)

    @get("/runs/{run}/network/{date}", market.Network, "The graphs of one date")
    async def network(request: Request, run: RunName, date: Day, asked: Annotated[NetworkAsked, Query()]) -> Response:
        return await send(request, run, lambda view: market.network(view, date, asked.layer, asked.edges))

    @get("/runs/{run}/network/{date}/paths", market.Pathways, "The strongest paths from an asset through the graphs of one date")
    async def paths(request: Request, run: RunName, date: Day, asked: Annotated[PathsAsked, Query()]) -> Response:
        return await send(request, run, lambda view: market.pathways(view, date, asked.source))


def as_csv(request: Request, asked: Table | None) -> bool:
    """Whether a table is wanted as CSV: by its parameter, or because Accept names CSV first."""
    if asked is None:
        return False
    if asked.format is not None:
        return asked.format == "csv"
    return rather_csv(request.headers)
