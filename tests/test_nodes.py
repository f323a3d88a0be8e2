"""Forecasts of single assets in a run: time, order of columns, resumption, what is stored, judged and told."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import riskradar as rr
from riskradar import backtest, config, nodes, text
from riskradar.backtest import BacktestConfig
from riskradar.cli import app
from riskradar.daily import words
from riskradar.daily.now import now
from riskradar.errors import UsageError
from riskradar.evaluate import EvaluateConfig
from riskradar.features import FLOOR
from riskradar.layers.residual import ResidualConfig
from riskradar.models.radar import NODE_MODELS
from riskradar.models.radar import NodesConfig as Recipe
from riskradar.models.radar.nodes import RECIPE
from riskradar.nodes import NodeRun, NodesConfig
from riskradar.record import Record
from riskradar.resume import Cache
from riskradar.split import SplitConfig
from riskradar.tables import NodeForecasts, Panel, Target
from riskradar.tables.nodes import SCHEMA
from tests.markets import bits, panel, ragged, walk, with_future, with_stranger
from tests.test_api import OWN, prices

SMALL = NodesConfig(
    names=tuple(NODE_MODELS), years=0, residual=ResidualConfig(method="gaussian", window=60, neighbours=3, power=2.0),
    recipe=Recipe(width=8, train=RECIPE.model_copy(update={"steps": 8, "batch": 4})),
)  # fmt: skip
CUT = 640
FALL, VOLATILITY = Target.parse("log-drawdown/60"), Target.parse("log-volatility/20")


def run(market: Panel, settings: NodesConfig = SMALL, cache: Cache | None = None) -> NodeRun:
    first = market.dates[540].astype(object)
    return nodes.run(market, settings, SplitConfig(first=first), BacktestConfig(jobs=1), cache)


def table(done: NodeRun) -> NodeForecasts:
    assert done.forecasts is not None
    return done.forecasts


@pytest.fixture(scope="module")
def market() -> Panel:
    return ragged(760, seed=4)


@pytest.fixture(scope="module")
def done(market: Panel) -> NodeRun:
    return run(market)


@pytest.mark.parametrize("how", ["1e6", "shuffled"])
def test_no_forecast_sees_the_future(how: str, market: Panel, done: NodeRun) -> None:
    whole, changed = table(done), table(run(with_future(market, CUT, how)))
    past = whole.dates <= market.dates[CUT]
    for name in NODE_MODELS:
        assert (bits(whole.forecasts[name][past]) == bits(changed.forecasts[name][past])).all(), name
    assert not (bits(whole.forecasts["nodes"]) == bits(changed.forecasts["nodes"])).all()
    assert np.isfinite(whole.forecasts["nodes"][past]).sum() > 200
    assert (whole.cutoff <= whole.dates).all()


def test_a_network_goes_part_of_the_way_from_the_ridge(done: NodeRun, market: Panel) -> None:
    ridge, own, twin = (table(done).forecasts[name] for name in ("ridge", "nodes", "nodes-no-graph"))
    alone = table(run(market, SMALL.model_copy(update={"shrink": SMALL.shrink.model_copy(update={"prior": 0.0, "weight": 1e12})})))
    assert not np.array_equal(own, ridge, equal_nan=True)
    assert not np.array_equal(own, twin, equal_nan=True)
    assert np.allclose(alone.forecasts["nodes"], ridge, equal_nan=True, atol=1e-5), "without evidence, a prior of 0 believes nothing"


@pytest.mark.parametrize("targets", [SMALL.targets, ("log-volatility/20",)])
def test_a_column_that_nobody_follows_changes_no_bit(market: Panel, targets: tuple[str, ...]) -> None:
    wider, old = with_stranger(market)
    settings = SMALL.model_copy(update={"targets": targets})
    plain, other = table(run(market, settings)), table(run(wider, settings))
    for name in NODE_MODELS:
        assert (bits(plain.forecasts[name]) == bits(other.forecasts[name][:, old])).all(), name


def test_a_killed_walk_goes_on_and_ends_the_same(market: Panel, done: NodeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    honest, cache = backtest.do, Cache(tmp_path)

    def dying(job, *tables):
        asked.append(job.name)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return honest(job, *tables)

    monkeypatch.setattr(backtest, "do", dying)
    with pytest.raises(KeyboardInterrupt):
        run(market, cache=cache)
    kept = len(list(tmp_path.glob("*.safetensors")))
    again = run(market, cache=cache)
    jobs = len(again.hashes)
    assert kept == 3
    assert len(asked) == 4 + jobs - kept
    assert again.hashes == done.hashes
    assert all((bits(table(again).forecasts[name]) == bits(values)).all() for name, values in table(done).forecasts.items())


def test_a_table_is_stored_as_it_is(done: NodeRun, tmp_path: Path) -> None:
    made = table(done)
    frame = made.frame()
    assert list(frame) == ["date", "cutoff", "asset", "sector", "target", "model", "forecast", "known", "outcome"]
    assert np.isfinite(frame["forecast"]).all()
    assert (frame["cutoff"] <= frame["date"]).all()
    assert (frame["known"].isna() | (frame["known"] > frame["date"])).all()
    frame.to_parquet(tmp_path / "nodes.parquet")
    stored = pd.read_parquet(tmp_path / "nodes.parquet")
    assert stored.attrs["schema"] == SCHEMA
    read = NodeForecasts.from_frame(stored)
    t, n = np.isin(made.dates, read.dates), [made.assets.index(name) for name in read.assets]
    assert read.targets == made.targets
    for name, values in made.forecasts.items():
        assert (bits(read.forecasts[name]) == bits(values[t][:, n])).all()
    assert (read.known == made.known[t])[~np.isnat(read.known)].all()
    told, again = (nodes.fragile(each) for each in (made, read))
    assert told == again
    stored.attrs["schema"] = "riskradar.nodes/0"
    with pytest.raises(ValueError, match=r"riskradar\.nodes/0"):
        NodeForecasts.from_frame(stored)


def test_three_assets_one_of_which_dies() -> None:
    close = walk(760, 3, 1)
    close[650:, 1] = np.nan
    made = table(run(panel(close)))
    gone = made.dates >= panel(close).dates[650]
    for name, values in made.forecasts.items():
        assert np.isfinite(values[~gone, 1]).any(), name
        assert not np.isfinite(values[gone, 1]).any(), name
        assert np.isfinite(values[gone][:, [0, 2]]).all(), name
    assert "A01" not in {row["asset"] for row in nodes.fragile(made)["rows"]}
    assert nodes.judge(made, EvaluateConfig(start=date(2000, 1, 1), draws=20), None)


def test_what_cannot_be_forecast_says_why(market: Panel) -> None:
    few, early, one = panel(walk(200, 3, 0)), SplitConfig(first=date(2000, 3, 1)), BacktestConfig(jobs=1)
    for years, why in ((0, "a year of closes"), (5, "under 5 years")):
        short = nodes.run(few, NodesConfig(years=years), early, one)
        assert short.forecasts is None
        assert why in short.absent["ridge"]
    crisis = nodes.run(market, SMALL, SplitConfig(method="leave-one-crisis-out"), BacktestConfig(jobs=1))
    assert crisis.forecasts is None
    assert "are live" in crisis.absent["nodes"]
    assert nodes.describe(crisis, [])["fragile"] is None


def test_forecasts_begin_in_the_january_after_enough_years(market: Panel) -> None:
    settings = SMALL.model_copy(update={"names": ("har",), "years": 2})
    made = table(nodes.run(market, settings, SplitConfig(first=date(2001, 3, 1)), BacktestConfig(jobs=1)))
    assert str(market.dates[0]) == "2000-01-03"
    assert str(made.dates[0])[:7] == "2002-01"


@pytest.mark.parametrize(
    ("setting", "said"),
    [("names=['nods']", "did you mean 'nodes'"), ("names=['nodes']", "corrects ridge"), ("targets=['20/5']", "yes or no")],
)
def test_settings_that_make_no_sense_are_refused(setting: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        config.load("standard", None, [f"nodes.{setting}"])


def by_hand(sessions: int = 900) -> NodeForecasts:
    """Two assets from 2008 on: `ridge` errs by half of what `har` errs; asset B ends with its worst forecast."""
    rng, dates = np.random.default_rng(0), np.arange(np.datetime64("2008-01-01"), np.datetime64("2008-01-01") + sessions)
    outcome = rng.normal(-2, 0.5, (sessions, 2, 2)).astype(np.float32)
    error = rng.normal(0, 0.3, outcome.shape).astype(np.float32)
    known = np.stack([dates + 20, dates + 60], axis=1)
    forecasts = {"har": outcome + error, "ridge": outcome + error / 2}
    forecasts["ridge"][-1] = np.log([[0.20 + FLOOR, 0.05 + FLOOR], [0.30 + FLOOR, 0.90 + FLOOR]])
    known[-20:, 0] = known[-60:, 1] = np.datetime64("NaT")
    outcome[np.isnat(known)[:, None, :].repeat(2, axis=1)] = np.nan
    sector = np.array([[0, -1]] * sessions, np.int16)
    return NodeForecasts(dates, ("A", "B"), (VOLATILITY, FALL), forecasts, outcome, known, dates, ("bank",), sector)


def test_half_the_error_is_three_quarters_of_the_squares() -> None:
    found = nodes.judge(by_hand(), EvaluateConfig(draws=20), None)
    assert {(one["target"], one["half"]) for one in found} == {(t.name, h) for t in (VOLATILITY, FALL) for h in ("all", "first", "second")}
    for one in found:
        assert (one["model"], one["reference"]) == ("ridge", "har")
        assert one["value"] == pytest.approx(75, abs=0.01)
        assert one["low"] <= one["value"] <= one["high"]


def test_a_sealed_half_is_not_read() -> None:
    made, sealed = by_hand(), date(2010, 1, 1)
    late = (made.known >= np.datetime64(sealed))[:, None, :].repeat(2, axis=1)
    other = replace(made, outcome=np.where(late, np.float32(9), made.outcome))
    first = nodes.judge(made, EvaluateConfig(draws=20), sealed)
    assert {one["half"] for one in first} == {"all"}
    assert nodes.judge(other, EvaluateConfig(draws=20), sealed) == first
    assert nodes.judge(other, EvaluateConfig(draws=20), None) != nodes.judge(made, EvaluateConfig(draws=20), None)


def test_the_most_fragile_asset_comes_first_beside_its_own_past() -> None:
    found = nodes.fragile(by_hand())
    assert (found["model"], found["assets"], list(found["titles"])) == ("ridge", 2, [FALL.name, VOLATILITY.name])
    worst, other = found["rows"]
    assert (worst["asset"], worst["sector"], other["asset"], other["sector"]) == ("B", None, "A", "bank")
    assert worst["expected"] == {FALL.name: 90.0, VOLATILITY.name: 30.0}
    assert worst["percentile"][FALL.name] == 1.0
    assert other["percentile"][FALL.name] < 0.1
    early = nodes.fragile(by_hand(), "2008-02-01")
    assert early["date"] == "2008-02-01"
    assert early["rows"][0]["percentile"][FALL.name] is None, "no year of forecasts yet"
    with pytest.raises(UsageError, match="2008-01-01"):
        nodes.fragile(by_hand(), "2007-12-31")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Record:
    settings = [*OWN, "nodes.names=['har','ridge']", "nodes.years=1", "split.first=2001-06-01", "evaluate.start=2001-06-01"]
    return rr.run(prices(1, 900), "tiny", settings, home=tmp_path_factory.mktemp("runs"))


def test_a_run_stores_and_tells_its_fragile_assets(stored: Record, tmp_path: Path) -> None:
    told, page = stored.about["nodes"], (stored.folder / "report.html").read_text("utf-8")
    read = stored.nodes()
    assert read is not None
    assert told["fragile"] == nodes.fragile(read)
    assert told["fragile"]["date"] == stored.about["panel"]["end"]
    assert {one["reference"] for one in told["skill"]} == {"har"}
    assert set(told["learned"]) == {f"{name}/0/{fold}" for name in ("har", "ridge") for fold in ("2001-06-01", "2002-01-02")}
    for sentence in (nodes.NOTE, "Which assets are fragile: the 5 worst forecasts of 5", "ridge over har"):
        assert sentence in page.replace("&#39;", "'"), sentence
    shown = text.assets(stored.about, stored.evaluation)
    assert "ridge over har" in shown
    assert nodes.NOTE in shown
    assert rr.report(stored.id, home=stored.folder.parent, out=tmp_path / "again.html").read_text("utf-8") == page
    listed = CliRunner().invoke(app, ["show", stored.id, "--home", str(stored.folder.parent)])
    assert "forecasts of assets, % of squared error gained" in listed.stdout


def test_now_names_the_fragile_assets_while_the_run_is_fresh(stored: Record, tmp_path: Path) -> None:
    last = datetime.fromisoformat(stored.about["panel"]["end"]).replace(hour=23, tzinfo=UTC)
    found = now(tmp_path / "none.toml", stored.folder.parent, last)
    worst = stored.about["nodes"]["fragile"]["rows"][0]
    lines = words.now(json.loads(json.dumps(found)))
    assert lines[-1] == nodes.NOTE
    assert lines[-7].startswith("most fragile of 5 assets on ")
    assert lines[-6].startswith(f"  {worst['asset']}: largest fall over 60 sessions {worst['expected'][FALL.name]:.1f}%")
    stale = now(tmp_path / "none.toml", stored.folder.parent, last.replace(year=last.year + 1))
    assert stale["fragile"] is None
    assert nodes.NOTE not in words.now(stale)


def test_the_order_of_the_columns_changes_no_bit_of_a_run(stored: Record, tmp_path: Path) -> None:
    settings = [*OWN, "nodes.names=['har','ridge']", "nodes.years=1", "split.first=2001-06-01", "evaluate.start=2001-06-01"]
    other = rr.run(prices(1, 900)[list("DBEAC")], "tiny", settings, home=tmp_path)
    pd.testing.assert_frame_equal(*(pd.read_parquet(each.folder / "nodes.parquet") for each in (stored, other)), check_exact=True)


def test_a_run_without_forecasts_of_assets_says_nothing_of_them(stored: Record, tmp_path: Path) -> None:
    plain = rr.run(prices(1, 900), "tiny", [*OWN, "split.first=2001-06-01", "evaluate.start=2001-06-01"], home=tmp_path)
    assert plain.nodes() is None
    assert text.assets(plain.about, plain.evaluation) == ""
    assert "fragile" not in (plain.folder / "report.html").read_text("utf-8")
    last = datetime.fromisoformat(plain.about["panel"]["end"]).replace(hour=23, tzinfo=UTC)
    assert now(tmp_path / "none.toml", tmp_path, last)["fragile"] is None
