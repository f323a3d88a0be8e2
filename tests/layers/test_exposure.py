"""Exposures against numpy's partial correlations, and the two clocks of macro series."""

import numpy as np
import pytest

from riskradar.layers import LAYERS
from riskradar.layers.exposure import ExposureConfig, MacroConfig, changes, exposure, exposures
from riskradar.layers.windows import refreshes
from riskradar.tables import Facts, Panel
from tests.markets import SERIES, days, panel, walk


def partial(x: np.ndarray, y: np.ndarray, given: np.ndarray) -> float:
    design = np.column_stack([np.ones(len(x)), given])
    a, b = (v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (x, y))
    return float(np.corrcoef(a, b)[0, 1])


def test_exposures_are_partial_correlations() -> None:
    rng = np.random.default_rng(0)
    market, factors = rng.normal(size=(40, 1)), rng.normal(size=(40, 3))
    factors += market
    x = rng.normal(size=(40, 5)) + market + factors[:, :1]
    points = exposures(x, market, factors)
    for i in range(5):
        assert points[i, 0] == pytest.approx(np.corrcoef(x[:, i], market[:, 0])[0, 1], abs=1e-12)
        for k in range(3):
            assert points[i, 1 + k] == pytest.approx(partial(x[:, i], factors[:, k], market[:, 0]), abs=1e-12)


def test_an_asset_that_is_the_market_has_no_other_exposure() -> None:
    rng = np.random.default_rng(1)
    market = rng.normal(size=(40, 1))
    points = exposures(market * [1.0, 3.0] + [0.1, 0.2], market, np.column_stack([rng.normal(size=40), 2 * market[:, 0]]))
    np.testing.assert_allclose(points, [[1, 0, 0]] * 2, atol=1e-12)


def facts(rows: list[tuple[str, str, float]]) -> Facts:
    """One series of (date, known_at, value)."""
    date, known, value = zip(*rows, strict=True)
    return Facts(
        ("x",), np.zeros(len(rows), np.int16), np.full(len(rows), -1, np.int16), np.array(date, "datetime64[D]"), np.array(known, "datetime64[D]"),
        np.array(value), np.array([9], np.int16), np.array([False]),
    )  # fmt: skip


def test_changes_stand_on_the_day_they_speak_of_in_their_first_vintage() -> None:
    dates = np.array(["2001-01-04", "2001-01-05", "2001-01-08", "2001-01-09", "2001-01-10", "2001-01-11"], "datetime64[D]")
    change, known = changes(facts([
        ("2001-01-04", "2001-01-04", 1.0), ("2001-01-05", "2001-01-09", 2.0), ("2001-01-05", "2001-01-10", 7.0), ("2001-01-07", "2001-01-09", 4.0),
        ("2001-01-09", "2001-01-09", 5.0), ("2001-01-11", "2001-01-15", 9.0),
    ]), "x", dates)  # fmt: skip
    np.testing.assert_array_equal(change, [np.nan, np.nan, 2.0, 1.0, np.nan, np.nan])
    assert known[2:4].tolist() == [3, 3]


def test_macro_neighbours_are_those_of_plain_partial_correlations(ragged: Panel) -> None:
    config = MacroConfig(window=60, neighbours=2, refresh="monthly", series=("baa10y", "vix"))
    block = exposure(ragged, config).block(0, 330)  # type: ignore[union-attr]
    returns = np.diff(np.log(ragged.close), axis=0, prepend=np.nan)
    market = np.append(np.nan, np.nanmean(np.where(ragged.member, returns, np.nan)[1:], axis=1))
    seen = 0
    for t in refreshes(ragged.dates, config):
        cut, span = ragged.facts.upto(ragged.dates[t]), slice(t - 59, t + 1)
        series = [changes(cut, name, ragged.dates)[0][span] for name in config.series]
        use = np.isfinite(market[span]) & np.isfinite(series[0]) & np.isfinite(series[1])
        assets = [i for i in range(10) if ragged.member[t, i] and np.isfinite(returns[span, i]).all() and np.ptp(returns[span, i]) > 0]
        if use.sum() < 30:
            assert not block[t].any()
            continue
        points = {}
        for i in assets:
            x, m = returns[span, i][use], market[span][use]
            points[i] = np.array([np.corrcoef(x, m)[0, 1], *(partial(x, s[use], m) for s in series)])
        for i in assets:
            weights = sorted((1 / (1 + np.linalg.norm(points[i] - points[j])) for j in assets if j != i), reverse=True)[:2]
            np.testing.assert_allclose(sorted(block[t, i][block[t, i] > 0], reverse=True), weights, rtol=1e-5)
            seen += 1
    assert seen > 30


def test_a_planted_sensitivity_joins_its_bearers() -> None:
    """Two assets that answer to the series and two that answer the other way, seen through a lag of two sessions."""
    rng = np.random.default_rng(4)
    T, moves = 200, rng.standard_normal(200)
    sign = np.array([1, 1, -1, -1, 0, 0])
    close = 50 * np.exp(np.cumsum(0.01 * rng.standard_normal((T, 1)) + 0.01 * moves[:, None] * sign + 0.004 * rng.standard_normal((T, 6)), axis=0))
    dates, level = days(T), 5 + 0.1 * np.cumsum(moves)
    known = facts([(str(dates[t]), str(dates[t + 2]), level[t]) for t in range(T - 2)])
    block = exposure(panel(close, facts=known), MacroConfig(window=120, neighbours=1, series=("x",))).block(T - 1, T)[0]  # type: ignore[union-attr]
    assert np.argmax(block, axis=1).tolist()[:4] == [1, 0, 3, 2]


def test_sectors_or_series_of_the_user_are_factors(ragged: Panel) -> None:
    by_sector, by_series = (exposure(ragged, ExposureConfig(window=20, series=s)) for s in ((), ("vix",)))
    assert not isinstance(by_sector, str)
    assert not isinstance(by_series, str)
    assert (by_sector.block(100, 101) != by_series.block(100, 101)).any()


def test_a_missing_series_is_said() -> None:
    bare = panel(walk(60, 4, 0))
    assert "baa10y" in str(exposure(bare, MacroConfig()))
    assert "data.sectors" in str(exposure(bare, ExposureConfig()))
    assert set(MacroConfig().series) <= set(SERIES)
    assert MacroConfig().reads() == 252
    assert LAYERS["macro"].reads(MacroConfig(refresh="monthly", window=20)) == 52
