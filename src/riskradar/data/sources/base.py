"""What a source is: it says which names it would fetch, fetches the bytes of one, and parses bytes without knowing where they came from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from riskradar.data.sentiment import SentimentConfig
from riskradar.data.sources.http import Answer, Client, Missing
from riskradar.errors import SourceError

HEADLINE = "headline"  # the series of a cell whose value is a text to be scored
MARKET = ""  # the asset of a cell that speaks of the whole market
_BAD_ESCAPE = re.compile(rb'\\(?!["\\/bfnrtu])')


@dataclass(frozen=True)
class Payload:
    """The bytes of one answer of `source` about `name`, as they came; `url` without keys; `retrieved_at` in UTC."""

    source: str
    name: str
    url: str
    retrieved_at: datetime
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.content).hexdigest()


class Cell(NamedTuple):
    """One value as the source writes it: `day` in ISO form (for a headline its moment), `value` as text, `known_at` where the source proves it."""

    series: str
    asset: str
    day: str
    value: str
    known_at: date | None = None


class Request(NamedTuple):
    """What to fetch: assets, the days `start` to `end`, asked at `moment` (UTC); how headlines are scored, for sources that keep only scores."""

    assets: tuple[str, ...]
    start: date
    end: date
    moment: datetime
    sentiment: SentimentConfig


@dataclass(frozen=True)
class Source:
    """One source of observations.

    names(config, request): what would be fetched, one unit of success or failure each;
    fetch(client, config, request, name): the payloads of one name, in order; SourceError when they cannot be had, Missing when there are none;
    parse(payload): its cells, from nothing but the payload; SourceError when it is no data, Missing when it is data without rows;
    fleeting: what it says was known no earlier than it was fetched, since nobody can ask for it afterwards; for the others there is the lag table.
    """

    names: Callable[[Any, Request], Sequence[str]]
    fetch: Callable[[Client, Any, Request, str], list[Payload]]
    parse: Callable[[Payload], list[Cell]]
    fleeting: bool = False


def payload(source: str, name: str, answer: Answer) -> Payload:
    """The payload of an answer with status 200; SourceError or Missing for any other status."""
    if answer.status in (404, 410):
        raise Missing(f"{source} has no {name} ({answer.status} {answer.told}); the other names are kept; correct or drop the name")
    if answer.status in (401, 403):
        raise SourceError(f"{source} refuses access ({answer.status} {answer.told}); what came before is kept; check its key")
    if answer.status != 200:
        raise SourceError(f"{source} answers {answer.status} to {name} ({answer.told}); what came before is kept; check the name and its key")
    return Payload(source=source, name=name, url=answer.url, retrieved_at=answer.moment, content=answer.body)


def not_data(source: str, given: Payload) -> SourceError:
    """What to raise when an answer is no data at all, such as a page to log in."""
    told = Answer(200, given.content, "", given.retrieved_at).told or "nothing"
    return SourceError(f"{source} answers {given.name} with no data ({told}); what came before is kept; look at its address and key")


def parsed_json(source: str, given: Payload) -> Mapping[str, Any]:
    """The JSON object of a payload with every number kept as it was written; SourceError when it holds none."""
    content = _BAD_ESCAPE.sub(rb"\\\\", given.content)
    try:
        found = json.loads(content, strict=False, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise not_data(source, given) from None
    if not isinstance(found, dict) or not found:
        raise not_data(source, given)
    return found


def at(tree: Any, *path: str | int) -> Any:
    """What lies at a path of keys and positions in parsed JSON, None where anything on the way is missing."""
    for step in path:
        if isinstance(step, str):
            tree = tree.get(step) if isinstance(tree, dict) else None
        else:
            tree = tree[step] if isinstance(tree, list) and len(tree) > step else None
    return tree


def text(value: Any) -> str:
    """A cell of parsed JSON as text; "" for null."""
    return "" if value is None else str(value)
