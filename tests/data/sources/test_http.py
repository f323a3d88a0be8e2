"""The client is paced, capped and patient within its budget, stays on its host, and says nothing of keys."""

import base64
import itertools
import logging
import os
import time
import tracemalloc
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from riskradar.data.sources.cache import Cache
from riskradar.data.sources.http import Address, Client, Keys, Limits
from riskradar.errors import SourceError, UsageError
from tests.data.sources.standins import LOGIN, Reply, packed, serving

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
GOOD = Reply(b"good")
CANARY = "canary key/with+odd=parts"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds, self.slept = 0.0, []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def ask(*replies: Reply, clock: Clock | None = None, keys: Keys | None = None, params: dict[str, str] | None = None, **limits: float):
    """What the client makes of these replies, one after the other, and how often it asked."""
    clock = clock or Clock()
    with serving(lambda path, query: GOOD, *replies) as stand:
        stand.replies = [r._replace(headers={k: v.replace("HERE", stand.url) for k, v in r.headers.items()}) for r in replies]
        with Client(keys or Keys({}), now=lambda: NOON, clock=clock, sleep=clock.sleep, chance=lambda: 0.0) as client:
            try:
                return client.get(Limits(**limits), f"{stand.url}/data", params), len(stand.asked)
            except SourceError as error:
                return error, len(stand.asked)


def test_a_good_answer() -> None:
    answer, asked = ask(GOOD, params={"q": "a b"})
    assert (answer.status, answer.body, answer.moment, asked) == (200, b"good", NOON, 1)
    assert answer.url.endswith("/data?q=a%20b") or answer.url.endswith("/data?q=a+b")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_transient_status_is_tried_again(status: int) -> None:
    clock = Clock()
    answer, asked = ask(Reply(status=status), Reply(status=status), clock=clock, rate=1e9)
    assert (answer.body, asked) == (b"good", 3)
    assert [s for s in clock.slept if s >= 0.5] == [1.0, 2.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_any_other_status_is_an_answer(status: int) -> None:
    answer, asked = ask(Reply(b"no", status))
    assert (answer.status, asked) == (status, 1)


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), ("Mon, 02 Mar 2026 12:00:09 GMT", 9.0), ("soon", 1.0), ("Mon, 02 Mar 2020 12:00:09 GMT", 0.0)]
)
def test_retry_after_is_obeyed(header: str, wait: float) -> None:
    clock = Clock()
    answer, asked = ask(Reply(status=429, headers={"Retry-After": header}), clock=clock, rate=1e9)
    assert (answer.body, asked, clock.slept[0]) == (b"good", 2, wait)


@pytest.mark.parametrize("header", ["3600", "Mon, 02 Mar 2026 13:00:00 GMT"])
def test_a_wait_beyond_the_budget_ends_at_once(header: str) -> None:
    error, asked = ask(Reply(status=429, headers={"Retry-After": header}))
    assert asked == 1
    assert "answers 429 and would have to be left alone for 3600 s, more than the 120 s" in str(error)


def test_tries_end() -> None:
    error, asked = ask(*[Reply(status=500)] * 9, tries=3)
    assert asked == 3
    assert "answers 500, 3 times" in str(error)
    assert error.code == 4


def test_requests_to_a_host_are_paced() -> None:
    clock = Clock()
    with serving(lambda path, query: GOOD) as stand, Client(Keys({}), clock=clock, sleep=clock.sleep) as client:
        for _ in range(4):
            client.get(Limits(rate=0.5), stand.url)
    assert clock.slept == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("location", "says"),
    [("http://elsewhere.example/data", "http://elsewhere.example"), ("http://169.254.169.254/latest", "http://169.254.169.254"),
     ("file:///etc/passwd", "file://"), ("http://[", "no address"), ("http://127.0.0.1:99999/", "no address"),
     ("http://127.0.0.1:1/data", "http://127.0.0.1:1"), ("ftp://127.0.0.1/x", "ftp://127.0.0.1")],
)  # fmt: skip
def test_a_redirect_to_another_host_is_refused(location: str, says: str) -> None:
    error, asked = ask(Reply(status=302, headers={"Location": location}))
    assert asked == 1
    assert f"redirects to {says}" in str(error)


def test_a_redirect_without_an_address_is_an_answer() -> None:
    answer, asked = ask(Reply(status=304))
    assert (answer.status, asked) == (304, 1)


def test_a_redirect_on_the_same_host_is_followed_and_a_loop_ends() -> None:
    there = Reply(status=307, headers={"Location": "HERE/other"})
    assert ask(there)[0].body == b"good"
    error, asked = ask(*[there] * 9)
    assert (asked, "redirects more than 3 times" in str(error)) == (4, True)


def test_packed_bodies() -> None:
    assert ask(packed(b"text" * 1000))[0].body == b"text" * 1000
    error, _ = ask(Reply(b"x", headers={"Content-Encoding": "br"}))
    assert "coding 'br'" in str(error)


@pytest.mark.parametrize("broken", [packed(b"text" * 1000)._replace(body=packed(b"text" * 1000).body[:-9]), Reply(b"short", length=500),
                                    Reply(b"no gzip", headers={"Content-Encoding": "gzip"})])  # fmt: skip
def test_a_truncated_body_is_tried_again_and_never_taken(broken: Reply) -> None:
    assert ask(broken)[0].body == b"good"
    error, asked = ask(broken, broken, tries=2)
    assert isinstance(error, SourceError)
    assert asked == 2


def test_a_bomb_is_cut_at_the_cap() -> None:
    bomb = packed(bytes(100 << 20))
    tracemalloc.start()
    error, asked = ask(bomb, max_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (asked, "sends more than 1,048,576 bytes" in str(error)) == (1, True)
    assert peak < 20 << 20


def test_a_body_without_end_is_cut_at_the_cap() -> None:
    endless = Reply(drip=lambda: itertools.repeat(b"x" * 65536))
    error, _ = ask(endless, max_bytes=1 << 20)
    assert "sends more than" in str(error)


def test_a_slow_body_is_cut_in_time() -> None:
    def slowly():
        for _ in range(100):
            time.sleep(0.05)
            yield b"x"

    begun = time.monotonic()
    with serving(lambda path, query: Reply(drip=slowly)) as stand, Client(Keys({})) as client, pytest.raises(SourceError, match="is not done after"):
        client.get(Limits(total=0.3, tries=1), stand.url)
    assert time.monotonic() - begun < 3


def test_a_silent_host_is_given_up_in_time() -> None:
    def silent():
        time.sleep(1)
        yield b""

    with serving(lambda path, query: Reply(drip=silent)) as stand, Client(Keys({})) as client, pytest.raises(SourceError, match="ReadTimeout"):
        client.get(Limits(read=0.2, tries=1), stand.url)


def test_nobody_listens() -> None:
    clock = Clock()
    says = r"127.0.0.1 cannot be reached \(ConnectError"
    with Client(Keys({}), clock=clock, sleep=clock.sleep) as client, pytest.raises(SourceError, match=says) as caught:
        client.get(Limits(tries=2), "http://127.0.0.1:9/")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://host:99999", "file:///etc/passwd", "ftp://host/x", "//host", "http://", "http://user:word@host", "http://host/#key"])
def test_addresses(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Address).validate_python(url)


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(UsageError, match="RISKRADAR_FRED_KEY is not set"):
        Keys({"RISKRADAR_FRED_KEY": " "}).of("FRED_KEY")


@pytest.mark.parametrize("replies", [
    (), (Reply(f'<p>key {CANARY} unknown, {{"k": "canary%20key/with%2Bodd%3Dparts"}}'.encode(), 400),), (Reply(status=500),) * 9,
    (Reply(status=302, headers={"Location": f"http://evil.example/{CANARY}"}),),
])  # fmt: skip
def test_a_canary_key_is_never_seen(replies: tuple[Reply, ...], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = Keys({"RISKRADAR_FRED_KEY": CANARY})
    answer, _ = ask(*replies, keys=keys, params={"api_key": keys.of("FRED_KEY")}, rate=1e9)
    seen = caplog.text + repr(answer) + str(answer)
    assert "HTTP Request" in caplog.text
    for form in (CANARY, "canary+key", "canary%20key", base64.b64encode(CANARY.encode()).decode()):
        assert form not in seen


def test_a_key_too_short_to_be_hidden_is_refused() -> None:
    with pytest.raises(UsageError, match="fewer than 8 characters"):
        Keys({"RISKRADAR_FRED_KEY": "1"}).of("FRED_KEY")


def test_a_page_to_log_in_is_quoted_on_one_line() -> None:
    answer, _ = ask(Reply(LOGIN + b"\n\x00\x1b[31m" + b"x" * 500))
    assert answer.told.startswith("<!DOCTYPE html>")
    assert len(answer.told) <= 120
    assert answer.told.isprintable()


def cached(tmp_path, *replies: Reply, keys: Keys | None = None, params: dict[str, str] | None = None) -> tuple[list[bytes], int]:
    """Bodies of one request after the other through one cache, and how many were confirmed instead of sent."""
    keys = keys or Keys({})
    with serving(lambda path, query: GOOD, *replies) as stand:
        stand.replies = [r._replace(headers={k: v.replace("HERE", stand.url) for k, v in r.headers.items()}) for r in replies]
        bodies = []
        while stand.replies:
            with Client(keys, cache=Cache(tmp_path), now=lambda: NOON) as client:
                bodies.append(client.get(Limits(rate=1e9), f"{stand.url}/data", params).body)
        return bodies, stand.confirmed


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_what_has_not_changed_is_confirmed_and_not_sent(tmp_path, header: str) -> None:
    one, two = Reply(b"one", headers={header: '"1"'}), Reply(b"two", headers={header: '"2"'})
    assert cached(tmp_path, one, one, two, two, Reply(b"three"), two) == ([b"one", b"one", b"two", b"two", b"three", b"two"], 3)


def test_what_carries_no_mark_or_is_no_answer_is_not_kept(tmp_path) -> None:
    assert cached(tmp_path, GOOD, Reply(b"gone", 404, {"ETag": "x"})) == ([b"good", b"gone"], 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", [lambda kept: kept[:-1], lambda kept: kept.replace(b"one", b"two"), lambda kept: b"", lambda kept: b"[]\n"])
def test_a_damaged_answer_is_asked_for_again(tmp_path, harm) -> None:
    one = Reply(b"one", headers={"ETag": "1"})
    with serving(lambda path, query: one) as stand:
        for _ in range(2):
            with Client(Keys({}), cache=Cache(tmp_path)) as client:
                assert client.get(Limits(rate=1e9), f"{stand.url}/data").body == b"one"
            [file] = tmp_path.iterdir()
            file.write_bytes(harm(file.read_bytes()))
        assert stand.confirmed == 0


def test_a_redirected_request_asks_about_the_new_address_only(tmp_path) -> None:
    one, there = Reply(b"one", headers={"ETag": "1"}), Reply(status=302, headers={"Location": "/other", "ETag": "x"})
    assert cached(tmp_path, one, there, one) == ([b"one", b"one"], 0)


def test_a_confirmation_that_nobody_asked_for_is_no_answer(tmp_path) -> None:
    with serving(lambda path, query: Reply(status=304)) as stand, Client(Keys({}), cache=Cache(tmp_path)) as client:
        assert client.get(Limits(), f"{stand.url}/data").status == 304


def test_no_key_in_the_cache(tmp_path) -> None:
    keys = Keys({"RISKRADAR_X_KEY": CANARY})
    echo = Reply(CANARY.encode(), headers={"ETag": CANARY})
    assert cached(tmp_path, echo, echo, keys=keys, params={"key": CANARY})[0] == [b"***", b"***"]
    assert [CANARY.encode() in file.read_bytes() or b"canary" in file.read_bytes() for file in tmp_path.iterdir()] == [False]


def test_an_address_that_nobody_asks_for_is_forgotten(tmp_path) -> None:
    cache = Cache(tmp_path)
    cache.put("http://old", {"etag": "1"}, b"old")
    [old] = tmp_path.iterdir()
    os.utime(old, (0, 0))
    cache.put("http://new", {"etag": "1"}, b"new")
    assert cache.get("http://old") is None
    assert cache.get("http://new").body == b"new"
