"""Raw payloads on disk, named by their content: durable before anything refers to them, whole or not there."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import zlib
from pathlib import Path

from riskradar.errors import StorageError


def put(folder: Path, content: bytes) -> str:
    """Keep bytes under their SHA-256 and return it: temporary file, fsync, rename, fsync of the folder. OSError when the disk refuses."""
    name = hashlib.sha256(content).hexdigest()
    if not _holds(folder, name):
        handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=folder)
        try:
            _write(handle, gzip.compress(content, 6, mtime=0))
            os.rename(temporary, path(folder, name))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    sync(folder)  # of a file that was found too: who renamed it may have been killed before this line
    return name


def get(folder: Path, name: str) -> bytes:
    """The bytes of a payload; StorageError when they are not there or not those that were kept."""
    file = path(folder, name)
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, ValueError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        raise StorageError(f"payload {file} cannot be read ({reason}); the store is unchanged; put the file back from a copy") from None
    if hashlib.sha256(content).hexdigest() != name:
        raise StorageError(f"payload {file} is not what was kept; the store is unchanged; put the file back from a copy")
    return content


def path(folder: Path, name: str) -> Path:
    """Where a payload lies."""
    return folder / f"{name}.gz"


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, content: bytes) -> None:
    """Write everything, make it durable, close."""
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _holds(folder: Path, name: str) -> bool:
    """Whether a payload is there and whole; one that is damaged is written anew."""
    try:
        get(folder, name)
    except StorageError:
        return False
    return True
