"""The radar as tools of the Model Context Protocol, over standard input and output: the answers of the API, read-only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

import riskradar
from riskradar.errors import RadarError
from riskradar.serve import account, scores, whatif, why
from riskradar.serve.answers import History, Leaderboard, Now
from riskradar.serve.problems import Refused
from riskradar.serve.scores import Span
from riskradar.serve.shelf import LATEST, Shelf
from riskradar.serve.whatif import Stressed
from riskradar.serve.why import Explained

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ABOUT = (
    "The Systemic Risk Radar: calibrated chances of large falls of a stock index, out of sample, each with its usual rate, interval and record. "
    "Give a number only together with its base rate and its interval; null means undefined, and the reason stands beside it."
)
Found = TypeVar("Found")
RunName = Annotated[str, Field(description="`latest`, or the name of a stored run")]
Model = Annotated[str, Field(description="a model of the run; empty: its anchor")]


def server(home: Path) -> MCPServer:
    """The tools over the runs in `home`."""
    shelf = Shelf(home)
    made: MCPServer = MCPServer("riskradar", version=riskradar.__version__, instructions=ABOUT)

    @made.tool(annotations=READS)
    def now(run: RunName = LATEST, model: Model = "", date: dt.date | None = None) -> Now:
        """The chance of each fall on the last session, or on an earlier date as it was known then."""
        return answered(lambda: scores.now(shelf.view(run), model, date))

    @made.tool(annotations=READS)
    def history(
        target: str = "20/5", run: RunName = LATEST, model: Model = "", start: dt.date | None = None, end: dt.date | None = None,
        days: Annotated[int | None, Field(ge=1)] = None, limit: Annotated[int, Field(ge=1, le=1_000)] = 250, cursor: dt.date | None = None,
    ) -> History:  # fmt: skip
        """A forecast over time; target is sessions/percent such as 20/5; `next` is the cursor of the page that follows."""
        view = answered(lambda: shelf.view(run))
        return answered(lambda: scores.history(view, model or view.inputs.anchor, target, Span(start, end, days, limit, cursor)))

    @made.tool(annotations=READS)
    def evaluate(run: RunName = LATEST) -> Leaderboard:
        """How well every model has done, with intervals, the trivial rules beside it, and how often the record was looked at."""
        return answered(lambda: account.leaderboard(shelf.view(run)))

    @made.tool(annotations=READS)
    def explain(
        date: dt.date | None = None, target: str = "20/5", run: RunName = LATEST, model: Model = "", against: dt.date | None = None
    ) -> Explained:  # fmt: skip
        """Why a score is what it is on a scored session (default: the last), in terms that add up; against: the change since another session."""
        return answered(lambda: why.explain(shelf.view(run), date, target, model, against))

    @made.tool(annotations=READS)
    def stress(
        date: dt.date, shocks: Annotated[list[str], Field(min_length=1, max_length=20, description='such as "Financials returns -15%" or "vix +20"')],
        target: str = "", run: RunName = LATEST, model: Model = "",
    ) -> Stressed:  # fmt: skip
        """What the run would have said had the market been shocked on a scored session: scores, measures, layers and losses before and after."""
        return answered(lambda: whatif.stress(shelf.view(run), date, shocks, model, target))

    return made


def answered(make: Callable[[], Found]) -> Found:
    """An answer, or an error that the caller can act on."""
    try:
        return make()
    except (Refused, RadarError) as error:
        raise ToolError(str(error)) from None


def start(home: Path) -> None:
    """Answer until standard input ends."""
    server(home).run("stdio")
