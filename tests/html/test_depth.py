"""The section on how deep it could be."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from riskradar import evaluate, html, text
from riskradar.evaluate import EvaluateConfig
from riskradar.html.depth import depth
from riskradar.html.inputs import Inputs
from riskradar.tables import Distribution, Labels
from tests.html.conftest import Stored, make_forecasts, store
from tests.html.reader import Reader

CONFIG = EvaluateConfig(draws=20, end=None, min_events=3)
HOSTILE = "<img src=x onerror=alert(1)>"


def distribution(labels: Labels) -> Distribution:
    atoms = np.tile(np.linspace(0.01, 0.2, 20) * np.array([[1.0], [2.0]]), (len(labels.dates), 1, 1))
    return Distribution("pool", labels.dates, (20, 60), atoms, labels.dates)


@pytest.fixture(scope="module")
def inputs(labels: Labels) -> Inputs:
    made = make_forecasts(labels)
    made["pool"] = replace(made["vol+breadth"], model="pool")
    run, falls = store(labels, made), {"pool": distribution(labels)}
    judged = evaluate.outlook(made, falls, labels, CONFIG)
    report = replace(evaluate.run(made, labels, CONFIG), outlook=judged)
    assert evaluate.Report.from_record(report.record()).record() == report.record()
    return Inputs(run.about, report.record(), made, run.labels, falls=evaluate.shown(falls, labels))


def page(inputs: Inputs, falls: pd.DataFrame | None) -> Reader:
    return Reader(html.build(inputs.about, inputs.evaluation, inputs.forecasts, inputs.labels, falls=falls))


def test_the_section_shows_todays_falls_and_the_record(inputs: Inputs) -> None:
    told = depth(inputs)
    assert inputs.falls is not None
    last = inputs.falls[(inputs.falls["date"] == inputs.falls["date"].max()) & (inputs.falls["horizon"] == 60)].sort_values("level")
    (_, row) = told["rows"]
    np.testing.assert_array_equal([today for today, _ in row["figures"]], last["repaired"])
    np.testing.assert_array_equal([usual for _, usual in row["figures"]], last["usual"])
    assert [len(t["bins"]) > 0 for t in told["tables"]] == [True] * 3
    said = inputs.evaluation["outlook"]["calibration"]["reliability"]
    for half in told["halves"]:
        held = [b[half] for b in told["tables"][0]["bins"] if half in b]
        assert held == said[half]["20/5"]
    found = page(inputs, inputs.falls)
    assert "How deep could it be?" in found.text
    assert told["deep"] in found.text
    assert found.crossed == []


def test_the_honest_sentence_counts_what_is_shown(inputs: Inputs) -> None:
    def later(**scores: tuple[float | None, float | None]) -> dict[str, object]:
        log = {n.replace("_", "/"): {"value": v, "low": low, "high": None if low is None else v} for n, (v, low) in scores.items()}
        return {"halves": {"before 2010-01-01": {}, "from 2010-01-01": {"log": {k.removeprefix("t"): v for k, v in log.items()}}}}

    assert "no skill is shown" in text.deep_falls(later(t20_5=(0.2, 0.1), t20_10=(0.1, -0.1)))
    assert "20/5" not in text.deep_falls(later(t20_5=(0.2, 0.1), t20_10=(0.1, -0.1)))
    assert "skill is shown for 20/10 alone" in text.deep_falls(later(t20_10=(0.1, 0.05), t60_10=(0.1, -0.05)))
    assert "every fall" in text.deep_falls(later(t20_10=(0.1, 0.05)))
    assert "nothing was judged" in text.deep_falls(later(t20_10=(None, None)))
    assert "no such target" in text.deep_falls(later(t20_5=(0.2, 0.1)))
    line, sentence = text.depth(inputs.evaluation)
    assert line.startswith("pool: mean log-score skill ")
    assert sentence in text.notes(inputs.about, inputs.evaluation)


def test_without_it_the_reason_stands_in_its_place(run: Stored, inputs: Inputs) -> None:
    assert text.depth(run.evaluation) == []
    assert "no row of this run draws paths" in Reader(run.page()).text
    assert inputs.falls is not None
    withheld = inputs.falls.assign(repaired=np.where(inputs.falls["date"] == inputs.falls["date"].max(), np.nan, inputs.falls["repaired"]))
    assert "withheld on that day" in page(inputs, withheld).text
    unjudged = {**inputs.evaluation, "outlook": {**inputs.evaluation["outlook"], "falls": {}, "model": HOSTILE}}
    found = page(replace(inputs, evaluation=unjudged), inputs.falls)
    assert "were not judged" in found.text
    assert not any("onerror" in attributes for attributes in found.of("img"))
