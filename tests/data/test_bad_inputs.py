"""Every bad input is refused with its reason, or refused whole in one line that says what to do."""

import gzip
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from riskradar.data import DataConfig, load, read_frame
from riskradar.errors import InputError, UsageError

DAYS = ["2020-03-12", "2020-03-13", "2020-03-16"]


def write(folder, text, name="prices.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def loaded(folder, text, name="prices.csv", **settings):
    return load(DataConfig(prices=write(folder, text, name), **settings))


def wide(*cells, header="date,A,B"):
    """A table whose last row is given cell by cell; the rows before it are good."""
    return f"{header}\n2020-03-12,10,20\n2020-03-13,11,21\n{','.join(cells)}\n"


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("NaN", "nonfinite"), ("inf", "nonfinite"), ("-Infinity", "nonfinite"), ("1e400", "nonfinite"), ("nan(1)", "nonfinite"),
        ("-5", "nonpositive"),
        ("0", "nonpositive"), ("-0.0", "nonpositive"), ("abc", "not_a_number"), ("1_000", "not_a_number"), ('"1,000"', "not_a_number"),
        ("0x10", "not_a_number"), ("12%", "not_a_number"), ("NA", "not_a_number"), ("TRUE", "not_a_number"), ("١٢", "not_a_number"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", ["22", "x"])  # an unreadable neighbour in the column sends it down the slow path: same verdict
def test_a_bad_cell_is_refused_alone(tmp_path, cell, reason, beside):
    text = f"date,A,B\n2020-03-12,10,20\n2020-03-13,{beside},21\n2020-03-16,{cell},22\n"
    panel, intake = loaded(tmp_path, text)
    mine = [r for r in intake.refused if r.date == "2020-03-16"]
    assert [(r.reason, r.row, r.column, r.asset, r.text) for r in mine] == [(reason, 3, "A", "A", cell.strip('"'))]
    assert np.isnan(panel.close[2, 0])
    assert panel.close[2, 1] == 22
    assert not panel.member[2, 0]


@pytest.mark.parametrize(
    ("date", "reason"),
    [("2024-02-30", "bad_date"), ("2023-02-29", "bad_date"), ("", "bad_date"), ("yesterday", "bad_date"), ("2020-03-16 09:30", "bad_date"),
     ("2020-03-14", "not_session"), ("2001-09-12", "not_session"), ("2018-12-05", "not_session"), ("2025-01-09", "not_session")],
)  # fmt: skip
def test_a_bad_date_refuses_its_cells(tmp_path, date, reason):
    _, intake = loaded(tmp_path, wide(date, "12", "22"))
    assert [(r.reason, r.date) for r in intake.refused] == [(reason, date)] * 2
    assert intake.counts[0].refused == {reason: 2}
    assert intake.counts[0].accepted == 4


@pytest.mark.parametrize("date", ["2024-02-29", "2024-02-29 00:00:00", "2024-02-29T00:00:00.000", "1987-10-19"])
def test_a_good_date_is_accepted(tmp_path, date):
    panel, intake = loaded(tmp_path, f"date,A,B\n{date},12,22\n")
    assert str(panel.dates[0]) == date[:10]
    assert not intake.refused


def test_conflicts_are_refused_and_equal_duplicates_counted(tmp_path):
    panel, intake = loaded(tmp_path, wide("2020-03-13", "11.0", "99") + "2020-03-16,12,22\n")
    count = intake.counts[0]
    assert (count.cells, count.accepted, count.duplicates, count.refused) == (8, 5, 1, {"conflict": 2})
    assert sorted((r.row, r.text) for r in intake.refused) == [(2, "21"), (3, "99")]
    assert np.isnan(panel.close[1, 1])
    assert panel.close[1, 0] == 11


def test_empty_cells_are_told_apart(tmp_path):
    text = "date,A,B\n2020-03-12,10,\n2020-03-13,,21\n2020-03-14,,\n2020-03-16,12,22\n"
    count = loaded(tmp_path, text)[1].counts[0]
    assert (count.empty, count.not_listed, count.missing, count.off_session) == (4, 1, 1, 2)


def test_true_crash_days_survive(tmp_path):
    text = "date,SPX,X\n1987-10-16,282.70,1\n1987-10-19,224.84,1\n2020-03-13,2711.02,1\n2020-03-16,2386.13,1\n"
    panel, intake = loaded(tmp_path, text)
    assert not intake.refused
    days = [str(d) for d in panel.dates]
    close = panel.close[:, panel.assets.index("SPX")]
    assert close[days.index("1987-10-19")] / close[days.index("1987-10-16")] < 0.8
    assert close[days.index("2020-03-16")] / close[days.index("2020-03-13")] < 0.89


@pytest.mark.parametrize("long", [False, True])
def test_names_stay_text(tmp_path, long):
    names = ("NA", "TRUE", "NAN", "NULL", "1E5", "MAR1", "nan", "None", "inf")
    text = "date," + ",".join(names) + "\n2020-03-13," + ",".join(str(i + 1) for i in range(len(names))) + "\n"
    if long:
        text = "date,ticker,close\n" + "".join(f"2020-03-13,{name},{i + 1}\n" for i, name in enumerate(names))
    panel, _ = loaded(tmp_path, text)
    assert panel.assets == tuple(sorted(names))
    assert dict(zip(panel.assets, panel.close[0], strict=True)) == {name: i + 1.0 for i, name in enumerate(names)}


def test_the_calendar_of_another_market_is_asked_for(tmp_path):
    golden_week = "".join(f"2020-{day},1,2\n" for day in ("03-13", "04-29", "05-01", "05-07"))  # Tokyo is open on none of the days in between
    _, mended = loaded(tmp_path, f"date,A,B\n{golden_week}", calendar="observed")
    _, intake = loaded(tmp_path, f"date,A,B\n{golden_week}2020-05-25,1,2\n")  # Memorial Day
    assert not any("another market" in w for w in mended.warnings)
    assert any(w.startswith("20.0 % of the closes") and "data.calendar" in w for w in intake.warnings)


def test_a_split_that_is_not_adjusted_is_told_and_kept(tmp_path):
    panel, intake = loaded(tmp_path, "date,A,B\n2020-03-11,20,1\n2020-03-12,,2.9\n2020-03-13,1,1\n2020-03-16,3,1\n")
    assert panel.close[:, 0].tolist()[2:] == [1.0, 3.0]
    (told,) = intake.warnings
    assert "A 2020-03-13 (x0.05), A 2020-03-16 (x3);" in told
    assert "B" not in told.partition(";")[0]


def test_returns_in_the_place_of_prices_are_told(tmp_path):
    _, intake = loaded(tmp_path, "date,A,B\n2020-03-12,0.01,0.02\n2020-03-13,-0.02,0.01\n")
    assert intake.warnings == ("25.0 % of the closes are not above 0 and were refused; if these are returns, give prices",)


def test_lookalikes_are_kept_apart_and_named(tmp_path):
    panel, intake = loaded(tmp_path, "date,AAPL,АAPL,ＡＡＰＬ\n2020-03-13,1,2,3\n")
    assert len(panel.assets) == 3
    assert any("never merged" in w for w in intake.warnings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"), ("date\n2020-03-13\n", "1 column"), ("date,A\n", "no rows"), ("date,A,A\n2020-03-13,1,2\n", "'A' twice"),
        ("day,A\n2020-03-13,1\n", "data.columns.date"), ("date,A,B\n01/02/2024,1,2\n", "ISO"), ("date,A,B\n2024-01-02,1,2\n1/3/2024,1,2\n", "ISO"),
        ("date,A,B\n2020-03-13,,\n", "no usable close"), ("date,A,B\n2020-03-14,1,2\n", "not_session"),
        ("date,A,B\n2020-03-13,1\n", "cannot be read"),
        (b"date,A,B\n2020-03-13,\xff\xfe,1\n", "cannot be read"), ("date,A\x07,B\n2020-03-13,1,2\n", "control character"),
        ("date,A\u202e,B\n2020-03-13,1,2\n", "control character"), (f"date,{'A' * 65},B\n2020-03-13,1,2\n", "65 characters"),
        ("date,A,B\n1962-01-02,1,2\n", "data.calendar"), ("date,A,B\n2090-01-02,1,2\n", "data.calendar"),
        ("date,ticker,symbol,close\n2020-03-13,A,A,1\n", "data.columns.asset"), ("date;A;B\n2020-03-13;1;2\n", "1 column"),
    ],
)  # fmt: skip
def test_a_file_is_refused_whole_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        loaded(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert "nothing was" in str(caught.value) or "nothing of" in str(caught.value)


def test_paths_and_damaged_files_are_refused(tmp_path):
    whole = gzip.compress(("date,A,B\n" + "2020-03-13,1,2\n" * 5000).encode())
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(pa.table({"date": DAYS, "A": [1.0, 2.0, 3.0]}), sink)
    for prices, says in [
        (str(tmp_path / "none.csv"), "does not exist"),
        (str(tmp_path), "directory"),
        (write(tmp_path, whole[: len(whole) // 2], "cut.csv.gz"), "cannot be read"),
        (write(tmp_path, b"not gzip at all", "text.csv.gz"), "cannot be read"),
        (write(tmp_path, sink.getvalue().to_pybytes()[:-20], "cut.parquet"), "cannot be read"),
        (write(tmp_path, b"", "none.parquet"), "empty"),
    ]:
        with pytest.raises(InputError, match=says):
            load(DataConfig(prices=prices))


def test_too_many_assets_are_refused_from_the_header(tmp_path):
    header = "date," + ",".join(f"T{i}" for i in range(50_000))
    stump = gzip.compress((header + "\n2020-03-13,").encode())[:-9]  # a body that cannot be unpacked: it is never looked at
    with pytest.raises(InputError, match=r"50,000 assets are more than data.max_assets = 5,000"):
        loaded(tmp_path, stump, "many.csv.gz")
    long = "date,ticker,close\n" + "".join(f"2020-03-13,T{i},1\n" for i in range(30))
    with pytest.raises(InputError, match="30 assets"):
        loaded(tmp_path, long, max_assets=20)
    with pytest.raises(InputError, match="30 assets"):
        read_frame(pd.DataFrame(np.ones((1, 30)), index=pd.to_datetime(DAYS[:1])), DataConfig(max_assets=20))


def test_settings_that_name_nothing_are_refused(tmp_path):
    good = wide("2020-03-16", "12", "22")
    with pytest.raises(UsageError, match=r"near matches: .*XNYS"):
        loaded(tmp_path, good, calendar="XNYZ")
    with pytest.raises(UsageError, match="did you mean 'date'"):
        loaded(tmp_path, good, columns={"date": "datee"})
    with pytest.raises(UsageError, match="near matches"):
        loaded(tmp_path, good, index="sxp")
    for wrong in ({"colums": {}}, {"lags": {"x": -1}}, {"columns": {"cloze": "A"}}):
        with pytest.raises(ValueError, match=r"extra_forbidden|greater_than|data\.columns"):
            DataConfig(**wrong)
    with pytest.raises(InputError, match="1980"):
        loaded(tmp_path, "date,A,B\n1979-12-31,1,2\n")
    assert loaded(tmp_path, "date,A,B\n1962-01-02,1,2\n", calendar="observed")[0].close.shape == (1, 2)


def test_a_series_without_a_lag_is_refused_by_name(tmp_path):
    good = wide("2020-03-16", "12", "22")
    macro = write(tmp_path, "date,vix,mood\n2020-03-12,75,1\n2020-03-13,57,2\n", "macro.csv")
    panel, intake = loaded(tmp_path, good, macro=macro)
    assert {r.reason for r in intake.refused} == {"no_lag"}
    assert "data.lags.mood" in intake.warnings[0]
    assert np.isnan(panel.facts.view("mood", panel.dates)).all()
    panel, intake = loaded(tmp_path, good, macro=macro, lags={"mood": 1})
    assert not intake.refused
    np.testing.assert_array_equal(panel.facts.view("mood", panel.dates), [np.nan, 1, 2])


def test_known_at_speaks_new_york(tmp_path):
    rows = [("2020-03-12", "2020-03-12T20:00:00-04:00"), ("2020-03-13", "2020-03-13T20:00:01-04:00")]
    rows += [("2020-03-14", "2020-03-16"), ("2020-03-15", "2020-03-14")]
    macro = write(tmp_path, "series,date,value,known_at\n" + "".join(f"mood,{d},{i},{k}\n" for i, (d, k) in enumerate(rows)), "macro.csv")
    panel, intake = loaded(tmp_path, wide("2020-03-16", "12", "22"), macro=macro)
    assert [str(k) for k in panel.facts.known_at] == ["2020-03-12", "2020-03-14", "2020-03-16"]
    assert [r.reason for r in intake.refused] == ["known_before_date"]
    naive = write(tmp_path, "series,date,value,known_at\nmood,2020-03-12,1,2020-03-12 16:30\n", "naive.csv")
    with pytest.raises(InputError, match="no time zone"):
        loaded(tmp_path, wide("2020-03-16", "12", "22"), macro=naive)
