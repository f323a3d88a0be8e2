"""A store as of a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, select

from riskradar.data.config import DataConfig
from riskradar.data.files import Grid
from riskradar.data.raw import Raw
from riskradar.data.read import read_grids
from riskradar.errors import InputError
from riskradar.store import database
from riskradar.store.blocks import NEVER, Rows, unpack
from riskradar.store.schema import BATCHES, BLOCKS, NAMES
from riskradar.tables.observations import Name, Observations

PRICES, VOLUME = "close", "volume"
OF_ASSETS = frozenset({PRICES, VOLUME, "adj_close", "split", "dividend"})  # series of an asset that are no facts
_RADAR = time(20, 0)
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, eq=False)
class View:
    """What a store held that was known at `moment`: rows known by then, and undated ones that speak of days by then."""

    engine: Engine
    moment: datetime

    @property
    def day(self) -> np.datetime64:
        """The last day at whose 20:00 New York the moment had come."""
        local = self.moment.astimezone(_NEW_YORK)
        return np.datetime64(local.date() - timedelta(days=int(local.time() < _RADAR)), "D")

    def observations(
        self, assets: Collection[str] | None = None, start: np.datetime64 | None = None, stop: np.datetime64 | None = None
    ) -> Observations:
        """Every vintage known by then, sorted by name, day and known_at; of some assets ("" is the market), of days `start` to `stop`.

        Where several sources speak of one series and asset, the one that brought it first is taken, and no other.
        """
        until = int(self.day.astype(np.int64))
        first = NEVER if start is None else int(start.astype(np.int64))
        last = until if stop is None else min(until, int(stop.astype(np.int64)))
        with database.transaction(self.engine, writes=False) as connection:
            names = {row.id: Name(row.series, row.asset) for row in connection.execute(select(NAMES).order_by(NAMES.c.id))}
            mine = np.array([False, *(assets is None or name.asset in assets for name in names.values())])
            c = BLOCKS.c
            query = select(c.data, c.rows, BATCHES.c.source).join(BATCHES, BATCHES.c.id == c.batch).where(c.first <= last, c.last >= first)
            owner: dict[int, str] = _owners(connection, mine) if False else {}
            parts = []
            for row in connection.execute(query.order_by(c.id)):
                rows = unpack(row.data, row.rows)
                rows = rows.take(np.flatnonzero(mine[rows.of] & (rows.date >= first) & (rows.date <= last) & (rows.known <= until)))
                parts.append(rows)
        rows = Rows.joined(parts).newest()
        return _named(rows, names)
