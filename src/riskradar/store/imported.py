"""The user's files into a store: the cells that reading alone accepts, and those that it refuses with their reasons."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np

from riskradar.data.blocks import Block
from riskradar.data.cells import Fate
from riskradar.data.config import DataConfig
from riskradar.data.files import Blob, Grid, open_content, open_file
from riskradar.data.quality import Refused
from riskradar.data.read import READERS, check_names
from riskradar.data.sources import Cell, Payload
from riskradar.errors import InputError
from riskradar.store.judge import Receipt
from riskradar.store.store import Store
from riskradar.store.view import OF_ASSETS, PRICES, VOLUME
from riskradar.tables.arrays import Int
from riskradar.tables.observations import Name, Observations

SOURCE = "file"
Setting = Literal["prices", "macro", "sentiment"]
_SERIES = {"prices": PRICES, "volume": VOLUME}


def import_file(store: Store, path: str | Path, setting: Setting, moment: datetime, columns: dict[str, str] | None = None) -> Receipt:
    """Add one CSV, CSV.gz or Parquet file in one commit, its bytes kept; empty cells are not rows.

    columns: as data.columns. InputError when the file is refused as a whole, StorageError when it cannot be stored.
    """
    blob = open_file(path, f"data.{setting}")
    url = f"file:{quote(blob.path.name)}?{urlencode(columns or {})}"
    grid, blocks = _parsed(blob, setting, columns or {})
    refused = [one for table, block in blocks.items() for one in _refused(table, block, grid)]
    payload = Payload(source=SOURCE, name=setting, url=url, retrieved_at=moment, content=blob.data)
    return store.append(SOURCE, observations_of(blocks), moment, payloads=[payload], refused=refused)


def payload_blocks(content: bytes, setting: str, url: str) -> dict[str, Block]:
    """The cells of a file that was kept, by table."""
    name, _, query = url.partition("?")
    return _parsed(open_content(Path(name.removeprefix("file:")), content), setting, dict(parse_qsl(query)))[1]


def observations_of(blocks: dict[str, Block]) -> Observations:
    """The accepted cells of all tables; InputError for a name that could not be printed safely or that has another meaning."""
    used = {table: np.flatnonzero(block.fate == Fate.ACCEPTED) for table, block in blocks.items()}
    named = [_named(table, block, used[table]) for table, block in blocks.items()]
    names = sorted({name for found, _ in named for name in found})
    check_names((name.asset for name in names), "asset")
    check_names((name.series for name in names), "series")
    code = {name: i for i, name in enumerate(names)}
    of = [np.array([code[name] for name in found], np.int32)[codes] for found, codes in named]
    parts = [(block.date[used[t]], block.known_at[used[t]], block.value[used[t]]) for t, block in blocks.items()]
    return Observations(tuple(names), np.concatenate(of), *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _named(table: str, block: Block, used: Int) -> tuple[list[Name], Int]:
    """The distinct names of some cells, and which of them each has."""
    width = len(block.labels) + 1
    distinct, codes = np.unique((block.asset[used] + 1) * width + block.label[used] + 1, return_inverse=True)
    return [_name(table, block, asset - 1, label - 1) for asset, label in (divmod(int(pair), width) for pair in distinct)], codes


def _name(table: str, block: Block, asset: int, label: int) -> Name:
    name = Name(_SERIES.get(table) or block.labels[label], block.assets[asset] if asset >= 0 else "")
    if table == "facts" and name.asset and name.series in OF_ASSETS:
        raise InputError(f"a sentiment series is called {name.series!r}, which is a price; nothing was kept; rename it")
    return name


def _parsed(blob: Blob, setting: str, columns: dict[str, str]) -> tuple[Grid, dict[str, Block]]:
    grid = blob.grid()
    return grid, READERS[setting](grid, DataConfig(columns=columns))


def _refused(table: str, block: Block, grid: Grid) -> list[Refused]:
    """The cells that reading alone refuses, as they were written."""
    out = []
    for i in np.flatnonzero(block.fate >= Fate.NOT_A_NUMBER).tolist():
        row, column = divmod(int(block.position[i]), len(grid.columns))
        asset, label = int(block.asset[i]), int(block.label[i])
        series = _SERIES.get(table) or (block.labels[label] if label >= 0 else "")
        known = block.known_at[i].item()
        cell = Cell(series, block.assets[asset] if asset >= 0 else "", _day(block, i), grid.text(row, column), known)
        out.append(Refused(cell, Fate(block.fate[i]).name.lower()))
    return out


def _day(block: Block, i: int) -> str:
    return "" if np.isnat(block.date[i]) else str(block.date[i])
