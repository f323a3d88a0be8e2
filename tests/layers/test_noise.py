"""What a threshold joins when nothing is there, against draws and counts."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from riskradar import layers
from riskradar.layers import LAYERS, LayersConfig, noise_density
from riskradar.layers.comovement import TailConfig
from riskradar.layers.correlation import CorrelationConfig
from riskradar.layers.noise import both_sides, coincident, one_side
from tests.markets import noise


@pytest.mark.parametrize(("window", "threshold"), [(3, 0.5), (5, 0.5), (7, 0.5), (8, 0.9)])
def test_short_windows_are_counted(window: int, threshold: float) -> None:
    count = [stats.spearmanr(range(window), order).statistic >= threshold - 1e-9 for order in permutations(range(window))]
    assert one_side(CorrelationConfig(window=window, threshold=threshold)) == pytest.approx(np.mean(count))


@pytest.mark.parametrize(("window", "threshold"), [(9, 0.5), (12, 0.3), (20, 0.5), (60, 0.3)])
def test_spearman_against_draws(window: int, threshold: float) -> None:
    rng = np.random.default_rng(window)
    ranks = np.argsort(rng.random((200_000, window)), axis=1)
    rho = 1 - 6 * ((ranks - np.arange(window)) ** 2).sum(axis=1) / (window * (window**2 - 1))
    drawn = (rho >= threshold - 1e-9).mean()
    expected = one_side(CorrelationConfig(window=window, threshold=threshold))
    assert expected == pytest.approx(drawn, abs=4 * np.sqrt(drawn / len(rho)))


@pytest.mark.parametrize(("window", "threshold"), [(3, 0.5), (20, 0.5), (60, 0.3)])
def test_pearson_is_students_t(window: int, threshold: float) -> None:
    t = threshold * np.sqrt((window - 2) / (1 - threshold**2))
    config = CorrelationConfig(method="pearson", window=window, threshold=threshold)
    assert both_sides(config) == pytest.approx(2 * stats.t.sf(t, window - 2))


def test_tails_are_hypergeometric() -> None:
    config = TailConfig(window=100, share=0.1, threshold=0.3)
    assert coincident(config) == pytest.approx(stats.hypergeom.sf(2, 100, 10, 10))


@pytest.mark.parametrize("name", [name for name, kind in LAYERS.items() if kind.noise])
def test_independent_walks_have_that_density(name: str) -> None:
    market = noise(900, 24, seed=3)
    config = LayersConfig(
        names=(name,), correlation=CorrelationConfig(window=20, threshold=0.3), volatility=CorrelationConfig(window=20, threshold=0.3),
        tail=TailConfig(window=40, threshold=0.5),
    )  # fmt: skip
    found = layers.build(market, config).layers[name].block(100, 900)
    expected = noise_density(name, config)
    assert expected is not None
    assert (found > 0).mean() * 24 / 23 == pytest.approx(expected, rel=0.1)


def test_without_a_threshold_there_is_no_noise() -> None:
    assert noise_density("correlation", LayersConfig(correlation=CorrelationConfig(keep="nearest"))) is None
    assert noise_density("tree", LayersConfig()) is None
