"""Every store test runs on SQLite and on PostgreSQL, whose server is started here as an unprivileged user."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from riskradar.store import Store

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("nowhere"))


def _server(folder: Path, *command: str) -> None:
    user = "postgres" if os.geteuid() == 0 else None
    words = [str(BINARIES / command[0]), *command[1:]]
    subprocess.run(words, check=True, capture_output=True, timeout=120, user=user, cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server on a socket of its own, for the session; yields the folder of the socket."""
    if not (BINARIES / "initdb").exists():
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="radar-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        _server(folder, "initdb", "-D", str(folder / "data"), "-E", "UTF8", "-A", "trust", "-U", "radar")
        options = f"-k {folder} -c listen_addresses='' -c fsync=on"
        _server(folder, "pg_ctl", "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", options, "start")
        yield folder
        _server(folder, "pg_ctl", "-D", str(folder / "data"), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a store that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/radar.db"
    folder = request.getfixturevalue("postgres")
    name = f"t{abs(hash(str(tmp_path)))}"
    _server(folder, "createdb", "-h", str(folder), "-U", "radar", name)
    return f"postgresql://radar@/{name}?host={folder}&payloads={tmp_path / 'store' / 'payloads'}"


@pytest.fixture
def store(url):
    """An empty store."""
    return Store.create(url)
