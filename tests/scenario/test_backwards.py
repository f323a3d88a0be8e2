"""Reverse stress finds a planted minimum, and says so when there is none."""

import numpy as np
import pytest

from riskradar.errors import UsageError
from riskradar.reopen import Opened
from riskradar.scenario import Day, reverse
from riskradar.scenario.backwards import HALVINGS, STEPS, smallest
from riskradar.scenario.words import sentences


@pytest.mark.parametrize("planted", [0.003, 0.0999, 0.2, 0.37])
def test_a_planted_minimum_is_found(planted: float) -> None:
    found = smallest(lambda size: size**3, planted**3, 0.4)
    assert found.size is not None
    assert 0 <= found.size - planted <= 0.4 / STEPS / 2**HALVINGS + 1e-12
    assert found.score >= planted**3
    assert found.monotone


def test_no_minimum_is_said() -> None:
    found = smallest(lambda size: -size, 1.0, 0.4)
    assert (found.size, found.score, found.monotone) == (None, 0.0, False)


def test_a_score_that_falls_first_is_not_called_steady() -> None:
    found = smallest(lambda size: abs(size - 0.1), 0.15, 0.4)
    assert found.size == pytest.approx(0.25, abs=1e-4)
    assert not found.monotone


def calm(opened: Opened) -> Day:
    """A day on which the score of VIX is under its line."""
    for date in opened.features.dates[-400::40]:
        day = Day.of(opened, str(date), ("vix",))
        if day.value(day.before) < day.line:
            return day
    raise AssertionError("no calm day")


def test_the_smallest_rise_of_vix_is_where_a_fine_grid_finds_it(opened: Opened) -> None:
    day = calm(opened)
    found = reverse(day, "vix")
    assert found["reason"] == ""
    least, step = found["size"], 0.02

    def score(points: float) -> float:
        return day.value(day.after(day.shocks((f"vix +{points:.6f} points",)))[0])

    assert score(least) >= day.line > score(least - step)
    grid = np.arange(least - 1, least + 1, step)
    crossing = next(points for points in grid if points > 0 and score(float(points)) >= day.line)
    assert crossing == pytest.approx(least, abs=1.5 * step)
    told = {"shocks": [], "date": "", "target": {"name": "20/5", "depth": 0.05, "horizon": 20}, "model": "vix", "alert_line": day.line, "onset": True}
    cell = {"score": 0.0, "probability": 0.1, "low": None, "high": None}
    rows = [{"model": "vix", "seeds": 1, "targets": {"20/5": {"before": cell, "after": cell}}}]
    assert f"vix +{least:.2f} points is the smallest shock" in sentences({**told, "rows": rows, "reverse": found})[-1]


def test_what_does_not_reach_the_line_is_said(opened: Opened) -> None:
    day = calm(opened)
    found = reverse(day, "vix down")
    assert "no shock up to vix -" in found["reason"]
    assert found["size"] is None
    hy = day.before[0].facts.view("hy_oas", day.before[0].dates)
    assert float(reverse(day, "hy_oas down")["bound"].split()[1]) == pytest.approx(-min(hy[-1] * 0.99, np.nanmax(hy) - np.nanmin(hy)), abs=0.01)
    nothing = reverse(day, "hy_oas")  # which the score of VIX does not read
    assert nothing["score"] == day.value(day.before)
    over = reverse(day, "vix", ("vix +300 points",))
    assert "without any further shock" in over["reason"]


@pytest.mark.parametrize("phrase", ["returns", "Financials returns up", "volatility", "A volatility down", "correlation", "sentiment Energy"])
def test_every_kind_is_tried(opened: Opened, phrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riskradar.scenario.backwards.STEPS", 2)
    found = reverse(calm(opened), phrase)
    assert found["reason"] or found["shock"]


def test_no_kind_of_shock_is_refused(opened: Opened) -> None:
    with pytest.raises(UsageError, match=r"no kind of shock 'retuns' .did you mean 'returns'"):
        reverse(calm(opened), "retuns")
