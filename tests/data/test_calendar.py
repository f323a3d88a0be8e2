import numpy as np
import pytest

from riskradar.data.calendar import NEVER, Calendar, exchange, observed
from riskradar.errors import UsageError


def days(*texts):
    return np.array(texts, "datetime64[D]")


def test_new_york_sessions():
    calendar = exchange("XNYS")
    closed = days("2001-09-12", "2012-10-29", "2018-12-05", "2025-01-09", "2024-11-28", "2024-03-02")
    assert (calendar.slot(closed) == -1).all()
    assert (calendar.slot(days("1987-10-19", "2026-11-27", "2024-02-29", "1980-01-02")) >= 0).all()
    assert exchange("XNYS") is calendar


@pytest.mark.parametrize("code", ["XSHG", "24/7"])
def test_other_calendars_open_even_if_they_begin_later(code):
    assert len(exchange(code).days) > 5000


def test_unknown_code():
    with pytest.raises(UsageError, match="XLON"):
        exchange("XLOM")


def test_slots_of_any_day():
    calendar = Calendar.of("x", days("2020-01-02", "2020-01-03", "2020-01-06"))
    asked = days("2019-01-01", "2020-01-02", "2020-01-04", "2020-01-06", "2090-01-01", "NaT")
    assert calendar.slot(asked).tolist() == [-1, 0, -1, 2, -1, -1]


def test_known_counts_sessions_and_never_precedes_the_date():
    calendar = Calendar.of("x", days("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07"))
    friday, saturday = np.datetime64("2020-01-03"), np.datetime64("2020-01-04")
    asked = [(friday, 0, "2020-01-03"), (friday, 1, "2020-01-06"), (saturday, 0, "2020-01-06"), (saturday, 1, "2020-01-06"),
             (saturday, 2, "2020-01-07"), (friday, 3, str(NEVER)), (np.datetime64("1990-01-01"), 0, "2020-01-02")]  # fmt: skip
    for date, lag, expected in asked:
        assert str(calendar.known(np.array([date]), np.array([lag]))[0]) == expected, (date, lag)


def test_observed_sessions_need_a_quarter_of_the_names_listed_so_far():
    dates = days("2020-01-01", *["2020-01-02"] * 8, "2020-01-03", "2020-01-03", "2020-01-04")
    assets = np.array([0, *range(8), 1, 2, 3])
    assert [str(d) for d in observed(dates, assets).days] == ["2020-01-01", "2020-01-02", "2020-01-03"]
