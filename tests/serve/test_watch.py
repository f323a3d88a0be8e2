"""Alarms and the track record as pages and through the API: what a ledger holds, an acknowledgement that changes one thing, and no ledger at all."""

import csv
import dataclasses
import io
import re
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from starlette.testclient import TestClient

from riskradar.alert import ENDED
from riskradar.client import Client
from riskradar.daily import alarms, workspace
from riskradar.errors import UsageError
from riskradar.serve import create_app, workplace
from riskradar.serve.security import Limits
from riskradar.serve.workplace import Workplace
from riskradar.store import database, ledger
from riskradar.store.schema import ALERTS
from tests.daily.workspace import TRAINED, Receiver, Workspace, copied, made
from tests.serve.conftest import TOKEN, URL, listening
from tests.serve.hostile import TEXTS
from tests.serve.test_pages_browser import CHROMIUM, MADE, SIZES, Tab
from tests.serve.test_security import CREDENTIALS, ORIGINS

LAST = TRAINED + 11  # an alarm begins four sessions after the training, and the outcomes of the first scores are known
MODEL = "ewma-vol"
OF_A_SCORE = ("date", "score", "probability", "base_rate", "level")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace in alarm, told to a receiver; to be copied, never changed."""
    receiver = Receiver()
    place = made(tmp_path_factory.mktemp("watched"), (("rate = 0.4", f'rate = 0.4\nurls = ["{receiver.url}"]'),))
    for t in range(TRAINED, LAST + 1):
        place.add(t, t + 1)
        place.update(t)
    yield place
    receiver.close()


def at(place: Workspace, moment: datetime | None = None) -> Workplace:
    """The workspace as the server knows it, on the evening of its last session unless a moment is given."""
    config, store = workspace.enter(place.file)
    return Workplace(config, store, place.home, lambda: moment or place.evening(LAST))


def over(place: Workspace, moment: datetime | None = None, token: str | None = None) -> TestClient:
    app = create_app(place.home, place=at(place, moment), token=token, limits=Limits(rate=1e6, burst=10**6))
    return TestClient(app, base_url=URL)


@pytest.fixture(scope="module")
def live(watched: Workspace) -> TestClient:
    return over(watched)


@pytest.fixture
def own(watched: Workspace, tmp_path: Path) -> Workspace:
    """A copy that a test may change."""
    return copied(watched, tmp_path / "copy")


def said(place: Workspace) -> list[dict[str, Any]]:
    with database.transaction(place.store.engine, writes=False) as connection:
        return ledger.said(connection)


def log(place: Workspace) -> list[dict[str, Any]]:
    with database.transaction(place.store.engine, writes=False) as connection:
        return ledger.alert_log(connection)


def test_an_alarm_is_told_with_what_became_of_it(live: TestClient, watched: Workspace) -> None:
    found = live.get("/v1/alerts").json()
    (fired,), newest = log(watched), said(watched)[-1]
    assert (found["state"], found["model"], found["as_of"], found["overdue"], found["silenced"]) == ("live", MODEL, newest["date"], None, None)
    (alarm,) = found["rows"]
    assert (alarm["id"], alarm["began"], alarm["ended"]) == (fired["id"], fired["date"], None)
    assert (alarm["posted"], alarm["delivered"], alarm["acknowledged"]) == (1, 1, [])
    stands = {row["target"]: row for row in found["targets"]}
    assert [name for name, row in stands.items() if row["watched"]] == ["20/5"]
    assert (stands["20/5"]["state"], stands["20/5"]["since"]) == ("alert", fired["date"])
    for name, row in stands.items():
        last = next(one for one in reversed(said(watched)) if one["target"] == name)
        assert {key: row[key] for key in OF_A_SCORE} == {key: last[key] for key in OF_A_SCORE}
        assert row["margin"] == pytest.approx(row["score"] - row["threshold"])


def test_the_track_record_is_the_ledger(live: TestClient, watched: Workspace) -> None:
    found, rows = live.get("/v1/track", params={"limit": 1000}).json(), said(watched)
    assert found["chain"] == {"rows": len(rows), "sound": True, "broken": ""}
    told = [(row["date"], row["target"], row["probability"], row["made_at"].replace("Z", "+00:00")) for row in reversed(found["rows"])]
    assert told == [(row["date"], row["target"], row["probability"], row["made_at"]) for row in rows]
    for one in found["targets"]:
        mine = [row for row in found["rows"] if row["target"] == one["target"]]
        assert (one["rows"], one["known"]) == (len(mine), sum(row["counted"] for row in mine))
        assert one["open"] == sum(row["reason"] == "not known yet" for row in mine)
        assert one["came"] == sum(row["came"] is True and row["counted"] for row in mine)
        assert sum(one["days"].values()) == one["known"]
    assert {one["target"]: one["known"] for one in found["targets"]} == {"5/3": LAST - TRAINED + 2 - 5, "20/5": 0}
    assert [switch["promoted"] for switch in found["switches"]] == [True]


def test_a_log_is_paged_and_has_a_table(live: TestClient, watched: Workspace) -> None:
    numbers, cursor = [], None
    while cursor or not numbers:
        page = live.get("/v1/track", params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
        numbers += [row["number"] for row in page["rows"]]
        cursor = page["next"]
    assert numbers == list(range(len(said(watched)), 0, -1))
    answer = live.get("/v1/track", params={"format": "csv", "limit": 3})
    assert [row["number"] for row in csv.DictReader(io.StringIO(answer.text))] == [str(n) for n in numbers[:3]]
    assert 'rel="next"' in answer.headers["link"]
    assert live.get("/v1/track", params={"limit": 3}, headers={"if-none-match": live.get("/v1/track?limit=3").headers["etag"]}).status_code == 304
    assert live.get("/v1/alerts", params={"cursor": 1}).json()["rows"] == []
    for wrong in ({"limit": 0}, {"limit": 1001}, {"cursor": 0}, {"cursor": 2**31}, {"x": 1}):
        assert live.get("/v1/alerts", params=wrong).status_code == 422


def acknowledged(client: TestClient, number: int, note: str = "", **headers: str) -> Any:
    return client.post(f"/v1/alerts/{number}/acknowledge", json={"note": note}, headers=headers)


def test_an_acknowledgement_is_written_once_for_each_note(own: Workspace) -> None:
    client, number = over(own), log(own)[0]["id"]
    etag = client.get("/v1/alerts").headers["etag"]
    for note, notes in (("seen", ["seen"]), ("seen", ["seen"]), ("sold half", ["seen", "sold half"])):
        answer = acknowledged(client, number, note)
        assert answer.status_code == 200, answer.text
        assert [one["note"] for one in answer.json()["acknowledged"]] == notes
    assert client.get("/v1/alerts", headers={"if-none-match": etag}).json()["rows"] == [answer.json()]
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: acknowledged(client, number, "all at once"), range(8))} == {200}
    assert [row["note"] for row in log(own)][1:] == ["seen", "sold half", "all at once"]
    assert "sold half" in client.get("/alerts").text


def test_what_cannot_be_acknowledged_is_refused(own: Workspace, client: TestClient) -> None:
    here, before = over(own), log(own)
    number = before[0]["id"]
    path = f"/v1/alerts/{number}/acknowledge"
    assert acknowledged(here, 999).status_code == acknowledged(client, number).status_code == 404
    assert acknowledged(here, 0).status_code == acknowledged(here, number, "x" * 501).status_code == 422
    assert here.get(path).status_code == 405
    for body in (b'{"note": 1}', b'{"note": "x", "id": 2}', b"[]", b"{", b""):
        assert here.post(path, content=body, headers={"content-type": "application/json"}).status_code == 422
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = here.post(path, content=b'{"note": "x"}', headers={"content-type": kind})
        assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert here.post(path, json={"note": "x"}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert here.post(path, json={"note": "x"}, headers={"host": "evil.com"}).status_code == 421
    for origin, status in ORIGINS.items():
        if status == 403:
            assert acknowledged(here, number, "x", origin=origin.format(port=8000)).status_code == (200 if origin.format(port=8000) == URL else 403)
    assert log(own) == before
    with database.transaction(own.store.engine, writes=True) as connection:
        ledger.append(connection, ALERTS, [{**{k: before[0][k] for k in ("rule", "model", "date")}, "state": ENDED, "note": "", "moment": "x"}])
    assert acknowledged(here, number).status_code == 409


def test_an_acknowledgement_wants_the_token(own: Workspace) -> None:
    here, number = over(own, token=TOKEN), log(own)[0]["id"]
    for name, (credential, status) in CREDENTIALS.items():
        headers = {} if credential is None else {"authorization": credential.encode("latin-1")}
        answer = here.post(f"/v1/alerts/{number}/acknowledge", json={"note": "seen"}, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == status, name
    assert len(log(own)) == 2


def test_a_silence_is_told_until_it_is_over(own: Workspace) -> None:
    evening = own.evening(LAST)
    alarms.silence(own.store, evening + timedelta(hours=2), "on holiday", evening)
    during, after = (over(own, evening + timedelta(hours=hours)) for hours in (1, 3))
    assert during.get("/v1/alerts").json()["silenced"].startswith((evening + timedelta(hours=2)).isoformat()[:16])
    assert after.get("/v1/alerts").json()["silenced"] is None
    assert "silenced until" in during.get("/alerts").text
    assert "on holiday" in after.get("/alerts").text


def test_a_score_that_did_not_come_is_said(watched: Workspace) -> None:
    later = over(watched, watched.evening(LAST) + timedelta(days=4))
    assert later.get("/v1/alerts").json()["overdue"] > str(watched.dates[LAST])
    assert "has come." in later.get("/alerts").text


def test_a_ledger_that_was_changed_is_named_and_not_counted(own: Workspace) -> None:
    with sqlite3.connect(own.file.parent / "radar.db") as connection:
        connection.execute("UPDATE scores SET said = replace(said, '\"probability\": 0.', '\"probability\": 0.9') WHERE id = 5")
    connection.close()
    here = over(own)
    for path, place in (("/v1/track", "chain"), ("/v1/alerts", "")):
        found = here.get(path).json()
        assert (found["state"], found["rows"], found["targets"]) == ("damaged", [], [])
        assert found["reason"].startswith("scores: row 5 (")
        assert not place or found[place] == {"rows": 0, "sound": False, "broken": found["reason"]}
    for page in ("/track", "/alerts"):
        assert "The ledger is damaged" in here.get(page).text
    assert acknowledged(here, log(own)[0]["id"]).status_code == 404


def test_an_empty_ledger_says_what_fills_it(watched: Workspace, tmp_path: Path) -> None:
    config, store = workspace.enter(watched.file)
    bare = store.create(f"sqlite:///{tmp_path}/radar.db")
    here = TestClient(create_app(watched.home, place=Workplace(config, bare, watched.home)), base_url=URL)
    for name in ("alerts", "track"):
        assert here.get(f"/v1/{name}").json()["state"] == "no score"
        assert "riskradar update" in here.get(f"/{name}").text


def test_without_a_workspace_the_rule_is_still_rehearsed(client: TestClient, tmp_path: Path) -> None:
    page = client.get("/alerts").text
    assert "Nothing is watched here" in page
    assert "What the rule would have done" in page
    assert "No track record is kept here" in client.get("/track").text
    for path in ("/v1/alerts", "/v1/track"):
        assert client.get(path).json()["state"] == "no workspace"
    nowhere = TestClient(create_app(tmp_path), base_url=URL)
    assert {nowhere.get(path).status_code for path in ("/alerts", "/track", "/v1/alerts", "/v1/track")} == {200}


def test_a_rehearsal_is_the_backtest_of_the_rule(live: TestClient, watched: Workspace) -> None:
    from riskradar import api

    found, done = live.get("/v1/runs/latest/alerts").json(), api.alerts_backtest(file=watched.file, home=watched.home)
    assert (found["model"], found["figures"]) == (MODEL, done["figures"])
    assert found["alarms"] == [[span["start"], span["end"] or None] for span in done["alarms"]]
    assert live.get("/v1/runs/latest/alerts", params={"model": "nothing"}).status_code == 404


def test_what_is_read_during_an_update_is_the_old_session_or_the_new_one(own: Workspace) -> None:
    client, seen, stop = over(own), set(), threading.Event()
    own.add(LAST + 1, LAST + 2)

    def read() -> None:
        while not stop.is_set():
            found = client.get("/v1/track").json()
            seen.add((found["as_of"], found["chain"]["rows"], found["rows"][0]["date"], found["state"]))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        own.update(LAST + 1)
        while len(seen) < 2 and not reading.done():
            stop.wait(0.02)
        stop.set()
        reading.result()
    rows = len(said(own))
    old, new = (str(own.dates[t]) for t in (LAST, LAST + 1))
    assert seen == {(old, rows - 2, old, "live"), (new, rows, new, "live")}


def test_a_workspace_is_found_where_it_is(watched: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert workplace.found(watched.home, None) is None
    (tmp_path / "riskradar.toml").write_text('preset = "tiny"\n')
    assert workplace.found(watched.home, None) is None
    with pytest.raises(UsageError, match=r"no data\.store"):
        workplace.found(watched.home, tmp_path / "riskradar.toml")
    monkeypatch.chdir(watched.file.parent)
    found = workplace.found(watched.home, None)
    assert found is not None
    assert found.stamp() == dataclasses.replace(found, clock=found.clock).stamp()


@pytest.fixture(scope="module")
def noted(watched: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy whose notes are hostile: through the API where it takes them, and through the command line."""
    place = copied(watched, tmp_path_factory.mktemp("noted") / "copy")
    client, number, evening = over(place), log(place)[0]["id"], place.evening(LAST)
    refused = [text for text in TEXTS if acknowledged(client, number, text).status_code == 422]
    assert refused == [text for text in TEXTS if re.search("[\u2028\u202e]", text)]
    for text in TEXTS:
        alarms.acknowledge(place.store, number, text, evening)
        alarms.silence(place.store, evening + timedelta(days=1), text, evening)
    return place


def test_a_note_is_text_everywhere(noted: Workspace) -> None:
    client = over(noted)
    page, answer = client.get("/alerts").text, client.get("/v1/alerts")
    assert not [text for text in TEXTS if "<" in text and text in page]
    assert [one["note"] for one in answer.json()["rows"][0]["acknowledged"]] == sorted(TEXTS, key=lambda text: ("\u2028" in text or "\u202e" in text))
    assert not set("<>&") & set(answer.text)
    (row,) = csv.reader(io.StringIO(client.get("/v1/alerts?format=csv").text.partition("\n")[2]))
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.fixture(scope="module")
def tabs(watched: Workspace, noted: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Opens pages of the workspace in alarm, or of that with hostile notes."""
    mine = copied(watched, tmp_path_factory.mktemp("walked") / "copy")
    apps = [create_app(place.home, place=at(place), limits=Limits(rate=1e6, burst=10**6)) for place in (mine, noted)]
    with listening(apps[0]) as port, listening(apps[1]) as other, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def opened(path: str, size: str = "wide", theme: str = "light", hostile: bool = False) -> Tab:
            page = browser.new_context(viewport=SIZES[size], color_scheme=theme).new_page()  # type: ignore[arg-type]
            return Tab(page, f"http://127.0.0.1:{other if hostile else port}").open(path)

        yield opened
        browser.close()


needs_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="no chromium here: the pages were not opened")


@needs_browser
@pytest.mark.parametrize(("path", "size", "theme"), [("/alerts", "wide", "dark"), ("/alerts", "phone", "light"), ("/track", "phone", "dark")])
def test_a_living_ledger_can_be_read_by_everybody(tabs: Any, path: str, size: str, theme: str) -> None:
    tab = tabs(path, size, theme)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == SIZES[size]["width"]
    found = Axe().run(tab.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert tab.page.locator("h1").count() == 1
    assert tab.trouble == []


@needs_browser
def test_an_alarm_is_acknowledged_by_keyboard(tabs: Any) -> None:
    tab = tabs("/alerts")
    page = tab.page
    assert page.get_by_role("heading", name="1 alarm waits to be acknowledged").count() == 1
    page.get_by_role("textbox").fill("the <b>desk</b> looks into it")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("form.ack").count() == 0
    assert page.locator(".noted").all_inner_texts()[0].startswith("the <b>desk</b> looks into it")
    assert tab.trouble == []
    radar = Client(tab.origin)
    assert next(radar.alerts())["acknowledged"][0]["note"] == "the <b>desk</b> looks into it"
    assert radar.track()["chain"]["sound"]


@needs_browser
def test_no_note_becomes_a_part_of_the_page(tabs: Any) -> None:
    tab = tabs("/alerts", hostile=True)
    assert tab.page.evaluate(MADE) == []
    assert tab.page.locator(".noted").count() == len(TEXTS)
    assert tab.trouble == []
