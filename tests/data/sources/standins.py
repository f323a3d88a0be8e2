"""Local servers that imitate the sources, with their ways of failing."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

LOGIN = b"<!DOCTYPE html><html><body>Please log in</body></html>"


class Reply(NamedTuple):
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012
    length: int | None = None  # what Content-Length says, where that is not the truth
    drip: Callable[[], Iterator[bytes]] | None = None  # a body without end or length


Handler = Callable[[str, dict[str, str]], Reply]


@dataclass
class StandIn:
    """One server: `replies` are given first, one by one, then `handler` answers; `asked` holds path and query of every request.

    A reply with an ETag or Last-Modified that the request names is confirmed with 304 instead; `confirmed` counts these.
    """

    handler: Handler
    replies: list[Reply] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""
    confirmed: int = 0


@contextmanager
def serving(handler: Handler, *replies: Reply) -> Iterator[StandIn]:
    stand = StandIn(handler, list(replies))

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if length := int(self.headers.get("Content-Length") or 0):
                query |= {key: values[0] for key, values in parse_qs(self.rfile.read(length).decode()).items()}
            stand.asked.append((parts.path, query))
            reply = stand.replies.pop(0) if stand.replies else stand.handler(parts.path, query)
            asking = {"ETag": self.headers.get("If-None-Match"), "Last-Modified": self.headers.get("If-Modified-Since")}
            if any(value == asking.get(name) for name, value in reply.headers.items()):
                stand.confirmed += 1
                reply = Reply(status=304)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.close_connection = True
            if reply.drip is None:
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
                self.end_headers()
                self.wfile.write(reply.body)
                return
            self.end_headers()
            try:
                for piece in reply.drip():
                    self.wfile.write(piece)
            except OSError:
                pass

        do_POST = do_GET  # noqa: N815 - the base class names it

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    stand.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def js(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status, {"Content-Type": "application/json"})


def packed(body: bytes) -> Reply:
    return Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"})


def stamp(day: str) -> int:
    """Half past nine in New York, in winter."""
    return int(datetime.fromisoformat(f"{day}T14:30").replace(tzinfo=UTC).timestamp())


def chart(bars: dict[str, float | None], splits: dict[str, str] | None = None, dividends: dict[str, float] | None = None) -> dict:
    """What Yahoo answers: daily bars by day."""
    days = [stamp(day) for day in bars]
    events = {
        "splits": {str(stamp(d)): {"date": stamp(d), "numerator": 4, "denominator": 1, "splitRatio": ratio} for d, ratio in (splits or {}).items()},
        "dividends": {str(stamp(d)): {"date": stamp(d), "amount": amount} for d, amount in (dividends or {}).items()},
    }
    return {"chart": {"error": None, "result": [{
        "meta": {"exchangeTimezoneName": "America/New_York", "symbol": "X"}, "timestamp": days,
        "events": {k: v for k, v in events.items() if v},
        "indicators": {
            "quote": [{"close": list(bars.values()), "volume": [1000] * len(bars)}],
            "adjclose": [{"adjclose": [None if v is None else v * 0.99 for v in bars.values()]}],
        },
    }]}}  # fmt: skip


def yahoo(markets: dict[str, dict[str, float | None]]) -> Handler:
    def handler(path: str, query: dict[str, str]) -> Reply:
        bars = markets.get(path.rsplit("/", 1)[-1])
        if bars is None:
            return js({"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}, 404)
        since, until = int(query["period1"]), int(query["period2"])
        return js(chart({day: close for day, close in bars.items() if since <= stamp(day) < until}))

    return handler


def fred(series: dict[str, list[tuple[str, str, str]]], vintages: dict[str, list[str]] | None = None) -> Handler:
    """What FRED and ALFRED answer. series: rows of (first day of publication, day, value), in order; a window clips and repeats as theirs does."""

    def handler(path: str, query: dict[str, str]) -> Reply:
        if query.get("api_key") != "key-of-fred":
            return js({"error_code": 400, "error_message": f"Bad Request. The api_key ({query.get('api_key')}) is not registered."}, 400)
        if query["series_id"] not in series:
            return js({"error_code": 400, "error_message": "Bad Request. The series does not exist."}, 400)
        start, limit = int(query.get("offset", 0)), int(query["limit"])
        if path.endswith("vintagedates"):
            days = (vintages or {}).get(query["series_id"], [])
            return js({"count": len(days), "offset": start, "limit": limit, "vintage_dates": days[start : start + limit]})
        rows = sorted(series[query["series_id"]])
        first, last = query.get("realtime_start", "2030-01-01"), query.get("realtime_end", "2030-01-01")
        seen = []
        for published, day, value in rows:
            until = min((p for p, d, _ in rows if d == day and p > published), default="9999-12-31")
            if published <= last and until > first and query["observation_start"] <= day <= query["observation_end"]:
                seen.append({"realtime_start": max(published, first), "realtime_end": min(until, last), "date": day, "value": value})
        seen.sort(key=lambda row: (row["date"], row["realtime_start"]))
        page = {"realtime_start": first, "realtime_end": last, "count": len(seen), "offset": start, "limit": limit}
        return js(page | {"observations": seen[start : start + limit]})

    return handler


def stooq(markets: dict[str, dict[str, float]]) -> Handler:
    def handler(path: str, query: dict[str, str]) -> Reply:
        if query.get("apikey") != "key-of-stooq":
            return Reply(b"Get your apikey:\n1. Open https://stooq.com/q/d/?s=spy.us&get_apikey\n")
        if query["s"] not in markets:
            return Reply(b"No data")
        lines = [f"{day},{v},{v},{v},{v},1000" for day, v in markets[query["s"]].items() if query["d1"] <= day.replace("-", "") <= query["d2"]]
        return Reply("\r\n".join(["Date,Open,High,Low,Close,Volume", *lines, ""]).encode())

    return handler


def gdelt(tones: dict[str, float]) -> Handler:
    def handler(path: str, query: dict[str, str]) -> Reply:
        points = [{"date": f"{day.replace('-', '')}T000000Z", "value": tone} for day, tone in tones.items()]
        return js({"query_details": {"title": query["query"]}, "timeline": [{"series": "Average Tone", "data": points}]})

    return handler


def rss(headlines: list[tuple[str, str]]) -> Handler:
    """headlines: (date as RFC 822, title)."""
    items = "".join(f"<item><title><![CDATA[{title}]]></title><pubDate>{when}</pubDate></item>" for when, title in headlines)
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{items}</channel></rss>'.encode()
    return lambda path, query: Reply(body, headers={"Content-Type": "application/rss+xml"})


def reddit(posts: list[tuple[str, str]], page: int = 2) -> Handler:
    """posts: (moment in ISO form, title), newest first, `page` of them an answer."""

    def handler(path: str, query: dict[str, str]) -> Reply:
        if path.endswith("access_token"):
            return js({"access_token": "token-of-reddit", "token_type": "bearer", "expires_in": 86400})
        start = int(query.get("after") or 0)
        found = [
            {"kind": "t3", "data": {"title": title, "author": "somebody", "created_utc": datetime.fromisoformat(when).timestamp()}}
            for when, title in posts[start : start + page]
        ]
        return js({"data": {"children": found, "after": str(start + page) if start + page < len(posts) else None}})

    return handler
