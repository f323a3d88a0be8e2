"""The correlation layer against scipy, numpy and exact fractions."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError
from scipy.stats import rankdata, spearmanr

from riskradar.layers.correlation import CorrelationConfig, correlation
from riskradar.layers.ranks import Relation, Window, edges
from riskradar.tables import Bits, Panel
from tests.markets import panel, walk

HALF = Fraction(1, 2)


def last_edges(x: np.ndarray, relation: Relation, tau: Fraction) -> np.ndarray:
    """Edges of the one full window that the rows of x make; a column that moves is joined with itself."""
    _, packed = edges(Window.empty(len(x), x.shape[1]), x, np.ones(x.shape, bool), relation, tau)
    joined = Bits(x.shape[1], packed).block(len(x) - 1, len(x))[0] > 0
    np.fill_diagonal(joined, x.max(axis=0) > x.min(axis=0))
    return joined


def spearman_edges(x: np.ndarray, tau: Fraction) -> np.ndarray:
    return last_edges(x, Relation("spearman"), tau)


def pearson_edges(x: np.ndarray, tau: Fraction) -> np.ndarray:
    return last_edges(x, Relation("pearson"), tau)


def exact_edge(x: np.ndarray, y: np.ndarray, tau: Fraction) -> bool:
    """|Spearman rho| >= tau in rational arithmetic, as rho^2 >= tau^2."""
    a, b = ([int(2 * rank) for rank in rankdata(v)] for v in (x, y))

    def covariance(u: list[int], v: list[int]) -> int:
        return len(u) * sum(i * j for i, j in zip(u, v, strict=True)) - sum(u) * sum(v)

    square = covariance(a, a) * covariance(b, b)
    return square > 0 and covariance(a, b) ** 2 >= tau**2 * square


@pytest.mark.parametrize("window", [7, 20, 60])
@pytest.mark.parametrize("tau", ["0.3", "0.5", "0.75", "1"])
def test_spearman_edges_are_those_of_exact_fractions(window: int, tau: str) -> None:
    rng = np.random.default_rng(window)
    for ticks in (None, 1, 0):  # free, some ties, many ties
        x = rng.normal(size=(window, 8)) + rng.normal(size=(window, 1))
        x = x if ticks is None else np.round(x, ticks)
        edges = spearman_edges(x, Fraction(tau))
        expected = [[exact_edge(x[:, i], x[:, j], Fraction(tau)) for j in range(8)] for i in range(8)]
        assert (edges == np.array(expected)).all()


def test_spearman_edges_agree_with_scipy_away_from_the_threshold() -> None:
    x = np.round(np.random.default_rng(0).normal(size=(60, 12)) + np.random.default_rng(1).normal(size=(60, 1)), 1)
    rho = np.abs(spearmanr(x).statistic)
    clear = np.abs(rho - 0.5) > 1e-9
    assert (spearman_edges(x, HALF) == (rho >= 0.5))[clear].all()
    assert 0.05 < (rho >= 0.5).mean() < 0.95


def test_all_orders_of_seven_days() -> None:
    """|rho| lies on a grid of 1/28: of 5040 orders 1344 have an edge, and 156 of these sit exactly on one half."""
    base = np.arange(7.0)
    others = np.array(list(permutations(base))).T
    edges = np.concatenate([spearman_edges(np.column_stack([base, part]), HALF)[0, 1:] for part in np.array_split(others, 20, axis=1)])
    distance = ((others - base[:, None]) ** 2).sum(axis=0).astype(int)
    rho = [abs(1 - Fraction(6 * int(d), 7 * 48)) for d in distance]
    assert edges.tolist() == [r >= HALF for r in rho]
    assert edges.sum() == 1344
    assert sum(r == HALF for r in rho) == 156


@given(arrays(np.int64, st.tuples(st.integers(3, 12), st.integers(2, 4)), elements=st.integers(-3, 3)), st.sampled_from(["0.25", "0.5", "0.8", "1"]))
def test_spearman_edges_of_tied_columns(x: np.ndarray, tau: str) -> None:
    edges = spearman_edges(x.astype(float), Fraction(tau))
    for i in range(x.shape[1]):
        for j in range(x.shape[1]):
            assert edges[i, j] == exact_edge(x[:, i], x[:, j], Fraction(tau))


def test_largest_window_and_finest_threshold_do_not_overflow() -> None:
    x = np.arange(250.0)[:, None] * np.array([[1.0, -1.0, 1.0]])
    assert spearman_edges(x, Fraction("0.99")).all()
    assert spearman_edges(x, Fraction(1)).all()


def test_pearson_edges_are_those_of_numpy() -> None:
    x = np.random.default_rng(3).normal(size=(60, 15)) + 0.8 * np.random.default_rng(4).normal(size=(60, 1))
    r = np.abs(np.corrcoef(x.T))
    clear = np.abs(r - 0.5) > 1e-9
    assert (pearson_edges(x, HALF) == (r >= 0.5))[clear].all()
    assert 0.05 < (r >= 0.5).mean() < 0.95


@pytest.mark.parametrize("rule", [spearman_edges, pearson_edges])
@pytest.mark.parametrize("constant", [0.0, 0.1, np.log(2)])
def test_a_constant_column_has_no_edge(rule: type, constant: float) -> None:
    x = np.random.default_rng(5).normal(size=(60, 4))
    x[:, 1:3] = constant
    assert not rule(x, Fraction("0.01"))[1:3].any()
    assert not rule(x, Fraction("0.01"))[:, 1:3].any()


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_each_session_is_computed_on_its_members_with_a_whole_window(method: str, ragged: Panel) -> None:
    window = 20
    block = correlation(ragged, CorrelationConfig(method=method, window=window)).block(0, 330)
    with np.errstate(invalid="ignore"):
        returns = np.diff(np.log(ragged.close), axis=0)
    found = 0
    for t in (10, 19, 20, 100, 165, 170, 200, 264, 329):
        expected = np.zeros((10, 10))
        last = returns[max(t - window, 0) : t]
        use = [i for i in range(10) if t >= window and ragged.member[t, i] and np.isfinite(last[:, i]).all() and np.ptp(last[:, i]) > 0]
        for i in use:
            for j in use:
                if i != j:
                    rho = spearmanr(last[:, i], last[:, j]).statistic if method == "spearman" else np.corrcoef(last[:, i], last[:, j])[0, 1]
                    assert abs(abs(rho) - 0.5) > 1e-9
                    expected[i, j] = abs(rho) >= 0.5
        assert (block[t] == expected).all(), t
        found += expected.sum()
    assert found > 50


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_twins_are_joined_and_hedges_too(method: str) -> None:
    close = walk(30, 3, 6)
    close[:, 1] = close[:, 0] * 2
    close[:, 2] = 1e4 / close[:, 0]
    edges = correlation(panel(close), CorrelationConfig(method=method, window=20, threshold=0.99)).block(20, 30)
    assert (edges == 1 - np.eye(3)).all()


def test_before_the_first_whole_window_there_is_no_edge() -> None:
    edges = correlation(panel(walk(12, 3, 6)), CorrelationConfig(window=5, threshold=0.01)).block(0, 12)
    assert not edges[:5].any()
    assert edges[5].any()
    assert not correlation(panel(walk(12, 3, 6)), CorrelationConfig(window=60)).block(0, 12).any()


def test_every_whole_percent_is_a_threshold() -> None:
    for percent in range(1, 101):
        assert Fraction(str(CorrelationConfig(threshold=percent / 100).threshold)) == Fraction(percent, 100)


@pytest.mark.parametrize(
    "wrong", [{"window": 2}, {"window": 1001}, {"threshold": 0.0}, {"threshold": 1.01}, {"threshold": 0.123}, {"method": "kendall"}, {"lag": 1}]
)
def test_settings_that_cannot_be_used(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CorrelationConfig(**wrong)


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_kept_weights_and_neighbours_are_those_of_the_matrix(method: str) -> None:
    market = panel(100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, (90, 9)), axis=0)))
    dense = {}
    for sign in ("absolute", "positive", "negative"):
        dense[sign] = correlation(market, CorrelationConfig(method=method, window=20, keep="weights"), sign).block(0, 90)
    assert np.array_equal(dense["absolute"], dense["positive"] + dense["negative"]), "a signed relation is two layers"
    assert (dense["negative"][30:] > 0).any()
    near = correlation(market, CorrelationConfig(method=method, window=20, keep="nearest", neighbours=3))
    for t in (25, 60, 89):
        size = dense["absolute"][t]
        for i in range(9):
            best = np.sort(size[i])[::-1][:3]
            assert np.array_equal(np.sort(near.block(t, t + 1)[0, i])[::-1][:3], best)
            assert np.count_nonzero(near.block(t, t + 1)[0, i]) == 3
    kept = correlation(market, CorrelationConfig(method=method, window=20, threshold=0.4)).block(0, 90) > 0
    clear = np.abs(dense["absolute"] - 0.4) > 1e-6
    assert (kept == (dense["absolute"] >= 0.4))[clear].all()
