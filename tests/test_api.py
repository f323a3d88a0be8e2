"""Verbs as functions."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import riskradar as rr
import riskradar.errors
from riskradar import text
from riskradar.data.calendar import exchange
from riskradar.errors import UsageError

OWN = ["data.start=1999-01-04", "split.first=2002-01-02", "evaluate.start=2002-01-02", "models.names=['ewma-vol','vol+breadth']", "evaluate.draws=30",
       "evaluate.min_events=1"]  # fmt: skip


def prices(seed: int, sessions: int = 2400, start: str = "1999-01-04") -> pd.DataFrame:
    days = exchange("XNYS").days
    days = days[days >= np.datetime64(start)][:sessions]
    steps = np.random.default_rng(seed).normal(0, 0.012, (sessions, 5))
    return pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), index=pd.DatetimeIndex(days), columns=list("ABCDE"))


def test_verbs_stay_functions_when_every_module_is_loaded() -> None:
    for module in pkgutil.walk_packages(rr.__path__, "riskradar."):
        importlib.import_module(module.name)
    for verb in set(rr.__all__) - {"__version__"}:
        assert callable(getattr(rr, verb)), verb
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rr.nothing  # noqa: B018


def test_a_frame_of_prices_runs_and_compares(tmp_path: Path) -> None:
    first = rr.run(prices(1), "tiny", OWN, home=tmp_path, now=pd.Timestamp("2020-01-01 10:00", tz="UTC").to_pydatetime())
    assert first.id.startswith("20200101-100000-tiny-")
    assert set(first.forecasts()) == {"ewma-vol", "vol+breadth"}
    again = rr.run(prices(1), "tiny", [*OWN, "split.first=2003-01-02"], home=tmp_path)
    found = rr.compare(first.id, again.id, home=tmp_path)
    pair = found["ewma-vol"]
    base, other = pair["rows"]
    assert base.endswith(first.id)
    assert pair["targets"][0]["start"] >= "2003-01-02", "only dates that both runs have"
    gap = pair["rows"][other]["targets"]["5/3"]["paired"][base]
    assert gap["value"] == pytest.approx(0, abs=1e-12), "the score of a rule does not depend on when scoring began"
    with pytest.raises(UsageError, match="other targets or outcomes"):
        rr.compare(first.id, rr.run(prices(2), "tiny", OWN, home=tmp_path).id, home=tmp_path)


def test_forward_falls_are_stored_and_stay_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    short = [*OWN, "split.first=2008-06-02", "evaluate.start=2008-06-02", "models.names=['vol+breadth','pool']", "nodes.names=['har','ridge']",
             "nodes.years=3"]  # fmt: skip
    stored = rr.run(prices(5, 2200, "2003-01-02"), "tiny", short, home=tmp_path)
    falls, judged = stored.falls(), stored.evaluation["outlook"]
    assert stored.evaluation["sealed"]
    assert falls is not None
    assert set(falls["horizon"]) == {5, 20}
    assert str(falls["date"].max())[:10] == stored.about["panel"]["end"], "a sealed half is forecast, but not judged"
    assert judged["falls"]["20"]["crps"]["from 2010-01-01"]["value"] is None
    assert {gain["half"] for gain in stored.about["nodes"]["skill"]} == {"all"}
    rr.report(stored.id, home=tmp_path, confirm=True)
    assert {gain["half"] for gain in rr.show(stored.id, home=tmp_path)["about"]["nodes"]["skill"]} == {"all", "first", "second"}
    opened = rr.show(stored.id, home=tmp_path)["evaluation"]["outlook"]
    assert opened["falls"] == judged["falls"]
    late = [found["calibration"]["halves"]["from 2010-01-01"]["mean_log"]["value"] for found in (judged, opened)]
    assert late[0] is None
    assert late[1] is not None
    assert "How deep could it be?" in (stored.folder / "report.html").read_text("utf-8")


def test_stored_tables_are_what_was_computed(tmp_path: Path) -> None:
    stored = rr.run(prices(3), "tiny", OWN, home=tmp_path)
    outcomes = stored.outcomes()
    assert [t.name for t in outcomes.targets] == ["5/3", "20/5"]
    forecast = stored.forecasts()["vol+breadth"]
    assert forecast.kind == "live"
    assert (forecast.cutoff <= forecast.dates).all()
    assert rr.show(stored.id, home=tmp_path)["about"]["config_hash"] == stored.about["config_hash"]
    page = (stored.folder / "report.html").read_text("utf-8")
    assert rr.report(stored.id, home=tmp_path).read_text("utf-8") == page


def test_the_later_half_is_sealed_until_it_is_opened_and_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    long = prices(5, 2400, "2003-01-02")
    settings = ["data.start=2003-01-02", "split.first=2006-01-03", "evaluate.start=2006-01-03", *OWN[3:]]
    closed = rr.run(long, "tiny", settings)
    assert closed.evaluation["span"]["end"] == "2009-12-31"
    assert closed.about["protocol"] == {"split": "2010-01-01", "opened": False, "asked": False, "tries": 0, "reality_check": {}}
    assert closed.forecasts()["vol+breadth"].dates[-1] > np.datetime64("2010-01-01"), "a forecast hides nothing"
    assert rr.show(closed.id)["evaluation"]["sealed"] == "2010-01-01"
    assert not Path("results").exists()
    pair = rr.compare(closed.id, closed.id)
    assert pair == {} or all(p["span"]["end"] == "2009-12-31" for p in pair.values())

    opened = rr.run(long, "tiny", settings, confirm=True, home=tmp_path / "other")
    log = Path("results/trials.jsonl").read_text()
    assert opened.evaluation["span"]["end"] > "2010"
    assert opened.about["protocol"]["opened"]
    assert opened.about["protocol"]["tries"] == 1
    assert opened.about["protocol"]["reality_check"]["vol+breadth"]["rows"] == 1
    assert log.count("\n") == 1
    assert opened.about["config_hash"] in log

    rr.report(closed.id, confirm=True)
    again = rr.show(closed.id)
    assert Path("results/trials.jsonl").read_text() == log, "the same settings on the same panel are one try"
    rows = {r["model"]: r for r in opened.evaluation["rows"]}
    for row in again["evaluation"]["rows"]:
        assert row["headline"] == rows[row["model"]]["headline"]
    assert again["about"]["protocol"]["opened"]
    assert "2010-2012" in (tmp_path / "runs" / closed.id / "report.html").read_text("utf-8").replace("\u2013", "-")


def test_a_panel_without_a_first_half_is_opened_at_once_and_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = ["data.start=2010-01-04", "split.first=2013-01-02", "evaluate.start=2010-01-04", *OWN[3:]]
    opened = rr.run(prices(6, 1800, "2010-01-04"), "tiny", settings)
    assert opened.about["protocol"]["opened"]
    assert any("since nothing before 2010-01-01 could be evaluated" in line for line in text.notes(opened.about, opened.evaluation))
    longer = {**opened.about, "panel": {**opened.about["panel"], "end": "2099-12-31"}}
    told = set(text.notes(longer, opened.evaluation)) - set(text.notes(opened.about, opened.evaluation))
    assert [line for line in told if "set it to 2099-12-31" in line]
    assert Path("results/trials.jsonl").read_text().count("\n") == 1
    Path("results/trials.jsonl").write_text("{}\n")
    with pytest.raises(rr.errors.StorageError, match="line 1"):
        rr.run(prices(7, 1800, "2010-01-04"), "tiny", settings)
    assert len(rr.show("runs")) == 1, "what could not be logged is not stored"
    with pytest.raises(rr.errors.UsageError, match="without --confirm"):
        rr.run(None, "paper", confirm=True)


def test_audit_of_a_frame_finds_nothing() -> None:
    found = rr.audit(prices(4, 420), "tiny", ["data.start=1999-01-04", "split.first=2000-01-03", "models.names=['base-rate']"])
    assert found.findings == ()
