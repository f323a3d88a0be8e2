"""Headlines of any RSS or Atom feed."""

from __future__ import annotations

import calendar
import io
import time
from datetime import UTC, datetime

from pydantic import Field

from riskradar.data.sources.base import HEADLINE, MARKET, Cell, Payload, Request, Source, not_data, payload
from riskradar.data.sources.http import Address, Client, Limits, Missing
from riskradar.errors import UsageError

RSS = "rss"
LONGEST = 1000  # characters of a headline that are kept


class RssConfig(Limits, frozen=True):
    """feeds: a name -> its address."""

    max_bytes: int = Field(default=8 << 20, ge=1)
    feeds: dict[str, Address] = Field(default={})


def names(config: RssConfig, request: Request) -> tuple[str, ...]:
    """The feeds."""
    return tuple(config.feeds)


def fetch(client: Client, config: RssConfig, request: Request, name: str) -> list[Payload]:
    """One payload: a feed as it stands."""
    return [payload(RSS, name, client.get(config, config.feeds[name]))]


def parse(given: Payload) -> list[Cell]:
    """One cell per headline, dated by its moment of publication (UTC where the feed names no zone; none, where it has none)."""
    try:
        import feedparser  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise UsageError("feeds need the extra `live`; nothing was kept; pip install 'systemic-risk-radar[live]'") from None
    feed = feedparser.parse(io.BytesIO(given.content), resolve_relative_uris=False)
    if not feed.get("version"):
        raise not_data(RSS, given)
    if not feed.entries:
        raise Missing(f"rss has no headlines in {given.name}; the other feeds are kept; look at its address")
    return [
        Cell(HEADLINE, MARKET, _moment(entry.get("published_parsed") or entry.get("updated_parsed")), str(entry.get("title", ""))[:LONGEST])
        for entry in map(dict, feed.entries)  # a plain one does not answer for keys that it lacks
    ]  # fmt: skip


def _moment(parsed: time.struct_time | None) -> str:
    return "" if parsed is None else datetime.fromtimestamp(calendar.timegm(parsed), UTC).isoformat()


SOURCE = Source(names, fetch, parse, fleeting=True)
