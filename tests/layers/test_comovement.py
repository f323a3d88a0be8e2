"""Tail and volatility layers against sets and scipy."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import spearmanr

from riskradar.layers.comovement import TailConfig, tail, volatility
from riskradar.layers.correlation import CorrelationConfig
from riskradar.tables import Panel
from tests.markets import panel, walk


def plain(market: Panel, t: int, config: TailConfig) -> np.ndarray:
    """Sets of sessions and exact fractions."""
    returns = np.diff(np.log(market.close), axis=0, prepend=np.nan)[max(t + 1 - config.window, 0) : t + 1]
    most = -(-Fraction(str(config.share)) * config.window // 1)
    tails = []
    for i in range(returns.shape[1]):
        worst = sorted(returns[:, i])
        known = len(worst) == config.window and np.isfinite(worst).all() and market.member[t, i]
        sessions = {k for k, r in enumerate(returns[:, i]) if r <= worst[int(most) - 1]} if known else set()
        tails.append(sessions if len(sessions) <= 2 * most else set())
    tau = Fraction(str(config.threshold))
    edge = [[bool(a and b) and i != j and len(a & b) ** 2 >= tau**2 * len(a) * len(b) for j, b in enumerate(tails)] for i, a in enumerate(tails)]
    return np.array(edge, np.float32)


@pytest.mark.parametrize(("window", "share", "tau"), [(20, 0.1, 0.5), (70, 0.2, 0.3), (64, 0.07, 0.6), (128, 0.5, 0.5)])
def test_tails_are_those_of_plain_sets(ragged: Panel, window: int, share: float, tau: float) -> None:
    config = TailConfig(window=window, share=share, threshold=tau)
    layer = tail(ragged, config).block(0, 330)
    for t in range(330):
        assert (layer[t] == plain(ragged, t, config)).all(), t
    assert layer.any()


def test_shared_crashes_join_what_ordinary_days_do_not() -> None:
    rng = np.random.default_rng(2)
    returns = 0.01 * rng.standard_normal((250, 4))
    returns[rng.choice(250, 25, replace=False), :2] -= 0.05
    close = 50 * np.exp(np.cumsum(np.vstack([np.zeros(4), returns]), axis=0))
    expected = np.zeros((4, 4))
    expected[0, 1] = expected[1, 0] = 1
    assert (tail(panel(close), TailConfig()).block(250, 251)[0] == expected).all()


def test_a_price_that_hardly_moves_has_no_tail() -> None:
    close = walk(60, 3, 0)
    close[:, 2] = np.where(np.arange(60) == 50, 21.0, 20.0)
    layer = tail(panel(close), TailConfig(window=20, threshold=0.01)).block(0, 60)
    assert not layer[:, 2].any()


def test_volatility_is_the_rank_correlation_of_sizes(ragged: Panel) -> None:
    layer = volatility(ragged, CorrelationConfig(window=30, threshold=0.3)).block(0, 330)
    size = np.abs(np.diff(np.log(ragged.close), axis=0, prepend=np.nan))
    for t in (40, 150, 250, 329):
        for i in range(10):
            for j in range(i):
                window = size[t - 29 : t + 1, [i, j]]
                usable = ragged.member[t, [i, j]].all() and np.isfinite(window).all() and (np.ptp(window, axis=0) > 0).all()
                rho = spearmanr(window).statistic if usable else 0.0
                assert abs(rho - 0.3) < 1e-12 or layer[t, i, j] == layer[t, j, i] == float(rho >= 0.3), (t, i, j)
    assert layer.any()
