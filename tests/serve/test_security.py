"""The gate in front of every route: token, Host, Origin and limits, over a real socket where the bytes matter."""

import base64
import csv
import io
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from riskradar.record import Record
from riskradar.serve import create_app
from riskradar.serve.security import HEADERS, Limits, Rate
from tests.serve.conftest import NAMES, TOKEN, URL
from tests.serve.hostile import TEXTS
from tests.serve.test_api import LATEST, address

PATH = f"{LATEST}/now"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


CREDENTIALS = {
    "none": (None, 401),
    "empty": ("", 401), "wrong": ("Bearer wrong", 401), "cut": (f"Bearer {TOKEN[:-1]}", 401), "longer": (f"Bearer {TOKEN}x", 401),
    "no scheme": (TOKEN, 401), "other scheme": (f"Digest {TOKEN}", 401), "not base64": (f"Basic {TOKEN}", 401), "basic wrong": (basic("wrong"), 401),
    "not ascii": ("Bearer \xff", 401), "good": (f"Bearer {TOKEN}", 200), "any case": (f"bearer {TOKEN}", 200), "basic good": (basic(TOKEN), 200),
}  # fmt: skip


@pytest.fixture(scope="module")
def locked(home: Path) -> TestClient:
    return TestClient(create_app(home, token=TOKEN, limits=Limits(rate=1e6, burst=10**6)), base_url=URL)


def walked(routes: Sequence[object]) -> Iterator[str]:
    """The paths of routes and of those that they include."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from walked(inner.routes)
        else:
            yield route.path  # type: ignore[attr-defined]


def addresses(client: TestClient, sealed: Record) -> list[str]:
    """Every address that the application has, pages and files included, from its own routing table."""
    assert isinstance(client.app, FastAPI)
    found = {path: address(path, sealed) for path in walked(client.app.routes)}
    assert set(found) >= set(client.app.openapi()["paths"])
    return [*found.values(), "/v1/nothing", "/nothing"]


@pytest.mark.parametrize("shown", CREDENTIALS)
def test_every_route_wants_the_token(locked: TestClient, sealed: Record, shown: str) -> None:
    credential, status = CREDENTIALS[shown]
    headers = {} if credential is None else {"authorization": credential.encode("latin-1")}
    for path in addresses(locked, sealed):
        response = locked.get(path, headers=headers)
        if status == 401:
            assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json"), path
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert TOKEN not in response.text
        else:
            assert response.status_code in (200, 202, 404, 405), path


def test_a_token_in_the_address_is_none(locked: TestClient) -> None:
    assert locked.get(PATH, params={"token": TOKEN}).status_code == 401
    assert locked.get(PATH, headers=[("authorization", f"Bearer {TOKEN}"), ("authorization", f"Bearer {TOKEN}")]).status_code == 401


def test_every_answer_is_guarded(client: TestClient, locked: TestClient) -> None:
    for response in (
        client.get(PATH), client.get("/nothing"), client.post(PATH), client.get(PATH, params={"x": 1}), locked.get(PATH),
        client.get(PATH, headers={"host": "evil.com"}), client.head(PATH), client.options(PATH),
    ):  # fmt: skip
        for name, value in HEADERS:
            if name != b"cache-control":
                assert response.headers[name.decode()] == value.decode(), (response.status_code, name)
        assert not [name for name in response.headers if name.startswith("access-control")]
        assert "server" not in response.headers
    policy = client.get(PATH).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


HOSTS = {
    "localhost": 200, "LOCALHOST": 200, "127.0.0.1": 200, "127.0.0.1:8000": 200, "localhost:1": 200, "[::1]": 200, "[::1]:8000": 200,
    "evil.com": 421, "127.0.0.1.evil.com": 421, "evil.com:8000": 421, "localhost.evil.com": 421, "localhost.": 421, "0.0.0.0": 421, "127.1": 421,  # noqa: S104
    "2130706433": 421, "[::]": 421,
    "[::ffff:127.0.0.1]": 421, "xn--localhost-9za": 421, "127.0.0.2": 421, "www.localhost": 421,
    "localhost:evil.com": 400, "localhost:8000:1": 400, "localhost:": 400, "user@localhost": 400, "evil.com@localhost": 400, "localhost/": 400,
    "localhost#": 400, "localhost, evil.com": 400, "": 400, "[::1": 400, "::1": 400, "localhost:999999": 400, "*": 400, "http://localhost": 400,
}  # fmt: skip
ORIGINS = {
    "http://127.0.0.1:{port}": 200, "HTTP://127.0.0.1:{port}": 200, "https://127.0.0.1:{port}": 200, "http://evil.com": 403, "null": 403, "": 403,
    "http://127.0.0.1": 403, "http://localhost:{port}": 403, "http://127.0.0.1:1": 403, "http://127.0.0.1:{port}.evil.com": 403, "file://": 403,
    "http://127.0.0.1:{port}, http://evil.com": 403, "http://127.0.0.1:{port}/": 403,
}  # fmt: skip


def ask(port: int, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and answer of a request as these very bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("host", HOSTS)
def test_only_known_hosts_are_answered(port: int, host: str) -> None:
    assert ask(port, f"GET {PATH} HTTP/1.1\nHost: {host}\nConnection: close")[0] == HOSTS[host]


def test_a_host_is_one_and_is_the_header(port: int) -> None:
    get = f"GET {PATH} HTTP/1.1\nConnection: close"
    assert ask(port, get)[0] == 400
    assert ask(port, f"{get}\nHost: localhost\nHost: localhost")[0] == 400
    assert ask(port, f"{get}\nHost: localhost\nHost: evil.com")[0] == 400
    for name in ("X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host"):
        assert ask(port, f"{get}\nHost: evil.com\n{name}: localhost")[0] == 421
        assert ask(port, f"{get}\nHost: localhost\n{name}: evil.com")[0] == 200
    assert ask(port, f"GET http://evil.com{PATH} HTTP/1.1\nHost: evil.com\nConnection: close")[0] in (400, 421)
    assert ask(port, f"GET http://localhost{PATH} HTTP/1.1\nHost: evil.com\nConnection: close")[0] in (400, 421)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_only_its_own_origin_may_ask(port: int, origin: str, method: str) -> None:
    status, answer = ask(port, f"{method} {PATH} HTTP/1.1\nHost: 127.0.0.1:{port}\nOrigin: {origin.format(port=port)}\nConnection: close")
    assert status == (ORIGINS[origin] if method == "GET" or ORIGINS[origin] == 403 else 405)
    assert b"access-control" not in answer.lower()


def test_a_scenario_is_for_known_hosts_and_its_own_origin(port: int) -> None:
    """The two matrices again, with a body: what is not let in is not read either."""
    head = f"POST {LATEST}/stress HTTP/1.1\nContent-Type: application/json\nContent-Length: 2\nConnection: close"
    for host, status in HOSTS.items():
        assert ask(port, f"{head}\nHost: {host}", b"{}")[0] == (422 if status == 200 else status), host
    for origin, status in ORIGINS.items():
        found = ask(port, f"{head}\nHost: 127.0.0.1:{port}\nOrigin: {origin.format(port=port)}", b"{}")[0]
        assert found == (422 if status == 200 else status), origin


def test_another_site_may_not_change_anything(client: TestClient) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 405), ("none", 405)):
        assert client.post(PATH, headers={"sec-fetch-site": site}).status_code == status
        assert client.get(PATH, headers={"sec-fetch-site": site}).status_code == 200


def test_a_named_origin_may_ask(home: Path) -> None:
    client = TestClient(create_app(home, hosts=["radar.example"], origins=["https://desk.example"]), base_url="http://radar.example")
    assert client.get(PATH, headers={"origin": "https://desk.example"}).status_code == 200
    assert client.get(PATH, headers={"origin": "https://other.example"}).status_code == 403
    assert client.get(PATH, headers={"host": "localhost"}).status_code == 421


def test_no_websocket_is_opened(port: int) -> None:
    upgrade = f"Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: {'A' * 22}=="
    assert ask(port, f"GET /v1 HTTP/1.1\nHost: localhost:{port}\n{upgrade}")[0] in (403, 404)


def test_too_much_is_refused(client: TestClient, port: int) -> None:
    assert client.get(f"{LATEST}/now", params={"model": "x" * 9_000}).status_code == 414
    assert client.post(PATH, content=b"x" * 70_000).status_code == 413
    assert client.post(PATH, content=b"x" * 10).status_code == 405
    get = f"POST {PATH} HTTP/1.1\nHost: localhost\nConnection: close"
    assert ask(port, f"{get}\nContent-Length: 99999999999999999999999")[0] in (400, 413)
    assert ask(port, f"{get}\nContent-Length: -1")[0] == 400
    assert client.get(f"{LATEST}/models/vol+breadth/history", params={"limit": 5_001}).status_code == 422
    assert client.get(f"{LATEST}/network/2009-03-09", params={"edges": 2_001}).status_code == 422


def test_a_body_of_unknown_length_is_counted(home: Path) -> None:
    app = create_app(home)

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    client = TestClient(app, base_url=URL)
    assert client.post("/echo", content=iter([b"x" * 1_000] * 60)).json() == 60_000
    refused = client.post("/echo", content=iter([b"x" * 1_000] * 70))
    assert (refused.status_code, refused.json()["status"]) == (413, 413)


def test_a_caller_who_asks_too_often_waits(home: Path) -> None:
    client = TestClient(create_app(home, limits=Limits(rate=0.5, burst=3)), base_url=URL)
    statuses = [client.get("/nothing").status_code for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    refused = client.get("/nothing")
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert refused.json()["status"] == 429


def test_the_bucket_of_an_address_fills_again_and_memory_is_bounded() -> None:
    rate = Rate(Limits(rate=2.0, burst=2, clients=3))
    assert [rate.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert rate.wait("a", 0.5) == 0.0
    assert rate.wait("b", 0.5) == 0.0
    for k in range(50):
        rate.wait(str(k), 1.0)
    assert len(rate.buckets) == 3


def test_an_answer_that_takes_long_is_put_off_and_made_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from riskradar.serve import scores

    made, now = [], scores.now

    def slow(*given: object) -> object:
        made.append(given)
        time.sleep(0.6)
        return now(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(scores, "now", slow)
    with TestClient(create_app(home, limits=Limits(seconds=0.2)), base_url=URL) as client:
        first = client.get(PATH)
        assert (first.status_code, first.headers["retry-after"]) == (503, "5")
        time.sleep(1.5)
        assert client.get(PATH).status_code == 200
    assert len(made) == 1


ODD = ("\x00", "x" * 300)  # refused as names, and no reason to fall over


@pytest.mark.parametrize("text", [*TEXTS, *ODD])
def test_what_is_sent_is_not_sent_back(client: TestClient, text: str) -> None:
    from urllib.parse import quote

    placed = quote(text, safe="")
    for path in (
        f"/v1/runs/{placed}", f"{LATEST}/models/{placed}/history", f"{LATEST}/measures/{placed}", f"{LATEST}/network/{placed}", f"/{placed}",
        f"{LATEST}/now?model={placed}", f"{LATEST}/now?date={placed}", f"{LATEST}/now?{placed}=1", f"{LATEST}/labels?target={placed}",
        f"{LATEST}/network/2009-03-09?layer={placed}", f"/v1/runs?cursor={placed}", f"{LATEST}/labels?format={placed}",
    ):  # fmt: skip
        response = client.get(path)
        assert response.status_code in (200, 404, 422), (path, response.text)
        assert text not in response.text
        assert "<" not in response.text
        assert "set-cookie" not in response.headers


def test_there_are_sixty() -> None:
    assert len(set(TEXTS)) == 60


def test_names_of_a_feed_are_text_everywhere(client: TestClient) -> None:
    network = client.get(f"{LATEST}/network/2009-03-09")
    assert sorted(node["asset"] for node in network.json()["nodes"]) == sorted(NAMES)
    assert network.json()["nodes"][0]["sector"].startswith("<b>")
    assert not set("<>&") & set(network.text)


def test_no_cell_of_a_csv_is_a_formula() -> None:
    from riskradar.serve.market import Edge
    from riskradar.serve.wire import cell, rows_as_csv

    class Edges(Edge):
        rows: tuple[Edge, ...]

    edges = [Edge(layer="sector", source=name, target="\tx", weight=-1.5) for name in NAMES]
    found = list(csv.DictReader(io.StringIO(rows_as_csv(Edges(layer="", source="", target="", weight=0, rows=tuple(edges))).decode())))
    assert [row["source"].removeprefix("'") for row in found] == list(NAMES)
    assert {row["weight"] for row in found} == {"-1.5"}
    assert {row["target"] for row in found} == {"'\tx"}
    assert [cell(v) for v in ("=1", "+1", "-1", "@x", -1.0, None, "a=1")] == ["'=1", "'+1", "'-1", "'@x", -1.0, "", "a=1"]
