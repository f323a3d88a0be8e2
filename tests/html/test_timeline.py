import json

import numpy as np

from riskradar.html import falls
from riskradar.html.inputs import Inputs
from riskradar.html.timeline import alarms, runs, timeline
from tests.html.conftest import Stored


def inputs(run: Stored) -> Inputs:
    return Inputs(run.about, run.evaluation, run.forecasts, run.labels)


def test_alarms_are_those_of_the_event_figures(run: Stored):
    raised = alarms(inputs(run))
    dates = run.labels["date"].to_numpy("datetime64[D]")
    event = next(r["event"] for r in run.evaluation["rows"] if r["model"] == "vol+breadth")
    firsts = [w["first_alarm"] for w in event["each"] if w["first_alarm"][:1].isdigit()]
    assert firsts
    for first in firsts:
        assert raised[np.searchsorted(dates, np.datetime64(first))]


def test_figure_is_plain_json_with_one_series_a_target(run: Stored):
    figure = timeline(inputs(run))["figure"]
    assert json.loads(json.dumps(figure, allow_nan=False)) == figure
    assert len(figure["series"]) == len(run.evaluation["targets"])
    assert {len(s["y"]) for s in figure["series"]} == {len(figure["data"][0]["x"])}


def test_figure_follows_the_style_sheet(run: Stored):
    colours = [trace["line"]["color"] for trace in timeline(inputs(run))["figure"]["data"]]
    assert all(c.startswith("--") for c in colours)


def test_runs_end_on_the_day_after_or_on_the_last():
    days = ["a", "b", "c", "d"]
    assert runs(days, np.array([True, False, True, True])) == [("a", "b"), ("c", "d")]
    assert runs(days, np.zeros(4, bool)) == []


def test_title_counts_what_the_table_says():
    told = [{"at_peak": 0.1, "highest": 0.5}, {"at_peak": 0.3, "highest": 0.4}, {"at_peak": None, "highest": None}]
    assert falls.finding(told, 0.2) == "The chance rose above usual in 2 of 2 deep falls; on the day of the peak itself, in 1"
    assert falls.finding(told[2:], 0.2) == "The chance of a fall over time"
