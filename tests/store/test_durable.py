"""No crash loses what was committed: kills, errors at every call, simulated power loss; and the instruments find planted faults."""

import contextlib
import errno
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from riskradar.data.quality import Value
from riskradar.data.sources import Payload
from riskradar.errors import StorageError
from riskradar.store import Store, files, verify
from tests.store.disk import Recorder, states

NOON = datetime(2020, 3, 20, 16, tzinfo=UTC)
VALUE = [Value("close", "A", NOON.date(), 1.0, None)]
KILLS = 3


def payloads(count=2):
    return [Payload("s", f"n{i}", "u", NOON, f"content {i} ".encode() * 50) for i in range(count)]


def recorded(folder, monkeypatch, order="files first", rounds=3):
    """The operations of `rounds` ingests, each of two payloads and a commit."""
    disk = Recorder()
    monkeypatch.setattr(files, "os", disk)
    for n in range(rounds):
        contents = [f"payload {n} {i} ".encode() * 40 for i in range(2)]
        names = [files.hashlib.sha256(content).hexdigest() for content in contents]
        if order == "manifest first":
            disk.commit(names)
        for content in contents:
            files.put(folder, content)
        if order == "files first":
            disk.commit(names)
    return disk.log


def broken(folder, log):
    """How many states there are, and in how many a committed batch lacks a payload."""
    found = [all(intact(there.get(str(files.path(folder, name)))) for batch in commits for name in batch) for there, commits in states(log)]
    return len(found), found.count(False)


def intact(content):
    try:
        return content is not None and bool(files.gzip.decompress(content))
    except (OSError, EOFError):
        return False


def test_no_power_loss_leaves_a_commit_without_its_payloads(tmp_path, monkeypatch):
    count, bad = broken(tmp_path, recorded(tmp_path, monkeypatch))
    assert count > 30
    assert bad == 0


@pytest.mark.parametrize("fault", ["no fsync", "no fsync of the folder", "manifest first"])
def test_the_instrument_finds_planted_faults(tmp_path, monkeypatch, fault):
    if fault == "no fsync of the folder":
        monkeypatch.setattr(files, "sync", lambda folder: None)
    log = recorded(tmp_path, monkeypatch, "manifest first" if fault == "manifest first" else "files first")
    if fault == "no fsync":
        log = [operation for operation in log if operation[0] != "sync"]
    assert broken(tmp_path, log)[1] > 0


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken"), KeyboardInterrupt()])
def test_an_error_at_every_call_of_a_file_loses_nothing(tmp_path, monkeypatch, error):
    for n in range(2 * len(("write", "fsync", "rename", "fsync of the folder"))):
        store = Store.create(f"sqlite:///{tmp_path}/{n}/radar.db")
        with monkeypatch.context() as plan:
            plan.setattr(files, "os", Recorder(fail=n, error=error))
            with pytest.raises((StorageError, KeyboardInterrupt)):
                store.keep("s", payloads(), VALUE, [], NOON)
        assert store.status()["sources"] == []
        ends_well(store)


def test_a_disk_that_refuses_when_a_store_is_made(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/deep/radar.db"
    with monkeypatch.context() as plan:
        plan.setattr(files, "os", Recorder(fail=0, error=OSError(errno.ENOSPC, "full")))
        with pytest.raises(StorageError, match="cannot write into"):
            Store.create(url)
    assert Store.create(url).status()["sources"] == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the planted interruption comes before SQLAlchemy knows of the cursor
def test_an_interruption_at_every_statement_loses_nothing(url):
    statements = []
    store = Store.create(url)
    event.listen(store.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    store.keep("s", payloads(), VALUE, [], NOON)
    store.keep("s", payloads(), [VALUE[0]._replace(value=2.0)], [], NOON)
    whole = len(statements) // 2 - 1
    assert whole > 8
    for n in range(whole):
        store = Store.open(url)
        before = store.status()
        left = iter(range(n))

        def interrupt(*_, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt

        event.listen(store.engine, "before_cursor_execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.keep("s", payloads(), [VALUE[0]._replace(value=3.0)], [], NOON)
        assert Store.open(url).status() == before
    ends_well(Store.open(url), 3.0)


def ends_well(store, value=1.0):
    """The same ingest again ends with its rows, whole."""
    store.keep("s", payloads(), [VALUE[0]._replace(value=value)], [], NOON)
    assert store.newest("s") == {("close", "A"): {NOON.date(): value}}
    assert verify(store) == []
    assert not list(store.payload_folder.glob(".writing-*"))


def test_no_flipped_bit_of_a_raw_file_goes_unseen(tmp_path):
    content = b"2020-03-20,A,1.0\n" * 20
    file = files.path(tmp_path, files.put(tmp_path, content))
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        harmed = bytearray(whole)
        harmed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(harmed)
        with contextlib.suppress(StorageError):
            assert files.get(tmp_path, file.name.removesuffix(".gz")) == content


LOOP = """
import sys
from datetime import UTC, date, datetime, timedelta
from riskradar.data.quality import Value
from riskradar.data.sources import Payload
from riskradar.store import Store
store = Store.create(sys.argv[1])
day = max(store.newest("s").get(("close", "A"), {date(1999, 12, 31): 0.0}))
while True:
    day += timedelta(days=1)
    now = datetime(2020, 1, 1, tzinfo=UTC)
    page = Payload("s", str(day), "u", now, str(day).encode() * 99)
    store.keep("s", [page], [Value("close", name, day, float(day.toordinal()), None) for name in "ABC"], [], now)
    print(day, flush=True)
"""


def killed(url: str, kills: int, seed: int = 0) -> int:
    """Run ingests and kill them at random moments; how many days were acknowledged, all of which must be there whole."""
    draw = np.random.default_rng(seed)
    last = "1999-12-31"
    for _ in range(kills):
        process = subprocess.Popen([sys.executable, "-c", LOOP, url], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(0.05 * draw.random())
        process.send_signal(signal.SIGKILL)
        acknowledged = process.communicate()[0].split()
        last = max([last, *acknowledged])
        store = Store.open(url)
        days = {asset: store.newest("s")["close", asset] for asset in "ABC"}
        assert days["A"] == days["B"] == days["C"]
        assert max(map(str, days["A"])) >= last
        assert all(value == day.toordinal() for day, value in days["A"].items())
        assert verify(store) == []
    return len(days["A"])


def test_random_kills_lose_no_acknowledged_day(tmp_path):
    assert killed(f"sqlite:///{Path(tmp_path)}/radar.db", KILLS) >= KILLS
