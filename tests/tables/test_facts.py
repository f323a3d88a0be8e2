"""Facts: vintages against a naive as-of loop."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskradar.tables import MARKET, Facts, Panel
from tests.markets import SERIES, bits

ORIGIN = np.datetime64("2020-01-06", "D")
DAYS = ORIGIN + np.arange(14)
Row = tuple[int, int, float]  # the day it speaks of, the day it was known, value


def facts(rows: list[Row], max_age: int = 4, asset: int = MARKET) -> Facts:
    date, known, value = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.empty(0, int),) * 3
    n = len(rows)
    return Facts(
        ("x", "y"), np.zeros(n, np.int16), np.full(n, asset, np.int16), ORIGIN + date.astype(int), ORIGIN + known.astype(int), value.astype(float),
        np.array([max_age, 9], np.int16), np.array([False, False]),
    )  # fmt: skip


def as_of(rows: list[Row], today: int, max_age: int = 4) -> float:
    """The newest day known by today, in its newest vintage, unless it is too old."""
    known = [row for row in rows if row[1] <= today]
    if not known:
        return np.nan
    newest = max(known, key=lambda row: (row[0], row[1]))
    return newest[2] if today - newest[0] <= max_age else np.nan


def check(rows: list[Row], max_age: int = 4) -> None:
    expected = [as_of(rows, today, max_age) for today in range(len(DAYS))]
    np.testing.assert_array_equal(facts(rows, max_age).view("x", DAYS), expected)
    for today in range(len(DAYS)):  # and from nothing but what was known
        np.testing.assert_array_equal(facts(rows, max_age).upto(DAYS[today]).view("x", DAYS[today : today + 1]), expected[today : today + 1])


def test_all_interleavings_of_two_values_and_two_known_dates() -> None:
    seen = 0
    for date1, known1, date2, known2 in product(range(5), range(7), range(5), range(7)):
        if known1 >= date1 and known2 >= date2 and (date1, known1) != (date2, known2):
            check([(date1, known1, 1.0), (date2, known2, 2.0)])
            seen += 1
    assert seen == 25 * 24


@given(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(0, 9), max_size=12), st.integers(0, 6))
def test_many_vintages_in_any_order(cells: dict[tuple[int, int], int], max_age: int) -> None:
    check([(date, date + lag, float(value)) for (date, lag), value in cells.items()], max_age)


def test_a_revision_of_a_revision_and_a_withdrawal() -> None:
    rows = [(0, 1, 1.0), (0, 3, 1.5), (1, 4, 2.0), (0, 5, 1.7), (1, 6, np.nan)]
    np.testing.assert_array_equal(facts(rows, 9).view("x", DAYS[:8]), [np.nan, 1.0, 1.0, 1.5, 2.0, 2.0, np.nan, np.nan])


def test_a_stale_value_is_unknown() -> None:
    np.testing.assert_array_equal(np.isfinite(facts([(0, 2, 1.0)], 4).view("x", DAYS)), [False, False, True, True, True] + 9 * [False])


def test_series_and_assets_are_kept_apart() -> None:
    one = facts([(0, 0, 1.0)], asset=3)
    assert np.isnan(one.view("x", DAYS)).all()
    assert one.view("x", DAYS, asset=3)[0] == 1.0
    assert np.isnan(one.view("x", DAYS, asset=2)).all()
    assert np.isnan(one.view("y", DAYS, asset=3)).all()
    assert np.isnan(one.view("nonsense", DAYS)).all()
    assert np.isnan(Facts.none().view("x", DAYS)).all()


def test_a_value_is_not_known_before_its_day() -> None:
    with pytest.raises(ValueError, match="known_at"):
        facts([(3, 2, 1.0)])


def test_sessions_without_a_new_value_see_the_last_one(ragged: Panel) -> None:
    """The generated market, day by day: each session sees what its own cut sees."""
    for series in SERIES:
        whole = ragged.facts.view(series, ragged.dates)
        alone = [ragged.facts.upto(d).view(series, ragged.dates[t : t + 1])[0] for t, d in enumerate(ragged.dates)]
        assert (bits(np.array(alone)) == bits(whole)).all()
        assert np.isfinite(whole).sum() > 200
        order = np.random.default_rng(0).permutation(len(ragged.facts.of))
        f = ragged.facts
        mixed = Facts(f.series, f.of[order], f.asset[order], f.date[order], f.known_at[order], f.value[order], f.max_age, f.revised)
        assert mixed.view(series, ragged.dates).shape == whole.shape
