"""Skill of node forecasts against plain loops, and no loss from a node-day that one model lacks."""

import numpy as np
import pytest

from riskradar.evaluate.nodes import HALVES, NodeSkillConfig, explained, losses, skills
from riskradar.labels import known_on
from riskradar.tables import Target
from tests.markets import days

T, N = 300, 8
TARGETS = (Target(5, 0.0, "log-volatility"), Target(20, 0.0, "log-drawdown"))
CONFIG = NodeSkillConfig(split=days(T)[150].astype(object), draws=100)


@pytest.fixture(scope="module")
def made() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(T, N, 2)) + rng.normal(size=(T, 1, 2))
    rows = {name: truth + noise * rng.normal(size=truth.shape) for name, noise in (("good", 0.5), ("bad", 1.0), ("lucky", 1.0))}
    truth[-20:, :, 1] = np.nan
    rows["bad"][3, 4] = np.nan
    return rows, truth, np.stack([known_on(days(T), t.horizon) for t in TARGETS], axis=1)


def test_losses_are_those_of_a_loop(made: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]) -> None:
    rows, truth, known = made
    found = losses(rows, truth, TARGETS, days(T), known)
    for name in ("good", "bad"):
        for t in (3, 100, 290):
            error = (rows[name] - truth)[t, [i for i in range(N) if (t, i) != (3, 4)]]
            error = np.nan_to_num(error)
            np.testing.assert_allclose(found[name].parts["total"][t], (error**2).sum(axis=0))
            np.testing.assert_allclose(found[name].parts["cross-section"][t], ((error - error.mean(axis=0)) ** 2).sum(axis=0))
    ratio = np.exp(-2 * (rows["good"] - truth)[:, :, 0])
    ratio[3, 4] = np.nan
    scaled = ratio[100] / np.nanmean(ratio[:96])
    np.testing.assert_allclose(found["good"].parts["qlike"][100, 0], (scaled - np.log(scaled) - 1).sum())
    assert not found["good"].parts["qlike"][:5, 0].any(), "nothing is known yet"
    assert np.isnan(found["good"].parts["qlike"][:, 1]).all()


def test_skill_and_its_interval(made: tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]) -> None:
    rows, truth, known = made
    found = losses(rows, truth, TARGETS, days(T), known)
    table = {(s.model, s.target, s.part, s.half): s.skill for s in skills(found, [("good", "bad"), ("lucky", "bad")], TARGETS, days(T), CONFIG)}
    assert {half for *_, half in table} == set(HALVES)
    good, lucky = (table[name, "log-volatility/5", "total", "all"] for name in ("good", "lucky"))
    assert good.value == pytest.approx(75, abs=5)
    assert good.low > 60
    assert lucky.low < 0 < lucky.high
    first, whole = (np.sum([found[m].parts["total"][:stop, 0] for m in ("good", "bad")], axis=1) for stop in (150, T))
    assert table["good", "log-volatility/5", "total", "first"].value == pytest.approx(100 * (1 - first[0] / first[1]))
    assert good.value == pytest.approx(100 * (1 - whole[0] / whole[1]))
    assert ("good", "log-drawdown/20", "qlike", "all") not in table
    assert (explained(found["good"], truth, rows["good"]) > 0.8).all()
