"""Macro series from FRED, and from ALFRED with the day on which each value was published, where a series is revised."""

from __future__ import annotations

from datetime import date, timedelta

from pydantic import Field

from riskradar.data.sources.base import MARKET, Cell, Payload, Request, Source, at, not_data, parsed_json, payload, text
from riskradar.data.sources.http import Client, HttpConfig, Missing
from riskradar.errors import SourceError

FRED = "fred"
EARLIEST = "1776-07-04"  # what FRED calls the beginning of time
NOT_KNOWN = "."  # how FRED writes a day without a value


class FredConfig(HttpConfig, frozen=True):
    """series: our name -> FRED's; vintages: those of them that are fetched with their history of publication; the lag table dates the others.

    FRED answers at most 120 requests a minute and cuts off bursts; it refuses more than 2,000 vintages in one.
    """

    base_url: str = "https://api.stlouisfed.org"
    rate: float = Field(default=1.0, gt=0)
    series: dict[str, str] = Field(default={
        "vix": "VIXCLS", "dgs10": "DGS10", "dgs3mo": "DGS3MO", "dff": "DFF", "dbaa": "DBAA", "daaa": "DAAA", "baa10y": "BAA10Y",
        "hy_oas": "BAMLH0A0HYM2", "term_10y_3m": "T10Y3M", "term_10y_2y": "T10Y2Y", "nfci": "NFCI", "stlfsi4": "STLFSI4",
    })  # fmt: skip
    vintages: tuple[str, ...] = ("nfci", "stlfsi4")
    page: int = Field(default=100_000, ge=1, le=100_000)  # rows of one answer
    chunk: int = Field(default=1_000, ge=1, le=2_000)  # vintages of one answer


def names(config: FredConfig, request: Request) -> tuple[str, ...]:
    """Our names of the series."""
    return tuple(config.series)


def fetch(client: Client, config: FredConfig, request: Request, name: str) -> list[Payload]:
    """The pages of one series; of one with vintages the pages of each window of publication."""
    if name not in config.vintages:
        return _pages(client, config, request, name, {})
    known = _vintage_days(client, config, request, name)
    starts = known[:: config.chunk]
    if not starts:
        return _pages(client, config, request, name, {})
    windows = zip([EARLIEST, *(_day_before(day) for day in starts[1:])], [*(_day_before(day) for day in starts[1:]), known[-1]], strict=True)
    return [
        page for first, last in windows
        for page in _pages(client, config, request, name, {"realtime_start": first, "realtime_end": last})
    ]  # fmt: skip


def parse(given: Payload) -> list[Cell]:
    """Cells of one series; those of a window of publication say when they were known.

    A window repeats, as of its first day, what had been published before it: these rows stand in the window before, and are passed over.
    """
    tree = parsed_json(FRED, given)
    rows = tree.get("observations")
    if not isinstance(rows, list):
        raise not_data(FRED, given)
    dated = "realtime_start=" in given.url
    window = text(tree.get("realtime_start"))
    repeats = window if window != EARLIEST else None
    try:
        return [
            Cell(given.name, MARKET, row["date"], "" if row["value"] == NOT_KNOWN else text(row["value"]),
                 date.fromisoformat(row["realtime_start"]) if dated else None)
            for row in rows if not (dated and row["realtime_start"] == repeats)
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise not_data(FRED, given) from None


def _pages(client: Client, config: FredConfig, request: Request, name: str, window: dict[str, str]) -> list[Payload]:
    pages: list[Payload] = []
    offset, count = 0, 1
    while offset < count:
        days = {"observation_start": request.start.isoformat(), "observation_end": request.end.isoformat()}
        page = _ask(client, config, name, "series/observations", days | window | {"limit": str(config.page), "offset": str(offset)})
        count = _count(page)
        offset += config.page
        pages.append(page)
    return pages


def _vintage_days(client: Client, config: FredConfig, request: Request, name: str) -> list[str]:
    """The days on which the series was published, first to last; [] where FRED keeps none."""
    found: list[str] = []
    count = 1
    while len(found) < count:
        page = _ask(client, config, name, "series/vintagedates", {"limit": "10000", "offset": str(len(found))})
        days = at(parsed_json(FRED, page), "vintage_dates")
        if not isinstance(days, list):
            raise not_data(FRED, page)
        found += map(text, days)
        count = _count(page) if days else len(found)
    return found


def _count(page: Payload) -> int:
    count = text(parsed_json(FRED, page).get("count"))
    if not count.isdecimal():
        raise not_data(FRED, page)
    return int(count)


def _ask(client: Client, config: FredConfig, name: str, path: str, params: dict[str, str]) -> Payload:
    series = config.series[name]
    sent = {"series_id": series, "file_type": "json", "api_key": client.keys.of("FRED_KEY"), **params}
    answer = client.get(config, f"{config.base_url}/fred/{path}", sent)
    if answer.status == 400:
        told = client.keys.redacted(answer.told)
        if "does not exist" in told:
            raise Missing(f"fred has no {name} ({series}); the other series are kept; correct sources.fred.series")
        raise SourceError(f"fred refuses {name} ({told}); what came before is kept; check RISKRADAR_FRED_KEY")
    return payload(FRED, name, answer)


def _day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


SOURCE = Source(names, fetch, parse)
