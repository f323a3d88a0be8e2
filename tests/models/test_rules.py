"""Rules: scores that nothing is fitted to, and the constants that every model must beat."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import features
from riskradar.backtest import score_day
from riskradar.features import FeaturesConfig
from riskradar.models.calibration import Platt
from riskradar.models.rules import RULES, Constant, Rule
from riskradar.tables import Facts, Graphs, Panel
from tests.markets import Line, bits

REAL = [name for name, rule in RULES.items() if isinstance(rule, Rule)]


@pytest.mark.parametrize("name", REAL)
def test_the_score_is_the_mean_of_the_inputs_and_never_fitted(name: str, line: Line) -> None:
    rule = RULES[name]
    assert isinstance(rule, Rule)
    expected = np.mean([line.features.column(i) for i in rule.inputs], axis=0)
    dates = line.labels.dates
    early, late = (rule.fit(line.features.rows(0, t), line.graphs.rows(0, t), line.labels.upto(dates[t - 1]), seed=0) for t in (900, 1300))
    for t in (600, 1000, 1339):
        first, second = (score_day(fitted, line.features, line.graphs, t) for fitted in (early, late))
        assert first.score.shape == first.probability.shape == (1, 3)
        np.testing.assert_allclose(first.score[0], np.repeat(expected[t], 3), rtol=1e-12)
        assert (bits(first.score) == bits(second.score)).all()


@pytest.mark.parametrize("name", REAL)
def test_the_probability_is_the_platt_map_of_the_score(name: str, line: Line) -> None:
    rule = RULES[name]
    assert isinstance(rule, Rule)
    fitted = rule.fit(line.features, line.graphs, line.labels, seed=0)
    score = np.mean([line.features.column(i) for i in rule.inputs], axis=0)
    platt = Platt.fit(score, line.labels.values[:, 0, :])
    np.testing.assert_allclose(fitted.platt.slope, platt.slope, rtol=1e-9)
    day = int(np.flatnonzero(np.isfinite(score))[-1])
    free = platt(np.repeat(score[day], 3))
    found = score_day(fitted, line.features, line.graphs, day).probability[0]
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(free[0])  # 5/3 has no neighbour
    assert found[2] <= found[1]
    assert {*np.round(found, 9)} <= {*np.round(free, 9)}


def test_a_day_without_an_input_has_no_score(line: Line) -> None:
    fitted = RULES["vix"].fit(line.features, line.graphs, line.labels, seed=0)
    stale = int(np.flatnonzero(np.isnan(line.features.column("vix")))[-1])
    prediction = score_day(fitted, line.features, line.graphs, stale)
    assert np.isnan(prediction.score).all()
    assert np.isnan(prediction.probability).all()


def test_base_rate_counts_the_past(line: Line) -> None:
    fitted = RULES["base-rate"].fit(line.features, line.graphs, line.labels, seed=0)
    prediction = score_day(fitted, line.features, line.graphs, 5)
    for k in range(3):
        y = line.labels.values[:, 0, k]
        assert prediction.probability[0, k] == pytest.approx((np.nansum(y) + 1) / (np.isfinite(y).sum() + 2))
    assert (prediction.score == prediction.probability).all()
    young = RULES["base-rate"].fit(line.features.rows(0, 3), line.graphs.rows(0, 3), line.labels.upto(line.labels.dates[2]), seed=0)
    assert np.isnan(score_day(young, line.features, line.graphs, 0).probability).all(), "nothing has matured yet"


def test_always_on_has_a_score_and_no_probability(line: Line) -> None:
    prediction = score_day(RULES["always-on"].fit(line.features, line.graphs, line.labels, seed=0), line.features, line.graphs, 5)
    assert (prediction.score == 1).all()
    assert np.isnan(prediction.probability).all()


def test_rules_that_need_a_series_say_so(ragged: Panel) -> None:
    without = features.build(replace(ragged, facts=Facts.none()), FeaturesConfig())
    bare = Graphs(without.dates, without.nodes, {}, {})
    absent = {name: RULES[name].lacks(without, bare) for name in RULES}
    assert {name for name, reason in absent.items() if reason} == {"vix", "vix+breadth", "vix+breadth+credit", "vix+breadth+hy"}
    assert "hy_oas" in absent["vix+breadth+hy"]
    assert "vix" in absent["vix+breadth+hy"]


def test_choices_made_afterwards_are_marked() -> None:
    assert {name for name, rule in RULES.items() if rule.hindsight} == {"vix+breadth+credit", "vix+breadth+hy"}
    assert isinstance(RULES["base-rate"], Constant)
    assert not any(rule.graphs or rule.seeds for rule in RULES.values())
