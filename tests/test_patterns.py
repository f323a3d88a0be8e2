"""Runs of a price: what SPA reports, by our own detector."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskradar import patterns
from riskradar.features import FEATURES, values_of
from tests import markets

CLOSE = np.array([100.0, 101.0, 103.0, 103.0, 102.0, 100.0, 99.0, np.nan, 98.0, 99.0])


def test_runs_by_hand() -> None:
    runs = patterns.detect(CLOSE)
    assert runs.sign.tolist() == [1, -1, 1]
    assert runs.start.tolist() == [1, 4, 9]
    assert runs.end.tolist() == [2, 6, 9]
    np.testing.assert_allclose(runs.change, [0.03, 99 / 103 - 1, 99 / 98 - 1])
    np.testing.assert_allclose(runs.fall, [0, 4 / 103, 0])


def test_a_run_of_one_session_has_a_change() -> None:
    runs = patterns.detect(np.array([100.0, 110.0, 99.0]))
    np.testing.assert_allclose(runs.change, [0.1, -0.1])


def test_the_running_rise_by_hand() -> None:
    assert np.nan_to_num(patterns.running(CLOSE[:, None], 20)[:, 0], nan=9).tolist() == [9, 1, 2, 0, -1, -2, -3, 9, 9, 1]
    assert patterns.running(CLOSE[:, None], 2)[:, 0][6] == -2


@given(st.lists(st.sampled_from([0.9, 1.0, 1.1, math.nan]), min_size=1, max_size=60))
def test_runs_are_maximal_and_agree_with_the_running_length(steps: list[float]) -> None:
    close = 100 * np.cumprod(np.nan_to_num(np.array(steps), nan=1.0))
    close[np.isnan(steps)] = np.nan
    runs, length = patterns.detect(close), patterns.running(close[:, None], 60)[:, 0]
    for sign, start, end, change in zip(runs.sign, runs.start, runs.end, runs.change, strict=True):
        assert length[start : end + 1].tolist() == [sign * n for n in range(1, end - start + 2)]
        assert change == close[end] / close[start - 1] - 1
        assert (change > 0) == (sign > 0)
    inside = {t for start, end in zip(runs.start, runs.end, strict=True) for t in range(start, end + 1)}
    assert inside == set(np.flatnonzero(np.nan_to_num(length)).tolist())


def test_events_belong_to_a_run_that_starts_within_two_days() -> None:
    start, events = (np.array(days, "datetime64[D]") for days in (["2020-03-02", "2020-03-10"], ["2020-02-29", "2020-02-28", "2020-03-12"]))
    assert patterns.events_near(start, events).tolist() == [1, 1]


@pytest.mark.parametrize("name", ["spa_bars", "spa_change"])
def test_what_spa_reports_is_seen_from_the_session_after_the_run_on(name: str) -> None:
    market = markets.with_runs(markets.ragged())
    runs, seen = patterns.detect(market.close[:, 0]), values_of(FEATURES[name], market)[:, 0]
    bars = runs.sign * (runs.end - runs.start + 1)
    expected = bars if name == "spa_bars" else np.log1p(runs.change)
    checked = 0
    for at, value in zip(runs.end, expected, strict=True):
        if at + 1 < len(seen) and market.member[at + 1, 0]:
            assert seen[at + 1] == pytest.approx(value)
            checked += 1
    assert checked > 40
