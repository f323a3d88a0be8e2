"""Rows of observations as compressed columns, and which of several rows about the same day counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from riskradar.tables.arrays import Bool, Int

NEVER = -(1 << 19)  # the known_at of a row that no source dates: before every day
BLOCK = 1 << 18  # rows: a day's ingest unpacks few of them
_CODEC = pa.Codec("zstd", 9)
_COLUMNS = (("of", np.dtype("<i4")), ("date", np.dtype("<i4")), ("known", np.dtype("<i4")), ("value", np.dtype("<f8")))
_WIDTH = sum(dtype.itemsize for _, dtype in _COLUMNS)


@dataclass(frozen=True, eq=False)
class Rows:
    """of [Q]: number of a name; date and known [Q]: days since 1970, known NEVER where no source dates the row; value [Q]."""

    of: NDArray[np.int32]
    date: NDArray[np.int32]
    known: NDArray[np.int32]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.of)

    def take(self, rows: Any) -> Rows:
        """The chosen rows, in the order given."""
        return Rows(self.of[rows], self.date[rows], self.known[rows], self.value[rows])

    def about(self) -> Int:
        """One integer for name and day, [Q]."""
        return (self.of.astype(np.int64) << 40) + ((self.date.astype(np.int64) - NEVER) << 20)

    def key(self) -> Int:
        """One integer for name, day and known, in that order, [Q]."""
        return self.about() + (self.known.astype(np.int64) - NEVER)

    @classmethod
    def joined(cls, parts: list[Rows]) -> Rows:
        """All rows, part after part."""
        empty = cls(*(np.empty(0, dtype) for _, dtype in _COLUMNS))
        return cls(*(np.concatenate([getattr(part, name) for part in (empty, *parts)]) for name, _ in _COLUMNS))

    def newest(self) -> Rows:
        """Of rows with the same name, day and known the last one, sorted by these three."""
        key = self.key()
        order = np.argsort(key, kind="stable")
        return self.take(order[_ends(key[order])])

    def current(self) -> Rows:
        """Of `newest` rows the one known last about each name and day."""
        return self.take(_ends(self.about()))


def pack(rows: Rows) -> bytes:
    """Columns with their bytes apart (first bytes, second bytes, ...), which compresses floats far better, as one zstd frame."""
    parts = [np.ascontiguousarray(getattr(rows, name), dtype).view(np.uint8).reshape(-1, dtype.itemsize).T.tobytes() for name, dtype in _COLUMNS]
    return bytes(_CODEC.compress(b"".join(parts)))


def unpack(data: bytes, count: int) -> Rows:
    """The inverse of `pack`."""
    flat = np.frombuffer(_CODEC.decompress(data, decompressed_size=count * _WIDTH), np.uint8)
    columns, start = [], 0
    for _, dtype in _COLUMNS:
        part = flat[start : start + count * dtype.itemsize].reshape(dtype.itemsize, count)
        columns.append(np.ascontiguousarray(part.T).view(dtype).ravel())
        start += count * dtype.itemsize
    return Rows(*columns)


def _ends(key: Int) -> Bool:
    """Where the next key differs, [Q]."""
    ends: Bool = np.append(key[1:] != key[:-1], True)[: len(key)]
    return ends
