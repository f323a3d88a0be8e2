"""The shape of the house: imports point one way, the front door is light, no file or function outgrows its room."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import riskradar

ROOT = Path(riskradar.__file__).parent
ORDER = (
    "errors", "registry", "tables", "patterns", "data", "features", "layers", "measures", "labels", "placebos", "split", "models", "resume",
    "workers", "backtest", "evaluate", "nodes", "contagion", "health", "alert", "exchange", "presets", "config", "record", "trials", "store",
    "ingest", "pipeline", "full", "reopen", "attribution", "scenario", "daily", "lookahead", "audit", "report", "protocol", "text", "html", "paper",
    "checkup", "client", "serve", "api", "cli", "__main__",
)  # fmt: skip
HEAVY = ("torch", "pandas", "sklearn", "numba", "scipy", "plotly", "pyarrow", "joblib")
HELP = """
import sys
from riskradar.cli import main
sys.argv = ["riskradar", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
"""
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
MOST_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 400, 60, 8


def stage(module: str) -> str:
    """riskradar.tables.panel -> tables; the package itself has no place in the order."""
    return [*module.split("."), ""][1]


def imports(path: Path) -> list[tuple[str, int]]:
    """Every module that a file imports anywhere, with the line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            found += [(f"{module}.{alias.name}" if module == "riskradar" else module, node.lineno) for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_up_the_list(path: Path) -> None:
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    if here == "__init__":
        return
    assert here in ORDER, f"say in ORDER where {here} stands"
    for module, line in imports(path):
        there = stage(module)
        if module.startswith("riskradar.") and not there.startswith("__"):
            assert ORDER.index(there) <= ORDER.index(here), f"{path.name}:{line} imports {module}, which stands below it"
        told = f"{path.name}:{line}: torch lives under models/ and attribution/ only"
        assert module.split(".")[0] != "torch" or here in ("models", "attribution"), told
        assert module.split(".")[0] not in ("pickle", "dill", "tests"), f"{path.name}:{line} imports {module}"


def loaded(code: str, says: str = "") -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after running `code`, which prints `says`."""
    report = f"\nimport sys; print('LOADED', *({{m.split('.')[0] for m in sys.modules}} & {set(HEAVY)!r}))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, timeout=60, check=True)
    assert says in done.stdout
    return set(done.stdout.strip().splitlines()[-1].split()[1:])


def test_the_package_is_light() -> None:
    assert loaded("import riskradar; riskradar.__version__") == set()


def test_the_errors_and_tables_are_light() -> None:
    assert loaded("import riskradar.errors, riskradar.tables") == set()


@pytest.mark.skipif(not (ROOT / "cli").exists(), reason="no command line yet")
def test_help_is_light() -> None:
    assert loaded(HELP, "Usage") == set()


def test_the_walk_sees_a_heavy_import() -> None:
    assert "pandas" in loaded("import pandas")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_or_function_outgrows_its_room(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{node.name} has {length} lines"
            count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            kernel = "kernels" in path.parts  # a kernel takes its arrays one by one: there are no objects below the compiler
            assert kernel or count <= MOST_ARGUMENTS, f"{node.name} has {count} arguments"
