"""The sentiment layer against pandas' correlations over common days."""

import numpy as np
import pandas as pd
import pytest

from riskradar.layers.sentiment import SentimentConfig, arrivals, sentiment
from riskradar.layers.windows import refreshes
from riskradar.tables import Facts, Panel
from tests.markets import panel, walk, with_sentiment


@pytest.fixture(scope="module")
def market(ragged: Panel) -> Panel:
    return with_sentiment(ragged)


@pytest.mark.parametrize("refresh", ["daily", "monthly"])
def test_neighbours_are_those_of_pandas(market: Panel, refresh: str) -> None:
    config = SentimentConfig(window=40, neighbours=2, least=15, refresh=refresh)  # type: ignore[arg-type]
    block = sentiment(market, config).block(0, 330)  # type: ignore[union-attr]
    values = arrivals(market.facts, "vader_mean", market.dates, 10)
    seen = 0
    for t in refreshes(market.dates, config)[::7 if refresh == "daily" else 1]:
        rho = pd.DataFrame(values[t - 39 : t + 1]).corr(min_periods=15).to_numpy()
        rho = np.where(market.member[t][:, None] & market.member[t] & (rho > 0), rho, 0.0)
        np.fill_diagonal(rho, 0)
        np.testing.assert_allclose(np.sort(block[t])[:, -2:], np.sort(rho)[:, -2:], atol=1e-6)
        assert not block[t, :, 3].any(), "nobody writes about it: masked, not zero"
        seen += int((block[t] > 0).sum())
    assert seen > 100


def test_an_asset_without_enough_common_days_is_not_joined() -> None:
    rng = np.random.default_rng(0)
    bare = panel(walk(100, 3, 0))
    rows = [(i, t) for i in range(3) for t in range(1, 100) if i < 2 or t % 10 == 0]
    asset, at = np.array(rows).T
    value = rng.normal(size=100)[at] + 0.1 * rng.normal(size=len(at))
    known = Facts(
        ("vader_mean",), np.zeros(len(at), np.int16), asset.astype(np.int16), bare.dates[at], bare.dates[at], value,
        np.array([9], np.int16), np.array([False]),
    )  # fmt: skip
    block = sentiment(panel(walk(100, 3, 0), facts=known), SentimentConfig(window=50, least=20)).block(99, 100)[0]  # type: ignore[union-attr]
    assert (block > 0).tolist() == [[False, True, False], [True, False, False], [False, False, False]]


def test_a_value_counts_on_the_session_it_became_known_and_the_newest_day_wins() -> None:
    dates = panel(walk(6, 1, 0)).dates
    d = [str(day) for day in dates]
    rows = [(d[0], d[2], 1.0), (d[1], d[2], 2.0), (d[1], d[3], 9.0), (d[2], d[4], 3.0), (d[0], d[0], 5.0)]
    date, known, value = zip(*rows, strict=True)
    given = Facts(
        ("vader_mean",), np.zeros(5, np.int16), np.zeros(5, np.int16), np.array(date, "datetime64[D]"), np.array(known, "datetime64[D]"),
        np.array(value), np.array([9], np.int16), np.array([False]),
    )  # fmt: skip
    np.testing.assert_array_equal(arrivals(given, "vader_mean", dates, 1)[:, 0], [np.nan, np.nan, 2, np.nan, 3, np.nan])


def test_market_sentiment_alone_is_no_layer(ragged: Panel) -> None:
    assert "data.sentiment" in str(sentiment(ragged, SentimentConfig()))
    assert "data.sentiment" in str(sentiment(ragged, SentimentConfig(series="vix")))
