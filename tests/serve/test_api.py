"""The API against the run that it speaks of: every route, every number from the tables, undefined with a reason."""

import csv
import io
import json
import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import riskradar as rr
from riskradar import layers, nodes, record
from riskradar.record import Record
from riskradar.serve import create_app, scores
from riskradar.serve.shelf import Shelf
from tests.serve.conftest import DAMAGED, NAMES, URL

LATEST = "/v1/runs/latest"
ASKED = {"/v1/runs/{run}/stress": {"date": "2009-03-09", "shocks": ["market returns -10%"], "model": "vol+breadth"}}  # bodies of what is no GET
FILLED = {"run": "latest", "model": "vol+breadth", "date": "2009-03-09", "number": "1"}
OF_NO_RUN = ("/v1/runs", "/v1/alerts", "/v1/track")
CHANGES = ("/v1/alerts/{number}/acknowledge",)  # the only routes that do


def address(path: str, sealed: Record) -> str:
    name = {"/measures/": "turbulence", "/layers/": "correlation"}
    named = next((value for part, value in name.items() if part in path), "")
    query = "?source=A%26B" if path.endswith("/paths") else ""
    return path.format(**{**FILLED, "other": sealed.id}, name=named, path="none") + query


def get(client: TestClient, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(path, params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_every_route_answers_in_its_own_words(app: FastAPI, client: TestClient, stored: Record, sealed: Record) -> None:
    description = client.get("/v1/openapi.json").json()
    assert len(description["paths"]) >= 17
    for path, operations in description["paths"].items():
        assert set(operations) == {"post" if path in {*CHANGES, *ASKED} else "get"}
        if path in CHANGES:
            continue
        response = client.post(address(path, sealed), json=ASKED[path]) if path in ASKED else client.get(address(path, sealed))
        assert response.status_code == 200, (path, response.text)
        assert response.headers["content-type"] == "application/json"
        if path not in OF_NO_RUN:
            found = response.json()
            head = (stored.id, stored.about["config_hash"], stored.about["panel"]["hash"])
            assert (found["run"], found["config_hash"], found["panel_hash"]) == head
            assert found["as_of"] <= stored.about["panel"]["end"]
            assert (response.headers["radar-run"], response.headers["radar-as-of"]) == (stored.id, found["as_of"])
        if path in ASKED:
            continue
        again = client.get(address(path, sealed), headers={"if-none-match": f'"other", {response.headers["etag"].removeprefix("W/")}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", response.headers["etag"])


def test_the_list_of_runs_is_paged_and_names_what_cannot_be_read(client: TestClient, stored: Record, sealed: Record) -> None:
    first = get(client, "/v1/runs", limit=1)
    assert [row["run"] for row in first["rows"]] == [stored.id]
    rest = get(client, "/v1/runs", cursor=first["next"])
    assert [row["run"] for row in rest["rows"]] == [sealed.id, DAMAGED]
    assert rest["next"] is None
    assert [bool(row["reason"]) for row in rest["rows"]] == [False, True]
    assert [row["sealed"] for row in first["rows"] + rest["rows"][:1]] == ["", "2010-01-01"]


def test_now_is_what_the_run_stored(client: TestClient, stored: Record) -> None:
    found = get(client, f"{LATEST}/now", model="logistic-vol")
    forecast = stored.forecasts()["logistic-vol"]
    assert found["as_of"] == str(forecast.dates[-1])
    assert found["cutoff"] == str(forecast.cutoff[-1])
    assert not found["replayed"]
    rates = {t["name"]: t["base_rate"] for t in stored.evaluation["targets"]}
    for k, outlook in enumerate(found["targets"]):
        track = forecast.probability[:, :, 0, k].mean(axis=0)
        assert outlook["probability"] == track[-1]
        assert outlook["change"]["value"] == pytest.approx(track[-1] - track[-6], abs=1e-15)
        assert outlook["percentile"]["value"] == np.mean(track[:-1][np.isfinite(track[:-1])] < track[-1])
        assert outlook["base_rate"]["value"] == rates[outlook["target"]]
        assert outlook["seeds"] == {"low": None, "high": None, "what": "one seed", "reason": "a rule, or one seed: it has no spread"}
        assert (outlook["band"]["low"] is None) == bool(outlook["band"]["reason"])


def test_several_seeds_have_a_spread() -> None:
    found = scores.spread(np.array([0.2, 0.1, 0.4]))
    assert (found.low, found.high, found.what) == (0.1, 0.4, "lowest and highest of 3 seeds")
    assert scores.spread(np.array([0.2, np.nan])).reason == "withheld"


def test_a_replayed_day_knows_no_later_outcome(client: TestClient, stored: Record) -> None:
    found = get(client, f"{LATEST}/now", date="2009-03-08")  # a Sunday: the Friday before answers
    assert (found["as_of"], found["replayed"]) == ("2009-03-06", True)
    known = stored.outcomes().upto("2009-03-06").system("20/5")
    outlook = next(t for t in found["targets"] if t["target"] == "20/5")
    assert outlook["base_rate"]["value"] == pytest.approx(np.nanmean(known))
    assert outlook["band"]["reason"]
    assert client.get(f"{LATEST}/now", params={"date": "1999-01-04"}).status_code == 404


def test_pages_of_a_history_make_the_whole(client: TestClient, stored: Record) -> None:
    path, forecast = f"{LATEST}/models/vol+breadth/history", stored.forecasts()["vol+breadth"]
    rows, cursor, asked = [], None, 0
    while asked == 0 or cursor:
        page = get(client, path, limit=400, **({"cursor": cursor} if cursor else {}))
        rows, cursor, asked = rows + page["rows"], page["next"], asked + 1
    assert asked == math.ceil(len(forecast.dates) / 400)
    assert [row["date"] for row in rows] == [str(d) for d in forecast.dates]
    k = [t.name for t in forecast.targets].index("20/5")
    assert [row["probability"] for row in rows] == [None if p != p else p for p in forecast.probability[:, :, 0, k].mean(axis=0)]
    assert all(bool(row["reason"]) == (row["probability"] is None) for row in rows)
    assert get(client, path, days=5)["rows"] == rows[-5:]
    assert get(client, path, start="2009-01-01", end="2009-01-31", limit=5000)["rows"] == [r for r in rows if r["date"].startswith("2009-01")]
    assert get(client, path, start="2010-01-01", end="2009-01-01")["rows"] == []


def test_csv_is_asked_for_by_name_or_by_accept(client: TestClient) -> None:
    path = f"{LATEST}/models/vol+breadth/history"
    plain = get(client, path, days=3)
    for response in (client.get(path, params={"days": 3, "format": "csv"}), client.get(path, params={"days": 3}, headers={"accept": "text/csv"})):
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [float(row["probability"]) for row in rows] == [row["probability"] for row in plain["rows"]]
    assert client.get(path, params={"days": 3, "format": "json"}, headers={"accept": "text/csv"}).json() == plain
    following = client.get(path, params={"limit": 3}).links["next"]["url"]
    assert client.get(following).json()["rows"][0]["date"] > get(client, path, limit=3)["rows"][-1]["date"]


def test_outcomes_are_withheld_from_the_sealed_half_on(client: TestClient, sealed: Record) -> None:
    rows = get(client, f"/v1/runs/{sealed.id}/labels", limit=5000)["rows"]
    frame = sealed.labels()
    assert len(rows) == len(frame)
    for row, level, came in zip(rows, frame["level"], frame["20/5"], strict=True):
        if row["date"] >= "2010-01-01":
            assert (row["level"], row["onset"], row["outcome"], row["known"]) == (None,) * 4
            assert row["reason"] == "sealed from 2010-01-01 on"
        else:
            assert (row["level"], row["outcome"]) == (level, came)
    assert all(event["trough"] < "2010-01-01" for event in get(client, f"/v1/runs/{sealed.id}/events")["rows"])


def test_what_is_not_known_yet_is_null_with_the_reason(client: TestClient) -> None:
    rows = get(client, f"{LATEST}/labels", days=21)["rows"]
    assert [row["outcome"] is None for row in rows] == [False] + [True] * 20
    assert {row["reason"] for row in rows[1:]} == {"not known yet"}


def test_a_network_is_the_graphs_of_its_date(client: TestClient, home: Path, stored: Record) -> None:
    panel, graphs = Shelf(home).view().drawn()
    assert record.panel_hash(panel) == stored.about["panel"]["hash"]
    found = get(client, f"{LATEST}/network/2009-03-09")
    t = int(np.flatnonzero(panel.dates == np.datetime64("2009-03-09"))[0])
    for name in graphs.layers:
        weights = graphs.layers[name].block(t, t + 1)[0]
        pairs = {(e["source"], e["target"]): e["weight"] for e in found["edges"] if e["layer"] == name}
        assert pairs == {(panel.assets[i], panel.assets[j]): weights[i, j] for i, j in np.argwhere(np.triu(weights, 1))}
        drawn = next(d for d in found["layers"] if d["layer"] == name)
        assert (drawn["edges"], drawn["given"], drawn["density"]) == (len(pairs), len(pairs), len(pairs) / 28)
    few = get(client, f"{LATEST}/network/2009-03-09", layer="correlation", edges=3)
    assert len(few["edges"]) == 3
    assert {e["layer"] for e in few["edges"]} == {"correlation"}
    assert [node["asset"] for node in few["nodes"]] == list(panel.assets)
    assert client.get(f"{LATEST}/network/1999-01-04").status_code == 404


def test_paths_are_those_of_the_graphs_of_their_date(client: TestClient, home: Path) -> None:
    chains = 0
    for name in NAMES:
        found, told = get(client, f"{LATEST}/network/2009-03-09/paths", source=name), rr.pathways("latest", name, "2009-03-09", home=home)
        assert {layer.pop("layer"): layer for layer in found["layers"]} == told["layers"]
        assert found["meaning"] == told["meaning"]
        chains += sum(len(layer["onward"]) for layer in told["layers"].values())
    assert chains
    assert get(client, f"{LATEST}/network/2009-03-08/paths", source="A&B")["as_of"] == "2009-03-06"
    for date, source, status in (("2009-03-09", "S99", 404), ("1999-01-04", "A&B", 404), ("2009-03-09", "", 422)):
        assert client.get(f"{LATEST}/network/{date}/paths", params={"source": source}).status_code == status


def test_changed_data_draw_no_network(home: Path, stored: Record, tmp_path: Path) -> None:
    """Graphs of other prices than those of the run would be a lie."""
    (tmp_path / stored.id).mkdir()
    for name in ("run.json", "evaluation.json", "forecasts.parquet", "labels.parquet"):
        (tmp_path / stored.id / name).write_bytes((stored.folder / name).read_bytes())
    about = json.loads((stored.folder / "run.json").read_text())
    about["panel"]["hash"] = "0" * 64
    (tmp_path / stored.id / "run.json").write_text(json.dumps(about))
    response = TestClient(create_app(tmp_path), base_url=URL).get(f"{LATEST}/network/2009-03-09")
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"


def test_the_leaderboard_is_the_evaluation(client: TestClient, stored: Record) -> None:
    rows = get(client, f"{LATEST}/leaderboard")["rows"]
    by_name = {row["model"]: row for row in stored.evaluation["rows"]}
    assert {row["model"] for row in rows} == set(by_name)
    for row in rows:
        cell = by_name[row["model"]]["targets"][row["target"]]
        assert row["auroc_onset"] == {key: cell["auroc_onset"][key] for key in ("value", "low", "high", "reason")}
        assert (row["auroc"]["value"] is None) == bool(row["auroc"]["reason"])
    one = get(client, f"{LATEST}/evaluation", model="vol+breadth")["evaluation"]["rows"]
    assert [row["model"] for row in one] == ["vol+breadth"]
    assert one[0]["targets"] == by_name["vol+breadth"]["targets"]


def test_measures_and_layers_are_the_stored_ones(client: TestClient, stored: Record) -> None:
    frame, summary = stored.measures(), stored.layers()
    assert frame is not None
    assert summary is not None
    rows = get(client, f"{LATEST}/measures/turbulence", limit=5000)["rows"]
    assert [row["value"] for row in rows] == [None if v != v else v for v in frame["turbulence"]]
    assert all(bool(row["reason"]) == (row["value"] is None) for row in rows)
    last = {row["measure"]: row["value"]["value"] for row in get(client, f"{LATEST}/measures")["rows"]}
    assert last["turbulence"] == rows[-1]["value"]
    points = get(client, f"{LATEST}/layers/correlation", limit=5000)["rows"]
    column = summary.density[:, summary.names.index("correlation")]
    assert [point["density"] for point in points] == [None if v != v else v for v in column]


def test_fragile_assets_are_those_of_the_stored_table(client: TestClient, stored: Record, sealed: Record) -> None:
    found, table = get(client, f"{LATEST}/nodes"), stored.nodes()
    assert table is not None
    assert found["rows"] == stored.about["nodes"]["fragile"]["rows"]
    assert (found["note"], len(found["skill"])) == (nodes.NOTE, len(stored.about["nodes"]["skill"]))
    worst = [row["expected"]["log-drawdown/60"] for row in found["rows"]]
    assert worst == sorted(worst, reverse=True)
    first = get(client, f"{LATEST}/nodes", limit=3, date="2009-03-08")
    assert first["as_of"] == "2009-03-06", "the last session by then"
    rest = get(client, f"{LATEST}/nodes", limit=3, date="2009-03-08", cursor=first["next"])
    past = nodes.fragile(table, "2009-03-06")
    assert first["rows"] + rest["rows"] == past["rows"][:6]
    assert get(client, f"{LATEST}/nodes", cursor=6)["next"] is None
    assert {row["half"] for row in get(client, f"/v1/runs/{sealed.id}/nodes")["skill"]} == {"all"}, "a sealed half is not judged"
    listed = list(csv.DictReader(io.StringIO(client.get(f"{LATEST}/nodes?format=csv").text)))
    assert [float(row["expected.log-drawdown/60"]) for row in listed] == worst


def test_two_runs_differ_in_the_settings_that_differ(client: TestClient, stored: Record, sealed: Record) -> None:
    found = get(client, f"{LATEST}/diff/{sealed.id}")
    assert [(row["key"], row["first"], row["second"]) for row in found["rows"]] == [("data.end", "2009-12-31", None)]
    assert not found["same_data"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/nothing", 404), ("/v1/runs/none", 404), (f"/v1/runs/{DAMAGED}", 500), (f"{LATEST}/models/none/history", 404),
        (f"{LATEST}/models/vol+breadth/history?target=9/9", 404), (f"{LATEST}/measures/none", 404), (f"{LATEST}/layers/none", 404),
        (f"{LATEST}/network/tomorrow", 422), (f"{LATEST}/nodes?date=1990-01-02", 404), (f"{LATEST}/nodes?cursor=-1", 422),
        (f"{LATEST}/models/vol+breadth/history?days=1000000000", 422), (f"{LATEST}/now?date=x", 422),
        (f"{LATEST}/now?typo=1", 422), (f"{LATEST}/now?date=0", 422),
        (f"{LATEST}/labels?start=1230768000", 422), (f"{LATEST}/network/0", 422),
        (f"{LATEST}/evaluation?model=none", 404), ("/v1/runs/..%2F..%2Fetc", 404), ("/v1/docs", 404), ("/docs", 404),
    ],
)  # fmt: skip
def test_errors_are_problems(client: TestClient, home: Path, path: str, status: int) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    told = response.json()
    assert (told["status"], bool(told["title"]), bool(told["detail"])) == (status, True, True)
    assert str(home) not in response.text
    assert "Traceback" not in response.text


def test_a_wrong_method_is_a_problem_that_names_the_right_one(client: TestClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE"):
        response = client.request(method, f"{LATEST}/now")
        assert (response.status_code, response.headers["allow"], response.json()["status"]) == (405, "GET", 405)


def test_a_bug_tells_nothing_and_stays_guarded(home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(scores, "now", broken)
    response = TestClient(create_app(home), base_url=URL).get(f"{LATEST}/now")
    assert (response.status_code, response.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "secret detail" in caplog.text


def test_no_runs_is_said(tmp_path: Path) -> None:
    client = TestClient(create_app(tmp_path / "none"), base_url=URL)
    assert client.get("/v1/runs").json() == {"next": None, "rows": []}
    assert "riskradar run" in client.get(f"{LATEST}/now").json()["detail"]


def test_a_reader_sees_the_old_run_or_the_new_one_and_no_mix(home: Path, stored: Record, tmp_path: Path) -> None:
    """The evaluation and the account of a run are written one after the other while it is read."""
    folder = tmp_path / stored.id
    folder.mkdir()
    for path in (path for path in stored.folder.iterdir() if path.is_file()):
        (folder / path.name).write_bytes(path.read_bytes())
    run = record.load(tmp_path)
    client = TestClient(create_app(tmp_path), base_url=URL)
    seen, end = [], threading.Event()

    def write() -> None:
        for k in range(30):
            time.sleep(0.01)  # a file system tells times a few milliseconds apart
            record.replaced(run, {**run.about, "sentence": f"version {k}"}, {**run.evaluation, "sealed": f"version {k}"})
        end.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not end.is_set():
        seen.append(get(client, LATEST))
    writer.join()
    seen.append(get(client, LATEST))
    assert seen[-1]["sealed"] == "version 29"
    assert all(found["sealed"] == found["sentence"] or found["sealed"] == "" for found in seen)


def test_examples_are_answers(app: FastAPI, client: TestClient) -> None:
    from riskradar.serve import answers, problems

    for model in (answers.History, answers.Runs, problems.Problem):
        for example in model.model_json_schema()["examples"]:
            assert model.model_validate(example).model_dump(mode="json") == example


def test_layers_are_drawn_without_their_twins(home: Path) -> None:
    _, graphs = Shelf(home).view().drawn()
    assert graphs.layers
    assert not any(layers.TWIN.fullmatch(name) for name in graphs.layers)
