"""A killed run goes on where it stopped, and ends with the same tables."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskradar import backtest, models, record
from riskradar.backtest import BacktestConfig, run
from riskradar.models.classic import ForestConfig, Logistic
from riskradar.resume import Cache, Scored, digest
from riskradar.split import SplitConfig, folds
from tests.markets import TINY, Line, bits, walk

NAMES = ("vol+breadth", "logistic", "forest")
SPLIT = SplitConfig(first=pd.Timestamp("2003-06-02").date())
CONFIG = TINY.model_copy(update={"names": NAMES, "seeds": 2, "forest": ForestConfig(trees=4, refit_years=1)})
SERIAL = BacktestConfig(jobs=1)
SHORT = (
    "data.calendar=observed", "data.start=2001-01-02", "split.first=2003-06-02", "evaluate.start=2003-06-02", "evaluate.draws=20",
    "measures.names=[]",
    'models.names=["base-rate", "vol+breadth", "logistic"]',
)  # fmt: skip


def tables(line: Line, cache: Cache | None) -> backtest.Backtest:
    return run(line.features, line.graphs, line.labels, CONFIG, SPLIT, SERIAL, cache)


def entries(cache: Cache) -> list[Path]:
    return sorted(cache.folder.glob("*"))


def equal(a: backtest.Backtest, b: backtest.Backtest) -> bool:
    pairs = [(getattr(a.forecasts[name], what), getattr(b.forecasts[name], what)) for name in NAMES for what in ("score", "probability")]
    return a.hashes == b.hashes and all((bits(x) == bits(y)).all() for x, y in pairs)


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were trained, in order."""
    asked: list[str] = []
    honest = backtest.do
    monkeypatch.setattr(backtest, "do", lambda job, *tables: asked.append(job.name) or honest(job, *tables))
    return asked


def test_finished_jobs_are_not_done_again(line: Line, tmp_path: Path, fits: list[str]) -> None:
    plain = tables(line, None)
    jobs = len(fits)
    assert jobs == 4 * len(folds(line.labels, SPLIT)), "two models, and one with two seeds"
    cache = Cache(tmp_path / "jobs")
    kept = tables(line, cache)
    assert len(entries(cache)) == jobs
    fits.clear()
    again = tables(line, Cache(tmp_path / "jobs"))
    assert not fits
    assert equal(kept, plain)
    assert equal(again, plain)
    assert again.seconds == kept.seconds, "the cost of a job is kept with it"


def test_a_job_is_done_again_when_anything_that_decides_it_has_changed(line: Line, tmp_path: Path, fits: list[str]) -> None:
    tables(line, Cache(tmp_path))
    fits.clear()
    one = replace(line.features, values=np.where(line.features.values == line.features.values[700, 0, 0], 0, line.features.values))
    label = replace(line.labels, values=np.where(np.arange(len(line.labels.dates))[:, None, None] == 300, np.nan, line.labels.values))
    assert equal(tables(line, Cache(tmp_path)), tables(line, None))
    fits.clear()
    run(one, line.graphs, line.labels, CONFIG, SPLIT, SERIAL, Cache(tmp_path))
    assert set(fits) == set(NAMES)
    fits.clear()
    run(line.features, line.graphs, label, CONFIG, SPLIT, SERIAL, Cache(tmp_path))
    assert set(fits) == set(NAMES)
    fits.clear()
    run(line.features, line.graphs, line.labels, CONFIG.model_copy(update={"forest": ForestConfig(trees=5)}), SPLIT, SERIAL, Cache(tmp_path))
    assert set(fits) == {"forest"}
    fits.clear()
    run(line.features, replace(line.graphs, layers={}), line.labels, CONFIG, SPLIT, SERIAL, Cache(tmp_path))
    assert not fits, "none of these models reads graphs"
    run(line.features, line.graphs, line.labels, CONFIG, SPLIT.model_copy(update={"embargo": 3}), SERIAL, Cache(tmp_path))
    assert set(fits) == set(NAMES)


@pytest.mark.parametrize("damage", ["cut short", "a bit flipped", "another job", "no tensor", "empty"])
def test_a_damaged_entry_is_ignored_with_one_line(damage: str, line: Line, tmp_path: Path, fits: list[str], caplog: pytest.LogCaptureFixture) -> None:
    cache = Cache(tmp_path)
    plain = tables(line, cache)
    first, second, *_ = entries(cache)
    whole = bytearray(first.read_bytes())
    if damage == "cut short":
        first.write_bytes(whole[:-9])
    elif damage == "a bit flipped":
        whole[-3] ^= 4
        first.write_bytes(whole)
    elif damage == "another job":
        first.write_bytes(second.read_bytes())
    else:
        first.write_bytes(b"{}" if damage == "no tensor" else b"")
    fits.clear()
    assert equal(tables(line, Cache(tmp_path)), plain)
    assert len(fits) == 1
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(said) == 1
    assert "\n" not in said[0]
    assert first.name in said[0]
    assert Cache(tmp_path).get(first.stem), "the entry has been replaced"


def test_an_entry_comes_back_bit_for_bit(tmp_path: Path) -> None:
    values = np.array([np.nan, -0.0, 5e-324, 1 / 3, np.nextafter(1, 2)]).reshape(1, 1, 1, 1, 5).repeat(2, axis=0)
    falls = np.array([np.nan, 1 / 3]).reshape(1, 1, 2)
    Cache(tmp_path).put("key", Scored(values, falls, ("hash",), 0.1 + 0.2))
    found = Cache(tmp_path).get("key")
    assert found is not None
    assert found.values.tobytes() == values.tobytes()
    assert found.falls.tobytes() == falls.tobytes()
    assert (found.learned, found.seconds) == (("hash",), 0.1 + 0.2)


def test_a_run_removes_its_own_entries_only(tmp_path: Path) -> None:
    mine, other = Cache(tmp_path), Cache(tmp_path)
    for cache, key in ((mine, "a"), (other, "b")):
        cache.put(key, Scored(np.zeros((2, 1, 1, 1, 1)), np.empty((1, 0, 0)), ("",), 0.0))
    (tmp_path / ".writing-1-a.safetensors").write_bytes(b"killed here")
    mine.clear()
    assert [path.stem for path in entries(mine)] == ["b"]


def test_the_digest_covers_content(line: Line) -> None:
    parts = [line.features, line.graphs, line.labels, models.make("logistic", CONFIG), folds(line.labels, SPLIT)[0], folds(line.labels, SPLIT)[1]]
    parts += [
        np.arange(4),
        np.arange(4.0),
        np.arange(4).reshape(2, 2),
        np.arange(4).view("datetime64[D]"),
        np.zeros(0),
        {"a": 1},
        {"b": 1},
        "a",
        None,
    ]
    assert len({digest(part) for part in parts}) == len(parts)
    assert digest(replace(line.graphs)) == digest(line.graphs)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(models.make("logistic", CONFIG)) == digest(Logistic(CONFIG.logistic))


def prices(tmp_path: Path) -> str:
    close = walk(1700, 3, seed=4)
    dates = pd.bdate_range("2001-01-02", periods=len(close), name="date")
    path = tmp_path / "prices.csv"
    pd.DataFrame(close, index=dates, columns=["A", "B", "C"]).to_csv(path)
    return str(path)


def command(file: str, home: Path) -> list[str]:
    settings = (f"data.prices={file}", *SHORT)
    run = [sys.executable, "-c", "from riskradar.cli import main; main()", "run", "tiny", "--home", str(home)]
    return [*run, *(word for s in settings for word in ("--set", s))]


def test_a_run_that_was_killed_ends_with_the_same_tables(tmp_path: Path) -> None:
    file, home, whole = prices(tmp_path), tmp_path / "killed", tmp_path / "whole"
    with subprocess.Popen(command(file, home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while len(list(home.glob(".unfinished/[!.]*"))) < 3 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL, "the run ended before it was killed"
    kept = len(list(home.glob(".unfinished/[!.]*")))
    assert kept >= 3
    assert record.listing(home) == []
    again = subprocess.run(command(file, home), capture_output=True, text=True, timeout=120, check=True)
    assert f"{kept} of " in again.stderr, "the second run went on from the first"
    once = subprocess.run(command(file, whole), capture_output=True, text=True, timeout=120, check=True)
    assert "finished before" not in once.stderr
    (a,), (b,) = (sorted(of.glob("*/run.json")) for of in (home, whole))
    for name in ("forecasts.parquet", "labels.parquet", "evaluation.json"):
        assert (a.parent / name).read_bytes() == (b.parent / name).read_bytes(), name
    assert json.loads(a.read_text())["learned"] == json.loads(b.read_text())["learned"]
    assert not (home / ".unfinished").exists(), "a stored run needs no finished jobs"
