"""What is refused has a rule, what is odd is told, nothing is lost, and a crash is neither."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from riskradar.data.calendar import exchange
from riskradar.data.quality import QualityConfig, judge
from riskradar.data.sources import Cell, SourcesConfig
from riskradar.data.sources.base import is_name

EVENING = datetime(2026, 3, 6, 23, tzinfo=UTC)  # Friday, 18:00 in New York
DAYS = [date(2026, 3, d) for d in (2, 3, 4, 5, 6)]
XNYS = exchange("XNYS")


def judged(cells, own=None, others=None, moment=EVENING, **config):
    return judge(cells, moment, XNYS, own or {}, others or {}, QualityConfig(**config))


def closes(*values: float, asset: str = "AAA", days=DAYS):
    return [Cell("close", asset, d.isoformat(), repr(v)) for d, v in zip(days, values, strict=False)]


def rules(found):
    return {(r.cell.asset, r.cell.day): r.rule for r in found.refused}


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        (Cell("close", "AAA", "2026-03-05", "NaN"), "nonfinite"), (Cell("close", "AAA", "2026-03-05", "inf"), "nonfinite"),
        (Cell("close", "AAA", "2026-03-05", "1e400"), "nonfinite"), (Cell("close", "AAA", "2026-03-05", "-5"), "nonpositive"),
        (Cell("close", "AAA", "2026-03-05", "0"), "nonpositive"), (Cell("split", "AAA", "2026-03-05", "0.0"), "nonpositive"),
        (Cell("volume", "AAA", "2026-03-05", "-1"), "negative"), (Cell("dividend", "AAA", "2026-03-05", "-1"), "negative"),
        (Cell("close", "AAA", "2026-03-05", "1,000"), "not_a_number"), (Cell("close", "AAA", "2026-03-05", "[1]"), "not_a_number"),
        (Cell("close", "AAA", "2024-02-30", "1"), "bad_date"), (Cell("close", "AAA", "2023-02-29", "1"), "bad_date"),
        (Cell("vix", "", "03/05/2026", "1"), "bad_date"), (Cell("close", "AAA", "", "1"), "bad_date"),
        (Cell("close", "AAA", "2026-02-28", "1"), "not_session"), (Cell("close", "AAA", "2025-11-27", "1"), "not_session"),
        (Cell("close", "AAA", "2001-09-12", "1"), "not_session"), (Cell("volume", "AAA", "2025-01-09", "1"), "not_session"),
        (Cell("close", "AAA", "1907-10-17", "1"), "not_session"), (Cell("close", "AAA", "2026-03-09", "1"), "future"),
        (Cell("vix", "", "2030-01-01", "1"), "future"),
        (Cell("cpi", "", "2026-03-02", "1", date(2026, 3, 7)), "future"), (Cell("cpi", "", "2026-03-02", "1", date(2026, 3, 1)), "known_before_date"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_refused_alone(cell: Cell, rule: str) -> None:
    found = judged([cell, *closes(10, 11)])
    assert [(r.cell, r.rule) for r in found.refused] == [(cell, rule)]
    assert len(found.accepted) == 2


@pytest.mark.parametrize("name", [
    "ＡＡＰＬ", "АAPL", "A\u200fAPL", "A📈", "e\u0301", "\u00e9", "\u0130BM", "../../etc/passwd", "A/../B", "A\0B", "A" * 65, "'; DROP TABLE",
    "<img src=x>", "{{7*7}}", "=cmd|'/c calc'!A1", "@SUM", "-AAPL", "A\tB", "A\nB", " AAPL", "https://x?y",
])  # fmt: skip
def test_a_name_that_could_deceive_is_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValidationError, match="could deceive"):
        SourcesConfig(assets=("AAPL", name))
    found = judged([Cell("close", name, "2026-03-05", "1"), Cell(name, "", "2026-03-05", "1")])
    assert [r.rule for r in found.refused] == ["bad_name"] * 2


@pytest.mark.parametrize(
    "name", ["AAPL", "NA", "TRUE", "NAN", "NULL", "1E5", "MAR1", "CON", "^GSPC", "BRK.B", "BRK-B", "EURUSD=X", "BF/B", "term_10y_3m", "7203.T"]
)
def test_an_honest_name_stays_as_it_is(name: str) -> None:
    assert judged([Cell("close", name, "2026-03-05", "1")]).accepted[0].asset == name


def test_negative_prices_where_they_are_allowed() -> None:
    days = {"2020-04-17": "18.27", "2020-04-20": "-37.63", "2020-04-21": "10.01"}
    cells = [Cell("close", "CL=F", day, value) for day, value in days.items()]
    assert rules(judged(cells)) == {("CL=F", "2020-04-20"): "nonpositive"}
    assert len(judged(cells, may_be_negative=("CL=F",)).accepted) == 3


@pytest.mark.parametrize(("moment", "taken"), [
    (datetime(2026, 3, 6, 21, 14, tzinfo=UTC), False), (datetime(2026, 3, 6, 21, 15, tzinfo=UTC), True),  # 16:15 in winter
    (datetime(2026, 3, 6, 14, 0, tzinfo=UTC), False),
])  # fmt: skip
def test_the_bar_of_a_running_session_is_not_taken(moment: datetime, taken: bool) -> None:
    found = judged([*closes(10, 11, 12, 13, 14), Cell("vix", "", "2026-03-06", "20")], moment=moment)
    assert rules(found) == ({} if taken else {("AAA", "2026-03-06"): "provisional"})


def test_the_running_session_in_summer_time() -> None:
    cell = [Cell("close", "AAA", "2026-03-09", "1")]  # the Monday after the clocks went forward
    assert judged(cell, moment=datetime(2026, 3, 9, 20, 14, tzinfo=UTC)).refused[0].rule == "provisional"
    assert not judged(cell, moment=datetime(2026, 3, 9, 20, 15, tzinfo=UTC)).refused


def test_conflicts_and_duplicates() -> None:
    cells = [*closes(10, 11, 12), *closes(10, 11.5), Cell("close", "AAA", "2026-03-02", "10.00")]
    found = judged(cells)
    assert (found.received, len(found.accepted), found.duplicates, [r.rule for r in found.refused]) == (6, 2, 2, ["conflict"] * 2)


def test_vintages_of_one_day_are_no_conflict() -> None:
    cells = [Cell("nfci", "", "2026-03-02", v, date(2026, 3, d)) for v, d in (("1", 3), ("2", 4))]
    assert len(judged(cells).accepted) == 2


@pytest.mark.parametrize("shares", [2, 3, 4, 5, 10, 20, 50, 1 / 2, 1 / 10])
@pytest.mark.parametrize("drift", [0.98, 1.0, 1.02])
def test_a_split_that_nobody_told_is_suspected(shares: float, drift: float) -> None:
    cells = closes(100, 101, 102 / shares * drift, 103 / shares, 104 / shares) + closes(50, 50.1, 50.2, 50.1, 50, asset="BBB")
    found = judged(cells)
    assert rules(found) == {("AAA", d.isoformat()): "split_suspect" for d in DAYS[2:]}
    assert [d.rule for d in found.doubts] == ["split_suspect"]
    assert not judged([*cells, Cell("split", "AAA", DAYS[2].isoformat(), repr(shares))]).refused
    assert not judged(cells, own={("split", "AAA"): {DAYS[2]: shares}}).refused
    assert not judged(cells, trust=(f"AAA {DAYS[2]}",)).refused


@pytest.mark.parametrize(("shares_traded", "believed"), [(2100, False), (21000, True)])
def test_a_fall_by_half_in_a_storm_of_trading_is_believed(shares_traded: int, believed: bool) -> None:
    cells = closes(100, 101, 50.5, 51) + closes(50, 50.1, 50.2, 50.1, asset="BBB")
    volumes = [Cell("volume", "AAA", d.isoformat(), str(v)) for d, v in zip(DAYS, (1000, 1000, shares_traded, 1500), strict=False)]
    found = judged([*cells, *volumes])
    assert [d.rule for d in found.doubts] == ["split_suspect"]
    assert bool(found.refused) is not believed


@pytest.mark.parametrize(("move", "believed"), [(0.10, True), (0.02, False)])
def test_a_fall_by_half_among_wild_moves_is_believed(move: float, believed: bool) -> None:
    before = [64.0 * math.exp(move * (n % 2)) for n in range(21)]
    days = [d.item() for d in XNYS.days[np.searchsorted(XNYS.days, np.datetime64(DAYS[0])) + np.arange(-21, 0)]]
    found = judged(closes(before[-1] / 2, before[-1] / 2), {("close", "AAA"): dict(zip(days, before, strict=True))})
    assert [bool(found.accepted), [r.rule for r in found.refused]] == [believed, [] if believed else ["split_suspect"] * 2]
    assert [d.rule for d in found.doubts] == ["split_suspect"]


def test_a_split_is_seen_against_the_last_stored_close() -> None:
    own = {("close", "AAA"): {date(2026, 2, 27): 100.0}}
    assert set(rules(judged(closes(25.2, 25.3), own)).values()) == {"split_suspect"}
    assert not judged(closes(92.0, 93.0), own).refused


@pytest.mark.parametrize("unit", [100, 0.01, 1000])
def test_other_units(unit: float) -> None:
    found = judged(closes(3.5, 3.6, 3.55 * unit, 3.6 * unit, 3.65))
    assert rules(found) == {("AAA", d.isoformat()): "unit_jump" for d in DAYS[2:4]}
    assert [v.value for v in found.accepted] == [3.5, 3.6, 3.65]


BLACK_DAYS = ("1987-10-19", "2008-10-15", "2008-12-01", "2020-03-12", "2020-03-16")
CRASHES = {  # closes of the S&P 500 and of stocks that fell deepest: day before, day, day after
    ("1987-10-16", "1987-10-19", "1987-10-20"): {"SPX": (282.70, 224.84, 236.83), "DJI": (2246.74, 1738.74, 1841.01), "HALF": (40.0, 20.4, 21.0)},
    ("2008-09-12", "2008-09-15", "2008-09-16"): {"SPX": (1251.70, 1192.70, 1213.60), "LEH": (3.65, 0.21, 0.30), "AIG": (12.14, 4.76, 3.75)},
    ("2008-09-26", "2008-09-29", "2008-09-30"): {"SPX": (1213.27, 1106.42, 1166.36), "WB": (10.00, 1.84, 3.50), "NCC": (3.71, 1.36, 1.75)},
    ("2008-10-14", "2008-10-15", "2008-10-16"): {"SPX": (998.01, 907.84, 946.43), "XOM": (72.0, 62.0, 68.6)},
    ("2020-03-06", "2020-03-09", "2020-03-10"): {"SPX": (2972.37, 2746.56, 2882.23), "OXY": (26.86, 12.89, 14.54), "APA": (22.0, 10.14, 11.0)},
    ("2020-03-13", "2020-03-16", "2020-03-17"): {"SPX": (2711.02, 2386.13, 2529.19), "CCL": (17.54, 14.61, 12.04), "SIX": (16.0, 11.2, 12.5)},
}  # fmt: skip


@pytest.mark.parametrize("days", CRASHES)
def test_a_crash_is_no_outlier(days: tuple[str, ...]) -> None:
    cells = [Cell("close", name, day, repr(v)) for name, values in CRASHES[days].items() for day, v in zip(days, values, strict=True)]
    found = judged(cells)
    assert not found.refused
    assert len(found.accepted) == len(cells)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(BLACK_DAYS), st.lists(st.floats(0.02, 0.96), min_size=5, max_size=30))
def test_no_depth_of_a_market_wide_fall_is_refused(day: str, falls: list[float]) -> None:
    before = XNYS.days[np.searchsorted(XNYS.days, np.datetime64(day)) - 1]
    cells = [Cell("close", f"A{i}", str(d), repr(v)) for i, f in enumerate(falls) for d, v in ((before, 64.0), (day, 64.0 * f))]
    assert not judged(cells).refused


def test_stale_prices_are_told() -> None:
    own = {("close", "AAA"): {date(2026, 2, 26): 7.0, date(2026, 2, 27): 7.0}}
    found = judged(closes(7, 7, 7, 8), own)
    assert [(d.rule, d.day) for d in found.doubts] == [("stale", DAYS[2])]
    assert not judged(closes(7, 7, 7, 7, 8)).doubts
    assert not found.refused


def test_a_rewrite_of_history_is_told_and_both_are_kept() -> None:
    own = {("close", "AAA"): {d: 10.0 + i for i, d in enumerate(DAYS[:3])}}
    found = judged(closes(10, 11.5, 12, 13), own)
    assert [(d.rule, d.day) for d in found.doubts] == [("rewrite", DAYS[1])]
    assert len(found.accepted) == 4
    assert not judged(closes(10, 11 + 1e-9, 12, 13), own).doubts


def test_a_history_rewritten_by_a_split_is_taken_whole_or_not_at_all() -> None:
    older = {("close", "AAA"): {date(2026, 2, 27): 100.0} | dict.fromkeys(DAYS[:3], 100.0)}
    found = judged(closes(25, 25, 25, 25.5), older)
    assert set(rules(found).values()) == {"rewrite"}
    whole = judged([Cell("close", "AAA", "2026-02-27", "25"), *closes(25, 25, 25, 25.5)], older)
    assert len(whole.accepted) == 5
    assert [d.rule for d in whole.doubts] == ["rewrite"]


def test_sources_that_disagree_are_told() -> None:
    other = {("close", "AAA"): dict(zip(DAYS, [20, 22, 22, 22.5, 23], strict=True))}
    assert not judged(closes(10, 11, 11, 11.25, 11.5), others={"stooq": other}).doubts
    found = judged(closes(10, 11, 11.5, 11.25, 11.5), others={"stooq": other})
    assert [(d.rule, d.day) for d in found.doubts] == [("disagreement", DAYS[2])]
    assert "2 of 4 returns differ from stooq" in found.doubts[0].text


TEXTS = st.sampled_from(["", "1", "1.0", "2", "0", "-3", "nan", "inf", "1e400", "x", "250", "0.01"])
CELLS = st.builds(
    Cell, st.sampled_from(["close", "volume", "vix", "split", "\u202e"]), st.sampled_from(["", "AAA", "BBB", "А"]),
    st.sampled_from([*(d.isoformat() for d in DAYS), "2026-03-07", "2026-02-30", "2031-01-02", ""]), TEXTS,
    st.sampled_from([None, None, DAYS[3], DAYS[0] - timedelta(9)]),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(CELLS, max_size=25), st.randoms())
def test_nothing_is_lost_and_the_order_does_not_matter(cells: list[Cell], random) -> None:
    own = {("close", "AAA"): {DAYS[0]: 1.0, DAYS[1]: 4.0}}
    found = judged(cells, own)
    assert found.received == len(cells) == len(found.accepted) + len(found.refused) + found.duplicates + found.empty
    random.shuffle(cells)
    again = judged(cells, own)
    assert (again.accepted, again.refused, again.doubts) == (found.accepted, found.refused, found.doubts)
