"""Calibration over all targets, against skill counted by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from riskradar.evaluate.calibration import calibrate
from riskradar.evaluate.intervals import Resamples, resample
from riskradar.evaluate.scores import climatology
from riskradar.tables import Forecast, Labels

SPAN = slice(400, 3000)


@pytest.fixture(scope="module")
def plan() -> Resamples:
    return resample(2600, [], [], 60, 60, 0.9, 0)


@pytest.fixture(scope="module")
def given(labels: Labels, forecast: Callable[..., Forecast]) -> dict[str, Forecast]:
    rng = np.random.default_rng(0)
    y = np.nan_to_num(labels.system("20/5"))
    good = forecast("good", labels, y, np.clip(0.3 + 0.4 * (y - 0.5) + 0.05 * rng.normal(size=len(y)), 0.01, 0.99))
    flat = np.full(len(y), 0.3)
    flat[1000] = np.nan  # withheld for one day
    return {"good": good, "flat": forecast("flat", labels, y, flat)}


def by_hand(probability: np.ndarray, labels: Labels, days: np.ndarray) -> list[float]:
    """Log skill of each target."""
    found = []
    for target in labels.targets:
        y, base = labels.system(target), climatology(labels, target)
        use = days & np.isfinite(y) & np.isfinite(base)
        loss = [-np.mean(np.where(y[use] == 1, np.log(p[use]), np.log(1 - p[use]))) for p in (probability, base)]
        found.append(1 - loss[0] / loss[1])
    return found


def test_skill_is_the_mean_over_targets_on_shared_days(given: dict[str, Forecast], labels: Labels, plan: Resamples) -> None:
    found = calibrate(given, labels, SPAN, plan, labels.dates[1500], "flat")
    inside = np.zeros(3000, bool)
    inside[SPAN] = True
    inside[1000] = False
    halves = dict(zip(found["good"].halves, (np.arange(3000) < 1500, np.arange(3000) >= 1500), strict=True))
    for name, forecast in given.items():
        p, one = forecast.probability[0, :, 0, 0], found[name]
        assert [s.value for s in one.everywhere.log.values()] == pytest.approx(by_hand(p, labels, inside))
        assert one.everywhere.mean_log.value == pytest.approx(np.mean(by_hand(p, labels, inside)))
        assert one.onset.mean_log.value == pytest.approx(np.mean(by_hand(p, labels, inside & labels.onset)))
        for part, days in halves.items():
            assert one.halves[part].mean_log.value == pytest.approx(np.mean(by_hand(p, labels, inside & days)))
    assert found["flat"].over_reference.value == 0
    gap = found["good"].everywhere.mean_log.value - found["flat"].everywhere.mean_log.value
    assert found["good"].over_reference.value == pytest.approx(gap)
    assert found["good"].over_reference.low < gap < found["good"].over_reference.high


def test_reliability_of_each_half_counts_its_days(given: dict[str, Forecast], labels: Labels, plan: Resamples) -> None:
    one = calibrate(given, labels, SPAN, plan, labels.dates[1500], "good")["flat"]
    y = labels.system("20/5")
    days = [t for t in range(SPAN.start, 1500) if t != 1000 and np.isfinite(climatology(labels, labels.targets[0])[t])]
    first, second = (of["20/5"] for of in one.reliability.values())
    assert len(first) == len(second) == 1
    assert first[0].days == len(days)
    assert first[0].mean == pytest.approx(0.3)
    assert first[0].observed == pytest.approx(y[days].mean())
    assert first[0].observed_low <= first[0].observed <= first[0].observed_high


def test_incoherent_days_are_counted(given: dict[str, Forecast], labels: Labels, plan: Resamples) -> None:
    good = given["good"]
    probability = good.probability.copy()
    probability[0, 500, 0, 1] = probability[0, 500, 0, 0] + 0.001  # 20/10 above 20/5
    probability[0, 600, 0, 2] = probability[0, 600, 0, 1] - 0.001  # 60/10 below 20/10
    probability[0, 100, 0, 1] = 0.999  # before the span
    found = calibrate({"good": good, "bad": replace(good, probability=probability)}, labels, SPAN, plan, labels.dates[1500], "good")
    assert (found["good"].incoherent, found["bad"].incoherent) == (0, 2)


def test_without_a_shared_day_there_is_a_reason(labels: Labels, plan: Resamples, forecast: Callable[..., Forecast]) -> None:
    found = calibrate({"none": forecast("none", labels, np.ones(3000))}, labels, SPAN, plan, labels.dates[1500], "none")["none"]
    assert np.isnan(found.everywhere.mean_log.value)
    assert "no session" in found.everywhere.mean_log.reason
