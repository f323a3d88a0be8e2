"""Answers that a source may confirm with 304 instead of sending them again: their bytes on disk, with what the source said to know them by."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ASKED = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}  # what a source says of an answer -> how it is asked about it
OLDEST = 30 * 86_400  # seconds: an address that nobody asked for so long is forgotten
_TEMPORARY = ".writing-"


@dataclass(frozen=True)
class Kept:
    """One answer: its bytes, and what to ask its source with."""

    body: bytes
    asking: Mapping[str, str]


@dataclass(frozen=True)
class Cache:
    """A folder with one file per address; whatever is damaged or cannot be written is as if it were not there."""

    folder: Path

    def get(self, url: str) -> Kept | None:
        """What was kept of an address, None where that is nothing whole."""
        try:
            head, _, body = self._path(url).read_bytes().partition(b"\n")
            told = json.loads(head)
            if told["url"] == url and told["sha256"] == hashlib.sha256(body).hexdigest():
                return Kept(body, {ask: told[name] for name, ask in ASKED.items() if name in told})
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def put(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep an answer that can be asked about, under an address without keys; forget what is old."""
        told = {name: headers[name] for name in ASKED if name in headers}
        if not told:
            return
        head = json.dumps({"url": url, **told, "sha256": hashlib.sha256(body).hexdigest()}).encode()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(head + b"\n" + body)
            Path(temporary).replace(self._path(url))
            for old in self.folder.iterdir():
                if old.stat().st_mtime < time.time() - OLDEST:
                    old.unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, url: str) -> Path:
        return self.folder / hashlib.sha256(url.encode()).hexdigest()
