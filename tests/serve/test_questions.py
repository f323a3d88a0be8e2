"""Why and what if: the explanation and the scenario of the API and of the pages, that they are right, and that nobody else waits for them."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from riskradar import api
from riskradar.record import Record
from riskradar.serve import create_app, questions, why
from riskradar.serve.security import Limits
from tests.serve.conftest import NAMES, TOKEN, URL
from tests.serve.hostile import TEXTS
from tests.serve.test_api import ASKED, LATEST, get

STRESS, BODY = f"{LATEST}/stress", ASKED["/v1/runs/{run}/stress"]
DAY = {"date": "2009-03-09", "model": "vol+breadth"}


def test_an_explanation_adds_up_to_the_score_in_every_view(client: TestClient) -> None:
    day = get(client, f"{LATEST}/now", model="vol+breadth", date="2009-03-09")
    for against in ({}, {"against": "2008-09-15"}):
        found = get(client, f"{LATEST}/explain", date="2009-03-09", model="vol+breadth", **against)
        assert found["score"] == pytest.approx(next(t["score"] for t in day["targets"] if t["target"] == "20/5"))
        for kinds in found["views"].values():
            adds = sum(term["adds"] for term in found["terms"] if term["kind"] in kinds)
            assert found["reference"] + adds + found["gap"] == pytest.approx(found["score"])
        assert abs(found["gap"]) < 1e-3
        assert found["sentences"][0].startswith("On 9 Mar 2009 vol+breadth")
    for wrong, status in (({"date": "2009-03-08"}, 422), ({"model": "none"}, 404), ({"target": "7/7"}, 404), ({"against": "x"}, 422)):
        assert client.get(f"{LATEST}/explain", params={"model": "vol+breadth", **wrong}).status_code == status


def test_names_are_ranked_by_what_would_be_lost_with_them(client: TestClient) -> None:
    found = get(client, f"{LATEST}/explain", **DAY)["importance"]
    assert sorted(each["name"] for each in found) == sorted(NAMES)
    adds = [abs(each["adds"]) for each in found]
    assert adds == sorted(adds, reverse=True)
    assert adds[0] > 0
    assert {each["layer"] for each in found} == {"correlation"}
    assert all(0 <= each["debtrank"] < 1 for each in found)
    assert sum(each["connectedness"] for each in found) == pytest.approx(0, abs=1e-9)  # what is given is taken


def test_a_scenario_is_that_of_the_library(client: TestClient, stored: Record, home: Path) -> None:
    response = client.post(STRESS, json=BODY)
    assert response.status_code == 200
    found = response.json()
    assert found["found"] == api.stress(stored.id, "2009-03-09", BODY["shocks"], model="vol+breadth", home=home)
    assert found["sentences"][0].startswith("If the market fell 10 % further on 2009-03-09")
    day = get(client, f"{LATEST}/now", **DAY)
    assert found["usual"] == {told["target"]: told["base_rate"] for told in day["targets"]}
    for told in day["targets"]:
        assert found["found"]["rows"][0]["targets"][told["target"]]["before"]["probability"] == told["probability"]


def test_a_scenario_is_kept_by_what_it_asks(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """One address has many answers: by the question, in whatever way it is written, and no tag of one withholds another."""
    from riskradar.serve import whatif

    made, stress = [], whatif.stress
    monkeypatch.setattr(whatif, "stress", lambda *given: made.append(given) or stress(*given))
    bodies = [{**BODY, "shocks": ["market returns -4%"]}, {**BODY, "shocks": ["market returns -8%"]}]
    first, second = (client.post(STRESS, json=body) for body in bodies)
    assert first.json()["found"]["rows"] != second.json()["found"]["rows"]
    spaced = client.post(STRESS, content=f" {second.request.content.decode()} ", headers={"content-type": "application/json"})
    assert spaced.json() == second.json()
    assert client.post(STRESS, json=bodies[0], headers={"if-none-match": first.headers["etag"]}).json() == first.json()
    assert len(made) == 2
    assert client.get(STRESS).status_code == 405


def test_the_smallest_shock_that_raises_the_alarm(client: TestClient) -> None:
    found = client.post(STRESS, json={**DAY, "reverse": "market returns"}).json()
    assert found["shocks"] == []
    assert found["found"]["reverse"]["kind"] == "market returns"
    assert found["sentences"][-1].startswith("Reverse stress of market returns on vol+breadth")


WRONG = {
    "no shock": ({"shocks": []}, 422), "not understood": ({"shocks": ["all will be well"]}, 422),
    "unknown name": ({"shocks": ["nobody returns -5%"]}, 422),
    "too large": ({"shocks": ["market returns -5000%"]}, 422), "contradiction": ({"shocks": ["as on 2008-09-15", "as on 2008-09-16"]}, 422),
    "too many": ({"shocks": ["market returns -1%"] * 21}, 422), "too long": ({"shocks": ["x" * 201]}, 422), "not a list": ({"shocks": "x"}, 422),
    "no session": ({"date": "2009-03-08"}, 422), "a number as date": ({"date": 1236556800}, 422), "no kind": ({"reverse": "joy"}, 422),
    "no model": ({"model": "none"}, 404), "no target": ({"target": "7/7"}, 422), "a key too much": ({"typo": 1}, 422),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_scenario_that_cannot_be_is_a_problem_in_one_line(client: TestClient, case: str) -> None:
    change, status = WRONG[case]
    response = client.post(STRESS, json={**BODY, **change})
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), response.text
    assert "\n" not in response.json()["detail"]
    if case in ("no shock", "not understood", "unknown name", "contradiction"):
        assert "nothing was computed" in response.json()["detail"]


def test_only_a_body_that_says_that_it_is_json_is_read(client: TestClient) -> None:
    """What a form of another site may send is refused before it is looked at; so is what is too long."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""):
        assert client.post(STRESS, content=b'{"date": "2009-03-09"}', headers={"content-type": kind} if kind else {}).status_code == 415
    assert client.post(STRESS, json={**BODY, "shocks": ["x" * 70_000]}).status_code == 413
    assert client.post(STRESS, content=b"{", headers={"content-type": "application/json"}).status_code == 422


def test_data_that_changed_since_are_one_and_the_same_conflict(home: Path, stored: Record, tmp_path: Path) -> None:
    (tmp_path / stored.id).mkdir()
    for path in (path for path in stored.folder.iterdir() if path.is_file()):
        (tmp_path / stored.id / path.name).write_bytes(path.read_bytes())
    about = (stored.folder / "run.json").read_text()
    (tmp_path / stored.id / "run.json").write_text(about.replace(stored.about["panel"]["hash"], "0" * 64))
    client = TestClient(create_app(tmp_path), base_url=URL)
    asked = [client.get(f"{LATEST}/explain", params=DAY), client.get(f"{LATEST}/shocks"), client.post(STRESS, json=BODY)]
    assert [response.status_code for response in asked] == [409] * 3
    assert {response.headers["content-type"] for response in asked} == {"application/problem+json"}
    for path in ("/explain", "/scenarios"):
        page = client.get(path)
        assert page.status_code == 409
        assert "The data are no longer those of this run" in page.text


def test_the_shocks_that_a_session_knows_are_understood(client: TestClient) -> None:
    found = get(client, f"{LATEST}/shocks", date="2009-03-09")
    assert sorted(found["assets"]) == sorted(NAMES)
    assert found["models"]["vol+breadth"]
    groups = {dial["group"] for dial in found["dials"]}
    assert groups == {"Market", "Sectors", "Who moves with whom"}
    shocks = [f"{d['before']}{d['low']:{'+' if d['signed'] else ''}g}{d['after']}" for d in found["dials"]]
    few = [f"{d['before']}{d['rest'] + d['step']:{'+' if d['signed'] else ''}g}{d['after']}" for d in found["dials"]]
    for shock in [*shocks, *few]:
        assert client.post(STRESS, json={**BODY, "shocks": [shock]}).status_code == 200, shock
    names = {dial["name"] for dial in found["dials"]}
    assert all(set(preset["sizes"]) <= names and (preset["sizes"] or preset["as_on"]) for preset in found["presets"])


def test_nobody_waits_for_an_explanation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is being made and more wait for it, everything else is answered; what fails meanwhile is told to the next who asks."""
    going, begun = threading.Event(), threading.Event()

    def slow(*_: Any) -> None:
        begun.set()
        going.wait(30)
        raise why.Refused(422, "it came to nothing")

    monkeypatch.setattr(why, "explain", slow)
    monkeypatch.setattr(questions, "PATIENCE", 0.05)
    with TestClient(create_app(home, limits=Limits(seconds=0.1)), base_url=URL) as client:
        for k in range(4):
            refused = client.get(f"{LATEST}/explain", params={"date": f"2009-03-{10 + k}"})
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        page = client.get("/explain", params=DAY)
        assert (page.status_code, page.headers["refresh"]) == (202, "2")
        assert "still being made" in page.text.lower()
        assert begun.is_set()
        start = time.perf_counter()
        assert client.get(f"{LATEST}/now").status_code == 200
        assert client.get(f"{LATEST}/leaderboard").status_code == 200
        assert time.perf_counter() - start < 5
        for k in range(9):
            last = client.get(f"{LATEST}/explain", params={"date": f"2009-04-{10 + k}"})
        assert last.headers["retry-after"] == "5"
        assert "too many" in last.json()["detail"]
        going.set()
        for _ in range(100):
            told = client.get(f"{LATEST}/explain", params={"date": "2009-03-10"})
            if told.status_code == 422:
                break
            time.sleep(0.05)
        assert told.json()["detail"] == "it came to nothing"


def test_the_page_without_scripts_is_the_explanation(client: TestClient) -> None:
    page, found = client.get("/explain", params=DAY), get(client, f"{LATEST}/explain", **DAY, target="20/5")
    assert page.status_code == 200
    assert "<script type" not in page.text
    assert page.text.count("<table") >= 3
    for line in ("Can this explanation be believed?", "Who would matter if they failed", "Held the score down most"):
        assert line in page.text
    for name in ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;b&gt;0&lt;/b&gt;"):
        assert name in page.text
    assert "<script>alert" not in page.text
    twin = f"{LATEST}/explain?model=vol%2Bbreadth&amp;target=20%2F5&amp;date=2009-03-09"
    assert twin in page.text
    assert client.get(twin.replace("&amp;", "&")).json() == found
    sunday = client.get("/explain", params={**DAY, "date": "2009-03-08", "against": "2008-09-14"}).text
    assert "Change since" in sunday
    assert "date=2009-03-06&amp;against=2008-09-12" in sunday
    assert client.get("/explain", params={**DAY, "against": ""}).status_code == 200
    assert client.get("/explain", params={"date": "1999-01-04"}).status_code == 404
    assert client.get("/explain", params={"model": "none"}).status_code == 404
    assert client.get("/scenarios", params={"date": "x"}).status_code == 422


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_asked_is_text_in_every_answer(client: TestClient, text: str) -> None:
    for wrong in ({"shocks": [text]}, {"reverse": text[:100]}, {"model": text[:80]}, {"target": text}, {text: 1}):
        response = client.post(STRESS, json={**BODY, **wrong})
        assert response.status_code in (404, 422), response.text
        assert not {"<", ">", "&"} & set(response.text)
    for path, key in (("/explain", "model"), ("/explain", "target"), ("/scenarios", "date"), ("/scenarios", "run")):
        response = client.get(path, params={key: text[:40]})
        assert response.status_code in (404, 422)
        assert text not in response.text or "<" not in text


def test_a_scenario_wants_the_token_and_its_own_origin(home: Path, app: FastAPI) -> None:
    locked = TestClient(create_app(home, token=TOKEN, limits=Limits(rate=1e6, burst=10**6)), base_url=URL)
    for credential, status in ((None, 401), ("Bearer wrong", 401), (f"Bearer {TOKEN}", 200)):
        headers = {} if credential is None else {"authorization": credential}
        assert locked.post(STRESS, json=BODY, headers=headers).status_code == status
    client = TestClient(app, base_url=URL)
    for headers, status in (
        ({"origin": "http://evil.com"}, 403), ({"origin": "null"}, 403), ({"origin": URL}, 200), ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403), ({"sec-fetch-site": "same-origin"}, 200), ({"host": "evil.com"}, 421), ({"host": "localhost"}, 200),
    ):  # fmt: skip
        assert client.post(STRESS, json=BODY, headers=headers).status_code == status, headers
