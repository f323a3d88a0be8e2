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
from urllib.parse import unquote, urlencode

import anyio.to_thread
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from riskradar.serve.answers import Answer
from riskradar.serve.problems import Refused, inert
from riskradar.serve.security import Limits

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run or read as one
AROUND = 10_000  # bytes
Asked = tuple[str, bytes, bool, str]  # path, query, whether CSV is wanted, and a body
WAITING, QUEUE = 64, 8  # answers in the making, and slow ones, before new ones are refused


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

    def response(self, headers: Headers, whole: bool = False) -> Response:
        """The answer as a caller wants it: nothing when it is known there, unless the `whole` is sent anyway; compressed when that is read there."""
        wanted = None if whole else headers.get("if-none-match")
        if wanted is not None and matches(wanted, self.headers["etag"]):
            return Response(None, 304, {name: value for name, value in self.headers.items() if name != "content-type"})
        if "gzip" in headers.get("accept-encoding", ""):
            return Response(self.small, 200, {**self.headers, "content-encoding": "gzip"})
        return Response(self.body, 200, self.headers)


class Lane:
    """Where answers are made: in so many threads, each answer once, and so many in all before new ones are refused."""

    def __init__(self, threads: int, waiting: int) -> None:
        self.threads, self.waiting = threads, waiting
        self._making: dict[Any, asyncio.Task[Kept]] = {}
        self._limiter: anyio.CapacityLimiter | None = None

    async def made(self, key: object, make: Callable[[], Kept], keep: Callable[[Kept], None], seconds: float) -> Kept:
        """What `make` gives, handed to `keep` too; TimeoutError while it goes on being made: whoever asks next is told what came of it."""
        if key not in self._making:
            for old in [old for old, task in self._making.items() if task.done()][: -self.waiting]:  # nobody came for them
                del self._making[old]
            if sum(not task.done() for task in self._making.values()) >= self.waiting:
                raise Refused(503, "too many answers are being made; ask again later", {"retry-after": "5"})
            self._making[key] = asyncio.create_task(self._threaded(make, keep))
            self._making[key].add_done_callback(lambda task: task.cancelled() or task.exception())  # read, though nobody may come for it
        task = self._making[key]
        try:
            return await asyncio.wait_for(asyncio.shield(task), seconds)
        finally:
            if task.done() and self._making.get(key) is task:
                del self._making[key]

    async def _threaded(self, make: Callable[[], Kept], keep: Callable[[Kept], None]) -> Kept:
        self._limiter = self._limiter or anyio.CapacityLimiter(self.threads)
        made = await anyio.to_thread.run_sync(make, limiter=self._limiter)
        keep(made)
        return made


class Wire:
    """Makes answers in threads, few at a time, and keeps their bytes as long as the run stands as it did; slow ones hold up only each other."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._kept: OrderedDict[Any, Kept] = OrderedDict()
        self._size = 0
        self._quick, self._slow = Lane(limits.heavy, WAITING), Lane(limits.slow, QUEUE)

    async def send(
        self, request: Request, current: Callable[[], object], make: Callable[[], BaseModel], table: bool = False, slow: bool = False,
        body: str = "",
    ) -> Response:  # fmt: skip
        """The answer of a request about runs whose state is `current`; table: send its rows as CSV; body: what it asks beside its address."""
        scope, stamp = request.scope, current()

        def packed() -> Kept:
            return pack(make(), scope["path"], request.query_params, table, stamp, current)

        key = (*asked(scope, request.headers), body)
        try:
            kept = self._held(key) or await self._made(key, stamp, packed, self._slow if slow else self._quick, self.limits.seconds)
        except TimeoutError:
            raise Refused(503, "the answer is still being made; ask again in a while", {"retry-after": "5"}) from None
        return kept.response(request.headers, whole=scope["method"] != "GET")

    async def read(self, address: str, current: Callable[[], object], make: Callable[[], Answer], seconds: float) -> bytes | None:
        """What a GET of `address`, a slow one, would be answered with; None while that is still being made after so many seconds."""
        path, _, query = address.partition("?")
        stamp, key = current(), (unquote(path), query.encode(), False, "")
        try:
            kept = self._held(key) or await self._made(
                key, stamp, lambda: pack(make(), unquote(path), {}, False, stamp, current), self._slow, seconds)  # fmt: skip
        except TimeoutError:
            return None
        return kept.body

    def found(self, scope: Scope, headers: Headers) -> Kept | None:
        """An answer to the same request that still holds."""
        return self._held((*asked(scope, headers), ""))

    def _held(self, key: Asked) -> Kept | None:
        kept = self._kept.get(key)
        try:
            if kept is None or kept.current() != kept.stamp:
                return None
        except Refused:  # the run is gone
            return None
        self._kept.move_to_end(key)
        return kept

    async def _made(self, key: Asked, stamp: object, make: Callable[[], Kept], lane: Lane, seconds: float) -> Kept:
        def keep(made: Kept) -> None:
            before = self._kept.pop(key, None)
            self._kept[key] = made
            self._size += made.size - (before.size if before else 0)
            while self._size > self.limits.kept and len(self._kept) > 1:
                self._size -= self._kept.popitem(last=False)[1].size

        return await lane.made((stamp, key), make, keep, seconds)


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
