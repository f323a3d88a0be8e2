"""The standard scenarios of a report: what the stress test says of the same shocks, and those only that the panel allows."""

from dataclasses import replace

import pytest

from riskradar.attribution import story
from riskradar.attribution.story import drawn
from riskradar.html.why import scenario as row
from riskradar.reopen import Opened
from riskradar.scenario import Day, Scenario, standard, stress
from riskradar.scenario.standard import shocks
from riskradar.tables import Target
from tests.scenario.conftest import DATE

TARGET = Target.parse("20/5")


def test_the_table_says_what_stress_says(opened: Opened, day: Day) -> None:
    found = story.explain(opened, "vix", TARGET, DATE)
    nodes = drawn(opened, found)["nodes"]
    central = max(nodes, key=lambda node: node["debtrank"])["name"]
    table = standard(opened, "vix", TARGET, DATE, nodes, opened.record.layers())
    names = [", ".join(one["shocks"]) for one in table]
    assert names == ["market returns -10%", "Financials returns -15%", "market volatility x2", "vix +20 points", "hy_oas +300bp", f"remove {central}",
                     f"remove {central}, correlation +0.3"]  # fmt: skip
    alone = Day.of(opened, DATE, ("vix",), "20/5")
    for one in table:
        whole = stress(alone, Scenario(shocks=tuple(one["shocks"])))
        cell = whole["rows"][0]["targets"]["20/5"]
        for key in ("score", "probability"):
            assert one[key] == [cell["before"][key], cell["after"][key]]
        assert (one["first"], one["spread"]) == (whole["losses"]["first"], whole["losses"]["spread"])
        assert one["warnings"] == whole["warnings"]
    assert table[3]["score"][1] > table[3]["score"][0], "VIX reads VIX"
    assert table[6]["spread"] > table[5]["spread"], "more edges, more contagion"


def test_what_the_panel_has_not_is_not_shocked(opened: Opened) -> None:
    layers = replace(opened.graphs, layers={})
    assert ("remove A", "correlation +0.3") not in list(shocks(Day(replace(opened, graphs=layers), opened.row(DATE), ("vix",), TARGET), "A"))
    late = replace(opened.panel.facts, known_at=opened.panel.facts.known_at + 20_000)
    bare = replace(opened.panel, sector=opened.panel.sector * 0 - 1, facts=late)
    told = list(shocks(Day(replace(opened, panel=bare), opened.row(DATE), ("vol+breadth",), TARGET), "A"))
    assert told == [("market returns -10%",), ("market volatility x2",), ("remove A",), ("remove A", "correlation +0.3")]


@pytest.mark.parametrize(("score", "probability", "told", "note"), [
    ([0.1, 0.4], [0.05, 0.1], ("5.0 %", "10 %"), ""), ([0.1, 0.4], [0.05, 0.04], ("5.0 %", "4.0 %"), "opposite directions"),
    ([0.1, 0.4], [None, None], ("0.10", "0.40"), ""), ([0.1, None], [0.05, None], ("0.10", "withheld"), ""),
])  # fmt: skip
def test_a_row_shows_the_chance_or_the_score(score: list[float], probability: list[float], told: tuple[str, str], note: str) -> None:
    found = row({"shocks": ["a", "b"], "score": score, "probability": probability, "first": 0.1, "spread": 0.0, "warnings": ["x is above y", "z"]})
    assert tuple(found[key].replace("\u202f", " ") for key in ("before", "after")) == told
    assert found["notes"][-1] == ("2 inputs beyond what training had seen", "x is above y; z")
    assert (note in found["notes"][0][0]) if note else len(found["notes"]) == 1
