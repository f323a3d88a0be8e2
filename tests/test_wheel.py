"""The built wheel holds everything that a run needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAPER = ("riskradar/paper/paper.toml", "riskradar/paper/paper-text.toml", "riskradar/paper/templates/paper.html")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (path,) = out.glob("*.whl")
    return path


def test_wheel_holds_presets_page_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in ("riskradar/py.typed", "riskradar/presets/standard.toml", "riskradar/html/vendor/SHA256SUMS", *PAPER):
        assert needed in names
    source = ROOT / "src"
    served = {str(path.relative_to(source)) for part in ("serve", "html") for path in (source / "riskradar" / part).rglob("*") if path.is_file()}
    assert {name for name in served if "__pycache__" not in name} <= names
    assert not any(name.startswith(("tests", "prove", "runs")) for name in names)


def test_run_from_the_unpacked_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    site = str(tmp_path / "site")
    script = f"import sys; sys.path.insert(0, {site!r}); import riskradar; print(riskradar.__file__); from riskradar.cli import main; main()"
    for arguments in (["--help"], ["doctor"], ["run", "tiny", "--set", "models.names=['ewma-vol']", "--set", "evaluate.draws=20"]):
        done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        assert site in done.stdout.splitlines()[0]
