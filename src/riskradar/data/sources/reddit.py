"""Posts of subreddits, of which only daily counts and tones are kept: no text, no author, as Reddit's terms ask."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import Field

from riskradar.data.sentiment import Headline, daily
from riskradar.data.sources.base import Cell, Payload, Request, Source, at, not_data, parsed_json, payload, text
from riskradar.data.sources.http import Address, Client, HttpConfig

REDDIT = "reddit"
PAGE = 100  # posts of one answer


class RedditConfig(HttpConfig, frozen=True):
    """base_url hands out the token (RISKRADAR_REDDIT_KEY, RISKRADAR_REDDIT_SECRET), oauth_url the posts; pages: of 100 posts, newest first."""

    base_url: Address = "https://www.reddit.com"
    oauth_url: Address = "https://oauth.reddit.com"
    subreddits: tuple[str, ...] = ("stocks", "investing")
    pages: int = Field(default=10, ge=1, le=10)  # Reddit lists no more than 1,000


def names(config: RedditConfig, request: Request) -> tuple[str, ...]:
    """All subreddits together: their posts make one mean a day."""
    return ("+".join(config.subreddits),) if config.subreddits else ()


def fetch(client: Client, config: RedditConfig, request: Request, name: str) -> list[Payload]:
    """One payload: counts and mean tones by day and asset, made here from the posts, which are not kept."""
    token = _token(client, config, name)
    posts: list[Headline] = []
    after = ""
    for _ in range(config.pages):
        params = {"limit": str(PAGE), "raw_json": "1"} | ({"after": after} if after else {})
        answer = client.get(config, f"{config.oauth_url}/r/{name}/new", params, {"Authorization": f"Bearer {token}"})
        page = payload(REDDIT, name, answer)
        tree = parsed_json(REDDIT, page)
        if at(tree, "data", "children") is None:
            raise not_data(REDDIT, page)
        posts += [_post(at(child, "data"), page) for child in at(tree, "data", "children")]
        after = text(at(tree, "data", "after"))
        if not after:
            break
    tones = daily(posts, request.sentiment, request.moment)
    whole = min((t.day for t in tones), default=None) if after else None  # the list may have ended in the middle of its oldest day
    kept = [(f"reddit_{t.series}", t.asset, t.day.isoformat(), repr(t.value)) for t in tones if t.day != whole and request.start <= t.day]
    return [replace(page, content=json.dumps({"tones": kept}).encode())]


def parse(given: Payload) -> list[Cell]:
    """The cells that `fetch` made."""
    tones = parsed_json(REDDIT, given).get("tones")
    if not isinstance(tones, list):
        raise not_data(REDDIT, given)
    try:
        return [Cell(text(series), text(asset), text(day), text(value)) for series, asset, day, value in tones]
    except (TypeError, ValueError):
        raise not_data(REDDIT, given) from None


def _token(client: Client, config: RedditConfig, name: str) -> str:
    keys = client.keys.of("REDDIT_KEY"), client.keys.of("REDDIT_SECRET")
    answer = client.post(config, f"{config.base_url}/api/v1/access_token", {"grant_type": "client_credentials"}, keys)
    token = at(parsed_json(REDDIT, payload(REDDIT, name, answer)), "access_token")
    if not isinstance(token, str) or not token:
        raise not_data(REDDIT, payload(REDDIT, name, answer))
    return client.keys.hide(token)


def _post(post: object, page: Payload) -> Headline:
    try:
        return Headline(text(at(post, "title")), datetime.fromtimestamp(float(text(at(post, "created_utc"))), UTC))
    except (ValueError, OverflowError, OSError):
        raise not_data(REDDIT, page) from None


SOURCE = Source(names, fetch, parse, fleeting=True)
