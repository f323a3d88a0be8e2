"""The radar's system level: an anchor that is never fitted, and corrections that have to earn their weight."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from riskradar import models
from riskradar.backtest import fit_fold, score_day
from riskradar.models.pool import anchor
from riskradar.models.radar.anchored import gate, halves, intercepts
from riskradar.models.radar.system import FittedRadar, Radar
from riskradar.split import Fold
from riskradar.tables import Groups
from tests.markets import TINY, Line, bits

CUT = 1150


def fit(name: str, line: Line, **settings: object) -> FittedRadar:
    fold = Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")
    config = TINY.model_copy(update={"radar": TINY.radar.model_copy(update=settings)})
    fitted = fit_fold(models.make(name, config), line.features, line.graphs, line.labels, fold, 0)
    assert isinstance(fitted, FittedRadar)
    return fitted


def opened(fitted: FittedRadar) -> FittedRadar:
    return replace(fitted, learned=fitted.learned | {"gate": np.ones(1)})


def test_the_gate_opens_for_a_correction_that_is_right_and_shuts_for_one_that_is_not() -> None:
    rng = np.random.default_rng(0)
    logit, right = rng.normal(-1, 0.5, (2000, 2)), rng.normal(0, 1, (2000, 2))
    y = (rng.random((2000, 2)) < expit(logit + right)).astype(float)
    days = np.full(2, 0.5)
    assert gate(logit, right, y, days) > 0.8
    assert gate(logit, rng.permutation(right), y, days) < 0.1
    assert gate(logit, -right, y, days) < 0.001
    assert gate(logit, right, np.full_like(y, np.nan), days) < 0.001, "nothing is known: the prior decides"


def test_the_intercept_gives_the_share_of_past_days() -> None:
    rng = np.random.default_rng(1)
    score, y = rng.normal(size=600), (rng.random((600, 3)) < (0.1, 0.4, 0.0)).astype(float)
    score[:50], y[300:320, 1] = np.nan, np.nan
    constant = intercepts(score, y, np.array([True, True, False]))
    for k in (0, 1):
        use = np.isfinite(score) & np.isfinite(y[:, k])
        assert expit(constant[k] + score[use]).mean() == pytest.approx((y[use, k].sum() + 1) / (use.sum() + 2), abs=1e-6)
    assert np.isnan(constant[2])


def test_no_label_of_the_first_part_reaches_into_the_tail() -> None:
    past, tail = halves(np.arange(100), 12, 0.25)
    assert tail.sum() == 25
    assert np.flatnonzero(past).max() + 12 < np.flatnonzero(tail).min()


def test_the_twin_without_a_network_is_the_anchor(line: Line) -> None:
    score = anchor(line.features)
    fitted = fit("radar-anchor", line)
    for t in (600, CUT, 1339):
        assert (bits(score_day(fitted, line.features, line.graphs, t).score[0]) == bits(np.full(3, score[t]))).all()


def test_before_training_nothing_is_added(line: Line) -> None:
    fitted = fit("radar", line, train=TINY.radar.train.model_copy(update={"rate": 1e-30}))
    assert np.abs(opened(fitted).corrections(line.features.rows(0, CUT + 1), line.graphs.rows(0, CUT + 1))).max() < 1e-12


def test_edges_move_the_radar_and_not_its_twin_without_them(line: Line) -> None:
    dates, nodes = len(line.graphs.dates), len(line.graphs.nodes)
    together = replace(line.graphs, layers=line.graphs.layers | {"sector": Groups(np.zeros((dates, nodes), np.int16))})
    for name, moves in (("radar", True), ("radar-no-graph", False)):
        fitted = opened(fit(name, line))
        assert "mean" in fitted.learned, "a network was trained"
        here, there = (score_day(fitted, line.features, graphs, 1339).score for graphs in (line.graphs, together))
        assert np.isfinite(here).all()
        assert (bits(here) != bits(there)).any() == moves


def test_chances_are_the_pool_s_and_twins_have_none(line: Line) -> None:
    radar, pool = fit("radar", line), models.make("pool", TINY)
    fold = Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")
    theirs = fit_fold(pool, line.features, line.graphs, line.labels, fold, 0)
    a, b = (score_day(each, line.features, line.graphs, 1339).probability for each in (radar, theirs))
    assert (bits(a) == bits(b)).all()
    assert np.isfinite(a).all()
    for twin in models.RADARS[1:]:
        assert np.isnan(score_day(fit(twin, line), line.features, line.graphs, 1339).probability).all()


def test_without_any_of_its_layers_it_says_so(line: Line) -> None:
    bare = replace(line.graphs, layers={})
    made = {name: models.make(name, TINY) for name in models.RADARS}
    assert all(isinstance(model, Radar) for model in made.values())
    assert "no layer correlation" in made["radar"].lacks(line.features, bare)
    assert "correlation~shuffled" in made["radar-shuffled"].lacks(line.features, bare)
    assert made["radar-anchor"].lacks(line.features, bare) == ""
