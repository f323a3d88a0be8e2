"""README is true: its table is the stored results, and its Python runs."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_is_generated_from_the_stored_results() -> None:
    spec = importlib.util.spec_from_file_location("readme_table", ROOT / "docs" / "readme_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results = json.loads(module.RESULTS.read_text("utf-8"))
    assert module.written(README, results) == README
    assert results["run"] in README


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
