"""results/trials.jsonl: what opened the sealed half, counted once each, on the disk before it is shown."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskradar import trials
from riskradar.errors import StorageError


def line(config: str, value: float = 0.01, panel: str = "p", seed: int = 0) -> dict[str, Any]:
    draws = np.round(value + np.random.default_rng(seed).normal(0, 0.02, 50), 4).tolist()
    return {
        "schema": trials.SCHEMA, "date": "2026-01-01T00:00:00+00:00", "preset": "tiny", "config_hash": config, "panel_hash": panel, "riskradar": "0",
        "kind": "live", "span": "s", "targets": ["20/5"], "resampling": {"draws": 50, "block": 120, "seed": 0},
        "rows": {"model": {"vix": {"value": value, "low": None, "high": None, "draws": draws}}},
    }  # fmt: skip


def append(task: tuple[Path, str]) -> int:
    return len(trials.log(task[0], line(task[1], seed=int(task[1]))))


def test_the_same_settings_on_the_same_panel_are_one_try(tmp_path: Path) -> None:
    path = tmp_path / "results" / "trials.jsonl"
    assert trials.read(path) == []
    trials.log(path, line("a"))
    before = path.read_bytes()
    assert len(trials.log(path, {**line("a"), "date": "2030-01-01"})) == 1
    assert path.read_bytes() == before
    assert len(trials.log(path, line("a", panel="q", seed=1))) == 2
    assert path.read_bytes().startswith(before), "lines are only added"


def test_a_renamed_setting_with_the_same_figures_is_the_same_try(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    trials.log(path, line("a"))
    every = trials.log(path, line("b"))
    assert every[1]["same_as"] == "a"
    assert trials.check(line("b"), every)["vix"]["tries"] == 1
    held = path.read_bytes()
    trials.log(path, line("b"))
    assert path.read_bytes() == held


def test_a_line_torn_by_a_kill_is_taken_away_and_a_missing_line_end_is_not_a_tear(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    trials.log(path, line("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    assert [t["config_hash"] for t in trials.read(path)] == ["a"]
    trials.log(path, line("b", seed=1))
    assert [json.loads(text)["config_hash"] for text in path.read_text().splitlines()] == ["a", "b"]
    path.write_bytes(path.read_bytes().rstrip())
    assert len(trials.log(path, line("c", seed=2))) == 3
    assert len(path.read_text().splitlines()) == 3


def test_a_line_that_is_no_trial_is_refused_and_nothing_is_added(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    path.write_text('{"schema": "other"}\n')
    for act in (lambda: trials.read(path), lambda: trials.log(path, line("a"))):
        with pytest.raises(StorageError, match="line 1 is no trial"):
            act()
    assert path.read_text() == '{"schema": "other"}\n'
    with pytest.raises(StorageError, match="cannot be"):
        trials.log(path / "below", line("a"))


def test_runs_at_the_same_time_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(append, [(path, str(k % 20)) for k in range(40)]))
    assert sorted(int(t["config_hash"]) for t in trials.read(path)) == list(range(20))


def test_the_check_reads_tries_on_the_same_span_and_draws_only(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    for k in range(5):
        trials.log(path, line(str(k), value=0.01 * k, seed=k))
    trials.log(path, {**line("other", value=0.9), "span": "elsewhere"})
    mine = line("mine", value=0.02, seed=9)
    found = trials.check(mine, trials.log(path, mine))["vix"]
    assert (found["best"], found["value"], found["rows"], found["tries"]) == ("model", 0.04, 6, 6)
    assert found["p"] >= trials.check(mine, [mine])["vix"]["p"] > 0
