"""Proof: no crash loses or alters a committed day of the store, and the instruments would see it if one did.

    python prove/store.py [PART ...] [--kills N] [--states N] [--every N]     writes proofs/store.json; needs strace

Every state of a simulated power loss of a store that is made and filled (prove/calls.py says what may be lost), its database included; the same with
four planted faults, each of which must show; a SIGKILL, a full disk and a broken disk at every call that writes, makes durable or renames; pairs of
ingests at once; random SIGKILLs, whose state accumulates; 10,000 generated batches that must keep every row told.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from calls import HANDED, MEMORY, disks, laid, parsed, points, traced
from tests.store.test_durable import killed

from riskradar.data.quality import Value
from riskradar.data.sources import Payload
from riskradar.errors import RadarError
from riskradar.store import Store, files, verify
from riskradar.store.blocks import NEVER, Rows
from riskradar.store.judge import compare

KILLS, EACH, RACES, BATCHES, BUDGET = 500, 50, 20, 10_000, "about 25 minutes on 2 cores"
OUT = Path("proofs/store.json")
DAYS = [date(2020, 3, day) for day in (2, 3, 4)]
NOW = datetime(2020, 3, 20, 16, tzinfo=UTC)
BREAKS = ("signal=SIGKILL", "error=ENOSPC", "error=EIO")
FAULTS = {
    "none": lambda call, path: False,
    "no fsync of files": lambda call, path: call == "fsync" and Path(path).name.startswith(".writing"),
    "no fsync of the folder": lambda call, path: call == "fsync" and path.endswith("payloads"),
    "no fsync of the database": lambda call, path: call == "fsync" and "radar.db" in path,
    "manifest first": lambda call, path: False,
}  # fmt: skip


def ingest(folder: Path, order: str = "files first") -> None:
    """Make a store and add three days, each acknowledged once it is committed; what stops it is told."""
    try:
        filled(folder, order)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be seen
        os.write(HANDED, f"{type(error).__name__}: {error}\n".encode())


def filled(folder: Path, order: str) -> None:
    """Make a store and add three days."""
    store, late = Store.create(f"sqlite:///{folder}/radar.db"), []
    put = files.put
    if order == "manifest first":
        files.put = lambda into, content: late.append((into, content)) or hashlib.sha256(content).hexdigest()
    for day in DAYS:
        keep(store, day)
        for given in late:
            put(*given)
        late.clear()
        os.write(HANDED, f"{day}\n".encode())


def keep(store: Store, day: date) -> None:
    """Commit one day."""
    pages = [Payload("s", f"{day} {i}", "u", NOW, f"page {i} of {day} ".encode() * 40) for i in range(2)]
    store.keep("s", pages, [Value("close", name, day, float(day.toordinal()), None) for name in "ABC"], [], NOW)


def sound(folder: Path, told: list[str]) -> bool:
    """Whether every acknowledged day is there and all is whole, and the same ingest ends with all days."""
    try:
        store = Store.create(f"sqlite:///{folder}/radar.db")
        known = store.newest("s").get(("close", "A"), {})
        whole = not verify(store) and {str(day) for day in known} >= set(told)
        for day in DAYS:
            keep(store, day)
        again = store.newest("s") == {("close", name): {day: float(day.toordinal()) for day in DAYS} for name in "ABC"}
        return whole and again and not verify(store)
    except RadarError:
        return False


def lost(fault: str, each: int) -> tuple[int, int]:
    """How many different disks a power loss may leave, and how many of them break what was acknowledged."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        folder = Path(place, "store")
        folder.mkdir()
        traced(lambda: ingest(folder, fault), Path(place, "log"))
        log = [operation for operation in parsed(Path(place, "log"), folder) if not FAULTS[fault](*operation[:2])]
        states = bad = 0
        for found, told in disks(log, each):
            laid_out = laid(found, folder)
            states, bad = states + 1, bad + (not sound(laid_out, told))
            shutil.rmtree(laid_out)
    return states, bad


def broken(every: int) -> dict[str, object]:
    """How many calls were broken in each way, and where a day was lost, the store damaged, or the end not one line of a StorageError."""
    count: Counter[str] = Counter()
    wrong = []
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        folder, log = Path(place, "store"), Path(place, "log")
        folder.mkdir()
        traced(lambda: ingest(folder), log)
        for call, number in points(log, folder)[::every]:
            for how in BREAKS:
                shutil.rmtree(folder)
                folder.mkdir()
                status, handed = traced(lambda: ingest(folder), Path(place, "again"), "-e", f"inject={call}:{how}:when={number}")
                told = handed.splitlines()
                days = [line for line in told if line in map(str, DAYS)]
                count[how] += 1
                expected = -signal.SIGKILL if "SIGKILL" in how else 0
                surprise = [line for line in told if line not in days and not line.startswith("StorageError: ")]
                if status != expected or surprise or not sound(folder, days):
                    wrong.append(f"{call} {number} {how}: status {status}, {told}")
                    print(wrong[-1], flush=True)
    return {**count, "wrong": wrong}


def raced(races: int) -> int:
    """How many of some pairs of ingests at once lose a day or end otherwise than well."""
    bad = 0
    for _ in range(races):
        with tempfile.TemporaryDirectory(dir=MEMORY) as place:
            ends = [os.waitpid(child, 0)[1] for child in [forked(Path(place)) for _ in range(2)]]
            bad += any(ends) or not sound(Path(place), list(map(str, DAYS)))
    return bad


def forked(folder: Path) -> int:
    """A process that ingests."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), HANDED)
        try:
            ingest(folder)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def conserved(count: int) -> int:
    """How many of `count` generated batches lose or make a row, or say something new when they come again."""
    draw, bad = np.random.default_rng(0), 0
    stored = Rows.joined([])
    for n in range(count):
        size = int(draw.integers(0, 30))
        date = draw.integers(0, 4, size).astype(np.int32)
        known = np.full(size, NEVER) if n % 2 else date + draw.integers(0, 4, size)
        batch = Rows(draw.integers(2 * n, 2 * n + 3, size).astype(np.int32), date, known.astype(np.int32), draw.integers(1, 4, size).astype(float))
        verdict = compare(batch, stored.newest(), 5)
        stored = Rows.joined([stored.take(slice(-60, None)), verdict.fresh])
        again = compare(batch, stored.newest(), 6)
        bad += len(batch) != len(verdict.fresh) + verdict.identical + int(verdict.conflict.sum()) or (n % 2 == 1 and len(again.fresh) > 0)
    return bad


def power(each: int) -> dict[str, dict[str, int]]:
    """How many disks each fault leaves and how many of them break a promise; none may without a fault, some must with one."""
    found = {fault: lost(fault, each if fault == "none" else 1) for fault in FAULTS}
    return {fault: {"states": states, "bad": bad} for fault, (states, bad) in found.items()}


def main() -> None:
    """The parts that are asked, each judged and written down when it is done, beside those of earlier runs."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="PART", help="batches power broken races kills; all unless named")
    options.add_argument("--kills", type=int, default=KILLS)
    options.add_argument("--states", type=int, default=EACH, help="drawn after each call")
    options.add_argument("--every", type=int, default=1, help="1: each call is broken; 10: every tenth")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work: dict[str, Callable[[], tuple[dict, bool]]] = {
            "batches": lambda: ({"count": BATCHES, "bad": (bad := conserved(BATCHES))}, not bad),
            "power": lambda: (found := power(asked.states), all((fault == "none") != bool(of["bad"]) for fault, of in found.items())),
            "broken": lambda: ((found := broken(asked.every)), not found["wrong"]),
            "races": lambda: ({"count": RACES, "bad": (bad := raced(RACES))}, not bad),
            "kills": lambda: ({"count": asked.kills, "days": killed(f"sqlite:///{folder}/radar.db", asked.kills), "lost": 0}, True),
        }
        print(f"{', '.join(asked.parts or work)}; budget of all: {BUDGET}", flush=True)
        kept = [told(part, *work[part]()) for part in asked.parts or work]
    sys.exit(0 if all(kept) else 1)


def told(part: str, found: dict, good: bool) -> bool:
    """Write down what a part found, and whether that is what was promised."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {**found, "good": good, "date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit}
    OUT.parent.mkdir(exist_ok=True)
    before = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.write_text(json.dumps({**before, part: about}, indent=1) + "\n")
    print(part, json.dumps(found), "as promised" if good else "NOT AS PROMISED", flush=True)
    return good


if __name__ == "__main__":
    main()
