"""Forecast: what it refuses, and the round trip through a frame."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from riskradar.tables import Forecast, Target, mean_over_seeds, same_kind
from tests.markets import bits, days

DAY = np.timedelta64(1, "D")


@pytest.fixture
def forecast() -> Forecast:
    rng = np.random.default_rng(0)
    shape = (2, 12, 1, 3)
    probability = rng.random(shape)
    probability[:, :4] = np.nan
    targets = (Target(60, 0.10), Target(5, 0.03), Target(20, 0.10, "share", 0.25))
    return Forecast("rule", "live", days(12), ("system",), targets, rng.normal(size=shape), probability, np.repeat(days(12)[[0, 5]], [5, 7]))


def changed(forecast: Forecast, field: str, value: float) -> Forecast:
    array = getattr(forecast, field).copy()
    array[0, 6, 0, 1] = value
    return replace(forecast, **{field: array})


def test_live_may_learn_until_its_own_day_and_not_a_day_longer(forecast: Forecast) -> None:
    replace(forecast, cutoff=forecast.dates)
    late = forecast.dates.copy()
    late[7] += DAY
    with pytest.raises(ValueError, match=f"future on {forecast.dates[7]}"):
        replace(forecast, cutoff=late)
    assert replace(forecast, cutoff=late, kind="transfer").kind == "transfer"
    assert replace(forecast, cutoff=late, kind="replication").kind == "replication"


@pytest.mark.parametrize("value", [-1e-300, 1.0000000000000002, np.inf, -np.inf])
def test_probabilities_lie_between_0_and_1(forecast: Forecast, value: float) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        changed(forecast, "probability", value)
    for fine in (0.0, 1.0, np.nan):
        changed(forecast, "probability", fine)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_scores_are_finite_or_unknown(forecast: Forecast, value: float) -> None:
    with pytest.raises(ValueError, match="scores"):
        changed(forecast, "score", value)
    changed(forecast, "score", np.nan)


def test_other_forecasts_that_cannot_be(forecast: Forecast) -> None:
    with pytest.raises(ValueError, match="not live, transfer or replication"):
        replace(forecast, kind="backtest")
    with pytest.raises(ValueError, match="last learned from"):
        replace(forecast, cutoff=np.full(12, np.datetime64("NaT"), "datetime64[D]"))
    with pytest.raises(ValueError, match="probability has shape"):
        replace(forecast, probability=forecast.probability[:1])
    with pytest.raises(ValueError, match="score has shape"):
        replace(forecast, targets=forecast.targets[:2])


def test_kinds_refuse_to_be_joined(forecast: Forecast) -> None:
    assert same_kind([forecast, forecast]) == "live"
    with pytest.raises(ValueError, match=r"\['live', 'transfer'\] refuse to be joined"):
        same_kind([forecast, replace(forecast, kind="transfer")])


def test_frame_and_back(forecast: Forecast) -> None:
    again = Forecast.from_frame(forecast.frame())
    for name in ("model", "kind", "units", "targets"):
        assert getattr(again, name) == getattr(forecast, name)
    for name in ("score", "probability"):
        assert (bits(getattr(again, name)) == bits(getattr(forecast, name))).all()
    assert (again.dates == forecast.dates).all()
    assert (again.cutoff == forecast.cutoff).all()


@pytest.mark.parametrize("kind", ["live", "transfer", "replication"])
def test_the_kind_is_in_every_row(forecast: Forecast, kind: str) -> None:
    frame = replace(forecast, kind=kind).frame()
    assert set(frame["kind"]) == {kind}
    assert len(frame) == forecast.score.size
    assert Forecast.from_frame(frame).kind == kind


def test_rows_in_another_order_are_never_misread(forecast: Forecast) -> None:
    frame = forecast.frame()
    backwards = frame.sort_values(["seed", "date"], ascending=[True, False], kind="stable")
    for mixed in (frame.sample(frac=1, random_state=0), frame.iloc[::-1], frame.sort_values("probability"), backwards):
        with pytest.raises(ValueError, match="in this order"):
            Forecast.from_frame(mixed)


def test_missing_and_repeated_rows_are_refused(forecast: Forecast) -> None:
    frame = forecast.frame()
    for wrong in (frame.iloc[1:], pd.concat([frame, frame.iloc[:1]]), pd.concat([frame.iloc[1:], frame.iloc[1:2]])):
        with pytest.raises(ValueError, match="one row for each"):
            Forecast.from_frame(wrong)


def test_rows_and_upto(forecast: Forecast) -> None:
    cut = forecast.upto(forecast.dates[8])
    assert len(cut.dates) == len(cut.cutoff) == cut.score.shape[1] == 9
    assert (bits(forecast.rows(3, 6).probability) == bits(forecast.probability[:, 3:6])).all()
    assert "60/10" in forecast._repr_html_()


def test_seeds_are_averaged(forecast: Forecast) -> None:
    np.testing.assert_allclose(mean_over_seeds(forecast.score), (forecast.score[0] + forecast.score[1]) / 2)
