"""Platt maps against a Newton solver in extended precision; the order that horizons and depths impose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskradar.models.calibration import LEAST, Platt, coherent
from riskradar.tables import Target
from tests.markets import bits

NAMES = (
    "5/3", "10/3", "10/5", "20/5", "20/10", "20/15", "60/5", "60/10", "90/7", "20/5/fall", "60/5/fall", "20/5/share30", "60/5/share60",
    "log-drawdown/20", "log-drawdown/60",
)  # fmt: skip
TARGETS = tuple(Target.parse(name) for name in NAMES)
LIKE = [(i, j) for i, a in enumerate(TARGETS) for j, b in enumerate(TARGETS) if a.binary and (a.kind, a.share) == (b.kind, b.share)]
ABOVE = [(i, j) for i, j in LIKE if TARGETS[i].depth == TARGETS[j].depth and TARGETS[i].horizon < TARGETS[j].horizon]
ABOVE += [(i, j) for i, j in LIKE if TARGETS[i].horizon == TARGETS[j].horizon and TARGETS[i].depth > TARGETS[j].depth]


def optimum(score: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of the penalised likelihood by Newton steps in extended precision."""
    score, y = score.astype(np.longdouble), y.astype(np.longdouble)
    centre, scale = score.mean(), score.std()
    x = (score - centre) / scale
    a, b = np.longdouble(0), np.longdouble(0)
    for _ in range(60):
        p = 1 / (1 + np.exp(-(a + b * x)))
        w = p * (1 - p)
        ga, gb = (p - y).sum() + a / 100, ((p - y) * x).sum() + b
        haa, hab, hbb = w.sum() + 0.01, (w * x).sum(), (w * x * x).sum() + 1
        det = haa * hbb - hab**2
        a, b = a - (hbb * ga - hab * gb) / det, b - (haa * gb - hab * ga) / det
    return float(a - b / scale * centre), float(b / scale)


def history(days: int, seed: int, slope: float = 1.0, base: float = -1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(0.3, 1.7, days)
    return score, (rng.random(days) < 1 / (1 + np.exp(-(base + slope * score)))).astype(float)


@pytest.mark.parametrize("days", [252, 800, 6000])
@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.3, 2.0])
def test_platt_is_the_optimum(days: int, slope: float) -> None:
    score, y = history(days, days, slope)
    fitted = Platt.fit(score, y[:, None])
    intercept, exact = optimum(score, y)
    grid = np.linspace(-5, 6, 50)
    expected = 1 / (1 + np.exp(-(intercept + exact * grid)))
    found = np.array([fitted(np.array([s]))[0] for s in grid])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_platt_does_not_depend_on_the_unit_of_the_score(scale: float) -> None:
    score, y = history(900, 1)
    plain, scaled = Platt.fit(score, y[:, None]), Platt.fit(score * scale + 5 * scale, y[:, None])
    np.testing.assert_allclose(scaled(np.array([1.0 * scale + 5 * scale])), plain(np.array([1.0])), atol=1e-6)


def test_platt_is_monotone_and_near_the_truth() -> None:
    score, y = history(20_000, 2)
    p = np.array([Platt.fit(score, y[:, None])(np.array([s]))[0] for s in (-3, -1, 0, 1, 3)])
    assert (np.diff(p) > 0).all()
    np.testing.assert_allclose(p, 1 / (1 + np.exp(1.5 - np.array([-3, -1, 0, 1, 3]))), atol=0.03)


def test_perfectly_separated_years_stay_finite() -> None:
    score = np.linspace(-2, 2, 400)
    fitted = Platt.fit(score, (score > 0).astype(float)[:, None])
    assert np.isfinite(fitted.slope[0])
    assert 0 < fitted(np.array([-2.0]))[0] < fitted(np.array([2.0]))[0] < 1


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_class_gives_a_probability_inside(outcome: float) -> None:
    score = np.random.default_rng(0).normal(size=400)
    p = Platt.fit(score, np.full((400, 1), outcome))(np.array([0.0]))[0]
    assert 0 < p < 1
    assert abs(p - outcome) < 0.02


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -7.3, 1e6])
def test_a_constant_score_says_the_base_rate_whatever_it_is_asked(value: float) -> None:
    y = (np.arange(300) % 10 == 0).astype(float)
    fitted = Platt.fit(np.full(300, value), y[:, None])
    assert fitted.slope[0] == 0
    for score in (value, value + 1, value - 1):
        assert fitted(np.array([score]))[0] == pytest.approx(0.1, abs=1e-3)


def test_too_few_matured_labels_give_no_probability() -> None:
    score, y = history(LEAST + 10, 3)
    score[:5], y[5:10] = np.nan, np.nan
    few, enough = y.copy(), y.copy()
    few[10] = np.nan
    fitted = Platt.fit(score, np.stack([few, enough], axis=1))
    assert np.isnan(fitted(np.zeros(2))).tolist() == [True, False]
    assert np.isnan(fitted.slope).tolist() == [True, False]


def test_rows_without_score_or_label_are_left_out() -> None:
    score, y = history(600, 4)
    holes = y.copy()
    holes[::3] = np.nan
    thin, whole = Platt.fit(score, holes[:, None]), Platt.fit(np.delete(score, np.s_[::3]), np.delete(y, np.s_[::3])[:, None])
    assert thin.slope == whole.slope
    assert thin.intercept == whole.intercept


def test_each_target_has_its_own_map() -> None:
    score, y = history(600, 5)
    _, z = history(600, 6, slope=-1)
    both, one = Platt.fit(score, np.stack([y, z], axis=1)), Platt.fit(score, z[:, None])
    assert both.slope[1] == one.slope[0]
    assert both.slope[0] != both.slope[1]
    assert Platt.fit(score, np.empty((600, 0))).slope.shape == (0,)


def test_ten_thousand_random_vectors_become_coherent() -> None:
    rng = np.random.default_rng(0)
    free = [i for i, t in enumerate(TARGETS) if not any(i in pair for pair in ABOVE)]
    for _ in range(10_000):
        p = np.round(rng.random(len(TARGETS)), int(rng.integers(1, 4)))
        p[rng.random(len(p)) < 0.1] = np.nan
        out = coherent(p, TARGETS)
        assert (np.isnan(out) == np.isnan(p)).all()
        assert all(not out[i] > out[j] for i, j in ABOVE)
        assert (bits(coherent(out, TARGETS)) == bits(out)).all(), "once is enough"
        assert (bits(out[free]) == bits(p[free])).all(), "a target without a neighbour stays"
        if all(not p[i] > p[j] for i, j in ABOVE):
            assert (bits(out) == bits(p)).all(), "what was in order stays"
        known = out[np.isfinite(out)]
        assert np.isin(known, p).all(), "no number is invented"


@given(arrays(float, 9, elements=st.floats(0, 1)), st.permutations(range(9)))
def test_coherence_does_not_depend_on_the_order_of_targets(p: np.ndarray, order: list[int]) -> None:
    targets = TARGETS[:9]
    moved = coherent(p[order], tuple(targets[i] for i in order))
    assert (moved == coherent(p, targets)[order]).all()


def test_coherent_by_hand() -> None:
    targets = tuple(Target.parse(text) for text in ("5/5", "20/5", "20/10", "5/3", "10/7"))
    p = np.array([0.4, 0.3, 0.6, 0.1, 0.9])
    before = p.copy()
    out = coherent(p, targets)
    np.testing.assert_array_equal(p, before, "the argument is left alone")
    # 20/5 rises to 5/5; 20/10 falls to 20/5; 5/5 falls to 5/3 at equal horizon; 10/7 has no neighbour
    np.testing.assert_array_equal(out, [0.1, 0.4, 0.4, 0.1, 0.9])
