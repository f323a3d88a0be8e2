"""The path library against a loop that reads like the recipe."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import features, labels
from riskradar.backtest import score_day
from riskradar.features import FeaturesConfig
from riskradar.labels import worst_drawdown
from riskradar.models.pool import Falls, Library, LibraryConfig
from riskradar.models.pool import portfolios as of
from riskradar.models.pool.portfolios import Portfolios, variances
from riskradar.tables import Facts, Features, Target
from riskradar.tables.arrays import Float
from tests.markets import Line, bits, facts, panel, walk

CONFIG = LibraryConfig(sector_every=7)
HORIZONS = (5, 20)


@pytest.fixture(scope="module")
def wide() -> Line:
    """Twelve stocks in two sectors, with VIX from session 300 on, a day without an index and one without a sector."""
    close, T = walk(700, 12, 5), 700
    level = close.mean(axis=1)
    level[400] = np.nan
    sector = np.tile(np.array([0] * 6 + [1] * 6, np.int16), (T, 1))
    sector[450, :6] = -1
    known = facts(panel(close).dates, 1)
    late = (known.of != known.series.index("vix")) | (known.date >= panel(close).dates[300])
    known = Facts(
        known.series, known.of[late], known.asset[late], known.date[late], known.known_at[late], np.abs(known.value[late]) + 10, known.max_age,
        known.revised,
    )  # fmt: skip
    return Line.of(panel(close, level=level, sector=sector, facts=known), ("5/3", "20/5", "20/10", "60/10"))


def coordinate(x: Features, record: Portfolios) -> Float:
    """Log width of index and sectors, session by session."""
    vix, ewma = x.column("vix"), x.column("index_volatility")
    both = [t for t in range(len(vix)) if np.isfinite(vix[t]) and np.isfinite(ewma[t]) and ewma[t] > 0][: of.OVERLAP]
    factor = np.mean([np.log(vix[t] / ewma[t]) for t in both]) if both else 0.0
    begun, out, gaps = False, np.full(record.returns.shape, np.nan), [[] for _ in record.returns.T]
    for t in range(len(vix)):
        begun = begun or np.isfinite(vix[t])
        volatility = np.log(vix[t]) if begun else np.log(ewma[t]) + factor
        for p, own in enumerate(gaps):
            gap = np.log((record.drawdown[t, p] + 0.005) / (record.drawdown[t, 0] + 0.005))
            if np.isfinite(gap) and np.isfinite(volatility):
                own.append(gap)
                out[t, p] = 0.7 * (volatility + np.mean(own)) + 0.3 * np.log(record.drawdown[t, p] + 0.005)
    return out


def by_hand(x: Features, record: Portfolios) -> tuple[list[Float], list[float]]:
    """Falls [H] and weight of each path."""
    width, found, weights, portfolio = np.exp(coordinate(x, record)), [], [], []
    T, steps = len(width), HORIZONS[-1]
    mean = np.nanmean(width**2, axis=0)
    for p in range(width.shape[1]):
        for u in range(0, T, CONFIG.sector_every if p else CONFIG.every):
            path = record.returns[u + 1 : u + 1 + steps, p]
            if u + steps > T - 1 or np.isnan(path).any() or np.isnan(width[u, p]):
                continue
            fade = 0.99 ** np.arange(steps)
            today, then = (v + (s**2 - v) * fade for v, s in ((mean[0], width[-1, 0]), (mean[p], width[u, p])))
            close = np.exp(np.cumsum(np.append(0.0, path * np.sqrt(today / then))))
            found.append(np.array([worst_drawdown(close[:, None], h)[0, 0] for h in HORIZONS]))
            weights.append(0.5 ** ((T - 1 - u) / 2520))
            portfolio.append(p)
    index, sectors = (sum(w for w, p in zip(weights, portfolio, strict=True) if (p > 0) is sector) for sector in (False, True))
    return found, [w * (0.5 * index / sectors if p else 1.0) for w, p in zip(weights, portfolio, strict=True)]


@pytest.mark.parametrize("t", [349, 560, 699])
def test_paths_are_those_of_the_recipe(wide: Line, t: int) -> None:
    x = wide.features.rows(0, t + 1)
    fitted = Library(CONFIG).fit(wide.features.rows(0, 350), wide.graphs, wide.labels, seed=0)
    falls = fitted.falls(x, HORIZONS)
    assert falls is not None
    found, weights = by_hand(x, Portfolios.of(x))
    assert len(falls.weights) > 100
    np.testing.assert_allclose(falls.falls, found, atol=1e-12)
    np.testing.assert_allclose(falls.weights, weights, rtol=1e-12)


def test_sector_portfolios_are_equal_weights_of_their_members(wide: Line) -> None:
    record, close = Portfolios.of(wide.features), wide.panel.close
    growth = close[1:] / close[:-1]
    expected = np.log([growth[:, :6].mean(axis=1), growth[:, 6:].mean(axis=1)]).T[59:]
    known = wide.panel.sector[60:, 0] == 0
    np.testing.assert_allclose(record.returns[60:, 1][known], expected[known, 0])
    np.testing.assert_allclose(record.returns[60:, 2], expected[:, 1])
    assert np.isnan(record.returns[450, 1]), "nobody is in the sector on that day"


def test_what_is_kept_and_what_came_since_is_the_whole(wide: Line) -> None:
    whole = Portfolios.of(wide.features)
    for cut in (200, 450, 700):
        kept = Portfolios.of(wide.features.rows(0, cut))
        for t in (150, 500, 700):
            extended = kept.extended(wide.features.rows(0, t))
            P = extended.returns.shape[1]
            assert (bits(extended.returns) == bits(whole.returns[:t, :P])).all()
            assert (bits(extended.drawdown) == bits(whole.drawdown[:t, :P])).all()


def test_no_path_that_ends_later_is_used(wide: Line) -> None:
    """The last path starts `steps` sessions before the last one; the returns since its end can be anything."""
    x = wide.features.rows(0, 600)
    fitted = Library(CONFIG).fit(x, wide.graphs, wide.labels, seed=0)
    falls = fitted.falls(x, (20,))
    assert falls is not None
    index = np.isfinite(variances(Portfolios.of(x), x)[0][:, 0])
    whole = [u for u in range(0, 580, 4) if index[u] and np.isfinite(x.column("index_return")[u + 1 : u + 21]).all()]
    assert len(falls.weights) > len(whole) > 0
    assert falls.weights[: len(whole)].max() == pytest.approx(0.5 ** ((599 - whole[-1]) / 2520))


def test_without_sectors_or_vix_the_index_and_its_volatility_do(wide: Line) -> None:
    bare = features.build(replace(wide.panel, facts=Facts.none()), FeaturesConfig(node=("return",)))
    fitted = Library(CONFIG).fit(bare, wide.graphs, wide.labels, seed=0)
    assert not Library(CONFIG).lacks(bare, wide.graphs)
    prediction = score_day(fitted, bare, wide.graphs, 699)
    assert np.isfinite(prediction.probability).all()
    assert fitted.state()["returns"].shape == (700, 1)


def test_withheld_on_a_day_without_its_scale(wide: Line) -> None:
    fitted = Library(CONFIG).fit(wide.features, wide.graphs, wide.labels, seed=0)
    stale = int(np.flatnonzero(np.isnan(wide.features.column("vix")[320:]))[0]) + 320
    assert np.isnan(score_day(fitted, wide.features, wide.graphs, stale).probability).all()
    assert np.isnan(score_day(fitted, wide.features, wide.graphs, 200).probability).all(), "too few paths have matured"


def test_a_kind_that_no_index_path_decides_is_withheld(wide: Line) -> None:
    known = labels.build(wide.panel, labels.LabelsConfig(targets=("20/5", "20/5/fall", "20/5/share25", "log-volatility/60")))
    fitted = Library(CONFIG).fit(wide.features, wide.graphs, known, seed=0)
    assert np.isfinite(score_day(fitted, wide.features, wide.graphs, 699).probability[0]).tolist() == [True, False, False, False]


def test_a_fall_of_exactly_the_depth_counts() -> None:
    falls = Falls((5,), np.array([[1 - 90 / 100], [0.05]]), np.array([1.0, 3.0]))
    exact = falls.probability(Target(5, 0.10))
    assert exact == pytest.approx((1 + 0.0003 * 4) / (1.0006 * 4))


def test_quantiles_of_weighted_falls() -> None:
    falls = Falls((5,), np.array([[0.3], [0.1], [0.2]]), np.array([1.0, 2.0, 1.0]))
    np.testing.assert_array_equal(falls.quantiles(np.array([0.01, 0.5, 0.51, 0.75, 0.76, 1.0])), [[0.1, 0.1, 0.2, 0.2, 0.3, 0.3]])
