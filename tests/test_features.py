"""Features against other people's code and plain loops."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskradar import features
from riskradar.errors import UsageError
from riskradar.features import FEATURES, FeaturesConfig, deviation, ewma_volatility, highest, lag, log_returns, over_members, values_of, z_score
from riskradar.tables import Facts, Panel
from tests.markets import bits, panel, walk

EXACT = {"rtol": 1e-12, "atol": 1e-15}


@pytest.fixture(scope="module")
def closes(ragged: Panel) -> pd.DataFrame:
    return ragged.frame()


def members(market: Panel, values: pd.DataFrame) -> np.ndarray:
    return np.where(market.member, values.to_numpy(), np.nan)


@pytest.mark.parametrize("window", [1, 2, 3, 20, 60, 252])
def test_highest_is_the_rolling_maximum(window: int, closes: pd.DataFrame) -> None:
    assert (bits(highest(closes.to_numpy(), window)) == bits(closes.rolling(window).max().to_numpy())).all()


@given(arrays(float, st.integers(0, 40), elements=st.floats(1, 9) | st.just(np.nan)), st.integers(1, 50))
def test_highest_of_anything(x: np.ndarray, window: int) -> None:
    expected = [x[t - window + 1 : t + 1].max() if t >= window - 1 else np.nan for t in range(len(x))]
    np.testing.assert_array_equal(highest(x, window), expected)


@given(st.integers(0, 12), st.integers(0, 30))
def test_lag_of_anything(rows: int, sessions: int) -> None:
    x = np.arange(float(rows))
    np.testing.assert_array_equal(lag(x, sessions), pd.Series(x, dtype=float).shift(sessions))


def test_return_and_momentum(ragged: Panel, closes: pd.DataFrame) -> None:
    for name, window in (("return", 1), ("momentum_10", 10), ("momentum_30", 30)):
        expected = members(ragged, np.log(closes) - np.log(closes.shift(window)))
        np.testing.assert_allclose(values_of(FEATURES[name], ragged), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("window", [20, 60])
def test_volatility_is_the_sample_deviation(window: int, ragged: Panel, closes: pd.DataFrame) -> None:
    returns = np.log(closes / closes.shift(1))
    expected = members(ragged, returns.rolling(window).apply(np.std, kwargs={"ddof": 1}, raw=True))
    np.testing.assert_allclose(values_of(FEATURES[f"volatility_{window}"], ragged), expected, **EXACT)
    assert (values_of(FEATURES[f"volatility_{window}"], ragged)[window:, 2] == 0).all(), "a constant price has no volatility"


def test_inputs_of_the_wide_study_are_their_formulas(long: Panel) -> None:
    """One asset and one day at a time, from the definitions (wide study, section 5, point 2)."""
    returns = np.clip(np.diff(np.log(long.close), axis=0, prepend=np.nan), -0.4, 0.4)
    market = np.nan_to_num(features.mean_return(returns, long.member))
    seen = 0
    for t, i in ((300, 0), (300, 3), (600, 1), (859, 7), (859, 8)):
        if not long.member[t, i] or not np.isfinite(returns[t - 249 : t + 1, i]).all():
            continue
        own, common = returns[t - 249 : t + 1, i], market[t - 249 : t + 1]
        beta = np.clip(np.cov(own, common, bias=True)[0, 1] / np.var(common), 0, 3)
        left = own - beta * common
        expected = {"beta": beta, "log_residual_1": np.log(abs(left[-1]) + 0.003), "log_size_1": np.log(abs(own[-1]) + 0.003)}
        expected |= {f"log_volatility_{w}": np.log(np.std(own[-w:], ddof=1) + 0.001) for w in (5, 20, 60, 250)}
        expected |= {f"log_residual_{w}": np.log(np.sqrt(np.mean(left[-w:] ** 2)) + 0.001) for w in (5, 20, 60, 250)}
        expected |= {f"log_size_{w}": np.log(np.sqrt(np.mean(own[-w:] ** 2)) + 0.001) for w in (2, 10)}
        expected |= {f"log_realised_{w}": np.log(np.sqrt(252 * np.mean(own[-w:] ** 2)) + 0.01) for w in (5, 20)}
        expected |= {"log_downside_20": np.log(np.sqrt(np.mean(np.minimum(own[-20:], 0) ** 2)) + 0.001)}
        expected |= {"log_largest_20": np.log(np.abs(own[-20:]).max() + 0.003), "momentum_5": np.log(long.close[t, i] / long.close[t - 5, i])}
        found = {name: values_of(FEATURES[name], long)[t, i] for name in expected}
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-7, atol=1e-9)
        seen += 1
    assert seen >= 3


def test_volatility_forgets_a_spike() -> None:
    """One-pass formulas keep an error after a huge return has left the window."""
    x = np.random.default_rng(0).normal(0, 0.01, 200)
    spiked = x.copy()
    spiked[50] = 1e9
    assert (bits(deviation(x, 20)[80:]) == bits(deviation(spiked, 20)[80:])).all()


@pytest.mark.parametrize(("name", "window"), [("drawdown_20", 20), ("drawdown_60", 60), ("below_high", 252)])
def test_drawdown_from_the_rolling_high(name: str, window: int, ragged: Panel, closes: pd.DataFrame) -> None:
    expected = members(ragged, 1 - closes / closes.rolling(window).max())
    np.testing.assert_allclose(values_of(FEATURES[name], ragged), expected, **EXACT)


def test_ewma_is_the_riskmetrics_recursion() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, (60, 3))
    returns[:5, 1] = np.nan
    returns[20:23, 2] = np.nan
    expected = np.full_like(returns, np.nan)
    for i in range(3):
        variance = None
        for t in range(60):
            if np.isfinite(returns[t, i]):
                r = returns[t, i]
                variance = r**2 if variance is None else 0.94 * variance + 0.06 * r**2
            if variance is not None:
                expected[t, i] = variance**0.5
    np.testing.assert_allclose(ewma_volatility(returns), expected, **EXACT)
    assert (bits(ewma_volatility(returns)[20:23, 2]) == bits(np.repeat(ewma_volatility(returns)[19, 2], 3))).all()


@pytest.mark.parametrize("history", [2, 30, 504])
def test_z_score_is_the_expanding_one(history: int) -> None:
    x = pd.Series(np.random.default_rng(2).normal(5, 2, 900))
    x[:40] = np.nan
    x[100:110] = np.nan
    known = x.expanding(history)
    expected = (x - known.mean()) / known.std()
    np.testing.assert_allclose(z_score(x.to_numpy(), history), expected, rtol=1e-9)
    assert np.isfinite(z_score(x.to_numpy(), history)).sum() == (x.notna().cumsum() >= history)[x.notna()].sum()


def test_z_score_of_a_constant_is_unknown() -> None:
    assert np.isnan(z_score(np.full(600, 0.1))).all()
    assert np.isnan(z_score(np.full(600, np.nan))).all()
    late = np.append(np.full(599, 0.1), 0.2)
    assert np.isnan(z_score(late)[:-1]).all()
    assert z_score(late)[-1] == pytest.approx(599 / 600**0.5)


def test_z_score_starts_after_504_known_values() -> None:
    x = np.random.default_rng(3).normal(size=520)
    x[:10] = np.nan
    assert np.flatnonzero(np.isfinite(z_score(x)))[0] == 10 + 504 - 1


def test_over_members_is_their_mean() -> None:
    values = np.array([[1.0, 2.0, 9.0], [np.nan, 4.0, 9.0], [np.nan, 5.0, 9.0]])
    member = np.array([[True, True, False], [True, True, False], [True, False, False]])
    np.testing.assert_array_equal(over_members(values, member), [1.5, 4.0, np.nan])


def test_breadth_switches_from_depth_to_share_at_fifty_stocks() -> None:
    many = panel(walk(620, 52, 5))
    depth, share = (z_score(values_of(FEATURES[name], many)) for name in ("mean_drawdown", "share_in_distress"))
    np.testing.assert_array_equal(values_of(FEATURES["breadth"], many), share)
    member = many.member.copy()
    member[600:, :3] = False
    np.testing.assert_array_equal(values_of(FEATURES["breadth"], replace(many, member=member))[600:], _z(many, member, "mean_drawdown")[600:])
    assert not np.allclose(depth[610:], share[610:])


def _z(market: Panel, member: np.ndarray, name: str) -> np.ndarray:
    return z_score(values_of(FEATURES[name], replace(market, member=member)))


def test_breadth_counts_stocks_only(ragged: Panel, closes: pd.DataFrame) -> None:
    drawdown = (1 - closes / closes.rolling(60).max()).where(ragged.member & (np.array(ragged.kind) == "stock"))
    np.testing.assert_allclose(values_of(FEATURES["mean_drawdown"], ragged), drawdown.mean(axis=1), **EXACT)
    expected = (drawdown > 0.2).where(drawdown.notna()).astype(float).mean(axis=1)
    np.testing.assert_allclose(values_of(FEATURES["share_in_distress"], ragged), expected, **EXACT)
    assert expected.max() > 0


def test_index_features_read_the_level(ragged: Panel) -> None:
    level = pd.Series(ragged.level)
    returns = np.log(level / level.shift(1))
    expected = np.sqrt((returns**2).dropna().ewm(alpha=0.06, adjust=False).mean())
    volatility = values_of(FEATURES["index_volatility"], ragged)
    np.testing.assert_allclose(volatility[expected.index], expected, **EXACT)
    np.testing.assert_allclose(values_of(FEATURES["index_below_high"], ragged), 1 - level / level.rolling(252).max(), **EXACT)


@pytest.mark.parametrize(("name", "series"), [("vix", "vix"), ("term_spread", "term_10y_3m"), ("credit", "baa10y"), ("hy", "hy_oas")])
def test_macro_features_read_what_was_known(name: str, series: str, ragged: Panel) -> None:
    now = pd.Series(ragged.facts.view(series, ragged.dates))
    np.testing.assert_array_equal(values_of(FEATURES[name], ragged), now)
    np.testing.assert_array_equal(values_of(FEATURES[f"{name}_change"], ragged), now - now.shift(60))


@pytest.mark.parametrize("name", [name for name in FEATURES if name.startswith("z_")])
def test_standard_features_are_z_scores(name: str, long: Panel) -> None:
    np.testing.assert_array_equal(values_of(FEATURES[name], long), z_score(values_of(FEATURES[name.removeprefix("z_")], long)))


def test_returns_ignore_the_unit_of_the_price(ragged: Panel) -> None:
    cents = replace(ragged, close=ragged.close * 100.0)
    for name in ("return", "volatility_20", "momentum_30", "drawdown_60"):
        np.testing.assert_allclose(values_of(FEATURES[name], cents), values_of(FEATURES[name], ragged), rtol=1e-9, atol=1e-12)


def test_unknown_names_are_refused(ragged: Panel) -> None:
    for config in (FeaturesConfig(node=("vix",)), FeaturesConfig(context=("return",)), FeaturesConfig(context=("nonsense",))):
        with pytest.raises(UsageError, match=r"riskradar show features|name it in features"):
            features.build(ragged, config)


def test_nothing_asked_for(ragged: Panel) -> None:
    built = features.build(replace(ragged, facts=Facts.none()), FeaturesConfig(node=(), context=()))
    assert built.values.shape == (*ragged.close.shape, 0)
    assert built.context.shape == (len(ragged.dates), 0)


def test_log_returns_of_a_gap_are_unknown_on_both_sides() -> None:
    np.testing.assert_array_equal(np.isfinite(log_returns(np.array([1.0, 2.0, np.nan, 2.0, 4.0]))), [False, True, False, False, True])
