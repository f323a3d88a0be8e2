"""Daily prices from Stooq, which wants a key and tells every trouble in a page with status 200."""

from __future__ import annotations

import csv
import io

from pydantic import Field

from riskradar.data.sources.base import Cell, Payload, Request, Source, not_data, payload
from riskradar.data.sources.http import Client, HttpConfig, Missing
from riskradar.errors import SourceError

STOOQ = "stooq"
HEADER = ["Date", "Open", "High", "Low", "Close"]  # then Volume, where there is one


class StooqConfig(HttpConfig, frozen=True):
    """symbols: asset -> Stooq's name, where that is not the asset in lower case with `suffix`."""

    base_url: str = "https://stooq.com"
    symbols: dict[str, str] = Field(default={})
    suffix: str = ".us"


def names(config: StooqConfig, request: Request) -> tuple[str, ...]:
    """The assets."""
    return request.assets


def fetch(client: Client, config: StooqConfig, request: Request, name: str) -> list[Payload]:
    """One payload: the daily bars of one asset as CSV."""
    params = {
        "s": config.symbols.get(name, name.lower() + config.suffix), "i": "d", "d1": f"{request.start:%Y%m%d}", "d2": f"{request.end:%Y%m%d}",
        "apikey": client.keys.of("STOOQ_KEY"),
    }  # fmt: skip
    return [payload(STOOQ, name, client.get(config, f"{config.base_url}/q/d/l/", params))]


def parse(given: Payload) -> list[Cell]:
    """Cells of close (adjusted by Stooq's own rule) and volume.

    Missing where Stooq has no such asset, SourceError where it tells of a limit or of a key.
    """
    lines = given.content.decode("utf-8", "replace").strip()
    if lines[:7].lower() == "no data":
        raise Missing(f"stooq has no {given.name}; the other names are kept; correct sources.stooq.symbols or drop the name")
    if "exceeded" in lines[:200].lower():
        raise SourceError("stooq says that the daily limit is used up; what came before is kept; fetch again tomorrow")
    rows = csv.reader(io.StringIO(lines))
    header = next(rows, [])
    if header[:5] != HEADER:
        raise not_data(STOOQ, given)
    cells = []
    for row in rows:
        if len(row) != len(header):
            raise SourceError(f"stooq sends a damaged line for {given.name} ({','.join(row)[:40]!r}); nothing of it was kept; fetch again")
        cells += [Cell("close", given.name, row[0], row[4]), *([Cell("volume", given.name, row[0], row[5])] if len(row) > 5 else [])]
    return cells


SOURCE = Source(names, fetch, parse)
