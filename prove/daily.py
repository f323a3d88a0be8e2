"""Proof: evenings one by one, in processes of their own or in one that goes on, say what one backfill says, and replays say it again.

A revision changes no row and no replay; evenings that are killed are whole after the next; a changed byte is named; a backfill is quiet.

    python prove/daily.py [--sessions 250] [--fresh 60] [--replays 200] [--kills 100] [--bytes 100] [--backfill 2500] [--out proofs/daily.json]

Budget: about 12 minutes of one core. The market is generated, the model a network that reads graphs; a rule where evenings are killed.
Starting an interpreter costs about 3 s, so `fresh` evenings start one and the others are forked from a process that scored nothing, and replays share
one by fives after the first `fresh`. Replays run under other time zones, languages, hash seeds, numbers of threads and folders. Bytes are changed in
blocks of observations, in rows of the ledger and in model files, one at a time, and put back. Kills come at every seam of an evening (see
tests.daily.kills), and at random moments.
"""

import argparse
import datetime
import json
import os
import signal
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

from tests.daily import kills  # noqa: E402
from tests.daily.workspace import NETWORK, TRAINED, Receiver, copied, made  # noqa: E402

from riskradar import alert, api  # noqa: E402
from riskradar.daily import speaker, update, workspace  # noqa: E402
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


def evenings(place, copies, count, fresh):
    """Sessions whose rows are equal: an evening in a process of its own each, one process that goes on, and one backfill."""
    on, at_once = copies
    config, store = workspace.enter(on.file)
    desk = update.Desk(store, speaker.speaking(store, on.home))
    for t in range(FIRST, FIRST + count):
        place.add(t, t + 1)
        on.add(t, t + 1)
        desk.evening(config, on.evening(t))
        if t < FIRST + fresh:
            code, _, problem = radar(place, "update", "--offline", "--as-of", place.evening(t).isoformat())
        else:
            code, problem = kills.evening(place, place.evening(t)), "an evening failed"
        if code:
            raise SystemExit(problem)
    at_once.add(FIRST, FIRST + count)
    at_once.update(FIRST + count - 1)
    mine, going_on, backfill = said(place), said(on), said(at_once)
    days = [str(date) for date in place.dates[FIRST : FIRST + count]]
    whole = {date: [row for row in backfill if row["date"] == date] for date in days}
    same = [sum([row for row in rows if row["date"] == date] == whole[date] for date in days) for rows in (mine, going_on)]
    return {"sessions": len(days), "fresh": min(fresh, count), "equal": same[0], "equal_going_on": same[1]}


def revision(place, count):
    """The closes of 30 sessions are others from now on: rows that are what they were."""
    before, close = said(place), place.close.copy()
    day = FIRST + min(100, count // 2)
    close[day - 30 : day] *= 1.02
    place.add(day - 30, day, place.evening(FIRST + count - 1) + datetime.timedelta(hours=2), close)
    return {"rows": len(before), "equal": sum(a == b for a, b in zip(before, said(place), strict=True))}


def replays(place, count, fresh):
    """Replays of random sessions in fresh processes under other surroundings."""
    draw, days = np.random.default_rng(0), sorted({row["date"] for row in said(place)})
    code = "import sys; from pathlib import Path; from riskradar import api; f, h, *days = sys.argv[1:]\n"
    code += "print(sum(api.replay(day, file=Path(f), home=Path(h)).equal for day in days))"
    equal = done = 0
    with tempfile.TemporaryDirectory() as folder:
        while done < count:
            more = {"TZ": pick(draw, ZONES), "LANG": pick(draw, TONGUES), "LC_ALL": pick(draw, TONGUES), "OMP_NUM_THREADS": pick(draw, THREADS)}
            more |= {"OPENBLAS_NUM_THREADS": more["OMP_NUM_THREADS"], "PYTHONHASHSEED": str(done)}
            where = pick(draw, (ROOT, Path(folder)))
            if done < fresh:
                status, out, _ = radar(place, "replay", pick(draw, days), folder=where, **more)
                equal, done = equal + (status == 0 and json.loads(out)["equal"]), done + 1
                continue
            chosen = [pick(draw, days) for _ in range(min(5, count - done))]
            command = [sys.executable, "-c", code, str(place.file), str(place.home), *chosen]
            around = os.environ | {"PYTHONPATH": str(ROOT / "src")} | more
            ran = subprocess.run(command, cwd=where, env=around, capture_output=True, text=True, check=True)
            equal, done = equal + int(ran.stdout), done + len(chosen)
    return {"replays": count, "equal": equal}


def killed(folder, count):
    """Evenings killed at every seam, and at random moments: all that is there at the end beside evenings that nobody killed."""
    place, draw = made(folder), np.random.default_rng(2)
    folder = folder.parent / "kills"
    probe = copied(place, folder / "probe")
    probe.add(TRAINED, len(place.dates))
    begun = [row["date"] for row in probe.update(len(place.dates) - 1).changed if row["state"] == "firing"]
    crossing = next(t for t, date in enumerate(map(str, place.dates)) if date in begun and t > TRAINED + 2)
    seams = copied(place, folder / "seams")
    command = [sys.executable, "-m", "tests.daily.kills", str(seams.file.parent), str(crossing)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    good = sum(row["killed"] == -9 and row["equal"] and row["again"] == [0, 0, 0] and len(set(row["keys"])) == 1 for row in found)
    receiver = Receiver()
    os.environ[alert.URLS] = receiver.url
    one, died, told = copied(place, folder / "one"), 0, {}
    for t in range(TRAINED, len(place.dates)):
        one.add(t, t + 1)
        for number in range(-(-count // (len(place.dates) - TRAINED))):
            died += beheaded(one, one.evening(t) + datetime.timedelta(minutes=5 * number), draw.uniform(0, 0.4))
        kills.evening(one, one.evening(t) + datetime.timedelta(hours=2))
    told["killed"] = set(receiver.keys)
    receiver.keys.clear()
    calm = copied(place, folder / "calm")
    for t in range(TRAINED, len(place.dates)):
        calm.add(t, t + 1)
        kills.evening(calm, calm.evening(t))
        kills.evening(calm, calm.evening(t) + datetime.timedelta(hours=2))
    told["calm"] = set(receiver.keys)
    receiver.close()
    os.environ.pop(alert.URLS)
    same = said(one) == said(calm) and not kills.said(one)[2]
    return {"seams": len(found), "whole": good, "random_kills": died, "ledgers_equal": same, "messages": len(told["calm"]),
            "delivered_after_kills": len(told["killed"] & told["calm"])}  # fmt: skip


def beheaded(place, moment, seconds):
    """Whether a process with an evening was killed before it ended."""
    child = os.fork()
    if not child:
        place.at(moment)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


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
    for name, count in (("sessions", 250), ("fresh", 60), ("replays", 200), ("kills", 100), ("bytes", 100), ("backfill", 2500)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--out", type=Path, default=Path("proofs/daily.json"))
    given = parser.parse_args()
    print(f"budget: about {(given.sessions + given.replays + 8 * given.fresh) / 60 + 3:.0f} minutes of one core", flush=True)
    start, found = time.perf_counter(), {}
    with tempfile.TemporaryDirectory() as root:
        for name in ("one", "quiet", "place"):
            (Path(root) / name).mkdir()
        place = made(Path(root) / "one", NETWORK, trained=FIRST, sessions=FIRST + given.sessions)
        place.update(FIRST - 1)
        copies = copied(place, Path(root) / "on"), copied(place, Path(root) / "at-once")
        for name, work in {
            "evenings": lambda: evenings(place, copies, given.sessions, given.fresh), "revision": lambda: revision(place, given.sessions),
            "replays": lambda: replays(place, given.replays, given.fresh // 3), "changed": lambda: changed_bytes(place, given.bytes),
            "kills": lambda: killed(Path(root) / "place", given.kills), "backfill": lambda: backfill(Path(root) / "quiet", given.backfill),
        }.items():  # fmt: skip
            found[name] = work()
            print(name, json.dumps(found[name]), flush=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    about = {"date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "commit": head, "seconds": round(time.perf_counter() - start)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(about | found, indent=1))
    same = [found["evenings"]["sessions"], found["evenings"]["equal"], found["evenings"]["equal_going_on"]]
    good = len(set(same)) == 1 and found["revision"]["equal"] == found["revision"]["rows"] and found["replays"]["equal"] == given.replays
    good &= found["kills"]["whole"] == found["kills"]["seams"] and found["kills"]["ledgers_equal"]
    good &= found["kills"]["delivered_after_kills"] == found["kills"]["messages"] > 0
    good &= found["changed"]["named"] == given.bytes and found["backfill"]["messages"] == 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
