"""A disk that can lose its power: what a program did to files, and every state that a crash may leave behind.

File data are durable after fsync of the file, a name after fsync of its folder; until then a crash keeps each, loses it, or tears the data.
A database commit is taken as one operation that may be there or not when the power fails before it returned, and is there afterwards: what
SQLite documents for WAL with synchronous=FULL and PostgreSQL for fsync=on.
"""

import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Recorder:
    """Stands in for the module `os` inside riskradar.store.files: passes every call on and writes it down; `fail` raises at the n-th call."""

    log: list[tuple] = field(default_factory=list)
    fail: int = -1
    error: Exception | None = None
    paths: dict[int, str] = field(default_factory=dict)

    O_RDONLY = os.O_RDONLY

    def _note(self, *operation):
        if len(self.log) == self.fail:
            self.log.append(("failed",))
            raise self.error
        self.log.append(operation)

    def open(self, path, flags):
        handle = os.open(path, flags)
        self.paths[handle] = str(path)
        return handle

    def write(self, handle, content):
        self._note("write", self._path(handle), bytes(content))
        return os.write(handle, content)

    def fsync(self, handle):
        path = self._path(handle)
        self._note("syncdir" if Path(path).is_dir() else "sync", path)

    def rename(self, old, new):
        self._note("rename", str(old), str(new))
        os.rename(old, new)

    def close(self, handle):
        self.paths.pop(handle, None)
        os.close(handle)

    def commit(self, content):
        """The commit of a batch that refers to a payload."""
        self._note("commit", content)

    def _path(self, handle):
        return self.paths.get(handle) or os.readlink(f"/proc/self/fd/{handle}")


def states(log):
    """Every disk that may be found after power failed between two operations: (files by name, commits that are there, commits that must be there)."""
    for end in range(len(log) + 1):
        data, synced, names, loose = {}, {}, {}, []
        sure, maybe = [], []
        for operation, *rest in log[:end]:
            if operation == "write":
                data[rest[0]] = data.get(rest[0], b"") + rest[1]
            elif operation == "sync":
                synced[rest[0]] = data.get(rest[0], b"")
            elif operation == "rename":
                loose.append(tuple(rest))
            elif operation == "syncdir":
                names.update({new: old for old, new in loose})
                loose = []
            elif operation == "commit":
                sure.append(rest[0])
        maybe = [rest[0] for operation, *rest in log[end : end + 1] if operation == "commit"]
        for kept in itertools.product((False, True), repeat=len(loose)):
            there = names | {new: old for (old, new), keep in zip(loose, kept, strict=True) if keep}
            unsynced = sorted({old for old in there.values() if synced.get(old) != data.get(old, b"")})
            for fates in itertools.product(("whole", "lost", "zeroed", "torn"), repeat=len(unsynced)):
                fate = dict(zip(unsynced, fates, strict=True))
                files = {new: _after(data.get(old, b""), fate.get(old, "whole")) for new, old in there.items()}
                for extra in ([], *([maybe] if maybe else [])):
                    yield files, sure + extra


def _after(content, fate):
    return {"whole": content, "lost": b"", "zeroed": bytes(len(content)), "torn": content[: len(content) // 2]}[fate]
