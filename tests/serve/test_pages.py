"""The pages as text: every one answers, runs no script of its own, takes no name for markup, and says what it cannot show."""

import datetime as dt
import hashlib
import re
import shutil
from html import unescape
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from riskradar.html import words
from riskradar.record import Record
from riskradar.serve import create_app, lines, market, overview
from riskradar.serve.pages import NAV, STATIC
from riskradar.serve.problems import MEDIA
from riskradar.serve.scores import Span
from riskradar.serve.shelf import Shelf, View
from tests.serve.conftest import DAMAGED, NAMES, URL

PAGES = tuple(path for path, _ in NAV)
OF_A_RUN = tuple(path for path in PAGES if path not in ("/alerts", "/track", "/runs"))
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\son[a-z]+\s*=\s*[\"']|(?:href|src|action)\s*=\s*[\"']?javascript:", re.IGNORECASE)
TAGS = [name for name in NAMES if "<" in name]


@pytest.fixture(scope="module")
def shelf(home: Path) -> Shelf:
    return Shelf(home)


@pytest.fixture(scope="module")
def opened(shelf: Shelf, stored: Record) -> View:
    return shelf.view(stored.id)


@pytest.fixture(scope="module")
def closed(shelf: Shelf, sealed: Record) -> View:
    return shelf.view(sealed.id)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_and_runs_no_script_of_its_own(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert not INLINE.search(answer.text)
    assert not [name for name in TAGS if name in answer.text]
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert [source for source in sources if not source.startswith(("/", "#", "data:,"))] == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_names_a_twin_that_answers(client: TestClient, path: str) -> None:
    (twin,) = re.findall(r'The same for programs: <a href="([^"]+)">', client.get(path).text)
    answer = client.get(unescape(twin))
    assert answer.status_code == 200, twin
    assert answer.headers["content-type"] == "application/json"


def test_the_overview_is_small(client: TestClient) -> None:
    """Everything beyond the vendored bundles, as it travels."""
    names = ("site.css", "page.css", "theme.js", "shared.js", "overview.js")
    addresses = ["/", *(f"/static/{name}" for name in names), "/v1/runs/latest/timeline?points=600&target=20/5"]
    sizes = []
    for address in addresses:
        with client.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            assert answer.status_code == 200
            sizes.append(len(b"".join(answer.iter_raw())))
    assert sum(sizes) < 300_000


def test_without_a_run_the_page_says_what_to_do(tmp_path: Path) -> None:
    for path in OF_A_RUN:
        answer = TestClient(create_app(tmp_path), base_url=URL).get(path)
        assert answer.status_code == 404
        assert "No run is stored yet" in answer.text
        assert "riskradar run tiny" in answer.text


def test_a_run_that_is_not_there_is_not_repeated(client: TestClient) -> None:
    answer = client.get("/", params={"run": "<script>alert(1)</script>"})
    assert answer.status_code == 404
    assert "alert(1)" not in answer.text
    assert "There is nothing to show here" in answer.text


def test_a_damaged_run_is_a_row_that_says_so(client: TestClient) -> None:
    page = client.get("/runs").text
    assert DAMAGED in page
    assert "damaged, or written by a version" in page


def test_a_sealed_half_is_said_on_every_page_that_would_need_it(client: TestClient, sealed: Record) -> None:
    overview_page, evaluation = (client.get(path, params={"run": sealed.id}).text for path in ("/", "/evaluation"))
    assert "from 1 Jan 2010 on sealed" in overview_page
    assert "second half sealed" in evaluation


def test_an_undefined_figure_is_undefined_with_its_reason(client: TestClient) -> None:
    assert "undefined: no session has 252 matured calm ONSET days before it" in client.get("/evaluation").text


def test_a_replayed_day_says_so_and_knows_no_later_base_rate(client: TestClient) -> None:
    page = client.get("/", params={"date": "2009-03-04"}).text
    assert "Replay of 4 Mar 2009" in page
    assert "/v1/runs/latest/overview?date=2009-03-04" in page
    assert "known by then" in page


def test_the_overview_names_fragile_assets_as_they_were_known(client: TestClient, stored: Record) -> None:
    today, replayed, early = (client.get("/", params={"date": day} if day else {}).text for day in ("", "2009-03-04", "2008-01-02"))
    assert stored.about["nodes"]["note"] in unescape(today)
    assert "ridge over har" in today
    assert "worst forecasts of 8 on 4 Mar 2009" in replayed
    assert "ridge over har" not in replayed, "the record came later"
    assert "under a year of forecasts" in early


def test_a_withheld_score_is_said_and_not_carried_forward(stored: Record, tmp_path: Path) -> None:
    home = tmp_path / "runs"
    shutil.copytree(stored.folder, home / stored.id)
    place = home / stored.id / "forecasts.parquet"
    table = pd.read_parquet(place)
    table.loc[table["date"] == table["date"].max(), ["score", "probability"]] = np.nan
    table.to_parquet(place)
    page = TestClient(create_app(home), base_url=URL).get("/").text
    assert f"No score on {words.day(table['date'].max())}" in page
    assert "is not carried forward" in page
    assert "Nothing to explain" in page
    assert page.count('<span class="und">withheld</span>') >= 4


@pytest.mark.parametrize(("address", "status", "said"), [
    ("/nothing", 404, "no page has this address"), ("/network?a=yesterday", 422, "query.a: "), ("/?utm=%3Cscript%3E", 422, "query: Extra inputs"),
    ("/explain?date=<b>", 422, "query.date: "),
])  # fmt: skip
def test_a_wrong_address_leads_a_person_to_a_page_and_a_program_to_a_problem(client: TestClient, address: str, status: int, said: str) -> None:
    page = client.get(address, headers={"accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert said in page.text
    assert '<a href="/runs">' in page.text
    assert "<b>" not in page.text
    assert client.get(address).headers["content-type"] == MEDIA
    assert client.get(f"/v1{address}", headers={"accept": "text/html"}).headers["content-type"] == MEDIA


def test_two_runs_are_compared(client: TestClient, stored: Record, sealed: Record) -> None:
    page = client.get("/runs", params={"first": stored.id, "second": sealed.id}).text
    assert "1 setting differs; the data are not the same" in page
    assert "data.end" in page


def test_static_files_are_what_was_vendored(client: TestClient) -> None:
    vendor = resources.files("riskradar.serve").joinpath("static/vendor")
    sums = dict(reversed(line.split()) for line in vendor.joinpath("SHA256SUMS").read_text("utf-8").splitlines())
    assert sums == {name: hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() for name in ("cytoscape.min.js", "cytoscape.LICENSE")}
    for name in STATIC:
        answer = client.get(f"/static/{name}")
        assert client.get(f"/static/{name}", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert client.get("/static/../pages.py").status_code == 404


def test_the_terms_of_a_rule_add_up_or_are_not_shown(opened: View) -> None:
    rule = overview.overview(opened, "vol+breadth")
    assert [term.name for term in rule.terms.rows] != []
    assert rule.terms.total == pytest.approx(sum(term.push for term in rule.terms.rows), abs=1e-12)
    learned = overview.overview(opened, "logistic-vol")
    assert learned.terms.rows == ()
    assert "no" in learned.terms.reason


def test_what_moved_is_the_difference_of_two_sessions(opened: View) -> None:
    found = overview.overview(opened)
    chances = [moved for moved in found.moved if moved.unit == "share"]
    dates = opened.forecast(found.now.model).dates
    assert found.before == dates[-6].astype(object)
    assert [moved.now for moved in chances] == [told.probability for told in found.now.targets]
    assert all(moved.now - moved.before == pytest.approx(moved.change) for moved in chances)  # type: ignore[operator]


def test_a_thinned_line_keeps_its_ends_and_extremes(opened: View) -> None:
    whole = lines.timeline(opened, "", "20/5", Span(), 100_000)
    thin = lines.timeline(opened, "", "20/5", Span(), 60)
    assert len(thin.dates) <= 4 * 60 < len(whole.dates)
    assert (min(thin.chance), max(thin.chance)) == (min(whole.chance), max(whole.chance))  # type: ignore[type-var]
    assert min(v for v in thin.below if v is not None) == min(v for v in whole.below if v is not None)
    part = lines.timeline(opened, "", "20/5", Span(start=dt.date(2009, 3, 2), end=dt.date(2009, 9, 30)), 600)
    assert part.dates[0] >= dt.date(2009, 3, 2)
    assert part.dates[-1] <= dt.date(2009, 9, 30)


def test_nothing_is_told_of_what_came_after_the_seal(closed: View) -> None:
    found = lines.timeline(closed, "", "20/5", Span(), 100_000)
    later = np.array([str(date) >= found.sealed for date in found.dates])
    assert later.any()
    assert {below for below, hidden in zip(found.below, later, strict=True) if hidden} == {None}
    assert all(str(first) < found.sealed for first, _ in found.alarms)
    assert overview.overview(closed).alarms.open is None


def test_the_strip_holds_every_measure_once_a_week(opened: View) -> None:
    found = lines.strip(opened)
    frame = opened.inputs.measures
    assert frame is not None
    assert set(found.measures) == set(frame.columns)
    gaps = np.diff(np.array(found.dates, "datetime64[D]")).astype(int)
    assert gaps.min() >= 1
    assert np.median(gaps) == 7
    assert found.measures["density"][-1] == pytest.approx(float(frame["density"].iloc[-1]), abs=1e-4)


def test_a_part_of_equal_edges_is_no_star_around_the_first_name(opened: View) -> None:
    found = market.network(opened, dt.date(2009, 9, 30), ("sector", "correlation"), 12)
    (sector,) = (layer for layer in found.layers if layer.layer == "sector")
    drawn = [edge for edge in found.edges if edge.layer == "sector"]
    assert len(drawn) == sector.given == 6 < sector.edges
    assert len({edge.source for edge in drawn}) > 3
    assert len(set(drawn)) == 6


def test_every_page_of_the_bar_stands_in_the_application(app: FastAPI) -> None:
    known = TestClient(app, base_url=URL)
    assert {known.get(path, headers={"if-none-match": "*"}).status_code for path in PAGES[:-1]} == {200}
