"""Where live data come from: each source fetches bytes and parses them; a new one is one file and a line in SOURCES."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from riskradar.data.sentiment import SentimentConfig
from riskradar.data.sources import file, fred, gdelt, reddit, rss, stooq, yahoo
from riskradar.data.sources.base import HEADLINE, MARKET, Cell, Payload, Request, Source
from riskradar.data.sources.file import FileConfig
from riskradar.data.sources.fred import FredConfig
from riskradar.data.sources.gdelt import GdeltConfig
from riskradar.data.sources.http import Answer, Client, HttpConfig, Keys, Missing
from riskradar.data.sources.reddit import RedditConfig
from riskradar.data.sources.rss import RssConfig
from riskradar.data.sources.stooq import StooqConfig
from riskradar.data.sources.yahoo import YahooConfig
from riskradar.registry import Registry

__all__ = [
    "HEADLINE", "MARKET", "SOURCES", "Answer", "Cell", "Client", "HttpConfig", "Keys", "Missing", "Payload", "Request", "Source", "SourcesConfig",
]  # fmt: skip

SOURCES: Registry[Source] = Registry("sources", Source, {
    "yahoo": yahoo.SOURCE, "fred": fred.SOURCE, "stooq": stooq.SOURCE, "gdelt": gdelt.SOURCE, "rss": rss.SOURCE, "reddit": reddit.SOURCE,
    "csv": file.SOURCE,
})  # fmt: skip


class SourcesConfig(BaseModel, frozen=True, extra="forbid"):
    """The `[sources]` section. use: the sources that are fetched, in this order; assets: whose prices are; days: how far back a fetch looks.

    The first source that is used for an asset is the one whose prices count; what the others say is compared with it.
    """

    use: tuple[str, ...] = ("yahoo", "fred")
    assets: tuple[str, ...] = ()
    days: int = Field(default=30, ge=1, le=40_000)
    yahoo: YahooConfig = YahooConfig()
    fred: FredConfig = FredConfig()
    stooq: StooqConfig = StooqConfig()
    gdelt: GdeltConfig = GdeltConfig()
    rss: RssConfig = RssConfig()
    reddit: RedditConfig = RedditConfig()
    csv: FileConfig = FileConfig()
    sentiment: SentimentConfig = SentimentConfig()

    @field_validator("use")
    @classmethod
    def _known(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        for name in use:
            if name not in SOURCES:
                raise ValueError(f"no source {name!r}; there are {', '.join(SOURCES)}")
        return use
