"""What the report tells of why: the days, the graph, the table beside it, and the page that shows them."""

import numpy as np
import pytest

import riskradar as rr
from riskradar.attribution import story
from riskradar.html.why import drawing, spot
from riskradar.record import Record
from riskradar.reopen import Opened, reopen
from riskradar.tables import Target
from tests.test_api import OWN, prices

CRISES = {"one": ("2004-01-01", "2004-12-31"), "two": ("2006-01-01", "2006-12-31"), "none": ("1990-01-01", "1990-12-31")}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return rr.run(prices(1), "tiny", OWN, home=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def opened(stored: Record) -> Opened:
    return reopen(stored, prices(1))


def test_the_height_of_a_crisis_is_its_highest_score(stored: Record) -> None:
    forecast = stored.forecasts()["vol+breadth"]
    found = dict(story.days(forecast, Target.parse("20/5"), CRISES))
    assert set(found) == {"last session", "one", "two"}
    assert found["last session"] == str(forecast.dates[-1])
    inside = (forecast.dates >= np.datetime64("2004-01-01")) & (forecast.dates <= np.datetime64("2004-12-31"))
    at = int(np.searchsorted(forecast.dates, np.datetime64(found["one"])))
    assert forecast.score[0, at, 0, 1] == np.nanmax(forecast.score[0, inside, 0, 1])
    assert set(dict(story.days(forecast, Target.parse("20/5"), CRISES, "2006-01-01"))) == {"last session", "one"}, "what is sealed is not shown"


def test_the_run_stores_why_and_the_page_shows_it(stored: Record) -> None:
    page, told = (stored.folder / "report.html").read_text("utf-8"), stored.about["why"]
    assert told[0]["name"] == "last session"
    for each in told:
        assert each["sentences"][0].split(" puts ")[0].split(" the score ")[0] in page
        assert page.count('class="market" role="img"') == len(told)
        whole = sum(term["adds"] for term in each["terms"] if term["kind"] in ("feature", "series", "layer"))
        assert sum(term["adds"] for term in each["terms"] if term["kind"] == "node") == pytest.approx(whole)
        assert each["scenarios"][0]["shocks"] == ["market returns -10%"]
    assert page.count("What if, on that day") == len(told)


def test_assets_stand_where_they_stood(opened: Opened) -> None:
    found = story.told(opened, "vol+breadth", Target.parse("20/5"), opened.record.forecasts()["vol+breadth"])
    graph = found[0][2]
    assert [node["name"] for node in graph["nodes"]] == list("ABCDE")
    assert graph["all_edges"] >= len(graph["edges"])
    assert all(0 <= node["debtrank"] <= 1 for node in graph["nodes"])
    hues = {"": 0}
    each = {"date": "2004-01-02", "graph": {**graph, "nodes": [{**node, "name": "<b>"} for node in graph["nodes"]]}}
    assert "<b>" not in drawing(each, hues)
    assert len({spot(k, 5) for k in range(5)}) == 5
