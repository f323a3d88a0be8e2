"""When a series becomes known: one table, with a reason per series."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple


class Lag(NamedTuple):
    """sessions from the day a value speaks of to the session at whose 20:00 New York it is known; max_age in calendar days from that same day.

    sessions is None where nothing is known about publication: then only rows that carry their own known_at can be used.
    """

    sessions: int | None
    max_age: int
    revised: bool
    reason: str


_CLOSE = "a close of the same session, public before 20:00 New York"
_YIELD = "Treasury and Federal Reserve daily rates are published on the next business day"
_SPREAD = "vendor spreads and Moody's yields reach the public copy two sessions later"
_NEWS = "news scores are complete only when the week's late articles are in"
_REVISED = "re-estimated over its whole history: no lag makes the old values what was known then"

LAGS = {
    **dict.fromkeys(("vix", "spx", "rut"), Lag(0, 7, False, _CLOSE)),
    **dict.fromkeys(("dgs10", "dgs3mo", "dgs1", "dgs2", "dff", "term_10y_3m", "term_10y_2y"), Lag(1, 10, False, _YIELD)),
    **dict.fromkeys(("hy_oas", "ig_oas", "dbaa", "daaa", "baa10y", "baa_aaa", "ted"), Lag(2, 10, False, _SPREAD)),
    **dict.fromkeys(("n_headlines", "vader_mean", "*_n_headlines", "*_vader_mean"), Lag(5, 21, False, _NEWS)),
    **dict.fromkeys(("n_tweets", "n_users", "n_pos", "n_neg"), Lag(5, 21, False, _NEWS)),
    **dict.fromkeys(("nfci", "stlfsi4"), Lag(10, 35, True, _REVISED)),
    "gdelt_tone*": Lag(1, 21, False, "GDELT closes a day at midnight UTC, around 20:00 New York: one session later it is complete"),
    "sffed_news_sentiment_*": Lag(10, 35, True, _REVISED),
}

_UNLISTED_AGE = 31  # a monthly series lives until its successor; anything slower must come with its own rows


def lag_of(series: str, overrides: dict[str, int]) -> Lag:
    """The lag of a series: the user's, else the table's, else unknown."""
    listed = next((lag for pattern, lag in LAGS.items() if fnmatchcase(series, pattern)), None)
    if series not in overrides:
        return listed or Lag(None, _UNLISTED_AGE, False, "only rows that say when they were known")
    sessions = overrides[series]
    base = listed or Lag(0, _UNLISTED_AGE, False, "")
    return Lag(sessions, base.max_age + 2 * max(sessions - (base.sessions or 0), 0), base.revised, "set in data.lags")
