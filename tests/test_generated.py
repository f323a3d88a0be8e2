"""Pages of figures are what their scripts make of the stored results."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("script", "results", "shown"), [
    ("benchmarks/sizing.py", "results/benchmarks/sizing.json", "docs/sizing.md"),
    ("docs/full_table.py", "results/full-sample.json", "docs/full.md"),
])  # fmt: skip
def test_a_page_is_generated_from_the_stored_results(script: str, results: str, shown: str) -> None:
    spec = importlib.util.spec_from_file_location(Path(script).stem, ROOT / script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page(json.loads((ROOT / results).read_text("utf-8"))) == (ROOT / shown).read_text("utf-8")
