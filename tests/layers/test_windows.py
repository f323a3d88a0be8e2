"""When graphs are drawn, what they are drawn from, and how they are held."""

import numpy as np
import pytest

from riskradar.features import mean_return
from riskradar.layers.windows import MONTH, DrawnConfig, NearestConfig, correlations, drawings, nearest, pairs, refreshes
from riskradar.tables import Held, Panel, Weights
from tests.markets import panel, walk

FORTNIGHT = DrawnConfig(window=10)


def test_a_month_begins_where_the_calendar_says_so(ragged: Panel) -> None:
    rows = refreshes(ragged.dates, FORTNIGHT)
    months = ragged.dates.astype("datetime64[M]")
    assert (months[rows] != months[rows - 1]).all()
    assert len(rows) == len(np.unique(months)) - 1
    for t in range(60, 330):
        held = rows[rows <= t][-1]
        start = t + 1 - FORTNIGHT.reads()
        cut = refreshes(ragged.dates[max(start, 0) : t + 1], FORTNIGHT) + max(start, 0)
        assert cut[-1] == held
        assert months[held] == months[t]
    assert DrawnConfig(window=10, refresh="daily").reads() == 11
    assert FORTNIGHT.reads() == 10 + MONTH


def test_a_drawing_holds_members_with_known_moving_values_in_the_order_of_their_numbers(ragged: Panel) -> None:
    for drawing in drawings(ragged, ragged.close, FORTNIGHT):
        window = ragged.close[drawing.span]
        use = [i for i in range(10) if ragged.member[drawing.at, i] and np.isfinite(window[:, i]).all() and len(set(window[:, i])) > 1]
        assert sorted(drawing.columns) == use
        assert (drawing.values == window[:, drawing.columns]).all()
        assert [c.tobytes() for c in drawing.values.T] == sorted(c.tobytes() for c in drawing.values.T)


def test_a_held_layer_repeats_and_drops_who_left() -> None:
    drawn = Weights(3, np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    member = np.ones((5, 3), bool)
    member[2, 0] = False
    held = Held(drawn, np.array([-1, 0, 0, 1, 1]), member)
    block = held.block(0, 5)
    assert not block[0].any()
    assert (block[1] == drawn.block(0, 1)[0]).all()
    assert block[2].sum() == 6
    assert (block[3] == block[4]).all()
    for start, stop in ((0, 5), (0, 1), (1, 3), (2, 5), (3, 4), (2, 2)):
        assert (held.rows(start, stop).block(0, stop - start) == block[start:stop]).all()
    assert len(held.rows(0, 3).drawn.block(0, 9)) == 1, "a graph of the future went along"


@pytest.mark.parametrize("refresh", ["daily", "monthly"])
def test_the_nearest_are_the_largest_above_zero(refresh: str) -> None:
    market = panel(walk(80, 7, 3))
    config = NearestConfig(window=15, refresh=refresh, neighbours=3)  # type: ignore[arg-type]
    layer = nearest(market, market.close, config, lambda drawing: np.corrcoef(drawing.values.T))
    dense = pairs(market, market.close, config, lambda drawing: np.maximum(np.corrcoef(drawing.values.T), 0)).block(0, 80)
    for t, block in enumerate(layer.block(0, 80)):
        for i in range(7):
            best = sorted((w for j, w in enumerate(dense[t, i]) if w > 0 and j != i), reverse=True)[:3]
            assert sorted(block[i][block[i] > 0], reverse=True) == best


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_equal_pandas(method: str) -> None:
    import pandas as pd

    x = np.random.default_rng(0).normal(size=(30, 6)).round(1)
    np.testing.assert_allclose(correlations(x, method), pd.DataFrame(x).corr(method=method), rtol=0, atol=1e-14)  # type: ignore[arg-type]
    assert correlations(x[:, :0]).shape == (0, 0)
    assert correlations(x[:, :1]).shape == (1, 1)


def test_mean_return_is_the_mean_of_who_is_known_whatever_the_order() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 9))
    x[rng.random(x.shape) < 0.2] = np.nan
    use = rng.random(x.shape) < 0.7
    use[3] = False
    mean, order = mean_return(x, use), rng.permutation(9)
    for t in range(50):
        known = x[t, use[t] & np.isfinite(x[t])]
        assert np.isnan(mean[t]) if not len(known) else mean[t] == pytest.approx(known.mean(), rel=1e-13, abs=1e-16)
    assert np.array_equal(mean_return(x[:, order], use[:, order]), mean, equal_nan=True)
