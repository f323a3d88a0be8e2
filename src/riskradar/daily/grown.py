"""An array that grows by rows without copying those that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPARE = 64  # rows of room: a growing array is copied about four times a year


@dataclass(frozen=True, eq=False)
class Grown:
    """The first `count` rows of `room`; what was handed out stays as it is, since rows are written behind it only."""

    room: NDArray[Any]
    count: int

    @classmethod
    def of(cls, array: NDArray[Any]) -> Grown:
        """A copy with room behind it."""
        room = np.empty((len(array) + SPARE, *array.shape[1:]), array.dtype)
        room[: len(array)] = array
        return cls(room, len(array))

    def with_rows(self, rows: NDArray[Any]) -> Grown:
        """With more rows; a second call on the same one writes over those of the first."""
        stop = self.count + len(rows)
        grown = self if stop <= len(self.room) else Grown.of(self.array)
        if stop > len(grown.room):
            return Grown.of(np.concatenate([self.array, rows]))
        grown.room[self.count : stop] = rows
        return Grown(grown.room, stop)

    @property
    def array(self) -> NDArray[Any]:
        """The rows, read-only."""
        view = self.room[: self.count]
        view.flags.writeable = False
        return view
