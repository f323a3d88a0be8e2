"""The slope towards the network: a loop as the oracle, and the past alone."""

import numpy as np

from riskradar.labels import known_on
from riskradar.models.radar.shrink import ShrinkConfig, shrunk, slopes
from tests.markets import days

T, N, K, H = 80, 6, 2, (3, 10)


def forecasts() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    base, step = rng.normal(size=(T, N, K)), rng.normal(size=(T, N, K))
    truth = base + 0.7 * step + 0.1 * rng.normal(size=(T, N, K)) + rng.normal(size=(T, 1, K))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    truth[:, :, 1][-H[1] :] = np.nan
    base[5, 2] = np.nan
    return base, base + step, truth, np.stack([known_on(days(T), h) for h in H], axis=1)


def test_slope_is_least_squares_over_what_was_known() -> None:
    base, forecast, truth, known = forecasts()
    config = ShrinkConfig(weight=20.0)
    found = slopes(base, forecast, truth, days(T), known, config)
    assert (found[0] == 0.5).all()
    for k, horizon in enumerate(H):
        for t in (0, 5, 30, 79):
            product = square = count = 0.0
            for s in range(max(t - horizon + 1, 0)):
                used = np.isfinite(truth[s, :, k]) & np.isfinite(base[s, :, k])
                step, wanted = (forecast - base)[s, used, k], (truth - base)[s, used, k]
                step, wanted = step - step.mean(), wanted - wanted.mean()
                product, square, count = product + step @ wanted, square + step @ step, count + used.sum()
            prior = 20.0 * square / max(count, 1)
            np.testing.assert_allclose(found[t, k], (product + 0.5 * prior) / (square + prior) if count else 0.5)
    assert abs(found[-1, 0] - 0.7) < 0.05
    cut = slopes(base[:40], forecast[:40], np.where((known[:40] <= days(T)[39])[:, None], truth[:40], np.nan), days(T)[:40], known[:40], config)
    np.testing.assert_allclose(cut, found[:40])


def test_shrunk_lies_between() -> None:
    base, forecast, truth, known = forecasts()
    assert np.array_equal(shrunk(base, forecast, np.ones((T, K))), base + (forecast - base), equal_nan=True)
    assert np.array_equal(shrunk(base, forecast, np.zeros((T, K))), base, equal_nan=True)
    wild = slopes(base, base + 0.01 * (forecast - base), truth, days(T), known, ShrinkConfig(weight=1.0))
    assert wild.max() == 1.2
