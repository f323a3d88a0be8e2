"""Answers as bytes: made once for a run as it stands on disk, kept, and sent again; JSON, or CSV that no spreadsheet runs."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from riskradar.serve.answers import Answer
from riskradar.serve.problems import Refused
from riskradar.serve.security import Limits

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run or read as one
INERT = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}  # inside JSON these stand in strings only
AROUND = 10_000  # bytes
WAITING = 64  # answers in the making, before new ones are refused


@dataclass(frozen=True)
class Kept:
    """A finished answer: its bytes, the same compressed, its headers, and the state of the runs that it was made of, then and now."""

    body: bytes
    small: bytes
    headers: dict[str, str]
    stamp: object
    current: Callable[[], object]

    @property
    def size(self) -> int:
        """Bytes in memory, at most nearly: an address and headers come on top of the body."""
        return len(self.body) + len(self.small) + AROUND

    def response(self, headers: Headers) -> Response:
        """The answer as a caller wants it: nothing when it is known there, compressed when that is read there."""
        wanted = headers.get("if-none-match")
        if wanted is not None and matches(wanted, self.headers["etag"]):
            return Response(None, 304, {name: value for name, value in self.headers.items() if name != "content-type"})
        if "gzip" in headers.get("accept-encoding", ""):
            return Response(self.small, 200, {**self.headers, "content-encoding": "gzip"})
        return Response(self.body, 200, self.headers)


class Wire:
    """Makes answers in threads, few at a time and each one once, and keeps their bytes as long as the run stands as it did."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._kept: OrderedDict[Any, Kept] = OrderedDict()
        self._size = 0
        self._making: dict[Any, asyncio.Task[Kept]] = {}
        self._threads: anyio.CapacityLimiter | None = None

    async def send(self, request: Request, current: Callable[[], object], make: Callable[[], BaseModel], table: bool = False) -> Response:
        """The answer of a request about runs whose state is `current`; table: send its rows as CSV."""
        scope, stamp = request.scope, current()

        def packed() -> Kept:
            return pack(make(), scope["path"], request.query_params, table, stamp, current)

        kept = self.found(scope, request.headers) or await self._made((stamp, asked(scope, request.headers)), packed)
        return kept.response(request.headers)

    def found(self, scope: Scope, headers: Headers) -> Kept | None:
        """An answer to the same request that still holds."""
        key = asked(scope, headers)
        kept = self._kept.get(key)
        try:
            if kept is None or kept.current() != kept.stamp:
                return None
        except Refused:  # the run is gone
            return None
        self._kept.move_to_end(key)
        return kept

    async def _made(self, key: tuple[object, object], make: Callable[[], Kept]) -> Kept:
        if key not in self._making:
            if len(self._making) >= WAITING:
                raise Refused(503, "too many answers are being made; ask again later", {"retry-after": "5"})
            self._making[key] = asyncio.create_task(self._make(key, make))
        try:
            return await asyncio.wait_for(asyncio.shield(self._making[key]), self.limits.seconds)
        except TimeoutError:
            raise Refused(503, "the answer is still being made; ask again in a while", {"retry-after": "10"}) from None

    async def _make(self, key: tuple[object, object], make: Callable[[], Kept]) -> Kept:
        try:
            self._threads = self._threads or anyio.CapacityLimiter(self.limits.heavy)
            made = await anyio.to_thread.run_sync(make, limiter=self._threads)
        finally:
            del self._making[key]
        before = self._kept.pop(key[1], None)
        self._kept[key[1]] = made
        self._size += made.size - (before.size if before else 0)
        while self._size > self.limits.kept and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1].size
        return made


class Again:
    """ASGI: an answer that still holds is sent again before any route is looked for."""

    def __init__(self, app: ASGIApp, wire: Wire) -> None:
        self.app, self.wire = app, wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        headers = Headers(scope=scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        kept = self.wire.found(scope, headers) if headers is not None else None
        await (self.app if kept is None or headers is None else kept.response(headers))(scope, receive, send)


def asked(scope: Scope, headers: Headers) -> tuple[str, bytes, bool]:
    """What tells one request from another: its path, its query, and whether it would rather have CSV."""
    return scope["path"], scope["query_string"], rather_csv(headers)


def rather_csv(headers: Headers) -> bool:
    """Whether Accept names CSV first."""
    return headers.get("accept", "").strip().lower().startswith("text/csv")


def pack(answer: BaseModel, path: str, query: Mapping[str, str], table: bool, stamp: object, current: Callable[[], object]) -> Kept:
    """An answer as bytes, with the headers that speak of it: its tag, the run that it is about, and the page after it."""
    body = rows_as_csv(answer) if table else inert(answer.model_dump_json().encode())
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"content-type": "text/csv; charset=utf-8" if table else "application/json", "etag": f'W/"{tag}"', "cache-control": "no-cache"}
    headers["vary"] = "accept, accept-encoding"
    if isinstance(answer, Answer):
        headers |= {"radar-run": answer.run, "radar-as-of": str(answer.as_of), "radar-config": answer.config_hash, "radar-panel": answer.panel_hash}
    following = getattr(answer, "next", None)
    if following:
        headers["link"] = f'<{path}?{urlencode({**query, "cursor": following})}>; rel="next"'
    return Kept(body, gzip.compress(body, 6, mtime=0), headers, stamp, current)


def inert(body: bytes) -> bytes:
    """JSON that stays JSON wherever it is pasted: no tag begins in it."""
    for character, escape in INERT.items():
        body = body.replace(character, escape)
    return body


def matches(wanted: str, tag: str) -> bool:
    """Whether If-None-Match names a tag, weakly compared (RFC 9110, 13.1.2)."""
    return wanted.strip() == "*" or tag.removeprefix("W/") in (part.strip().removeprefix("W/") for part in wanted.split(","))


def rows_as_csv(answer: BaseModel) -> bytes:
    """The rows of an answer: nested figures become columns `name.part`; a text that a spreadsheet would run begins with an apostrophe."""
    rows = [dict(flat(row.model_dump(mode="json"))) for row in getattr(answer, "rows", ())]
    out = io.StringIO()
    writer = csv.writer(out)
    if rows:
        writer.writerow([cell(name) for name in rows[0]])
        writer.writerows([cell(value) for value in row.values()] for row in rows)
    return out.getvalue().encode()


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested tables, each with the way to it."""
    if isinstance(value, dict) and (value or not key):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def cell(value: Any) -> Any:
    """A value as a spreadsheet may read it: numbers stay numbers, and no text is a formula."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else value
