"""An ingest seen through strace: its calls to the system as it makes them, broken at each one, or followed by a power loss.

What a power loss may do: data are durable after fsync of the file, names (created, renamed, removed) after fsync of their folder. Until then each
write since the last fsync is kept, lost, zeroed or torn, and each name is the new or the old one, in any combination.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

CALLS = ("openat", "mkdir", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate")
MAKES = tuple(call for call in CALLS if call != "openat")  # openat is only seen, since most of what it opens is no part of a store
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - folders with random names, where an fsync costs nothing
HANDED = 9  # what the traced process writes here it has acknowledged
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_PATH = re.compile(r'(?:<|")((?:\\x[0-9a-f]{2})*)(?:>|")')
Operation = tuple[str, str, bytes, int]  # call, path, content or other path, place


def traced(work: Callable[[], None], log: Path, *options: str) -> tuple[int, str]:
    """Run `work` in a forked process under strace; its status (negative: killed) and what it acknowledged. RuntimeError without strace."""
    if shutil.which("strace") is None:
        raise RuntimeError("strace is not installed; nothing was traced; install it")
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writes, HANDED)
        os.kill(os.getpid(), signal.SIGSTOP)
        try:
            work()
        finally:
            os._exit(0)
    os.close(writes)
    os.waitpid(child, os.WUNTRACED)
    command = ["strace", "-p", str(child), "-y", "-xx", "-s", "99999999", "-o", str(log), "-e", f"trace={','.join(CALLS)}", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        if "attached" not in (told := tracer.stderr.readline()):
            raise RuntimeError(f"strace cannot attach ({told.strip()}); nothing was traced; allow ptrace")
        os.kill(child, signal.SIGCONT)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        tracer.wait()
    with os.fdopen(reads) as pipe:
        return status, pipe.read()


def parsed(log: Path, folder: Path) -> list[Operation]:
    """The calls that touched a folder and succeeded, and what was acknowledged between them."""
    found = []
    for line in log.read_text().splitlines():
        match = _CALL.match(line)
        if not match or match[3].startswith("-"):
            continue
        call, given = match[1], match[2]
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _PATH.findall(given)]
        if call in ("write", "pwrite64") and given.startswith(f"{HANDED}<"):
            found.append(("acknowledge", "", texts[1], 0))
        elif call == "openat" and "O_CREAT" in given:
            found.append(("create", texts[1].decode(), b"", 0))
        elif call in MAKES:
            last = given.rpartition(", ")[2]
            place = int(last) if call in ("pwrite64", "ftruncate") else -1
            found.append((call.replace("pwrite64", "write").replace("fdatasync", "fsync"), texts[0].decode(), b"".join(texts[1:2]), place))
    return [operation for operation in found if operation[0] == "acknowledge" or Path(operation[1]).is_relative_to(folder)]


def points(log: Path, folder: Path) -> list[tuple[str, int]]:
    """Each call that touches the folder, as a name and how many of that name came up to it."""
    hexed = "".join(f"\\x{byte:02x}" for byte in str(folder).encode())
    count: dict[str, int] = {}
    found = []
    for line in log.read_text().splitlines():
        call = line.partition("(")[0]
        if call in MAKES:
            count[call] = count.get(call, 0) + 1
            found += [(call, count[call])] if hexed in line else []
    return found


@dataclass
class Disk:
    """Files as they are and as they are sure to be; `loose`: what was done to names since the last fsync of their folder."""

    folders: set[str] = field(default_factory=set)  # made since
    now: dict[str, int] = field(default_factory=dict)
    sure: dict[str, int] = field(default_factory=dict)
    loose: list[tuple[str, str, str]] = field(default_factory=list)
    content: list[bytes] = field(default_factory=list)
    durable: list[bytes] = field(default_factory=list)
    pending: list[list[tuple[int, bytes | None]]] = field(default_factory=list)

    def do(self, operation: Operation) -> None:
        """Apply one call."""
        call, path, given, place = operation
        if call == "mkdir":
            self.folders.add(path)
            self.loose.append(("create", path, "-1"))
        elif call == "create" and path not in self.now:
            self.now[path] = len(self.content)
            self.loose.append(("create", path, str(len(self.content))))
            for of, empty in ((self.content, b""), (self.durable, b""), (self.pending, [])):
                of.append(empty)
        elif call in ("write", "ftruncate"):
            file = self.now[path]
            change = (place if place >= 0 else len(self.content[file]), given if call == "write" else None)
            self.content[file] = changed(self.content[file], *change)
            self.pending[file].append(change)
        elif call == "fsync" and path in self.now:
            file = self.now[path]
            self.durable[file], self.pending[file] = self.content[file], []
        elif call == "fsync":  # of a folder
            self.sure = self.named([operation for operation in self.loose if str(Path(operation[1]).parent) == path])
            self.loose = [operation for operation in self.loose if str(Path(operation[1]).parent) != path]
        elif call == "rename":
            self.now[given.decode()] = self.now.pop(path)
            self.loose.append(("rename", path, f"{self.now[given.decode()]} {given.decode()}"))
        elif call == "unlink":
            self.now.pop(path)
            self.loose.append(("unlink", path, ""))

    def named(self, kept: list[tuple[str, str, str]]) -> dict[str, int]:
        """The names that are found when these of the loose operations came through."""
        names = dict(self.sure)
        for kind, path, of in kept:
            if kind == "rename":
                file, _, new = of.partition(" ")
                names.pop(path, None)
                names[new] = int(file)
            elif kind == "create":
                names[path] = int(of)
            else:
                names.pop(path, None)
        return names

    def after(self, fate: Callable[[], str]) -> dict[str, bytes]:
        """What is found after the power failed; `fate` draws what becomes of each change."""
        names = self.named([operation for operation in self.loose if fate() == "kept"])
        gone = {folder for folder in self.folders if folder not in names}
        there = {path: file for path, file in names.items() if file >= 0 and str(Path(path).parent) not in gone and not path.endswith("-shm")}
        return {path: self._survived(file, fate) for path, file in there.items()}

    def _survived(self, file: int, fate: Callable[[], str]) -> bytes:
        found = self.durable[file]
        for place, given in self.pending[file]:
            drawn = fate()
            if drawn == "kept" or (given is None and drawn != "lost"):
                found = changed(found, place, given)
            elif drawn != "lost":
                found = changed(found, place, bytes(len(given)) if drawn == "zeroed" else given[: len(given) // 2])
        return found


def changed(content: bytes, place: int, given: bytes | None) -> bytes:
    """A file after a write at a place, or after being cut there."""
    start = content[:place].ljust(place, b"\0")
    return start if given is None else start + given + content[place + len(given) :]


def disks(log: list[Operation], each: int, seed: int = 0) -> Iterator[tuple[dict[str, bytes], list[str]]]:
    """Different disks after a power loss between any two calls, with what was acknowledged before: all lost, all kept and `each` more."""
    draw = np.random.default_rng(seed)
    disk, told, seen = Disk(), [], set()
    fates = [lambda: "lost", lambda: "kept", *[lambda: str(draw.choice(("kept", "lost", "zeroed", "torn"), p=(0.5, 0.3, 0.1, 0.1)))] * each]
    for operation in log:
        if operation[0] == "acknowledge":
            told.append(operation[2].decode().strip())
        else:
            disk.do(operation)
        for fate in fates:
            found = disk.after(fate)
            key = hash((tuple(sorted(found.items())), len(told)))
            if key not in seen:
                seen.add(key)
                yield found, list(told)


def laid(found: dict[str, bytes], old: Path) -> Path:
    """A new folder with the files of a disk, as they lay under `old`."""
    folder = Path(tempfile.mkdtemp(prefix="power-", dir=MEMORY))
    for path, content in found.items():
        new = folder / Path(path).relative_to(old)
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
    return folder
