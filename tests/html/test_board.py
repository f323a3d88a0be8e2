from typing import Any

import pytest

from riskradar.html import board
from riskradar.html.inputs import Inputs
from tests.html.conftest import Stored


def claim(value: float | None, shown: bool = False) -> dict[str, Any]:
    return {"value": value, "shown": shown}


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ({"a": claim(0.1, True), "b": claim(0.2)}, "a ranks calm days better than rule"),
        ({"z": claim(0.1, True)}, "z (chosen after the fact) ranks calm days better than rule"),
        ({"a": claim(0.1, True), "b": claim(0.2, True)}, "a and b rank calm days better than rule"),
        ({"a": claim(0.1), "b": claim(None)}, "No row has been shown to beat rule"),
        ({"b": claim(None)}, "Against rule"),
    ],
)
def test_titles_say_no_more_than_the_numbers(rows: dict[str, Any], title: str):
    assert board.verdict("rule", rows, ["z"]) == title


def half(value: float | None) -> dict[str, Any]:
    return {"auroc_onset": {"value": value, "reason": "" if value is not None else "constant"}}


def test_halves_are_counted_over_defined_rows_only():
    found = {"a": {"x": half(0.7), "y": half(0.6)}, "b": {"x": half(None), "y": half(None)}, "c": {"x": half(0.5), "y": half(0.6)}}
    assert board.faded(found, ["x", "y"]) == "1 of 2 rows ranked calm days worse in the second half"
    assert board.faded({}, []) == "Both halves"


def test_undefined_rows_come_last(run: Stored):
    inputs = Inputs(run.about, run.evaluation, run.forecasts, run.labels)
    for table in board.board(inputs)["targets"]:
        values = [r["onset"]["value"] for r in table["rows"]]
        defined = [v for v in values if v is not None]
        assert values == sorted(defined, reverse=True) + [None] * (len(values) - len(defined))


def test_headline_target_comes_first(run: Stored):
    inputs = Inputs(run.about, run.evaluation, run.forecasts, run.labels)
    assert board.board(inputs)["targets"][0]["name"] == "20/5"
    assert inputs.anchor == "vol+breadth"
