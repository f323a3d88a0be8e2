import pytest

from riskradar.data.lags import LAGS, lag_of


@pytest.mark.parametrize(
    ("series", "sessions", "revised"),
    [("vix", 0, False), ("dgs10", 1, False), ("hy_oas", 2, False), ("cnbc_vader_mean", 5, False),
     ("nfci", 10, True), ("sffed_news_sentiment_v2025", 10, True)],
)  # fmt: skip
def test_the_table(series, sessions, revised):
    lag = lag_of(series, {})
    assert (lag.sessions, lag.revised) == (sessions, revised)


def test_a_series_outlives_its_own_lag():
    for name, lag in LAGS.items():
        assert lag.max_age > 2 * lag.sessions, name
        assert lag.reason


def test_the_user_overrides_and_nothing_is_guessed():
    assert lag_of("mood", {}).sessions is None
    assert lag_of("mood", {"mood": 3}).sessions == 3
    later = lag_of("nfci", {"nfci": 40})
    assert (later.sessions, later.revised) == (40, True)
    assert later.max_age > 80
