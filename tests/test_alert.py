"""Alarms: when they begin and end, what is due, and how long a failing receiver is left alone."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from riskradar import alert, labels
from riskradar.alert import ACKNOWLEDGED, ENDED, FIRING, QUIET, AlertsConfig, Watched
from riskradar.evaluate.alarms import alarms
from riskradar.health import DailyConfig, complete, coverage, made_late, stale, withheld
from riskradar.labels import LabelsConfig
from tests import markets

DAILY = DailyConfig()


def days(states):
    return [Watched(f"2020-01-{n + 1:02d}", state, 1.0, 0.5) for n, state in enumerate(states)]


def log(*states):
    return [{"state": state, "date": f"2019-01-{n + 1:02d}"} for n, state in enumerate(states)]


def test_changes_are_the_days_on_which_the_state_differs():
    states = [QUIET, FIRING, FIRING, QUIET, QUIET, FIRING]
    assert [(day.date[-1], now) for day, now in alert.changes(days(states), [])] == [("2", FIRING), ("4", ENDED), ("6", FIRING)]
    assert [now for _, now in alert.changes(days(states), log(FIRING))] == [ENDED, FIRING, ENDED, FIRING]
    assert [now for _, now in alert.changes(days([FIRING]), log(FIRING, ACKNOWLEDGED))] == []
    assert alert.episode(log(FIRING, ACKNOWLEDGED)) == "2019-01-01"
    assert (alert.standing([]), alert.standing(log(FIRING, ENDED))) == (QUIET, ENDED)


def test_a_score_around_the_threshold_flaps_no_more_than_hysteresis_allows():
    market = markets.panel(markets.walk(1500, 4, 5))
    outcomes = labels.build(market, LabelsConfig(targets=("5/3", "20/5")))
    score = np.random.default_rng(0).normal(size=1500)
    watched = alert.watch(score, outcomes, "20/5", 0.1, 0)
    found = alarms(score, outcomes, "20/5", 0.1)
    risk = np.flatnonzero(outcomes.onset & np.isfinite(found.threshold))
    assert [watched[t].state == FIRING for t in risk] == found.raised[risk].tolist()
    at = [t for t in range(1, 1500) if watched[t].state != watched[t - 1].state]
    assert 5 < len(at) < 200
    begins = [t for t in at if watched[t].state == FIRING]
    held = [next(u for u in [*at, 1500] if u > t) - t for t in begins]
    assert min(held[:-1]) >= 5
    early = alert.watch(score[:1200], outcomes.upto(outcomes.dates[1199]), "20/5", 0.1, 0)
    assert [day.state for day in early] == [day.state for day in watched[:1200]]


@pytest.mark.parametrize(("moment", "last", "due"), [
    ("2024-06-04T08:59-04:00", "2024-05-31", ""),  # the score of Monday is due on Tuesday at nine
    ("2024-06-04T09:00-04:00", "2024-05-31", "2024-06-03"),
    ("2024-06-04T09:00-04:00", "2024-06-03", ""),
    ("2024-06-01T10:00-04:00", "2024-05-30", "2024-05-31"),
    ("2024-06-03T09:30-04:00", "2024-05-31", ""),  # Monday morning: Friday is the last session
    ("2024-07-05T09:30-04:00", "2024-07-03", ""),  # the 4th is a holiday
    ("2024-07-05T13:30+00:00", "", "2024-07-03"),
])  # fmt: skip
def test_a_score_is_due_on_the_morning_after_its_session(moment, last, due):
    assert alert.overdue(last, datetime.fromisoformat(moment), "XNYS", DAILY, AlertsConfig()) == due


def test_a_failing_receiver_is_left_alone_longer_and_longer_up_to_an_hour():
    waits = [alert.wait(n) for n in range(1, 40)]
    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)


def test_receivers_come_from_settings_and_environment_and_their_names_tell_nothing(monkeypatch):
    monkeypatch.setenv(alert.URLS, "mailto://user:secret@example.org  json://b")
    found = AlertsConfig(urls=("http://a",)).receivers()
    assert list(found.values()) == ["http://a", "mailto://user:secret@example.org", "json://b"]
    assert not any("secret" in name for name in found)


def test_a_session_is_complete_an_hour_after_the_close_in_summer_and_winter():
    assert str(complete(datetime.fromisoformat("2024-06-03T20:59+00:00"), DAILY)) == "2024-06-02"
    assert str(complete(datetime.fromisoformat("2024-06-03T21:00+00:00"), DAILY)) == "2024-06-03"
    assert str(complete(datetime.fromisoformat("2024-01-03T21:59+00:00"), DAILY)) == "2024-01-02"


def test_coverage_counts_who_was_there_before_and_withholds_when_too_few_are():
    close = markets.walk(40, 10, 2)
    close[30:, 0] = np.nan
    close[39, :3] = np.nan
    market = markets.panel(close)
    assert [coverage(market, t) for t in (0, 20, 30, 39)] == [0.0, 1.0, 0.9, 0.7]
    assert withheld(market, 20, 0.1, DAILY) == ""
    assert "70% of the members" in withheld(market, 39, 0.1, DAILY)
    assert "no score" in withheld(market, 20, np.nan, DAILY)


def test_a_score_is_late_after_four_days_and_stale_after_four():
    monday = datetime.fromisoformat("2024-06-07T23:59-04:00")
    assert not made_late("2024-06-03", monday, DAILY)
    assert made_late("2024-06-03", monday + timedelta(minutes=1), DAILY)
    assert stale("2024-06-03", monday, DAILY) == ""
    assert "5 days ago" in stale("2024-06-03", monday + timedelta(minutes=1), DAILY)
