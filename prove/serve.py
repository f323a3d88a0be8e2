"""Proof: whatever is sent to the API, its answer is one that it describes, and the server stays small and well.

A server over two small runs of a generated market with hostile names, and over a workspace in alarm, is fuzzed by schemathesis with all checks
(status, schema, content type, headers, authorisation, rejected negatives, unsupported methods ...) and all phases, COUNT examples an operation:
first with any names, a tenth as many, then with names that exist, without and with a token. Afterwards REQUESTS requests go over one connection,
and the resident memory of the server after the first tenth is compared with that at the end.
    python prove/serve.py [COUNT]     writes proofs/serve.json
"""

import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.daily.workspace import TRAINED, made  # noqa: E402
from tests.serve.conftest import market  # noqa: E402

from riskradar import api  # noqa: E402

COUNT, BUDGET = 1_000, "about half an hour on 2 cores"
REQUESTS = 200_000
GROWTH = 0.05  # of resident memory
OUT = Path("proofs/serve.json")
FUZZ = Path(sys.executable).with_name("schemathesis")
ANY, KNOWN = ROOT / "tests" / "serve" / "fuzz-any.toml", ROOT / "tests" / "serve" / "fuzz.toml"
TOKEN = "a token for this proof alone"  # noqa: S105
SERVER = """
import sys, uvicorn
from pathlib import Path
from riskradar.serve.start import bound
from riskradar.serve import create_app, workplace
from riskradar.serve.security import Limits
home, file, token = sys.argv[1:]
taken, place = bound("127.0.0.1", 0), workplace.found(Path(file).parent / "runs", Path(file))
print(taken.getsockname()[1], flush=True)
app = create_app(Path(home), place=place, token=token or None, limits=Limits(rate=1e6, burst=10**6))
uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", proxy_headers=False, server_header=False)).run(sockets=[taken])
"""


@contextmanager
def served(home: Path, file: Path, token: str = ""):
    """A server in its own process: its port and its process id."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(home), str(file), token], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def fuzzed(port: int, count: int, *options: str, config: tuple[str, ...] = ()) -> dict:
    """What schemathesis found."""
    address = f"http://127.0.0.1:{port}/v1/openapi.json"
    command = [str(FUZZ), *config, "run", address, "--max-examples", str(count), "--seed", "1", "--checks", "all"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--no-color", *options], capture_output=True, text=True, cwd=folder, check=False)
    print(done.stdout.partition("= FAILURES =")[2], flush=True)
    found = re.search(r"(\d[\d,]*) generated(?:, (\d[\d,]*) passed)?", done.stdout)
    return {"examples": count, "rc": done.returncode, "cases": found[1] if found else None, "passed": found[2] if found else None}


def alarmed(folder: Path) -> Path:
    """The settings of a workspace whose ledger holds two weeks of scores and an alarm that stands."""
    folder.mkdir()
    place = made(folder)
    for t in range(TRAINED, TRAINED + 12):
        place.add(t, t + 1)
        place.update(t)
    return place.file


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def worn(port: int, pid: int, requests: int) -> dict:
    """Memory and open files after the first tenth of many requests, and at the end."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    history = "/v1/runs/latest/models/vol+breadth/history?days=250"
    paths = ["/v1/runs/latest/now", history, "/v1/runs", "/v1/nothing", "/v1/runs/latest/labels?limit=x", "/v1/alerts", "/v1/track?limit=20"]
    early = files = 0
    for k in range(requests):
        path = paths[k % len(paths)] if k % len(paths) else f"/v1/runs/latest/now?date={2008 + k % 2}-{1 + k % 12:02d}-{1 + k % 28:02d}"
        connection.request("GET", path)
        connection.getresponse().read()
        if k == requests // 10:
            early, files = resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))
    growth = resident(pid) / early - 1
    return {"requests": requests, "early": early, "growth": growth, "files": [files, len(list(Path(f"/proc/{pid}/fd").iterdir()))]}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(f"{count} examples an operation, budget {BUDGET} at {COUNT}", flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "runs"
        settings = market(Path(folder))
        for day, more in ((1, ()), (2, ("data.end=2009-12-31",))):
            api.run(preset="tiny", settings=(*settings, *more), home=home, now=datetime(2024, 1, day, tzinfo=UTC))
        place = alarmed(Path(folder) / "place")
        known = ("--config-file", str(KNOWN))
        with served(home, place) as (port, pid):
            any_names = fuzzed(port, max(count // 10, 1), config=("--config-file", str(ANY)))
            found = {"any names": any_names, "names that exist": fuzzed(port, count, config=known)}
            worn_down = worn(port, pid, REQUESTS * count // COUNT)
        with served(home, place, TOKEN) as (port, _):
            found["with a token"] = fuzzed(port, max(count // 10, 1), "--header", f"Authorization: Bearer {TOKEN}", config=known)
    held = all(part["rc"] == 0 for part in found.values()) and worn_down["growth"] <= GROWTH and len(set(worn_down["files"])) == 1
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    told = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "count": count, "held": held, "fuzzed": found,
            "worn": worn_down, "minutes": (time.perf_counter() - start) / 60}  # fmt: skip
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(told, indent=1))
    print(json.dumps(told, indent=1))
    sys.exit(0 if held else 10)


if __name__ == "__main__":
    main()
