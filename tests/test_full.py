"""The full protocol on a small market: all five parts, their kinds and reasons, the bar of the placebos, and a kill in the middle."""

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import riskradar as rr
from riskradar import api, backtest, config, evaluate, full
from riskradar.config import Config
from riskradar.errors import UsageError
from riskradar.full import Line
from riskradar.html.full import build
from riskradar.protocol import counts, tables
from tests.markets import TINY, ragged
from tests.test_api import OWN, prices

NAMES = ("vol+breadth", "logistic", "snapshot-gcn")
WINDOWS = {"one": (date(2002, 1, 1), date(2003, 3, 1)), "two": (date(2003, 6, 1), date(2004, 6, 1))}


def settings() -> Config:
    made = config.load("tiny", None, ["split.first=2003-06-02", "evaluate.start=2003-06-02", "evaluate.draws=20", "evaluate.min_events=1",
                                      "evaluate.mean_block=60"])  # fmt: skip
    split = made.split.model_copy(update={"crises": WINDOWS})
    return made.model_copy(update={"models": TINY.model_copy(update={"names": NAMES}), "split": split})


@pytest.fixture(scope="module")
def line() -> Line:
    bare = Line.of(settings(), ragged(1340, seed=2), {})
    base = backtest.run(bare.features, bare.graphs, bare.labels, bare.config.models, bare.config.split, bare.config.backtest)
    return full.replace(bare, base=base.forecasts)


@pytest.fixture(scope="module")
def found(line: Line) -> dict[str, Any]:
    about = {"run": "20200101-000000-tiny-abcdef", "config_hash": "c" * 64, "panel_hash": "p" * 64, "hours": 0.0, "hours_foretold": 0.5}
    made = about | full.run(line)
    return dict(json.loads(json.dumps(made, allow_nan=False)))


def test_each_layer_is_removed_for_each_graph_model(found: dict[str, Any]) -> None:
    assert [(r["model"], r["layer"]) for r in found["removed"]] == [("snapshot-gcn", name) for name in ("correlation", "sector", "every layer")]
    without, unread, _ = found["removed"]
    assert unread["unread"], "the network reads correlations only"
    assert not without["unread"]
    assert without["headline"]["value"] is None or abs(without["headline"]["value"]) < 1
    assert set(without["targets"]) == {"20/5"}


def test_variants_change_one_thing_of_srr(line: Line, found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert found["variants"] == [], "the short form has no srr"
    monkeypatch.setattr(full, "VARIANTS", {"as it is": {}, "does not fit": {"sequence": 1}, "focal loss": {"loss": "focal"}})
    made = full.replace(line, base={"vol+breadth": line.base["vol+breadth"]} | line.test(names=("srr",)).forecasts)
    assert list(made.variants) == ["focal loss"]
    heard: list[str] = []
    rows = {row["variant"]: row for row in full._variants(made, heard.append)}
    assert heard == ["srr: focal loss"]
    assert list(rows) == ["vol+breadth", "srr", "focal loss"]
    assert rows["srr"]["headline"] is None
    assert rows["focal loss"]["targets"]["20/5"]["auroc"]["value"] != rows["srr"]["targets"]["20/5"]["auroc"]["value"]
    table = next(t for t in tables(found | {"variants": list(rows.values())}) if t.title.startswith("Variants"))
    assert [row[1] for row in table.rows][1] == "the reference"
    cpu = dict.fromkeys(made.base, 10.0)
    wall = {"models": 20.0, "evaluation": 0.0}
    monkeypatch.setattr(full, "VARIANTS", {})
    fewer = full.hours(made, cpu, wall)
    monkeypatch.setattr(full, "VARIANTS", {"focal loss": {"loss": "focal"}})
    assert full.hours(made, cpu, wall) == pytest.approx(fewer + 10 / 3600)


def test_crises_are_transfers(found: dict[str, Any], line: Line) -> None:
    assert found["left_out"]["kind"] == found["transfer"]["kind"] == "transfer"
    assert {(r["crisis"], r["model"]) for r in found["left_out"]["rows"]} == {(c, n) for c in WINDOWS for n in NAMES}
    assert {(r["learned"], r["judged"], r["model"]) for r in found["transfer"]["rows"]} == {
        (a, b, n) for a in WINDOWS for b in WINDOWS for n in NAMES
    }
    made = line.test(names=("logistic",), split=full._pairs(line.config.split)[1])
    assert made.forecasts["logistic"].kind == "transfer"
    with pytest.raises(ValueError, match="refuse to be joined"):
        evaluate.run({"a": made.forecasts["logistic"], "b": line.base["logistic"]}, line.labels, line.config.evaluate)


def test_what_is_undefined_says_why(found: dict[str, Any]) -> None:
    cells = [c for part in ("left_out", "transfer") for r in found[part]["rows"] for c in r.get("targets", {}).values()]
    cells += [c for r in found["placebos"] for c in r.get("targets", {}).values()]
    empty = [c[name] for c in cells for name in ("auroc", "auroc_onset") if c[name]["value"] is None]
    assert empty, "a window of this market has one fall"
    assert all(score["reason"] for score in empty)
    assert any("independent events" in score["reason"] for score in empty)


def test_a_window_that_cannot_be_scored_says_why(line: Line) -> None:
    far = {"early": (date(1980, 1, 1), date(1981, 1, 1)), "two": WINDOWS["two"]}
    moved = full.replace(line, config=line.config.model_copy(update={"split": line.config.split.model_copy(update={"crises": far})}), base={
        "vol+breadth": line.base["vol+breadth"]})  # fmt: skip
    rows = full._transfer(moved, lambda name: None)
    reasons = {(r["learned"], r["judged"]): r.get("reason", "") for r in rows}
    assert all("leaves nothing to score" in reasons[pair] for pair in reasons if "early" in pair)
    assert reasons["two", "two"] == ""


def test_every_placebo_is_judged(found: dict[str, Any]) -> None:
    assert {(r["placebo"], r["model"]) for r in found["placebos"]} == {(p, n) for p in full.PLACEBOS for n in NAMES}
    verdicts = [c["verdict"] for r in found["placebos"] for c in r["targets"].values()]
    assert sum(counts(found).values()) == len(verdicts)


def test_a_layer_that_is_gone_takes_its_models_along(line: Line) -> None:
    bare = full.replace(line, graphs=full.replace(line.graphs, layers={}, absent={"correlation": "no facts backwards"}))
    made = bare.test_what_can()
    assert set(made.forecasts) == {"vol+breadth", "logistic"}
    assert "no facts backwards" in made.absent["snapshot-gcn"]


SCORE = {"value": 0.6, "low": 0.4, "high": 0.7, "reason": ""}
SKILL = {"value": 0.0, "low": -0.1, "high": 0.1, "reason": ""}


@pytest.mark.parametrize(("auroc", "skill", "expected"), [
    ({}, {}, "held"),
    ({"low": 0.51}, {}, "NOT held: above chance"),
    ({}, {"low": 0.01}, "NOT held: above chance"),
    ({"high": 0.49}, {}, "NOT held: below chance"),
    ({}, {"value": None, "low": None}, "held"),
    ({"value": None, "low": None, "reason": "one class only"}, {}, "undefined: one class only"),
])  # fmt: skip
def test_the_bar_of_a_placebo(auroc: dict[str, Any], skill: dict[str, Any], expected: str) -> None:
    assert full.verdict({"auroc": SCORE | auroc, "log_skill": SKILL | skill}) == expected


def test_a_model_that_reads_the_future_breaks_the_bar(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The placebos would notice: labels that are dealt anew are still found by a model that is shown them."""
    honest = backtest.run

    def leaky(*arguments: Any) -> backtest.Backtest:
        made = honest(*arguments)
        y = arguments[2].values[-len(made.forecasts["logistic"].dates) :, :1]
        cheat = {
            n: full.replace(f, score=full.np.nan_to_num(y)[None], probability=0.05 + 0.9 * full.np.nan_to_num(y)[None])
            for n, f in made.forecasts.items()
        }
        return full.replace(made, forecasts=cheat)

    monkeypatch.setattr(backtest, "run", leaky)
    one = full.replace(line, base={"logistic": line.base["logistic"]})
    (row,) = full._placebo("shuffled", full.replace(one, labels=full.placebos.shuffled(line.labels, 50, 0)), lambda name: None)
    assert row["targets"]["20/5"]["verdict"] == "NOT held: above chance"


def test_the_hours_are_told_from_the_short_form(line: Line) -> None:
    cpu, wall = {"vol+breadth": 100.0, "logistic": 200.0, "snapshot-gcn": 3000.0}, {"models": 3300.0, "evaluation": 12.0}
    told = full.hours(line, cpu, wall)
    assert told == pytest.approx((3 * 3000 + 4 * 3300) / 3600, rel=0.6), "three times the network, four placebos, and the crises"
    assert told > (3 * 3000 + 4 * 3300) / 3600
    assert full.hours(line, cpu, wall | {"models": 6600.0}) > 1.9 * told, "a machine that is busy stays so"


def test_tables_and_page_show_every_row(found: dict[str, Any]) -> None:
    shown = tables(found)
    assert [len(t.rows) for t in shown] == [3, 0, 6, 12, 12]
    assert all(len(row) == len(t.header) for t in shown for row in t.rows)
    page = build({"id": "run <b>", "panel": {"text": "six assets & more"}}, found)
    assert "<script" not in page
    assert "run &lt;b&gt;" in page
    assert page.count("<tr>") == sum(max(len(t.rows), 1) + 1 for t in shown)


def test_killed_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "runs"
    stored = rr.run(prices(1), "tiny", OWN, home=home, confirm=True)
    done: list[str] = []
    honest = backtest.do
    monkeypatch.setattr(backtest, "do", lambda job, *tables: done.append(job.name) or honest(job, *tables))
    whole = api.full_protocol(stored.id, prices(1), home=home)
    jobs = len(done)
    assert not (home / ".unfinished").exists()
    assert json.loads((stored.folder / "full.json").read_text()) == whole

    def kill(stage: str) -> None:
        if stage == "time reversed":
            raise KeyboardInterrupt

    done.clear()
    with pytest.raises(KeyboardInterrupt):
        api.full_protocol(stored.id, prices(1), home=home, stage=kill)
    before = len(done)
    assert 0 < before < jobs
    assert len(list((home / ".unfinished").iterdir())) == before
    again = api.full_protocol(stored.id, prices(1), home=home)
    assert len(done) == jobs, "nothing was done twice"
    timeless = [{k: v for k, v in table.items() if k != "hours"} for table in (whole, again)]
    assert timeless[0] == timeless[1]
    assert math.isfinite(again["hours"])


def test_other_prices_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored = rr.run(prices(1), "tiny", OWN, home=tmp_path, confirm=True)
    with pytest.raises(UsageError, match=r"no longer those of"):
        api.full_protocol(stored.id, prices(2), home=tmp_path)


def test_a_run_that_saw_one_half_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored = rr.run(prices(1), "tiny", (*OWN, "evaluate.split=2003-01-02"), home=tmp_path)
    with pytest.raises(UsageError, match="--confirm"):
        api.full_protocol(stored.id, prices(1), home=tmp_path)
