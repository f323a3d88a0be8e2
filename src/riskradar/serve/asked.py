"""What may be asked: the parameters of the API, checked before anything is read."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from riskradar.serve import market
from riskradar.serve.scores import Span

NAME = r"^[^/\\\x00-\x1f]{1,80}$"
RunName = Annotated[str, Path(pattern=NAME, description="`latest`, or the name of a stored run", examples=["latest"])]
ModelName = Annotated[str, Path(pattern=NAME, description="a model of the run", examples=["vol+breadth"])]
Name = Annotated[str, Path(pattern=NAME, description="a name that the list one level up has", examples=["turbulence"])]
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _iso(value: object) -> object:
    """Only YYYY-MM-DD is a date: a bare number would be read as seconds since 1970."""
    if not isinstance(value, dt.date) and not (isinstance(value, str) and DAY.fullmatch(value)):
        raise ValueError("a date is written YYYY-MM-DD")
    return value


Day = Annotated[dt.date, BeforeValidator(_iso)]
TargetName = Field(default="20/5", pattern=r"^[a-z0-9./-]{1,40}$", description="horizon in sessions / depth in percent", examples=["20/5"])
Format = Field(default=None, description="overrides Accept")


class Plain(BaseModel, extra="forbid"):
    """No parameters."""


class Table(Plain):
    """A table, as JSON or CSV."""

    format: Literal["json", "csv"] | None = Format


class Page(Table):
    """A part of a table over time."""

    start: Day | None = Field(None, description="first date", examples=["2007-01-03"])
    end: Day | None = Field(None, description="last date", examples=["2009-12-31"])
    days: int | None = Field(None, ge=1, le=100_000, description="only the last so many rows by `end`", examples=[250])
    limit: int = Field(250, ge=1, le=5_000, description="rows in one answer")
    cursor: Day | None = Field(None, description="`next` of the page before")

    def span(self) -> Span:
        """The rows that are asked for."""
        return Span(self.start, self.end, self.days, self.limit, self.cursor)


class TargetPage(Page):
    """A part of a table over time, of one target."""

    target: str = TargetName


class TimelineAsked(Plain):
    """What is drawn, and how finely."""

    model: str = Field("", max_length=80, description="a model of the run; empty: its anchor", examples=["vol+breadth"])
    target: str = TargetName
    start: Day | None = Field(None, description="first date")
    end: Day | None = Field(None, description="last date")
    points: int = Field(500, ge=10, le=2_000, description="parts of the span; of each the lowest and the highest value are kept")


class RunsPage(Table):
    """A part of the list of runs."""

    limit: int = Field(50, ge=1, le=200)
    cursor: str = Field("", max_length=80, description="`next` of the page before")


class NowAsked(Plain):
    """Whose outlook, and of which session."""

    model: str = Field("", max_length=80, description="a model of the run; empty: its anchor", examples=["vol+breadth"])
    date: Day | None = Field(None, description="an earlier session, answered with what was known then", examples=["2008-09-12"])


class NodesAsked(Table):
    """Which session, and which part of its list."""

    date: Day | None = Field(None, description="an earlier session, answered with what was known then", examples=["2008-09-12"])
    limit: int = Field(50, ge=1, le=5_000, description="rows in one answer")
    cursor: int = Field(0, ge=0, le=1_000_000, description="`next` of the page before")


class ExplainAsked(NowAsked):
    """Which score, and since when."""

    target: str = TargetName
    date: Day | None = Field(None, description="a scored session; the last one unless given", examples=["2008-09-15"])
    against: Day | None = Field(None, description="explain the change since this session", examples=["2008-08-15"])


class ShocksAsked(Plain):
    """Of which session."""

    date: Day | None = Field(None, description="a scored session; the last one unless given", examples=["2008-09-12"])


class StressAsked(Plain):
    """A scenario: `reverse` looks for the smallest shock of its kind that, on top of `shocks`, lifts the score over its alert line."""

    date: Day = Field(description="a scored session", examples=["2008-09-12"])
    shocks: list[Annotated[str, Field(max_length=200)]] = Field([], max_length=20, description="as the command line has them")
    reverse: str = Field("", max_length=120, description='a kind of shock, such as "market returns", "volatility", "vix" or "correlation"')
    model: str = Field("", max_length=80, description="a model of the run; empty: its anchor", examples=["vol+breadth"])
    target: str = Field("", pattern=r"^[a-z0-9./-]{0,40}$", description="what the sentence is about; empty: 20/10, or the deepest")

    model_config = ConfigDict(json_schema_extra={"examples": [{"date": "2008-09-12", "shocks": ["market returns -5%", "market volatility x2"]}]})


class NetworkAsked(Plain):
    """Which edges."""

    layer: list[str] = Field([], max_length=40, description="layers; none: all", examples=[["correlation"]])
    edges: int = Field(market.MOST_EDGES, ge=1, le=market.MOST_EDGES, description="edges in all")


class PathsAsked(Plain):
    """From whom."""

    source: str = Field(min_length=1, max_length=80, description="an asset that is a member on that date", examples=["XLF"])


class EvaluationAsked(Plain):
    """Of which models."""

    model: str = Field("", max_length=80, description="one model, with its curves; empty: all, without", examples=["vol+breadth"])
