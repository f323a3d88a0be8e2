"""README is true: its table is the stored results, and its Python runs."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from riskradar import config, trials

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_and_the_model_card_are_generated_from_the_stored_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    table, card = (importlib.import_module(name) for name in ("readme_table", "model_card"))
    results = json.loads(table.RESULTS.read_text("utf-8"))
    assert table.written(README, results) == README
    assert results["run"] in README
    assert card.card(results) == card.CARD.read_text("utf-8")


def test_the_first_run_of_a_fresh_clone_changes_no_file() -> None:
    """`make run` logs nothing new: the default run is in results/trials.jsonl under the hash that its settings have today."""
    results = json.loads((ROOT / "results" / "sample.json").read_text("utf-8"))
    assert "run standard --confirm" in (ROOT / "Makefile").read_text("utf-8")
    again = "the settings changed: run `make run`, then docs/readme_table.py, and commit results/"
    assert results["config_hash"] == config.load("standard").hash(), again
    logged = {(t["config_hash"], t["panel_hash"]) for t in trials.read(ROOT / trials.TRIALS)}
    assert (results["config_hash"], results["panel_hash"]) in logged, again


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "A fall of" in done.stdout or "fall" in done.stdout.splitlines()[0]
    assert "vol+breadth" in done.stdout


def test_every_command_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    command = [sys.executable, "-c", "from riskradar.cli import main; main()", "--help"]
    help_text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for verb in set(re.findall(r"^riskradar (\w+)", README, re.MULTILINE)):
        assert verb in help_text, verb
