"""The track record by hand: what counts, what came, and what is undefined so far."""

import math

import numpy as np
import pytest

from riskradar.daily.track import Counted, outcomes, tally
from riskradar.evaluate import EvaluateConfig
from riskradar.tables import Labels, Target
from tests import markets

DAYS = markets.days(12)
FIVE = Target.parse("5/3")
QUICK = EvaluateConfig(draws=20)


def labels(values):
    """Outcomes of 5/3 on twelve sessions, each known five sessions later; NaN where it is not known."""
    known = np.full((12, 1), np.datetime64("NaT"), "datetime64[D]")
    known[:7, 0] = DAYS[5:]
    level = np.array([100, 101, 102, 100, 98, 97, 98, 99, 100, 101, 102, 103.0])  # one fall of 4.9 % from the third session
    return Labels(DAYS, ("system",), (FIVE,), np.array(values, float)[:, None, None], known, np.ones(12, bool), level)


def row(t, probability, usual=0.2, **more):
    return {"target": "5/3", "date": str(DAYS[t]), "probability": probability, "base_rate": usual, "state": "scored", "late": False, **more}


NOW = labels([1, 1, 0, 0, 0, 1, 0, *[math.nan] * 5])
SAID = [
    row(0, 0.3), row(1, 0.1), row(2, 0.4), row(3, 0.2), row(4, 0.1, None), row(5, 0.9, late=True), row(6, None, state="withheld"), row(7, 0.3),
    row(8, 0.3),
]  # fmt: skip


def test_only_what_was_said_in_time_is_counted():
    found = tally([*SAID, {**row(0, 0.9), "target": "20/5"}], NOW, FIVE, QUICK)
    assert (found.rows, found.late, found.withheld, found.open, found.known, found.came) == (9, 1, 1, 2, 5, 2)
    assert found.days == Counted(hits=1, false=1, misses=1, quiet=1)  # a day without a base rate is on neither side
    assert found.said == pytest.approx((0.3 + 0.1 + 0.4 + 0.2 + 0.1) / 5)
    assert found.usual == pytest.approx(0.2)
    assert found.falls == 1
    assert sum(b.days for b in found.bins) == 5


def test_skill_is_against_the_base_rate_that_was_said():
    y, p = np.array([1, 1, 0, 0]), np.array([0.3, 0.1, 0.4, 0.2])
    found = tally(SAID, NOW, FIVE, QUICK)
    assert found.brier_skill.value == pytest.approx(1 - ((p - y) ** 2).sum() / ((0.2 - y) ** 2).sum())
    own, usual = (-np.log(np.where(y == 1, q, 1 - q)).sum() for q in (p, np.full(4, 0.2)))
    assert found.log_skill.value == pytest.approx(1 - own / usual)


def test_one_class_and_no_outcome_are_undefined_with_the_reason():
    quiet = tally(SAID[2:5], NOW, FIVE, QUICK)
    assert (quiet.known, quiet.came, quiet.log_skill.reason) == (3, 0, "one class only: 0 positive, 3 negative")
    assert math.isnan(quiet.ece.value)
    none = tally(SAID[7:], NOW, FIVE, QUICK)
    assert (none.known, none.open, none.log_skill.reason, none.bins, none.falls) == (0, 2, "no outcome is known yet", (), 0)
    assert math.isnan(none.said)


def test_an_outcome_that_the_labels_do_not_hold_is_not_known():
    found = outcomes([row(0, 0.1), {"target": "20/5", "date": str(DAYS[0])}, {"target": "5/3", "date": "1999-01-04"}, row(9, 0.1)], NOW)
    assert found[0] == 1
    assert all(math.isnan(value) for value in found[1:])
