"""Average tone of the world's news from GDELT DOC 2.0 (2017 and later)."""

from __future__ import annotations

import re

from pydantic import Field

from riskradar.data.sources.base import MARKET, Cell, Payload, Request, Source, at, not_data, parsed_json, payload, text
from riskradar.data.sources.http import Client, HttpConfig, Missing

GDELT = "gdelt"
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T\d{6}Z", re.ASCII)


class GdeltConfig(HttpConfig, frozen=True):
    """queries: our name of a series -> what to ask GDELT; it wants five seconds between questions."""

    base_url: str = "https://api.gdeltproject.org"
    rate: float = Field(default=0.2, gt=0)
    queries: dict[str, str] = Field(default={"gdelt_tone": '("stock market" OR "financial crisis" OR recession) sourcelang:english'})


def names(config: GdeltConfig, request: Request) -> tuple[str, ...]:
    """Our names of the series."""
    return tuple(config.queries)


def fetch(client: Client, config: GdeltConfig, request: Request, name: str) -> list[Payload]:
    """One payload: the daily timeline of tone of one query."""
    params = {
        "query": config.queries[name], "mode": "timelinetone", "format": "json", "startdatetime": f"{request.start:%Y%m%d}000000",
        "enddatetime": f"{request.end:%Y%m%d}235959",
    }  # fmt: skip
    return [payload(GDELT, name, client.get(config, f"{config.base_url}/api/v2/doc/doc", params))]


def parse(given: Payload) -> list[Cell]:
    """Cells of tone by day (UTC); the day that was still running when it was asked for is not taken."""
    points = at(parsed_json(GDELT, given), "timeline", 0, "data")
    if points is None:
        raise not_data(GDELT, given)
    if not points:
        raise Missing(f"gdelt has nothing for {given.name} in these days; the other series are kept; ask for days since 2017")
    cells = [Cell(given.name, MARKET, _day(text(at(point, "date"))), text(at(point, "value"))) for point in points]
    today = given.retrieved_at.date().isoformat()
    return [cell for cell in cells if cell.day != today]


def _day(stamp: str) -> str:
    return _STAMP.sub(r"\1-\2-\3", stamp)


SOURCE = Source(names, fetch, parse)
