"""Proof: evenings one by one in fresh processes say what one backfill says; replays are equal; a changed byte is named; a backfill is quiet.

    python prove/daily.py [--sessions 250] [--replays 200] [--bytes 100] [--backfill 2500] [--out proofs/daily.json]

Budget: about 25 minutes of one core (a fresh process costs about 3 s). The market is generated, the model a network that reads graphs.
Replays run under other time zones, languages, hash seeds, numbers of threads and folders. Bytes are changed in blocks of observations, in rows
of the ledger and in model files, one at a time, and put back.
"""

import argparse
import datetime
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.daily.workspace import NETWORK, copied, made  # noqa: E402

from riskradar import api  # noqa: E402
from riskradar.store import database, ledger, verify  # noqa: E402

FIRST = 700
ZONES, TONGUES, THREADS = ("UTC", "Asia/Kolkata", "America/St_Johns"), ("C", "tr_TR.UTF-8", "C.UTF-8"), ("1", "2", "4")
LATER = ("made_at", "read", "batch", "late", "hash")


def radar(place, *words, folder=ROOT, **more):
    """The exit status and the output of a fresh process."""
    start = [sys.executable, "-c", "from riskradar.cli import main; main()"]
    command = [*start, *words, "--config", str(place.file), "--home", str(place.home), "--json"]
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | more, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def said(place):
    with database.transaction(place.store.engine, writes=False) as connection:
        return [{k: v for k, v in row.items() if k not in LATER} for row in ledger.said(connection)]


def evenings(place, other, count):
    """Sessions whose rows are equal, one evening in a fresh process each beside one backfill."""
    for t in range(FIRST, FIRST + count):
        place.add(t, t + 1)
        code, _, problem = radar(place, "update", "--offline", "--as-of", place.evening(t).isoformat())
        if code:
            raise SystemExit(problem)
    other.add(FIRST, FIRST + count)
    other.update(FIRST + count - 1)
    mine, theirs = said(place), said(other)
    days = sorted({row["date"] for row in theirs})
    return {"sessions": len(days), "equal": sum([r for r in mine if r["date"] == d] == [r for r in theirs if r["date"] == d] for d in days)}


def replays(place, count):
    """Replays of random sessions in fresh processes under other surroundings."""
    draw, days = np.random.default_rng(0), sorted({row["date"] for row in said(place)})
    equal = 0
    with tempfile.TemporaryDirectory() as folder:
        for n in range(count):
            more = {"TZ": pick(draw, ZONES), "LANG": pick(draw, TONGUES), "LC_ALL": pick(draw, TONGUES), "OMP_NUM_THREADS": pick(draw, THREADS)}
            more |= {"OPENBLAS_NUM_THREADS": more["OMP_NUM_THREADS"], "PYTHONHASHSEED": str(n)}
            code, out, _ = radar(place, "replay", pick(draw, days), folder=pick(draw, (ROOT, Path(folder))), **more)
            equal += code == 0 and json.loads(out)["equal"]
    return {"replays": count, "equal": equal}


def changed_bytes(place, count):
    """One byte changed at a time: whether replay or verify names the row or file."""
    draw, models = np.random.default_rng(1), sorted(place.home.glob("*/fitted/*.safetensors"))
    db, last = place.file.parent / "radar.db", max(row["date"] for row in said(place))
    named = 0
    for n in range(count):
        if n % 3 == 0:
            path = pick(draw, models)
            whole = path.read_bytes()
            at = int(draw.integers(len(whole)))
            path.write_bytes(flipped(whole, at, draw))
            named += any(str(path) in line for line in api.replay(last, file=place.file, home=place.home).differs)
            path.write_bytes(whole)
            continue
        table, column = ("blocks", "data") if n % 3 == 1 else ("scores", "said")
        with closing(sqlite3.connect(db)) as connection:
            number, whole = pick(draw, connection.execute(f"select id, {column} from {table}").fetchall())  # noqa: S608
            text = isinstance(whole, str)
            raw = whole.encode() if text else whole
            bad = flipped(raw, int(draw.integers(len(raw))), draw)
            write(connection, table, column, number, bad.decode("latin-1") if text else bad)
            with database.transaction(place.store.engine, writes=False) as reader:
                lines = [*verify(place.store), *ledger.broken(reader)]
            named += any(line.startswith(f"{table}: row {number}") for line in lines)
            write(connection, table, column, number, whole)
    return {"bytes": count, "named": named}


def pick(draw, things):
    return things[int(draw.integers(len(things)))]


def flipped(raw, at, draw):
    """One bit of one byte is another."""
    return raw[:at] + bytes([raw[at] ^ (1 << int(draw.integers(7)))]) + raw[at + 1 :]


def write(connection, table, column, number, value):
    connection.execute(f"update {table} set {column} = ? where id = ?", (value, number))  # noqa: S608
    connection.commit()


def backfill(folder, count):
    """Messages after so many sessions at once, made a month late."""
    os.environ["RISKRADAR_ALERT_URLS"] = "http://127.0.0.1:9/nobody"
    place = made(folder, trained=1530, sessions=1530 + count)
    place.add(1530, 1530 + count)
    found = place.at(place.evening(1530 + count - 1) + datetime.timedelta(days=30))
    alarms = sum(row["state"] == "firing" for row in found.changed)
    return {"sessions": len({row["date"] for row in found.rows}), "alarms": alarms, "messages": len(api.alerts(file=place.file)["waiting"])}


def main():
    parser = argparse.ArgumentParser()
    for name, count in (("sessions", 250), ("replays", 200), ("bytes", 100), ("backfill", 2500)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--out", type=Path, default=Path("proofs/daily.json"))
    given = parser.parse_args()
    print(f"budget: about {(given.sessions + given.replays) * 3 / 60 + 3:.0f} minutes of one core")
    start = time.process_time()
    with tempfile.TemporaryDirectory() as root:
        for name in ("one", "quiet"):
            (Path(root) / name).mkdir()
        place = made(Path(root) / "one", NETWORK, trained=FIRST, sessions=FIRST + given.sessions)
        place.update(FIRST - 1)
        other = copied(place, Path(root) / "other")
        found = {"evenings": evenings(place, other, given.sessions), "replays": replays(place, given.replays)}
        found |= {"changed": changed_bytes(place, given.bytes), "backfill": backfill(Path(root) / "quiet", given.backfill)}
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    about = {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "commit": head, "cpu_seconds": time.process_time() - start}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(about | found, indent=1))
    print(json.dumps(found))
    good = found["evenings"]["equal"] == found["evenings"]["sessions"] and found["replays"]["equal"] == given.replays
    good &= found["changed"]["named"] == given.bytes and found["backfill"]["messages"] == 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
