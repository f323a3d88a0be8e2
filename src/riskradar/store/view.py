"""A store as of a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine

from riskradar.data.config import DataConfig
from riskradar.data.files import Grid
from riskradar.data.raw import NO_DAY, Raw
from riskradar.data.read import read_grids
from riskradar.store import database, rows
from riskradar.store.blocks import NEVER, Rows
from riskradar.tables.observations import Name, Observations

PRICES, VOLUME = "close", "volume"
OF_ASSETS = frozenset({PRICES, VOLUME, "adj_close", "split", "dividend"})  # series of an asset that are no facts
RADAR = time(20, 0)
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, eq=False)
class View:
    """What a store held that was known at `moment`: rows known by then, and undated ones that speak of days by then."""

    engine: Engine
    moment: datetime

    @property
    def day(self) -> np.datetime64:
        """The last day at whose 20:00 New York the moment had come."""
        local = self.moment.astimezone(NEW_YORK)
        return np.datetime64(local.date() - timedelta(days=int(local.time() < RADAR)), "D")

    def observations(
        self, assets: Collection[str] | None = None, start: np.datetime64 | None = None, stop: np.datetime64 | None = None
    ) -> Observations:
        """Every vintage known by then, sorted by name, day and known_at; of some assets ("" is the market), of days `start` to `stop`.

        Where several sources speak of one series and asset, the one that brought it first is taken, and no other.
        """
        return _named(*self._rows(assets, start, stop))

    def raw(self, config: DataConfig) -> Raw:
        """Prices, volumes and facts as if they had been read from files, beside the other sources of `config`; what was not yet known is gone.

        InputError where there is no price.
        """
        known, names = self._rows(None, None, None)
        is_price, is_volume, is_other = (np.array([False, *(kind(name) for name in names.values())])[known.of] for kind in (_price, _volume, _other))
        facts = known.take(~(is_price | is_volume | is_other))
        given = [("prices", _price_grid(known.take(is_price).current(), names, PRICES))]
        given += [("prices", _price_grid(known.take(is_volume).current(), names, VOLUME))] if is_volume.any() else []
        raw = read_grids([*given, *([("macro", _fact_grid(facts, names))] if len(facts) else [])], config)
        seen = raw.upto(self.day)
        return raw if seen.cells == raw.cells else seen

    def _rows(self, assets: Collection[str] | None, start: np.datetime64 | None, stop: np.datetime64 | None) -> tuple[Rows, dict[int, Name]]:
        until = int(self.day.astype(np.int64))
        first = NEVER if start is None else int(start.astype(np.int64))
        last = until if stop is None else min(until, int(stop.astype(np.int64)))
        with database.transaction(self.engine, writes=False) as connection:
            names = rows.names(connection)
            mine, seen = np.zeros(len(names) + 1, bool), set()
            for number, name in names.items():
                mine[number] = name not in seen and (assets is None or name.asset in assets)
                seen.add(name)
            parts = [
                part.take(np.flatnonzero(mine[part.of] & (part.date >= first) & (part.date <= last) & (part.known <= until)))
                for part in rows.blocks(connection, first, last)
            ]
        return Rows.joined(parts).newest(), names


def _price(name: Name) -> bool:
    return bool(name.asset) and name.series == PRICES


def _volume(name: Name) -> bool:
    return bool(name.asset) and name.series == VOLUME


def _other(name: Name) -> bool:
    return bool(name.asset) and name.series in OF_ASSETS - {PRICES, VOLUME}


def _named(known: Rows, names: dict[int, Name]) -> Observations:
    numbers, of = np.unique(known.of, return_inverse=True)
    known_at = np.where(known.known == NEVER, NO_DAY, known.known.astype("datetime64[D]"))
    return Observations(tuple(names[n] for n in numbers.tolist()), of.astype(np.int32), known.date.astype("datetime64[D]"), known_at, known.value)


def _column(known: Rows, names: dict[int, Name], field: int) -> pa.Array:
    """Series or asset of each row."""
    return pa.DictionaryArray.from_arrays(known.of - 1, pa.array([name[field] for name in names.values()]))


def _price_grid(known: Rows, names: dict[int, Name], column: str) -> Grid:
    """Date, asset and close; or volume beside an empty close, since a table with a volume alone is no price table."""
    value = {column: pa.array(known.value)}
    closes = value if column == PRICES else {PRICES: pa.nulls(len(known), pa.float64()), **value}
    return _grid(f"store: {column}", known, {"asset": _column(known, names, 1), **closes})


def _fact_grid(known: Rows, names: dict[int, Name]) -> Grid:
    known_at = pa.array(known.known, pa.int32(), mask=known.known == NEVER).cast(pa.date32())
    columns = {"asset": _column(known, names, 1), "series": _column(known, names, 0), "value": pa.array(known.value), "known_at": known_at}
    return _grid("store: facts", known, columns)


def _grid(name: str, known: Rows, columns: dict[str, pa.Array]) -> Grid:
    table = pa.table({"date": pa.array(known.date).cast(pa.date32()), **columns})
    digest = hashlib.sha256()
    for array in (known.of, known.date, known.known, known.value):
        digest.update(array.tobytes())
    return Grid(name, tuple(table.column_names), table, digest.hexdigest())
