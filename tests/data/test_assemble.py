"""Cells are conserved, order does not matter, and no row of a panel knows what comes after it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskradar.data import DataConfig, assemble, load, read, read_frame

DAYS = pd.bdate_range("2020-01-02", periods=40).strftime("%Y-%m-%d").tolist()  # with MLK day and Presidents' day: no sessions
CELLS = st.sampled_from(["1", "1.0", "2.5", "3", "", "nan", "inf", "1e400", "-1", "0", "x", "1,5"])
DATES = st.sampled_from(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-04", "2020-02-30", ""])
BATCH = st.lists(st.tuples(DATES, st.sampled_from(["A", "B", "NA", ""]), CELLS), min_size=1, max_size=30)


def write(path, text):
    path.write_text(text)
    return str(path)


def same(a, b):
    """Equal bit for bit, NaN included."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def row_of(panel, t):
    volume = np.empty(0) if panel.volume is None else panel.volume[t]
    return [panel.dates[t], panel.close[t], panel.member[t], panel.sector[t], panel.level[t], volume]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=BATCH, seed=st.randoms(use_true_random=False))
def test_cells_are_conserved_in_any_order(tmp_path, batch, seed):
    batch = [*batch, ("2020-01-07", "A", "7")]  # one usable close, so that there is a panel
    shuffled = seed.sample(batch, len(batch))
    panels = []
    for rows in (batch, shuffled):
        text = "date,asset,close\n" + "".join(f'{d},{a},"{c}"\n' for d, a, c in rows)
        panel, intake = load(DataConfig(prices=write(tmp_path / "p.csv", text), calendar="XNYS"))
        count = intake.counts[0]
        assert count.cells == len(rows)
        assert count.cells == count.accepted + count.duplicates + count.empty + count.outside + len(intake.refused)
        assert count.empty == count.not_listed + count.missing + count.off_session
        assert count.accepted == np.isfinite(panel.close).sum()
        panels.append((panel, count._replace(source=""), sorted((r.asset, r.date, r.text, r.reason) for r in intake.refused)))
    (one, told, refused), (two, told_again, refused_again) = panels
    assert told == told_again
    assert refused == refused_again
    assert one.assets == two.assets
    assert same(one.close, two.close)
    expected = {("A", "2020-01-07"): {7.0}}
    for d, a, c in batch:
        if d in ("2020-01-02", "2020-01-03", "2020-01-06") and a and c in ("1", "1.0", "2.5", "3"):
            expected.setdefault((a, d), set()).add(float(c))
    accepted = {(a, str(d)): {v} for d, row in zip(one.dates, one.close, strict=True) for a, v in zip(one.assets, row, strict=True) if v == v}
    assert accepted == {key: values for key, values in expected.items() if len(values) == 1}


@pytest.fixture
def ragged(tmp_path):
    """A long table with late listings, gaps, conflicts and volume, dated sectors, a universe, macro with lags and vintages, sentiment by asset."""
    random = np.random.default_rng(3)
    prices = ["date,ticker,close,volume"]
    for j, name in enumerate(["D", "B", "A", "C", "SP"]):
        for t, day in enumerate(DAYS):
            if t >= 7 * j % 20 and random.random() > 0.15 and t not in (11, 12, 38):  # nobody trades on two sessions and near the end
                prices.append(f"{day},{name},{50 + random.normal():.6f},{random.integers(0, 99)}")
    prices += [f"{DAYS[39]},B,1,5", f"{DAYS[39]},B,2,5", f"{DAYS[20]},A,3,5"]
    sectors = "ticker,sector,kind,date,known_at\nA,Tech,stock,2019-01-01,\n"
    sectors += f"B,Bank,stock,{DAYS[9]},\nA,Bank,stock,{DAYS[15]},{DAYS[18]}\nA,Tech,stock,{DAYS[14]},{DAYS[22]}\nSP,,index,,\n"
    universe = f"ticker,start,end,known_at\nA,,{DAYS[25]},\nB,{DAYS[8]},,{DAYS[10]}\nA,{DAYS[30]},,\nD,2019-01-01,{DAYS[5]},\n"
    macro = ["series,date,value,known_at"]
    for t, day in enumerate(DAYS):
        macro += [f"vix,{day},{20 + t},", f"hy_oas,{day},{3 + t / 10},", f"spx,{day},{3000 + random.normal():.4f},"]
        macro += [f"gdp,{day},{t},{DAYS[t + 3]}", f"gdp,{day},{t + 0.5},{DAYS[t + 9]}"] if t % 6 == 0 and t < 30 else []
    sentiment = ["date,ticker,vader_mean", *(f"{day},{'AB'[t % 2]},{random.normal():.3f}" for t, day in enumerate(DAYS))]
    texts = {"prices": "\n".join(prices), "sectors": sectors, "universe": universe, "macro": "\n".join(macro), "sentiment": "\n".join(sentiment)}
    return {name: write(tmp_path / f"{name}.csv", text + "\n") for name, text in texts.items()}


@pytest.mark.parametrize("calendar", ["XNYS", "observed"])
@pytest.mark.parametrize("index", ["auto", "spx", "hy_oas", "equal-weight"])
def test_no_row_knows_what_comes_after_it(ragged, calendar, index):
    config = DataConfig(**ragged, calendar=calendar, index=index)
    raw = read(config)
    whole, _ = assemble(raw, config)
    assert len(whole.dates) > 30
    for t, date in enumerate(whole.dates):
        early = raw.upto(date)
        assert not any((rows.date > date).any() or (rows.known_at > date).any() for rows in early.tables.values())
        cut, _ = assemble(early, config)
        assert (cut.assets, cut.kind, cut.sectors, cut.index) == (whole.assets, whole.kind, whole.sectors, whole.index)
        assert all(same(a, b) for a, b in zip(row_of(cut, -1), row_of(whole, t), strict=True)), date
        assert same(cut.dates, whole.dates[: t + 1])
        assert same(cut.level, whole.level[: t + 1])
        assert (cut.facts.known_at <= date).all()
        assert same(cut.facts.value, whole.upto(date).facts.value)
        for series in whole.facts.series:
            for asset in (-1, 0, 1):
                assert same(cut.facts.view(series, cut.dates, asset), whole.facts.view(series, whole.dates, asset)[: t + 1]), (series, date)


def test_the_ragged_panel_holds_what_was_known(ragged):
    config = DataConfig(**ragged)
    panel, intake = load(config)
    assert panel.index == "asset SP"
    row = {day: int(np.searchsorted(panel.dates, np.datetime64(day))) for day in DAYS}
    A, B, D = (panel.assets.index(name) for name in "ABD")
    names = [("", *panel.sectors)[code + 1] for code in panel.sector[:, A]]
    assert names[row[DAYS[17]]] == "Tech"
    assert set(names[row[DAYS[18]] :]) == {"Bank"}  # dated earlier, known only then; an older label that comes late changes nothing
    assert panel.sector[row[DAYS[8]], B] == -1
    assert not panel.member[: row[DAYS[10]], B].any()
    assert not panel.member[row[DAYS[25]] + 1 : row[DAYS[30]], A].any()
    assert not panel.member[row[DAYS[5]] + 1 :, D].any()
    np.testing.assert_array_equal(panel.member[:, A] <= ~np.isnan(panel.close[:, A]), True)
    assert np.isnan(panel.close[row[DAYS[11]]]).all()
    assert not panel.member[:, panel.assets.index("SP")].any()
    assert {r.reason for r in intake.refused} == {"conflict", "not_session"}
    assert panel.volume is not None


def test_the_future_cannot_reach_a_cut(ragged, tmp_path):
    """Poison beyond the cut, conflicting and unreadable, changes nothing before it; the same poison before it does."""
    config = DataConfig(**ragged)
    poisoned = DataConfig(**{**ragged, "prices": str(tmp_path / "poisoned.csv")})
    text = Path(ragged["prices"]).read_text()
    write(tmp_path / "poisoned.csv", text + "".join(f"{day},A,{v},1\n" for day in DAYS[30:] for v in ("1e6", "0", "x", "7")))
    clean, bad = read(config), read(poisoned)
    before, after = np.datetime64(DAYS[29]), np.datetime64(DAYS[33])
    assert same(assemble(clean.upto(before), config)[0].close, assemble(bad.upto(before), config)[0].close)
    assert not same(assemble(clean.upto(after), config)[0].close, assemble(bad.upto(after), config)[0].close)


def test_every_format_gives_the_same_panel(tmp_path):
    random = np.random.default_rng(5)
    days = pd.to_datetime(DAYS[:10])
    frame = pd.DataFrame(np.round(np.exp(random.normal(size=(10, 4))), 6), index=pd.Index(days, name="date"), columns=["C", "A", "NA", "B"])
    frame.iloc[:4, 1] = np.nan
    long = frame.stack().rename_axis(["date", "ticker"]).rename("close").reset_index().sample(frac=1, random_state=1)
    frame.to_csv(tmp_path / "wide.csv")
    frame[["B", "NA", "A", "C"]].to_csv(tmp_path / "wide.csv.gz")
    frame.reset_index().to_parquet(tmp_path / "wide.parquet")
    long.to_csv(tmp_path / "long.csv", index=False)
    long.to_parquet(tmp_path / "long.parquet")
    panels = [load(DataConfig(prices=str(path)))[0] for path in sorted(tmp_path.iterdir())]
    panels.append(assemble(read_frame(frame, DataConfig()), DataConfig())[0])
    panels.append(assemble(read_frame(frame.iloc[::-1].tz_localize("America/New_York"), DataConfig()), DataConfig())[0])
    assert len(panels) == 7
    for panel in panels:
        assert panel.assets == ("A", "B", "C", "NA")
        for name in ("dates", "close", "member", "level"):
            assert same(getattr(panel, name), getattr(panels[0], name)), name
    kept = frame[["A", "B", "C", "NA"]].loc[pd.to_datetime(panels[0].dates)]
    np.testing.assert_array_equal(panels[0].close, kept.to_numpy())


def test_start_and_end_set_cells_aside(tmp_path):
    text = "date,A,B\n1950-01-03,1,1\n" + "".join(f"{d},{i + 1},2\n" for i, d in enumerate(DAYS[:6])) + "2090-01-03,1,1\n"
    config = DataConfig(prices=write(tmp_path / "p.csv", text), start=DAYS[1], end=DAYS[4])
    panel, intake = load(config)
    assert [str(panel.dates[0]), str(panel.dates[-1])] == [DAYS[1], DAYS[4]]
    assert intake.counts[0].outside == 8


def test_a_frame_takes_nothing_from_the_sample(tmp_path):
    frame = pd.DataFrame({"AAPL": [1.0, 2.0], "X": ["3", "y"]}, index=pd.to_datetime(DAYS[:2]))
    panel, intake = assemble(read_frame(frame, DataConfig()), DataConfig())
    assert panel.sectors == ()
    assert [(r.asset, r.row, r.text, r.reason) for r in intake.refused] == [("X", 2, "y", "not_a_number")]


def test_an_index_known_only_later_is_said(ragged):
    panel, intake = load(DataConfig(**ragged, index="hy_oas"))
    assert np.isnan(panel.level).all()
    assert any("hy_oas" in w for w in intake.warnings)


def test_an_index_that_is_named_is_no_member(tmp_path):
    prices = write(tmp_path / "p.csv", f"date,A,SPY\n{DAYS[0]},1,3\n{DAYS[1]},2,4\n")
    sectors = write(tmp_path / "s.csv", "ticker,sector,kind,note\nA,Tech,stock,\nSPY,,broad_etf,\nXYZ,Tech,stock,\nA,Tech,stock,\n")
    panel, _ = load(DataConfig(prices=prices, index="SPY"))
    assert panel.kind == ("stock", "index")
    assert panel.level.tolist() == [3, 4]
    panel, intake = load(DataConfig(prices=prices, sectors=sectors, index="SPY"))
    assert panel.kind == ("stock", "fund")
    assert panel.member.all()
    assert not panel.sectors_dated
    assert "sectors: today's labels" in intake.notes
    assert [r.asset for r in intake.refused] == ["XYZ", "XYZ"]
    assert "columns not used in s.csv: note" in intake.notes
    assert [c.duplicates for c in intake.counts] == [0, 1, 1]


def test_the_record_is_json(ragged):
    _, intake = load(DataConfig(**ragged))
    record = json.loads(json.dumps(intake.record()))
    assert len(record["refused"]) == len(intake.refused)
    assert all(len(sha) == 64 for sha in record["hashes"].values())
    assert {name.split(" ", 1)[1] for name in record["hashes"]} == {f"{n}.csv" for n in ragged}
    assert all("\n" not in line for line in intake.lines())


def test_a_lost_cell_is_a_bug_not_a_result(ragged):
    config = DataConfig(**ragged)
    raw = read(config)
    tables = {**raw.tables, "prices": raw.tables["prices"].take(slice(0, -1))}
    with pytest.raises(RuntimeError, match="bug"):
        assemble(replace(raw, tables=tables), config)


def test_the_sample_is_twenty_stocks_and_an_index():
    panel, intake = load(DataConfig())
    assert panel.close.shape == (8313, 21)
    assert panel.index == "asset SP500"
    assert not intake.refused
    assert not np.isnan(panel.close).any()
    assert (panel.member.sum(axis=1) == 20).all()
    assert all((code >= 0) == (kind == "stock") for code, kind in zip(panel.sector[0], panel.kind, strict=True))


def test_several_price_files_are_one_panel(tmp_path):
    """Joined by name and date; a close that two files give alike counts once, one that they dispute is refused."""
    first = write(tmp_path / "one.csv", "date,A,B\n2020-01-02,1,2\n2020-01-03,3,4\n")
    second = write(tmp_path / "two.csv", "date,B,C\n2020-01-03,4,5\n2020-01-06,6,7\n")
    sectors = (write(tmp_path / "s1.csv", "asset,sector\nA,x\nB,y\n"), write(tmp_path / "s2.csv", "asset,sector\nC,z\n"))
    panel, _ = load(DataConfig(prices=(first, second), sectors=sectors))
    assert panel.assets == ("A", "B", "C")
    np.testing.assert_array_equal(panel.close, [[1, 2, np.nan], [3, 4, 5], [np.nan, 6, 7]])
    assert [panel.sectors[code] for code in panel.sector[-1]] == ["x", "y", "z"]
    disputed = write(tmp_path / "two.csv", "date,B,C\n2020-01-03,4.5,5\n")
    panel, intake = load(DataConfig(prices=(first, disputed)))
    assert np.isnan(panel.close[1, 1])
    assert {r.reason for r in intake.refused} == {"conflict"}


def test_an_excluded_asset_is_priced_and_never_a_member(tmp_path):
    path = write(tmp_path / "p.csv", "date,GOOG,GOOGL\n2020-01-02,1,2\n2020-01-03,3,4\n")
    panel, intake = load(DataConfig(prices=path, exclude=("GOOG", "NOWHERE")))
    assert panel.member.tolist() == [[False, True]] * 2
    assert np.isfinite(panel.close).all()
    assert any("never members (data.exclude): GOOG" in line and "NOWHERE" not in line for line in intake.lines())
    assert panel.level.tolist() == [100, 200]
