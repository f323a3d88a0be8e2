"""CSV files of the user, as a source among the others: long or wide, prices or macro."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from pydantic import BaseModel, Field

from riskradar.data.blocks import is_long, roles
from riskradar.data.cells import known_day
from riskradar.data.config import DataConfig
from riskradar.data.sources.base import MARKET, Cell, Payload, Request, Source
from riskradar.data.sources.http import Client
from riskradar.errors import InputError, SourceError

FILE = "csv"
KINDS = ("prices", "facts")


class FileConfig(BaseModel, frozen=True, extra="forbid"):
    """prices: a name -> a file of closes; facts: a name -> a file of macro or sentiment values; each wide, or long by asset or by series."""

    prices: dict[str, Path] = Field(default={})
    facts: dict[str, Path] = Field(default={})
    max_bytes: int = Field(default=256 << 20, ge=1)


def names(config: FileConfig, request: Request) -> tuple[str, ...]:
    """The files, by kind and name."""
    return tuple(f"{kind} {name}" for kind in KINDS for name in getattr(config, kind))


def fetch(client: Client, config: FileConfig, request: Request, name: str) -> list[Payload]:
    """One payload: the bytes of a file."""
    kind, _, label = name.partition(" ")
    path: Path = getattr(config, kind)[label]
    try:
        with path.open("rb") as file:
            content = file.read(config.max_bytes + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); what came before is kept; correct sources.csv.{kind}.{label}") from None
    if len(content) > config.max_bytes:
        raise SourceError(f"{path} holds more than {config.max_bytes:,} bytes; nothing was kept of it; raise sources.csv.max_bytes")
    return [Payload(source=FILE, name=name, url=f"file:{label}", retrieved_at=client.now(), content=content)]


def parse(given: Payload) -> list[Cell]:
    """Its cells; SourceError for bytes that are no table of that kind."""
    try:
        rows = list(csv.reader(io.StringIO(given.content.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"csv {given.name} cannot be read ({error}); nothing of it was kept; save it as UTF-8 with commas") from None
    rows = [[cell.strip() for cell in row] for row in rows if any(row)]
    ragged = next((number for number, row in enumerate(rows, 1) if len(row) != len(rows[0])), None)
    if len(rows) < 2 or ragged:
        what = f"line {ragged} has another number of cells than the header" if ragged else "it has no rows"
        raise SourceError(f"csv {given.name} is no table ({what}); nothing of it was kept; mend the file")
    try:
        role = roles(rows[0], DataConfig(), given.name)
        if "date" not in role:
            raise SourceError(f"csv {given.name} has no date column; nothing of it was kept; name one column date")
        return [cell for row in rows[1:] for cell in _cells(given.name, rows[0], role, row)]
    except InputError as error:
        raise SourceError(str(error)) from None


def _cells(name: str, header: list[str], role: dict[str, int], row: list[str]) -> list[Cell]:
    date = row[role["date"]]
    known = known_day(row[role["known_at"]], name) if "known_at" in role else None
    asset = row[role["asset"]] if "asset" in role else MARKET
    if name.startswith("prices") and is_long(role):
        return [Cell(series, asset, date, row[role[series]], known) for series in ("close", "volume") if series in role]
    if {"series", "value"} <= set(role):
        return [Cell(row[role["series"]], asset, date, row[role["value"]], known)]
    other = {role[r] for r in ("date", "known_at", "asset") if r in role}
    values = [(title, row[i]) for i, title in enumerate(header) if i not in other]
    if name.startswith("prices"):
        return [Cell("close", title, date, value, known) for title, value in values]
    return [Cell(title, asset, date, value, known) for title, value in values]


SOURCE = Source(names, fetch, parse)
