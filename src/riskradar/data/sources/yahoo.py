"""Daily prices, dividends and splits from Yahoo's chart endpoint, reached through yfinance (for its cookie and crumb) or plainly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from riskradar.data.sources.base import Cell, Payload, Request, Source, at, not_data, parsed_json, payload, text
from riskradar.data.sources.http import Answer, Client, HttpConfig, Missing, Trouble
from riskradar.errors import SourceError, UsageError

YAHOO = "yahoo"


class YahooConfig(HttpConfig, frozen=True):
    """through: yfinance, which signs in the way the real host wants, or http, for hosts that ask for no sign-in; symbols: asset -> Yahoo's name."""

    base_url: str = "https://query2.finance.yahoo.com"
    through: Literal["yfinance", "http"] = "yfinance"
    symbols: dict[str, str] = Field(default={})


def names(config: YahooConfig, request: Request) -> tuple[str, ...]:
    """The assets."""
    return request.assets


def fetch(client: Client, config: YahooConfig, request: Request, name: str) -> list[Payload]:
    """One payload: the daily bars of one asset."""
    since = datetime.combine(request.start, datetime.min.time(), UTC)
    until = datetime.combine(request.end + timedelta(days=1), datetime.min.time(), UTC)
    url = f"{config.base_url}/v8/finance/chart/{quote(config.symbols.get(name, name), safe='')}"
    params = {
        "period1": str(int(since.timestamp())), "period2": str(int(until.timestamp())), "interval": "1d", "events": "div,splits,capitalGains",
        "includeAdjustedClose": "true",
    }  # fmt: skip
    if config.through == "http":
        return [payload(YAHOO, name, client.get(config, url, params))]
    return [payload(YAHOO, name, client.patiently(config, url, lambda deadline: _through_yfinance(client, config, url, params)))]


def parse(given: Payload) -> list[Cell]:
    """Cells of close (adjusted for splits as of the download), adj_close (for dividends too), volume, dividend and split.

    Days are those of the exchange. SourceError when the answer is no chart, Missing for a symbol that Yahoo does not have.
    """
    tree = parsed_json(YAHOO, given)
    if at(tree, "chart", "error"):
        raise Missing(f"yahoo has no {given.name} ({text(at(tree, 'chart', 'error', 'description'))[:80]}); the other names are kept; drop the name")
    chart = at(tree, "chart", "result", 0)
    if not isinstance(chart, dict):
        raise not_data(YAHOO, given)
    stamps = chart.get("timestamp")
    if not stamps:
        raise Missing(f"yahoo has no bars of {given.name} in these days; the other names are kept; drop the name or ask for other days")
    try:
        zone = ZoneInfo(text(at(chart, "meta", "exchangeTimezoneName")) or "America/New_York")
        days = [_day(stamp, zone) for stamp in stamps]
        columns = {
            "close": at(chart, "indicators", "quote", 0, "close"), "adj_close": at(chart, "indicators", "adjclose", 0, "adjclose"),
            "volume": at(chart, "indicators", "quote", 0, "volume"),
        }  # fmt: skip
        cells = [
            Cell(series, given.name, day, text(value))
            for series, values in columns.items() if values for day, value in zip(days, values, strict=True)
        ]  # fmt: skip
        for series, event, amount in (("dividend", "dividends", "amount"), ("split", "splits", "splitRatio")):
            cells += [Cell(series, given.name, _day(e["date"], zone), _ratio(text(e[amount]))) for e in (at(chart, "events", event) or {}).values()]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, ZoneInfoNotFoundError):
        raise not_data(YAHOO, given) from None
    return cells


def _day(stamp: str, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(int(stamp), zone).date().isoformat()


def _ratio(written: str) -> str:
    """A split of 7:1 as 7.0; an amount as it is."""
    new, colon, old = written.partition(":")
    return repr(float(new) / float(old)) if colon and float(old) else written


def _through_yfinance(client: Client, config: YahooConfig, url: str, params: dict[str, str]) -> Answer:
    try:
        from yfinance.data import YfData  # type: ignore[import-untyped, unused-ignore]
        from yfinance.exceptions import YFRateLimitError  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise UsageError("Yahoo needs the extra `live`; nothing was fetched; pip install 'systemic-risk-radar[live]'") from None
    try:
        response = YfData().get(url, params=params, timeout=config.read)
        status, content = int(response.status_code), bytes(response.content)
    except YFRateLimitError:
        raise Trouble("answers 429") from None
    except Exception as error:  # noqa: BLE001 - it raises what any of three HTTP libraries raises
        raise Trouble(f"cannot be reached through yfinance ({type(error).__name__})") from None
    if status in (429, 500, 502, 503, 504):
        raise Trouble(f"answers {status}")
    if len(content) > config.max_bytes:
        raise SourceError(f"{url[:60]} sends more than {config.max_bytes:,} bytes; nothing was kept of it; check base_url, or raise max_bytes")
    return Answer(status, content, client.keys.redacted(f"{url}?{urlencode(params)}"), client.now())


SOURCE = Source(names, fetch, parse)
