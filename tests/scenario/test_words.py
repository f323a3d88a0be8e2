"""Stress tests as people meet them: sentences, tables, and the command line."""

import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from riskradar import cli, text
from riskradar.reopen import Opened
from riskradar.scenario import Day, Scenario, stress
from riskradar.scenario.words import sentences
from tests.scenario.conftest import DATE

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(opened: Opened, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`riskradar stress` on the stored run in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        home = str(opened.record.folder.parent)
        monkeypatch.setattr(sys, "argv", ["riskradar", "stress", opened.record.id, "--home", home, *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = capsys.readouterr()
        return int(end.value.code or 0), out.out, out.err

    return run


def test_the_sentence_says_what_the_record_holds(day: Day) -> None:
    found = stress(day, Scenario(shocks=("vix +15 points", "Financials returns -15%")))
    told = sentences(found)
    cell = found["rows"][0]["targets"]["20/5"]
    old, new = (f"{100 * cell[side]['probability']:.1f} %" for side in ("before", "after"))
    assert told[0].startswith(
        "If VIX were 15 points higher and Financials fell 15 % further on 2004-06-15, the chance of a fall of 5 % within 20 sessions would"
    )
    assert f"from {old} to {new} (model vix), mostly because VIX" in told[0]
    alone = r"Taken alone, vix \+15 points: \+[\d.]+ points, Financials returns -15%: no move\. vix reads some inputs only: .*"
    assert re.fullmatch(alone, told[2])
    loss = r"The shock itself takes 3\.\d % of the value of the members, equally weighted; contagion would take a further [\d.]+ %, by linear Debt"
    assert re.match(loss, told[3])
    assert "market-implied weights of the layer correlation (no balance sheet" in told[3]
    assert any(line.startswith("Most changed assets: ") for line in told)


def test_a_single_driver_is_the_whole_change(day: Day) -> None:
    """The score of `vix` reads one series: put into the day alone, it makes the whole difference."""
    found = stress(day, Scenario(shocks=("vix +15 points", "market returns -3%")))
    cell = found["rows"][0]["targets"]["20/5"]
    (first, *rest) = found["drivers"]
    assert first["input"] == "vix"
    assert first["probability"] == pytest.approx(cell["after"]["probability"] - cell["before"]["probability"], abs=1e-12)
    assert all(one["probability"] == 0 for one in rest)


def test_a_shock_that_needs_the_others_has_no_effect_alone(opened: Opened) -> None:
    day = Day.of(opened, DATE, ("vol+breadth",))
    found = stress(day, Scenario(shocks=("A returns -120%", "A returns +110%")))
    assert [one["score"] is None for one in found["alone"]] == [True, False]
    cell = found["rows"][0]["targets"]["20/5"]
    whole = stress(day, Scenario(shocks=("A returns -10%",)))["alone"][0]["score"]
    assert whole == pytest.approx(cell["after"]["score"] - cell["before"]["score"])


def test_no_change_is_said_and_seeds_have_a_spread(opened: Opened) -> None:
    still = stress(Day.of(opened, DATE, ("vix",)), Scenario(shocks=("dgs10 +100bp",)))
    assert "would stay at" in sentences(still)[0]
    assert sentences(still)[2] == "Taken alone, dgs10 +100bp: no move. vix reads some inputs only: what does not move it may still matter."
    assert "no loss to spread" in sentences(still)[3]
    network = stress(Day.of(opened, DATE, ("snapshot-gcn",)), Scenario(shocks=("market returns -20%",)))
    cell = network["rows"][0]["targets"]["20/5"]["after"]
    assert cell["low"] < cell["probability"] < cell["high"]
    assert f"(restarts of its training: {100 * cell['low']:.1f} % to {100 * cell['high']:.1f} %)" in sentences(network)[0]
    assert "lowest and highest of the seeds" in network["interval"]
    assert f"[{100 * cell['low']:.1f} %, {100 * cell['high']:.1f} %]" in text.stress(network)


@pytest.mark.parametrize(("shock", "clause"), [
    ("Energy returns +5%", "Energy rose 5 % further"), ("market volatility x2", "the last month's returns of the market had been 2 times as wide"),
    ("remove E", "E were no longer listed"), ("as on 2003-03-03", "the returns and macro changes of 2003-03-03 had come again"),
    ("hy_oas +300bp", "the high-yield spread were 300 bp higher"), ("correlation +0.3", "the correlation graph were raised by 0.3"),
    ("sentiment Energy -2sd", "the sentiment of Energy were 2 standard deviations lower"), ("index returns -5%", "the index fell 5 % further"),
])  # fmt: skip
def test_each_shock_is_a_clause(shock: str, clause: str) -> None:
    cell = {"score": 0.1, "probability": None, "low": None, "high": None}
    rows = [{"model": "a", "seeds": 1, "targets": {"20/5": {"before": cell, "after": cell}}}]
    found: dict[str, Any] = {
        "shocks": [shock], "date": DATE, "target": {"name": "20/5", "depth": 0.05, "horizon": 20}, "model": "a", "rows": rows, "alert_line": None,
        "onset": True, "losses": {"first": 0.0}, "layers": {}, "nodes": [], "drivers": [], "alone": [],
    }  # fmt: skip
    assert sentences(found)[0] == f"If {clause} on {DATE}, the score of a would go from 0.100 to 0.100; it gives no probability."
    assert sentences(found)[1] == "There is no alert line yet on this day."


def test_a_chance_that_falls_while_the_score_rises_is_doubted(day: Day) -> None:
    found = stress(day, Scenario(shocks=("vix +15 points",)))
    cell = found["rows"][0]["targets"]["20/5"]
    assert "disagree" not in sentences(found)[0]
    cell["after"]["probability"] = cell["before"]["probability"] / 2
    score = f"({cell['before']['score']:.3f} to {cell['after']['score']:.3f})"
    assert sentences(found)[0].endswith(f"Its score rises all the same {score}: the two disagree, so do not rely on the chance.")


def test_the_command_prints_sentences_and_json(command: Command) -> None:
    code, out, err = command("--date", DATE, "--shock", "Financials returns -15%", "--as-on", "2003-03-03", "--reverse", "vix")
    assert (code, err) == (0, "")
    assert out.startswith("If the returns and macro changes of 2003-03-03 had come again and Financials fell 15 % further on 2004-06-15")
    assert "Reverse stress of vix on vol+breadth, on top of these shocks: " in out
    assert "model " in out
    code, out, err = command("--date", DATE, "--shock", "vix +5 points", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["shocks"] == ["vix +5 points"]


@pytest.mark.parametrize(("arguments", "told"), [
    (("--date", DATE, "--shock", "Financals returns -15%"), "did you mean 'Financials'"),
    (("--date", DATE, "--shock", "remove A", "--shock", "A returns -5%"), "contradictory shocks"),
    (("--date", "2004-06-13", "--shock", "vix +5%"), "the nearest are 2004-06-10 and 2004-06-14"),
    (("--date", DATE), "a stress test needs a shock"),
])  # fmt: skip
def test_the_command_refuses_in_one_line(command: Command, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err
