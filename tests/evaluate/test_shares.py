"""What a network and its graph contribute to a score."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import evaluate
from riskradar.tables import Forecast, Target


def forecast(score: np.ndarray) -> Forecast:
    dates = np.datetime64("2001-01-01") + np.arange(len(score))
    values = score[None, :, None, None].repeat(2, axis=3)
    return Forecast("x", "live", dates, ("system",), (Target(5, 0.03), Target(20, 0.05)), values, np.full(values.shape, np.nan), dates)


def test_shares_are_variances_over_the_whole_score() -> None:
    rng = np.random.default_rng(0)
    base, own, graph = rng.normal(size=(3, 4000)) * np.array([[2.0], [1.0], [0.5]])
    forecasts = {"m": forecast(base + own + graph), "m-anchor": forecast(base), "m-no-graph": forecast(base + own), "rule": forecast(base)}
    found = evaluate.shares(forecasts)
    assert list(found) == ["m"]
    whole = (base + own + graph).var()
    assert found["m"]["network"] == pytest.approx((own + graph).var() / whole)
    assert found["m"]["graph"] == pytest.approx(graph.var() / whole)


def test_days_without_a_score_and_rows_without_twins_take_no_part() -> None:
    score = np.arange(100.0)
    gap = np.where(np.arange(100) < 20, np.nan, score)
    forecasts = {"m": forecast(score), "m-anchor": forecast(gap), "m-no-graph": replace(forecast(score), model="m-no-graph")}
    assert evaluate.shares(forecasts) == {"m": {"network": 0.0, "graph": 0.0}}
    assert evaluate.shares({"m": forecasts["m"]}) == {}
    for nothing in (np.full(100, np.nan), np.ones(100)):
        assert evaluate.shares(forecasts | {"m": forecast(nothing)}) == {}, "no score, or none that moves"
