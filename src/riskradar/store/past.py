"""A store as it stood after one of its batches, and what came after it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from riskradar.store import database, rows
from riskradar.store.blocks import NEVER, Rows
from riskradar.store.schema import BLOCKS
from riskradar.store.view import View
from riskradar.tables.observations import Name


@dataclass(frozen=True, eq=False)
class Past(View):
    """A view of the batches up to number `batch`: a row without known_at that came later is not there, whatever day it speaks of."""

    batch: int

    def _rows(self, assets: Collection[str] | None, start: np.datetime64 | None, stop: np.datetime64 | None) -> tuple[Rows, dict[int, Name]]:
        until = int(self.day.astype(np.int64))
        first = NEVER if start is None else int(start.astype(np.int64))
        last = until if stop is None else min(until, int(stop.astype(np.int64)))
        with database.transaction(self.engine, writes=False) as connection:
            names = rows.names(connection)
            every = Rows.joined(list(rows.blocks(connection, first, last, BLOCKS.c.batch <= self.batch)))
        oldest = {name: number for number, name in reversed(names.items()) if assets is None or name.asset in assets}
        mine = np.isin(every.of, list(oldest.values())) & (every.date >= first) & (every.date <= last) & (every.known <= until)
        return every.take(np.flatnonzero(mine)).newest(), names


@dataclass(frozen=True, eq=False)
class Some(View):
    """A view of chosen rows alone, all known at `moment`."""

    chosen: Rows
    names: dict[int, Name]

    def _rows(self, assets: Collection[str] | None, start: np.datetime64 | None, stop: np.datetime64 | None) -> tuple[Rows, dict[int, Name]]:
        return self.chosen.newest(), self.names


def between(connection: Connection, after: int, upto: int) -> Rows:
    """The rows of the batches after number `after` up to number `upto`."""
    return Rows.joined(list(rows.blocks(connection, NEVER, -NEVER, BLOCKS.c.batch > after, BLOCKS.c.batch <= upto)))
