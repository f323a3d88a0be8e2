import base64
import hashlib
import json
import re
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from riskradar.html.page import PLOTLY, inert
from riskradar.tables import Labels
from tests.evaluate.conftest import make_forecast, make_labels
from tests.html.conftest import Stored, make_forecasts, store
from tests.html.reader import Reader

HOSTILE = "<img src=x onerror=alert(1)></script><!--{{7*7}}\u2028'\""


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_every_tag_closes(read: Reader):
    assert read.crossed == []
    assert read.open == []


def test_nothing_is_fetched(read: Reader):
    for tag, attributes in read.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)
    for _, _, text in read.raw:
        if _ == "style":
            assert "url(" not in text
            assert "@import" not in text


def test_page_is_small(page: str):
    assert len(page.encode()) < 2_500_000


def test_no_inline_handlers(read: Reader):
    assert not [a for _, attributes in read.tags for a in attributes if a.startswith("on")]


def test_policy_names_exactly_the_scripts_of_the_page(read: Reader):
    policy = next(m["content"] for m in read.of("meta") if m.get("http-equiv") == "Content-Security-Policy")
    scripts = [text for tag, attributes, text in read.raw if tag == "script" and "type" not in attributes]
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"sha256-([^']+)", policy) == hashes
    assert len(hashes) == 2
    assert "default-src 'none'" in policy


def test_every_model_and_every_reason_is_there(run: Stored, read: Reader):
    for name in run.forecasts:
        assert name in read.text
    assert "undefined: constant score: it ranks nothing" in read.text
    assert "undefined: not a probability" in read.text
    assert "no series vix in the macro data" in read.text


def test_every_target_has_a_table_and_a_switch(run: Stored, read: Reader):
    assert len([i for i in read.of("input") if i.get("name") == "target"]) == len(run.evaluation["targets"])
    for record in run.evaluation["targets"]:
        assert f"{record['sessions']:,}".replace(",", "\u202f") + " shared sessions" in read.text


def test_definitions_are_printed(run: Stored, read: Reader):
    for definition in run.evaluation["definitions"]:
        assert " ".join(definition["text"].split()) in read.text


def test_the_first_refused_cells_are_listed_and_the_rest_counted(read: Reader):
    assert "bad19" in read.text
    assert "bad20" not in read.text
    assert "the first 20; 3 more" in read.text
    assert "23 of 9\u202f000 cells were refused" in read.text


def test_charts_say_what_they_show(read: Reader):
    charts = [a for a in read.of("svg") if a.get("role") == "img"]
    assert len(charts) > 30
    assert all(a.get("aria-label") for a in charts)


def test_hindsight_wears_its_badge(read: Reader):
    assert "chosen after the fact" in read.text
    assert "noise : inputs were noticed" in read.text or "noise: inputs were noticed" in read.text


def test_same_inputs_give_the_same_page(run: Stored, page: str):
    assert run.page() == page


def test_hostile_names_are_only_text(labels: Labels, run: Stored):
    forecasts = {**make_forecasts(labels), HOSTILE: make_forecast(HOSTILE, labels, np.random.default_rng(1).normal(size=len(labels.dates)))}
    stored = store(labels, forecasts)
    refused = [{**run.about["intake"]["record"]["refused"][0], "column": HOSTILE, "text": HOSTILE}]
    intake = {"lines": [HOSTILE], "record": {**run.about["intake"]["record"], "refused": refused}}
    about = {"id": HOSTILE, "intake": intake, "panel": {**run.about["panel"], "index": HOSTILE, "text": HOSTILE}, "absent": {HOSTILE: HOSTILE}}
    read = Reader(stored.told(**about).page())
    assert read.of("img") == []
    assert len(read.of("script")) == 3
    assert read.crossed == []
    assert "<img src=x onerror=alert(1)>" in read.text
    assert "{{7*7}}" in read.text
    assert "49" not in {w for w in read.text.split() if w.startswith("49<")}


def test_json_in_a_script_cannot_end_it():
    text = inert({"a": HOSTILE})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": HOSTILE}


def test_one_class_is_undefined_with_its_reason():
    calm = make_labels(100 * np.exp(np.arange(1500) * 1e-4))
    stored = store(calm, make_forecasts(calm), min_events=1, start="1996-01-02")
    read = Reader(stored.page())
    assert "0 independent events of 5 %" in read.text
    assert "no fall of 10\u202f% or more lies in the evaluated span" in read.text
    assert "No row has been shown" not in read.text


def test_a_run_without_any_row_still_has_a_page(labels: Labels):
    read = Reader(store(labels, {}).page())
    assert "No row of this run gives a probability." in read.text
    assert "no series vix in the macro data" in read.text
    assert read.of("script") == []


def test_two_comparators_have_a_column_and_a_headline_each(labels: Labels):
    read = Reader(store(labels, make_forecasts(labels), comparators=("vol+breadth", "noise")).page())
    assert read.text.count("against noise") >= 3
    assert "Against noise" in read.text


def test_scores_without_probabilities_have_no_sentence(labels: Labels):
    only = {"noise": make_forecast("noise", labels, np.random.default_rng(2).normal(size=len(labels.dates)))}
    assert "No row of this run gives a probability." in Reader(store(labels, only).page()).text


def test_a_missing_last_day_is_withheld_and_not_carried_forward(labels: Labels):
    forecasts = make_forecasts(labels)
    gap = forecasts["vol+breadth"].probability.copy()
    gap[:, -1] = np.nan
    forecasts["vol+breadth"] = replace(forecasts["vol+breadth"], probability=gap)
    read = Reader(store(labels, forecasts).page())
    assert "No score on" in read.text
    assert "it is not carried forward" in read.text


def test_vendored_files_are_the_ones_that_were_reviewed():
    vendor = resources.files("riskradar.html").joinpath("vendor")
    for line in vendor.joinpath("SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split()
        assert hashlib.sha256(vendor.joinpath(name).read_bytes()).hexdigest() == digest
    assert vendor.joinpath("plotly-cartesian.LICENSE").is_file()


def test_vendored_script_can_stand_inside_a_page():
    script = resources.files("riskradar.html").joinpath(PLOTLY).read_bytes()
    assert b"\r" not in script  # a parser would turn it into a line feed, and the policy's hash would not fit
    assert not re.search(rb"</script|<!--|<script", script, re.IGNORECASE)
