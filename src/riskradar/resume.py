"""Finished jobs on disk, so that a run that was killed goes on where it stopped.

An entry is named by the hash of everything that decides it; one that is damaged or not what its name says is ignored.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

import riskradar
from riskradar.errors import StorageError
from riskradar.tables.arrays import Float

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "torch")

log = logging.getLogger("riskradar")


@dataclass(frozen=True, eq=False)
class Scored:
    """What one job made: values [2, S, t, U, K] (score, probability), falls [t, H, M] (see Prediction), the hash of what each seed learned [S].

    seconds: CPU time that it took.
    """

    values: Float
    falls: Float
    learned: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class Cache:
    """Finished jobs in `folder`, one safetensors file each; `used` are the keys that this run has read or written."""

    folder: Path
    used: set[str] = field(default_factory=set)

    def get(self, key: str) -> Scored | None:
        """The finished job of that key, or None; a damaged or foreign entry is named in one line of the log and ignored."""
        path = self._path(key)
        if not path.exists():
            return None
        try:
            with safe_open(path, "numpy") as file:
                about, values, falls = file.metadata() or {}, file.get_tensor("values"), file.get_tensor("falls")
            if about["key"] != key or about["values"] != digest(values, falls):
                raise ValueError("not what its name says")
            found = Scored(values, falls, tuple(json.loads(about["learned"])), float(about["seconds"]))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning(f"finished job {path} is damaged or foreign ({type(error).__name__}); it is ignored and done again")
            return None
        self.used.add(key)
        return found

    def put(self, key: str, job: Scored) -> None:
        """Keep a finished job, whole or not at all; StorageError when it cannot be written."""
        path = self._path(key)
        work = path.with_name(f".writing-{os.getpid()}-{path.name}")
        about = {"key": key, "values": digest(job.values, job.falls), "learned": json.dumps(job.learned), "seconds": repr(job.seconds)}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({"values": np.ascontiguousarray(job.values), "falls": np.ascontiguousarray(job.falls)}, work, about)
            os.replace(work, path)
        except (OSError, SafetensorError) as error:
            raise StorageError(f"cannot write {path} ({error}); the jobs before it are kept; free some space and run again") from None
        self.used.add(key)

    def clear(self) -> None:
        """Remove the jobs that this run has read or written, and what a kill left half written of them: it is stored whole and needs them no more."""
        for path in self.folder.glob("*"):
            if path.stem.rpartition("-")[2] in self.used:
                path.unlink(missing_ok=True)
        self.used.clear()
        with suppress(OSError):  # other runs may have jobs here
            self.folder.rmdir()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


@cache
def code() -> str:
    """SHA-256 of the sources of this package and the versions of what computes for it: equal code gives equal numbers."""
    found = hashlib.sha256(platform.python_version().encode())
    for name in PACKAGES:
        try:
            found.update(f"{name}{version(name)}".encode())
        except PackageNotFoundError:
            found.update(f"{name} is not installed".encode())
    root = Path(riskradar.__file__).parent
    for path in sorted(root.rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return found.hexdigest()


def digest(*parts: Any) -> str:
    """SHA-256 over tables, models, arrays and plain values, by content."""
    found = hashlib.sha256()
    for part in parts:
        _update(found, part)
    return found.hexdigest()


def _update(found: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        found.update(f"{part.dtype}{part.shape}".encode())
        found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8))
    elif is_dataclass(part):
        found.update(f"({type(part).__qualname__}".encode())
        for each in fields(part):
            found.update(f",{each.name}=".encode())
            _update(found, getattr(part, each.name))
    elif isinstance(part, Mapping):
        for key in sorted(part):
            found.update(f",{key!r}:".encode())
            _update(found, part[key])
    else:
        found.update(f";{part!r}".encode())
