"""Denoised correlations against the formulas of the noise band, a plain loop, skfolio and scikit-learn."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from riskradar.layers.denoised import DenoisedConfig, clipped, denoised, noise_band, shrunk
from riskradar.layers.windows import correlations, refreshes
from riskradar.tables import Panel


def returns(sessions: int, assets: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(sessions, assets)) + rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, 2)) @ rng.normal(size=(2, assets)) / 2


@pytest.mark.parametrize(("sessions", "least", "most"), [(7, None, 12.29998), (60, 0.02064, 3.44603), (252, 0.33889, 2.01031)])
def test_noise_band(sessions: int, least: float | None, most: float) -> None:
    """facts 2, N = 44."""
    low, high = noise_band(44, sessions)
    assert high == pytest.approx(most, abs=5e-6)
    assert least is None or low == pytest.approx(least, abs=5e-6)


def plain(rho: np.ndarray, sessions: int) -> np.ndarray:
    """Eigenvalue by eigenvalue."""
    value, vector = np.linalg.eigh(rho)
    most = (1 + np.sqrt(len(rho) / sessions)) ** 2
    mean = np.mean([v for v in value if v <= most])
    clean = sum((v if v > most else mean) * np.outer(u, u) for v, u in zip(value, vector.T, strict=True))
    scale = np.sqrt(np.diag(clean))
    return clean / scale[:, None] / scale


@pytest.mark.parametrize(("sessions", "assets"), [(60, 20), (20, 44), (252, 44), (30, 2)])
def test_clipping_is_that_of_a_plain_loop(sessions: int, assets: int) -> None:
    rho = correlations(returns(sessions, assets, 0))
    clean = clipped(rho, sessions)
    np.testing.assert_allclose(clean, plain(rho, sessions), rtol=0, atol=1e-12)
    assert (clean == clean.T).all()
    assert (np.diag(clean) == 1).all()
    assert np.linalg.eigvalsh(clean)[0] > 0


def test_clipping_takes_noise_out_and_leaves_what_is_there() -> None:
    noise = clipped(correlations(np.random.default_rng(0).normal(size=(500, 20))), 500)
    assert np.abs(noise - np.eye(20)).max() < 0.08
    truth = np.full((40, 40), 0.3) + 0.7 * np.eye(40)
    raw = correlations(np.random.default_rng(1).multivariate_normal(np.zeros(40), truth, 60))
    assert np.linalg.norm(clipped(raw, 60) - truth) < 0.6 * np.linalg.norm(raw - truth)


@pytest.mark.parametrize(("sessions", "assets"), [(60, 20), (20, 44), (252, 5)])
def test_shrinking_is_that_of_scikit_learn(sessions: int, assets: int) -> None:
    x = returns(sessions, assets, 2)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    covariance, intensity = ledoit_wolf(x, assume_centered=True)
    np.testing.assert_allclose(shrunk(x), covariance, rtol=0, atol=1e-12)
    assert 0 < intensity < 1


@pytest.mark.parametrize("method", ["clip", "shrink"])
@pytest.mark.parametrize("sign", ["positive", "absolute"])
def test_the_layer_joins_the_nearest(ragged: Panel, method: str, sign: str) -> None:
    config = DenoisedConfig(window=25, neighbours=2, method=method, sign=sign)  # type: ignore[arg-type]
    layer = denoised(ragged, config)
    returns = np.diff(np.log(ragged.close), axis=0, prepend=np.nan)
    for t in refreshes(ragged.dates, config):
        window = returns[t - 24 : t + 1]
        use = np.flatnonzero(ragged.member[t] & np.isfinite(window).all(axis=0) & (np.ptp(window, axis=0) > 0))
        x = window[:, use]
        rho = plain(np.corrcoef(x.T), 25) if method == "clip" else ledoit_wolf((x - x.mean(axis=0)) / x.std(axis=0), assume_centered=True)[0]
        rho = np.abs(rho) if sign == "absolute" else rho
        rho[rho < 1e-9] = 0
        np.fill_diagonal(rho, 0)
        block = layer.block(t, t + 1)[0]
        np.testing.assert_allclose(np.sort(block[use])[:, -2:], np.sort(rho)[:, -2:], atol=1e-6)
        assert (block > 0).sum() == sum(min(2, (row > 0).sum()) for row in rho)
