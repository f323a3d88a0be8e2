"""Scores of forward falls against closed forms and brute force."""

import numpy as np
import pytest
from scipy import stats

from riskradar.evaluate.distribution import LEVELS, climatology, crps, evaluate_falls, outcomes, pinball, repaired
from riskradar.evaluate.intervals import resample
from riskradar.tables import Distribution, Labels
from tests.markets import Line, days

ATOMS = 200


def test_crps_of_a_normal_is_its_closed_form() -> None:
    """sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), Gneiting and Raftery 2007."""
    z = np.array([-1.5, 0.0, 0.3, 2.0])
    atoms = np.tile(stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000), (4, 1))
    expected = z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(crps(atoms, np.ones(20_000), z), expected, atol=2e-5)


def test_crps_of_weighted_falls_is_the_double_sum() -> None:
    rng = np.random.default_rng(0)
    falls, weights, y = np.sort(rng.exponential(size=(7, 30)), axis=1), rng.random((7, 30)), rng.exponential(size=7)
    for x, w, outcome, found in zip(falls, weights, y, crps(falls, weights, y), strict=True):
        w = w / w.sum()
        expected = (w * np.abs(x - outcome)).sum() - 0.5 * (w[:, None] * w * np.abs(x[:, None] - x)).sum()
        assert found == pytest.approx(expected, rel=1e-12)


def test_crps_of_one_certain_fall_is_the_distance() -> None:
    np.testing.assert_allclose(crps(np.full((2, 1), 0.1), np.ones(1), np.array([0.1, 0.3])), [0.0, 0.2], atol=1e-15)


def test_pinball_is_least_at_the_quantile() -> None:
    y = np.random.default_rng(1).exponential(size=20_001)
    for level in LEVELS:
        true = np.quantile(y, level)
        losses = [pinball(np.full(len(y), true * factor), y, level).mean() for factor in (0.9, 1.0, 1.1)]
        assert np.argmin(losses) == 1
    assert pinball(np.array([1.0, 1.0]), np.array([3.0, 0.0]), 0.9) == pytest.approx([1.8, 0.1])


def test_repair_brings_a_wrong_quantile_to_its_level() -> None:
    """The true 90 % quantile of a unit exponential is 2.30; a forecast of half of it is missed too often until it is repaired."""
    y = np.random.default_rng(2).exponential(size=20_000)
    wrong = np.full(len(y), np.log(10) / 2)
    fixed = repaired(wrong, y, 5, 0.9)
    assert (y <= wrong).mean() < 0.75
    assert (y <= fixed)[5000:].mean() == pytest.approx(0.90, abs=0.01)


@pytest.mark.parametrize("horizon", [1, 20])
def test_repair_is_a_loop_over_matured_falls(horizon: int) -> None:
    rng = np.random.default_rng(3)
    quantile, y = rng.random(80), rng.random(80)
    quantile[30], y[40] = np.nan, np.nan
    found, theta, expected = repaired(quantile, y, horizon, 0.9), 0.0, []
    for t in range(80):
        u = t - horizon
        if u >= 0 and np.isfinite(expected[u]) and np.isfinite(y[u]):
            theta += 0.05 / horizon * (float(y[u] > expected[u]) - (1 - 0.9))
        expected.append(quantile[t] * np.exp(theta))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    later = y.copy()
    later[81 - horizon - 1 :] = 9.0
    np.testing.assert_array_equal(repaired(quantile, later, horizon, 0.9), found, "a fall that had not matured moved a quantile")


def test_climatology_is_what_was_known(line: Line) -> None:
    base = climatology(line.labels, (20,), ATOMS)
    y = outcomes(line.labels, 20)
    for t in (270, 600, 1339):
        past = np.sort(y[: t - 19][np.isfinite(y[: t - 19])])
        if len(past) < 252:
            assert np.isnan(base.falls[t]).all()
        else:
            np.testing.assert_array_equal(base.falls[t, 0], np.quantile(past, (np.arange(ATOMS) + 0.5) / ATOMS, method="inverted_cdf"))


def test_outcome_is_the_fall_of_the_label(line: Line) -> None:
    y = line.labels.system("20/5")
    np.testing.assert_array_equal(outcomes(line.labels, 20) >= 0.05 - 1e-12, np.nan_to_num(y) == 1)
    assert (np.isnan(outcomes(line.labels, 20)) == np.isnan(y)).all()


def oracle(labels: Labels, horizon: int, blur: float) -> Distribution:
    """Falls around the one that will come."""
    y = np.nan_to_num(outcomes(labels, horizon))[:, None, None]
    falls = np.clip(y + blur * np.linspace(-1, 1, ATOMS), 0, 1)
    return Distribution("oracle", labels.dates, (horizon,), falls, labels.dates)


def test_better_forecasts_score_better(line: Line) -> None:
    known = line.labels
    span = slice(0, len(known.dates))
    plan = resample(len(known.dates), [], [], 50, 60, 0.9, 0)
    models = {"sharp": oracle(known, 20, 0.01), "blunt": oracle(known, 20, 0.1), "itself": climatology(known, (20,), ATOMS)}
    found = {name: of[20] for name, of in evaluate_falls(models, known, span, plan, known.dates[700]).items()}
    assert found["sharp"].crps["all"].value > found["blunt"].crps["all"].value > 0
    assert found["itself"].crps["all"].value == 0
    assert found["itself"].pinball["forecast"]["0.9"].value == 0
    assert found["sharp"].crps["all"].low < found["sharp"].crps["all"].value
    assert set(found["sharp"].crps) == {"all", "onset", f"before {known.dates[700]}", f"from {known.dates[700]}"}
    assert found["sharp"].coverage["forecast"]["0.9"].value == 1
    assert set(found["sharp"].blocks["forecast"]) == {"2000-2004", "2005-2009"}
    assert len({one.sessions for one in found.values()}) == 1


def test_a_distribution_out_of_order_or_of_the_future_is_refused() -> None:
    dates, falls = days(3), np.tile([0.0, 0.1], (3, 1, 1))
    with pytest.raises(ValueError, match="rising order"):
        Distribution("m", dates, (5,), falls[:, :, ::-1].copy(), dates)
    with pytest.raises(ValueError, match="own future"):
        Distribution("m", dates, (5,), falls, dates + 1)
    assert Distribution("m", dates, (5,), falls, dates).quantile(0.5).tolist() == [[0.0]] * 3
    assert Distribution("m", dates, (5,), falls, dates).quantile(0.51).tolist() == [[0.1]] * 3
