"""Proof: no crash loses or alters a committed day of the store, and the instruments would see it if one did.

    python prove/store.py [KILLS]     writes proofs/store.json; tests/store runs the same functions with reduced counts

Random SIGKILLs during ingests, whose state accumulates; every state of a simulated power loss (tests/store/disk.py says what may be lost);
the same with three planted faults, each of which must show; and 10,000 generated batches that must keep every row told.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.store.test_durable import broken, killed, recorded

from riskradar.store import files
from riskradar.store.blocks import NEVER, Rows
from riskradar.store.judge import compare

KILLS, ROUNDS, BATCHES, BUDGET = 500, 180, 10_000, "about 25 minutes on 2 cores"
OUT = Path("proofs/store.json")


def lost(fault: str) -> tuple[int, int]:
    """How many states a power loss may leave, and how many of them break a commit."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if fault == "no fsync of the folder":  # without it every rename stays loose: few rounds, since the states double with each
            patch.setattr(files, "sync", lambda folder: None)
        rounds = ROUNDS if fault in ("none", "manifest first") else 3
        log = recorded(Path(folder), patch, "manifest first" if fault == "manifest first" else "files first", rounds)
        return broken(Path(folder), [operation for operation in log if fault != "no fsync" or operation[0] != "sync"])


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


def main(kills: int) -> None:
    """All of it, with what was found on the way."""
    print(f"{kills} kills; budget: {BUDGET}")
    start = time.perf_counter()
    power = {fault: lost(fault) for fault in ("none", "no fsync", "no fsync of the folder", "manifest first")}
    for fault, (count, bad) in power.items():
        print(f"power loss, fault {fault}: {bad} of {count} states break a commit", flush=True)
    batches = conserved(BATCHES)
    print(f"{batches} of {BATCHES} batches lose or make a row", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        days = killed(f"sqlite:///{folder}/radar.db", kills)
    print(f"{kills} kills: {days} days stored, none lost or altered; {time.perf_counter() - start:.0f} s")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "kills": kills, "days": days}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(about | {"power": power, "batches": BATCHES, "bad": batches}))
    found = all(bad for fault, (_, bad) in power.items() if fault != "none")
    sys.exit(0 if power["none"][1] == 0 and power["none"][0] >= 2000 and found and not batches else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else KILLS)
