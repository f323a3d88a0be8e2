"""The only way to the outside: paced, capped, patient within a budget, never to another host, and silent about keys."""

from __future__ import annotations

import html
import json
import logging
import os
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, Field

from riskradar.data.sources.cache import ASKED, Cache, Kept
from riskradar.errors import SourceError, UsageError

if TYPE_CHECKING:
    import httpx2

AGENT = "systemic-risk-radar"
HIDDEN = "***"
SHORTEST_KEY = 8  # what is shorter could not be struck out of texts without harm
MAX_REDIRECTS = 3
NOT_MODIFIED = 304
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; doubled from try to try, then cut by up to a half at random
LOGGERS = ("httpx2", "httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "yfinance")  # those that print addresses and headers


def address(url: str) -> str:
    """A plain http or https address; ValueError for any other, and for one that carries a password or a key."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # a port that is no number raises here
        raise ValueError("give an http or https address")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("give an address without user, password or fragment: keys come from the environment")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(address)]


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much of a source is borne: times in seconds, `rate` in requests per second and host."""

    rate: float = Field(default=1.0, gt=0)
    connect: float = Field(default=10.0, gt=0)
    read: float = Field(default=30.0, gt=0)
    total: float = Field(default=120.0, gt=0)  # for one answer: waiting and trying again included
    tries: int = Field(default=4, ge=1, le=20)
    max_bytes: int = Field(default=64 << 20, ge=1)  # of one answer, packed or unpacked


class HttpConfig(Limits, frozen=True):
    """Limits, and where the source answers: another base_url serves a mirror or a stand-in."""

    base_url: Address


class Missing(SourceError):
    """The source answers, but has nothing under this name; its other names may still come."""


class Keys:
    """Keys of sources, read from the environment as RISKRADAR_NAME, and the pen that strikes them out of any text."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ, self._forms = environ, set[str]()
        for name, value in environ.items():
            if name.startswith("RISKRADAR_") and name.endswith(("_KEY", "_SECRET")) and len(value.strip()) >= SHORTEST_KEY:
                self.hide(value.strip())

    def of(self, name: str) -> str:
        """One key, such as FRED_KEY; UsageError names the variable that is not set."""
        key = self._environ.get(f"RISKRADAR_{name}", "").strip()
        if len(key) < SHORTEST_KEY:
            what = f"has fewer than {SHORTEST_KEY} characters" if key else "is not set"
            raise UsageError(f"RISKRADAR_{name} {what}; nothing was fetched from this source; set it in the environment, or leave the source out")
        return self.hide(key)

    def hide(self, value: str) -> str:
        """The value itself, from now on struck out wherever it would be shown: for tokens that a source hands out."""
        self._forms |= {value, quote(value), quote(value, safe=""), quote_plus(value)}
        self._forms |= {html.escape(value), json.dumps(value)[1:-1], value.replace("/", "\\/")}
        return value

    def redacted(self, text: str) -> str:
        """The text without any key, plain or encoded for a URL, for HTML or for JSON."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN)
        return text

    def struck(self, body: bytes) -> bytes:
        """The same for bytes: a host that echoes a key must not bring it into the store."""
        for form in sorted(self._forms, key=len, reverse=True):
            body = body.replace(form.encode(), HIDDEN.encode())
        return body


@dataclass(frozen=True)
class Answer:
    """Status and bytes of one answer, already unpacked; `url` without keys; `moment` of arrival in UTC."""

    status: int
    body: bytes
    url: str
    moment: datetime

    @property
    def told(self) -> str:
        """The start of the body on one line of printable text, for messages."""
        return " ".join("".join(c if c.isprintable() else " " for c in self.body[:400].decode("utf-8", "replace")).split())[:120]


class Trouble(Exception):
    """What may pass when tried again; `after`: seconds that the source asks for."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after


@dataclass
class Client:
    """An HTTP client for one session of fetching; use as a context. Clock, sleep and chance are arguments, so that tests need not wait.

    cache: where answers are kept that a source may confirm (304) instead of sending them again.
    """

    keys: Keys = field(default_factory=Keys)
    cache: Cache | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        self._free: dict[str, float] = {}  # when each host may be asked again

    def __enter__(self) -> Self:
        try:
            import httpx2
        except ImportError:
            raise UsageError("live sources need the extra `live`; nothing was fetched; pip install 'systemic-risk-radar[live]'") from None
        self._http = httpx2.Client(follow_redirects=False, headers={"User-Agent": AGENT, "Accept-Encoding": "gzip"})
        self._pen = _Pen(self.keys)
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self._pen)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self._pen)

    def get(self, config: Limits, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """What a GET of `url` answers; any status but the transient ones, which are tried again. SourceError when it cannot be had."""
        return self._ask(config, url, lambda: self._http.build_request("GET", url, params=params, headers=headers))

    def post(self, config: Limits, url: str, data: Mapping[str, str], auth: tuple[str, str]) -> Answer:
        """What a POST of form `data` answers, with a user and a password."""
        import httpx2

        sign = httpx2.BasicAuth(*auth)
        return self._ask(config, url, lambda: next(sign.auth_flow(self._http.build_request("POST", url, data=data))))

    def _ask(self, config: Limits, url: str, build: Callable[[], httpx2.Request]) -> Answer:
        return self.patiently(config, url, lambda deadline: self._once(config, build(), deadline))

    def patiently(self, config: Limits, url: str, once: Callable[[float], Answer]) -> Answer:
        """What `once(deadline)` answers in its turn, tried again after Trouble, within the seconds and the tries of the limits."""
        host, deadline = urlsplit(url).hostname or url, self.clock() + config.total
        for attempt in range(config.tries):
            self._turn(host, config.rate, deadline)
            try:
                return once(deadline)
            except Trouble as trouble:
                reason = self.keys.redacted(trouble.reason)
                wait = trouble.after
                if wait is None:
                    wait = min(FIRST_WAIT * 2**attempt, LONGEST_WAIT) * (1.0 - self.chance() / 2)
                if self.clock() + wait > deadline:
                    raise SourceError(
                        f"{host} {reason} and would have to be left alone for {wait:.0f} s, more than the {config.total:.0f} s it is given; "
                        "what came before is kept; fetch again later"
                    ) from None
                if attempt + 1 < config.tries:
                    self.sleep(wait)
        raise SourceError(f"{host} {reason}, {config.tries} times; what came before is kept; fetch again later") from None

    def _turn(self, host: str, rate: float, deadline: float) -> None:
        """Wait until `host` may be asked again: a token bucket of one, since some hosts cut off any burst."""
        wait = self._free.get(host, 0.0) - self.clock()
        if self.clock() + max(wait, 0.0) > deadline:
            raise SourceError(f"{host} may not be asked again in time; what came before is kept; raise its `total` or `rate`")
        if wait > 0:
            self.sleep(wait)
        self._free[host] = max(self.clock(), self._free.get(host, 0.0)) + 1.0 / rate

    def _once(self, config: Limits, request: httpx2.Request, deadline: float) -> Answer:
        import httpx2

        for _ in range(MAX_REDIRECTS + 1):
            left = max(deadline - self.clock(), 0.001)
            read = min(config.read, left)
            kept = self._known(request)
            request.extensions["timeout"] = {"connect": min(config.connect, left), "read": read, "write": read, "pool": read}
            try:
                with self._answering(request) as response:
                    if response.has_redirect_location:
                        request = self._redirected(request, response.headers["location"])
                        continue
                    if response.status_code in TRANSIENT:
                        raise Trouble(f"answers {response.status_code}", _wait_asked(response.headers.get("retry-after"), self.now()))
                    if response.status_code == NOT_MODIFIED and kept is not None:
                        return Answer(200, kept.body, self.keys.redacted(str(request.url)), self.now())
                    body = self.keys.struck(b"".join(self._unpacked(response, config, deadline)))
            except httpx2.RequestError as error:
                raise Trouble(f"cannot be reached ({type(error).__name__}: {' '.join(str(error).split())})") from None
            answer = Answer(response.status_code, body, self.keys.redacted(str(request.url)), self.now())
            if self.cache is not None and request.method == "GET" and answer.status == 200:
                self.cache.put(answer.url, {name: self.keys.redacted(value) for name, value in response.headers.items()}, body)
            return answer
        raise SourceError(f"{request.url.host} redirects more than {MAX_REDIRECTS} times; nothing was kept of it; check base_url")

    def _known(self, request: httpx2.Request) -> Kept | None:
        """What is kept of the address of a GET, about which the request then asks."""
        kept = self.cache.get(self.keys.redacted(str(request.url))) if self.cache is not None and request.method == "GET" else None
        for name in ASKED.values():
            request.headers.pop(name, None)  # a request that was redirected asks about another address
        request.headers.update({} if kept is None else kept.asking)
        return kept

    @contextmanager
    def _answering(self, request: httpx2.Request) -> Iterator[httpx2.Response]:
        response = self._http.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _redirected(self, request: httpx2.Request, location: str) -> httpx2.Request:
        """The same request at the new address; SourceError unless that is the same host, and no less safe."""
        old = urlsplit(str(request.url))
        try:
            new = urlsplit(urljoin(str(request.url), location))
            other = (new.hostname, new.port) != (old.hostname, old.port)
        except ValueError:
            raise SourceError(f"{old.hostname} redirects to no address; nothing was kept of it; check base_url") from None
        if request.method != "GET" or other or new.scheme not in (old.scheme, "https"):
            away = self.keys.redacted(f"{new.scheme}://{new.netloc}")[:80]
            raise SourceError(f"{old.hostname} redirects to {away}, which is not followed; nothing was kept of it; check base_url")
        return self._http.build_request("GET", new.geturl(), headers=request.headers)

    def _unpacked(self, response: httpx2.Response, config: Limits, deadline: float) -> Iterator[bytes]:
        """The body piece by piece, never more than max_bytes of it, packed or unpacked; Trouble when it ends early."""
        host, coding = response.url.host, response.headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip"):
            raise SourceError(f"{host} answers in the coding {coding[:20]!r}, which was not asked for; nothing was kept of it; check base_url")
        unzip = zlib.decompressobj(wbits=31) if coding == "gzip" else None
        came = given = 0
        for chunk in response.iter_raw():
            came += len(chunk)
            try:
                piece = unzip.decompress(chunk, config.max_bytes - given + 1) if unzip else chunk
            except zlib.error:
                raise Trouble("sends a damaged body") from None
            given += len(piece)
            if max(came, given) > config.max_bytes:
                raise SourceError(f"{host} sends more than {config.max_bytes:,} bytes; nothing was kept of it; check base_url, or raise max_bytes")
            if self.clock() > deadline:
                raise Trouble(f"is not done after {config.total:.0f} s")
            yield piece
        if unzip and not unzip.eof:
            raise Trouble("sends a body that ends too early")


class _Pen(logging.Filter):
    """Strikes keys out of log lines."""

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self.keys = keys

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.keys.redacted(record.getMessage()), ()
        return True


def _wait_asked(header: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date; None where there is none that can be read."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max((moment - now).total_seconds(), 0.0) if moment.tzinfo else None
