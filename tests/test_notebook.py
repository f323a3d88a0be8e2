"""The notebook is true: its cells run, and print what is stored in it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def outputs(path: Path) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(line for output in cell["outputs"] for line in output["text"]) for cell in cells if cell["cell_type"] == "code"]


def test_the_own_layer_is_used_and_audited_and_its_peeking_twin_named(tmp_path: Path) -> None:
    path = Path(shutil.copy(DOCS / "own-layer.ipynb", tmp_path))
    command = [sys.executable, str(DOCS / "notebook.py"), str(path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert outputs(path) == outputs(DOCS / "own-layer.ipynb")
    *_, clean, leaking = outputs(path)
    assert clean.startswith("no leak found in 1")
    assert leaking.startswith("layer signs: found by diagonal")
