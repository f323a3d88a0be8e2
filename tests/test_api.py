"""Verbs as functions."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import riskradar as rr
from riskradar.data.calendar import exchange

OWN = ["data.start=2005-01-03", "split.first=2008-01-02", "evaluate.start=2008-01-02", "models.names=['ewma-vol','vol+breadth']", "evaluate.draws=30",
       "evaluate.min_events=1"]  # fmt: skip


def prices(seed: int, sessions: int = 2400) -> pd.DataFrame:
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("2005-01-03")][:sessions]
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
    again = rr.run(prices(1), "tiny", [*OWN, "split.first=2009-01-02"], home=tmp_path)
    found = rr.compare(first.id, again.id, home=tmp_path)
    pair = found["ewma-vol"]
    base, other = pair["rows"]
    assert base.endswith(first.id)
    assert pair["targets"][0]["start"] >= "2009-01-02", "only dates that both runs have"
    gap = pair["rows"][other]["targets"]["5/3"]["paired"][base]
    assert gap["value"] == pytest.approx(0, abs=1e-12), "the score of a rule does not depend on when scoring began"
    with pytest.raises(rr.api.UsageError, match="other targets or outcomes"):
        rr.compare(first.id, rr.run(prices(2), "tiny", OWN, home=tmp_path).id, home=tmp_path)


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


def test_audit_of_a_frame_finds_nothing() -> None:
    found = rr.audit(prices(4, 420), "tiny", ["data.start=2005-01-03", "split.first=2006-01-03", "models.names=['base-rate']"])
    assert found.findings == ()
