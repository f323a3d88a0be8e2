"""Who may ask, from where and how much: the gate in front of every route."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Collection

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskradar.serve.problems import problem

log = logging.getLogger("riskradar.serve")

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }.items()
)
HOST = re.compile(rb"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much one caller may ask.

    body: bytes of a request; target: bytes of its path and query; rate: requests a second that one address may send for long, after a `burst`;
    clients: addresses that are remembered; seconds: until an answer that must be computed is put off; heavy: answers computed at once;
    slow: explanations and scenarios at once, beside those; kept: bytes of finished answers that are kept.
    """

    body: int = 65_536
    target: int = 8_192
    rate: float = 200.0
    burst: int = 1_000
    clients: int = 4_096
    seconds: float = 20.0
    heavy: int = 2
    slow: int = 1
    kept: int = 64_000_000


class Rate:
    """A token bucket for each address; the address that was silent longest is forgotten first."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float) -> float:
        """Seconds until `client` may ask; 0 takes one token from its bucket."""
        left, since = self.buckets.pop(client, (float(self.limits.burst), now))
        left = min(left + (now - since) * self.limits.rate, self.limits.burst)
        allowed = left >= 1
        self.buckets[client] = (left - 1 if allowed else left, now)
        if len(self.buckets) > self.limits.clients:
            self.buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.limits.rate


class Guard:
    """ASGI: refuses a wrong Host (DNS rebinding), a foreign Origin, a missing token and too much, and gives every answer its headers.

    hosts: names without port that the server is reached by; origins: `scheme://host:port` beside the server's own that may ask;
    token: what a caller must show, as a Bearer token or as the password of HTTP Basic; None asks for none.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Collection[str], origins: Collection[str], limits: Limits) -> None:
        self.app, self.limits, self.rate = app, limits, Rate(limits)
        self.token = None if token is None else _digest(token.encode())
        self.hosts = {host.lower().encode() for host in hosts}
        self.origins = {origin.lower().encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})

        begun = False

        async def dressed(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in given)]
            await send(message)

        if refusal := self.refuse(scope):
            return await refusal(scope, receive, dressed)
        asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope  # the server leaves the body of a HEAD away
        try:
            await self.app(asked, self._counted(receive), dressed)
        except Exception:
            log.exception("a bug in riskradar")
            if begun:
                raise
            await problem(500, "a bug in riskradar; stored runs are unchanged; the log of the server has the details")(scope, receive, dressed)
        return None

    def refuse(self, scope: Scope) -> Response | None:
        """Why a request is not let in, judged by its head alone."""
        wait = self.rate.wait(scope["client"][0] if scope["client"] else "", time.monotonic())
        if wait:
            return problem(429, "too many requests; ask again later", {"retry-after": str(int(wait) + 1)})
        if len(scope["raw_path"]) + len(scope["query_string"]) > self.limits.target:
            return problem(414, f"an address may have {self.limits.target} bytes")
        head: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            head.setdefault(name, []).append(value)
        host = head.get(b"host", [])
        match = HOST.fullmatch(host[0]) if len(host) == 1 else None
        if match is None or not scope["raw_path"].startswith(b"/"):
            return problem(400, "one Host header with a host name is needed, and a path that begins with a slash")
        if match[1].lower() not in self.hosts:
            return problem(421, "the server is not known by this Host; start it with --allow NAME to add one")
        own = {b"http://" + host[0].lower(), b"https://" + host[0].lower()}
        if any(origin.lower() not in own | self.origins for origin in head.get(b"origin", [])):
            return problem(403, "requests from other origins are not answered")
        if scope["method"] not in SAFE and head.get(b"sec-fetch-site", [b"none"])[-1] not in (b"same-origin", b"none"):
            return problem(403, "requests from other origins are not answered")
        length = head.get(b"content-length", [b"0"])[-1]
        if not length.isdigit() or int(length[:20]) > self.limits.body:
            return problem(413, f"a request may have {self.limits.body} bytes", {"connection": "close"})
        if self.token is not None and not self._known(head.get(b"authorization", [])):
            asks = {"www-authenticate": 'Bearer realm="riskradar", Basic realm="riskradar", charset="UTF-8"'}
            return problem(401, "a token is needed: as a Bearer token, or as the password of HTTP Basic", asks)
        return None

    def _known(self, given: list[bytes]) -> bool:
        """Whether one Authorization header shows the token; digests are compared, so that neither time nor length tells anything."""
        scheme, _, rest = given[0].partition(b" ") if len(given) == 1 else (b"", b"", b"")
        shown = rest.strip() if scheme.lower() == b"bearer" else _password(rest) if scheme.lower() == b"basic" else b""
        return self.token is not None and hmac.compare_digest(_digest(shown), self.token)

    def _counted(self, receive: Receive) -> Receive:
        """The body of a request, until it is too long: a body that says its length is refused by it, any other when it gets there."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.limits.body:
                raise HTTPException(413)
            return message

        return counted


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _password(basic: bytes) -> bytes:
    try:
        return base64.b64decode(basic.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
