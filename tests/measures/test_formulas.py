"""Formulas against values computed by other means, and fast paths against plain ones."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse.csgraph import minimum_spanning_tree

from riskradar.measures import composite, connectedness, spectral, tail, topology, turbulence

NONE = np.empty(0, np.int16)
FRDS = np.array([
    [0.015, 0.031, 0.007, 0.034, 0.014, 0.011],
    [0.012, 0.063, 0.027, 0.023, 0.073, 0.055],
    [0.072, 0.043, 0.097, 0.078, 0.036, 0.083],
]).T  # fmt: skip


def complete(n: int) -> np.ndarray:
    return np.ones((n, n)) - np.eye(n)


def cycle(n: int) -> np.ndarray:
    return np.roll(np.eye(n), 1, axis=0) + np.roll(np.eye(n), -1, axis=0)


def star(n: int) -> np.ndarray:
    out = np.zeros((n, n))
    out[0, 1:] = out[1:, 0] = 1
    return out


def karate() -> np.ndarray:
    networkx = pytest.importorskip("networkx")
    return networkx.to_numpy_array(networkx.karate_club_graph(), weight=None)


def draw(sessions: int, assets: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.01 * (rng.standard_normal((sessions, 1)) + rng.standard_normal((sessions, assets)))


@pytest.mark.parametrize(("fraction", "value"), [(0.2, 0.774654), (0.5, 0.943493), (0.9, 1.0)])
def test_absorption_ratio_of_frds(fraction: float, value: float) -> None:
    assert spectral.absorption_ratio(FRDS, fraction) == pytest.approx(value, abs=5e-7)


@pytest.mark.parametrize("shape", [(60, 12), (30, 90)])
def test_eigenvalues_of_either_product(shape: tuple[int, int]) -> None:
    x = spectral.standardised(draw(*shape))
    plain = np.linalg.eigvalsh(np.corrcoef(draw(*shape).T))
    np.testing.assert_allclose(spectral.eigenvalues(x)[-20:], plain[-20:][-min(shape) :], rtol=1e-9, atol=1e-12)
    assert spectral.average_correlation(draw(*shape)) == pytest.approx(np.corrcoef(draw(*shape).T)[np.triu_indices(shape[1], 1)].mean())
    share = plain[plain > 1e-12] / shape[1]
    assert spectral.effective_rank(draw(*shape)) == pytest.approx(np.exp(-(share * np.log(share)).sum()) / shape[1])
    assert spectral.leading_share(draw(*shape)) == pytest.approx(plain[-1] / shape[1])


def test_absorption_weights_the_days_by_age() -> None:
    returns = draw(80, 10)
    weight = 0.5 ** (np.arange(79, -1, -1) / 40)
    plain = np.linalg.eigvalsh(np.cov(returns.T, aweights=weight, ddof=0))
    assert spectral.absorption_ratio(returns, 0.2, 40) == pytest.approx(plain[-2:].sum() / plain.sum())


@pytest.mark.parametrize(("y", "d", "surprise"), [((1, -1), 4.0, 2.0), ((1, 1), 4 / 3, 2 / 3)])
def test_turbulence(y: tuple[int, int], d: float, surprise: float) -> None:
    covariance = np.array([[1, 0.5], [0.5, 1]])
    found = turbulence.distance(np.array(y, float), np.zeros(2), covariance)
    assert found == pytest.approx(d)
    assert found / turbulence.distance(np.array(y, float), np.zeros(2), np.eye(2)) == pytest.approx(surprise)


def test_turbulence_of_a_window_is_the_plain_formula() -> None:
    returns = draw(100, 8)
    past, today = returns[:-1], returns[-1] - returns[:-1].mean(axis=0)
    covariance = np.cov(past.T)
    plain = today @ np.linalg.inv(covariance) @ today
    assert turbulence.turbulence(returns) == pytest.approx(plain / 8)
    assert turbulence.surprise(returns) == pytest.approx(plain / (today**2 / np.diag(covariance)).sum())
    twins = np.column_stack([returns, returns[:, 0]])
    assert turbulence.turbulence(twins) * 9 == pytest.approx(plain, rel=1e-6)
    assert math.isnan(turbulence.turbulence(returns[-14:]))


LAGGED, COVARIANCE = np.array([[0.5, 0.2], [0.1, 0.4]]), np.array([[1, 0.3], [0.3, 1]])


@pytest.mark.parametrize(("horizon", "value"), [(1, 8.256881), (2, 12.191542), (10, 15.178561)])
def test_connectedness(horizon: int, value: float) -> None:
    theta = connectedness.shares(LAGGED, COVARIANCE, horizon)
    assert connectedness.total(theta) == pytest.approx(value, abs=5e-7)
    plain = np.zeros((2, 2))
    for i in range(2):
        effects = [np.linalg.matrix_power(LAGGED, h) for h in range(horizon)]
        own = sum(e[i] @ COVARIANCE @ e[i] for e in effects)
        for j in range(2):
            plain[i, j] = sum((e[i] @ COVARIANCE[:, j]) ** 2 for e in effects) / COVARIANCE[j, j] / own
    np.testing.assert_allclose(theta, plain / plain.sum(axis=1, keepdims=True), rtol=1e-12)


def test_connectedness_by_rows_and_of_unrelated_assets() -> None:
    theta = connectedness.shares(LAGGED, COVARIANCE, 10)
    np.testing.assert_allclose(theta, [[0.817801, 0.182199], [0.121372, 0.878628]], atol=5e-7)
    np.testing.assert_allclose(connectedness.net(theta), 50 * np.array([0.121372 - 0.182199, 0.182199 - 0.121372]), atol=5e-5)
    assert connectedness.largest_pair(theta) == pytest.approx(6.0827, abs=5e-4)
    assert connectedness.total(connectedness.shares(np.diag([0.5, 0.4]), np.eye(2), 10)) == 0


def test_autoregression_finds_what_made_the_series() -> None:
    rng = np.random.default_rng(1)
    x = np.zeros((20_000, 2))
    shocks = rng.multivariate_normal([0, 0], COVARIANCE, len(x))
    for t in range(1, len(x)):
        x[t] = LAGGED @ x[t - 1] + shocks[t]
    lagged, covariance = connectedness.vector_autoregression(x)
    np.testing.assert_allclose(lagged, LAGGED, atol=0.02)
    np.testing.assert_allclose(covariance, COVARIANCE, atol=0.03)
    assert connectedness.total(connectedness.table(x, 10)) == pytest.approx(15.18, abs=1)
    assert connectedness.table(x[:5], 10) is None


RHO = np.array([[1, 0.8, 0.3, 0.1], [0.8, 1, 0.4, 0.2], [0.3, 0.4, 1, 0.6], [0.1, 0.2, 0.6, 1]])


def test_tree() -> None:
    assert topology.tree_length(RHO) == pytest.approx(0.874109, abs=5e-7)
    assert 3 * topology.tree_length(RHO) == pytest.approx(2.622328, abs=1.5e-6)
    for rho, length in ((1, 0), (0.5, 1), (0, math.sqrt(2)), (-1, 2)):
        assert topology.tree_length(np.array([[1, rho], [rho, 1]])) == pytest.approx(length, abs=5e-7)
    rho = spectral.correlations(draw(60, 40))
    assert 39 * topology.tree_length(rho) == pytest.approx(minimum_spanning_tree(np.sqrt(2 * (1 - rho))).sum())


@pytest.mark.parametrize(
    ("graph", "plain", "augmented"), [(complete(4), -2, 4), (complete(5), -4, 5), (cycle(6), 0, 0), (star(5), -1, -1), (None, -11.5385, -6.3462)]
)
def test_forman(graph: np.ndarray | None, plain: float, augmented: float) -> None:
    graph = karate() if graph is None else graph
    assert topology.forman_plain(graph, NONE) == pytest.approx(plain, abs=5e-5)
    assert topology.forman_augmented(graph, NONE) == pytest.approx(augmented, abs=5e-5)


@pytest.mark.parametrize(
    ("graph", "idleness", "value"),
    [(complete(4), 0, 2 / 3), (complete(5), 0, 0.75), (cycle(6), 0, 0), (star(5), 0, 0), (complete(4), 0.5, 2 / 3), (complete(5), 0.5, 0.625),
     (cycle(4), 0.5, 0.5), (None, 0.5, 0.0709)],
)  # fmt: skip
def test_ollivier(graph: np.ndarray | None, idleness: float, value: float) -> None:
    graph = karate() if graph is None else graph
    assert topology.ollivier(graph, idleness).mean() == pytest.approx(value, abs=5e-5)


def test_graph_measures_against_networkx() -> None:
    networkx = pytest.importorskip("networkx")
    graph = karate()
    plain, sector = networkx.from_numpy_array(graph), (np.arange(34) % 3).astype(np.int16)
    assert topology.density(graph, sector) == pytest.approx(networkx.density(plain))
    assert topology.clustering(graph, sector) == pytest.approx(networkx.average_clustering(plain))
    assert topology.spectral_radius(graph, sector) == pytest.approx(max(networkx.adjacency_spectrum(plain).real) / 33)
    groups = [set(np.flatnonzero(sector == s).tolist()) for s in range(3)]
    assert topology.modularity(graph, sector) == pytest.approx(networkx.community.modularity(plain, groups))


def test_capital_short() -> None:
    assert tail.srisk(np.array(900.0), np.array(100.0), np.array(0.4)) == pytest.approx(16.8)
    assert tail.long_run_of_beta(np.array(1.5)) == pytest.approx(0.535242, abs=5e-7)
    assert tail.long_run(np.array(0.02)) == pytest.approx(0.302324, abs=5e-7)


def test_marginal_shortfall_of_frds() -> None:
    rng = np.random.RandomState(0)
    firm, market = rng.normal(0, 1, 100), rng.normal(0, 1, 100)
    loss = tail.marginal_shortfall(firm[:, None], market, 0.05)[0]
    assert -loss == pytest.approx(0.134940, abs=5e-7)  # frds prints the mean return: this firm gained on the market's worst days


def test_covar_of_normal_returns() -> None:
    from scipy.stats import norm

    own, noise = (m.ravel() for m in np.meshgrid(*(norm.ppf((np.arange(n) + 0.5) / n) for n in (400, 1000))))
    firm, system = 0.03 * own, 0.02 * (0.5 * own + math.sqrt(0.75) * noise)
    covar, delta = tail.delta_covar(firm[:, None], system, 0.05)
    assert covar[0] == pytest.approx(-0.044938, abs=2e-4)
    assert delta[0] == pytest.approx(-0.016449, abs=2e-4)  # a grid of 400,000 states stands for the normal law


@pytest.mark.parametrize("seed", range(4))
def test_quantile_line_is_the_linear_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y, q = rng.standard_t(3, (120, 3)) * 0.01, rng.standard_t(3, 120) * 0.01, 0.05
    y = y + 0.8 * x[:, 0]
    intercept, slope = tail.quantile_lines(x, y, q)
    for i in range(3):
        W = len(y)
        rows = np.column_stack([np.ones(W), x[:, i], np.eye(W), -np.eye(W)])
        cost = np.concatenate([[0, 0], np.full(W, q), np.full(W, 1 - q)])
        best = linprog(cost, A_eq=rows, b_eq=y, bounds=[(None, None)] * 2 + [(0, None)] * 2 * W)
        residual = y - intercept[i] - slope[i] * x[:, i]
        assert (residual * (q - (residual < 0))).sum() == pytest.approx(best.fun, rel=1e-7)
        np.testing.assert_allclose([intercept[i], slope[i]], best.x[:2], rtol=1e-4, atol=1e-7)


def test_cross_section_losses() -> None:
    pool = 0.01 * np.random.default_rng(3).standard_t(4, 2000)
    normal = 0.01 * np.random.default_rng(4).standard_normal(20_000)
    for loss in (tail.empirical_var, tail.pareto_var, tail.skewed_var, tail.catfin):
        assert loss(3 * pool) == pytest.approx(3 * loss(pool), rel=1e-3)
        assert loss(pool - 0.01) == pytest.approx(loss(pool) + 0.01, rel=1e-3)
        assert loss(normal) == pytest.approx(0.02326, rel=0.05)
        assert loss(np.where(pool < -0.015, 2 * pool, pool)) > loss(pool)
    assert math.isnan(tail.catfin(pool[:50]))


@pytest.mark.parametrize(("level", "correlation", "value"), [(1, np.ones((5, 5)), 1), (1, np.eye(5), 0.22), (0.5, np.ones((5, 5)), 0.25)])
def test_composite_of_known_stresses(level: float, correlation: np.ndarray, value: float) -> None:
    weights = np.array([0.15, 0.15, 0.25, 0.30, 0.15])
    assert composite.combine(np.full(5, level), correlation, weights) == pytest.approx(value)


def test_rank_counts_the_past_only() -> None:
    x = np.random.default_rng(0).standard_normal(60)
    x[7] = np.nan
    plain = [np.mean(x[: t + 1][~np.isnan(x[: t + 1])] <= x[t]) if t > 20 else np.nan for t in range(60)]
    np.testing.assert_allclose(composite.rank(x, 21), plain)
