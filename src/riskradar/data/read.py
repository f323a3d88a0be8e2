"""Bytes to Raw: every cell parsed by itself, so that cutting rows before reading or after it comes to the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import numpy as np

from riskradar.data import sample
from riskradar.data.assemble import published
from riskradar.data.blocks import Block, fact_blocks, is_long, price_blocks, roles, sector_blocks, universe_blocks
from riskradar.data.cells import Fate
from riskradar.data.config import DataConfig
from riskradar.data.exchange import envelope_grid
from riskradar.data.files import Grid, frame_grid, open_file
from riskradar.data.lags import Lag, lag_of
from riskradar.data.raw import NO_DAY, Raw, Rows
from riskradar.errors import InputError, UsageError
from riskradar.tables.panel import KINDS

if TYPE_CHECKING:
    import pandas as pd

MAX_NAME = 64
READERS = {
    "prices": price_blocks, "sectors": sector_blocks, "universe": universe_blocks,
    "macro": fact_blocks, "sentiment": fact_blocks, "exchange": fact_blocks,
}  # fmt: skip

ROLES = {
    "prices": ("date", "asset", "close", "volume"), "sectors": ("asset", "sector", "kind", "date", "start", "known_at"),
    "universe": ("asset", "start", "end", "known_at"), "macro": ("date", "series", "value", "known_at"),
    "sentiment": ("date", "asset", "series", "value", "known_at"), "exchange": ("date", "asset", "series", "value", "known_at"),
}  # fmt: skip


def read(config: DataConfig) -> Raw:
    """Every source that the configuration names; InputError for one that is refused as a whole, UsageError for a column that no source has."""
    if config.prices == "sample":
        known = [] if config.sectors else [("sectors", sample.sectors())]
        return read_grids([("prices", grid) for grid in sample.prices()] + known, config)
    blobs = [open_file(path, "data.prices") for path in config.files("prices")]
    for blob in blobs:
        if not is_long(roles(blob.columns, config, blob.path.name)):
            _check_count(len(blob.columns) - 1, config)  # from the header, before the body is unpacked
    return read_grids([("prices", blob.grid()) for blob in blobs], config)


def read_frame(frame: pd.DataFrame, config: DataConfig) -> Raw:
    """The closes of a DataFrame, dates by names, with the other sources of the configuration."""
    _check_count(frame.shape[1], config)
    return read_grids([("prices", frame_grid(frame))], config)


def read_grids(given: list[tuple[str, Grid]], config: DataConfig) -> Raw:
    """Grids under the settings that they stand for, with the other sources of the configuration."""
    sources = _numbered(given + _others(config), config)
    blocks: dict[str, list[Block]] = {}
    facts: dict[str, set[str]] = {}
    for setting, grid in sources:
        for table, block in READERS[setting](grid, config).items():
            blocks.setdefault(table, []).append(block)
            if table == "facts":
                facts.setdefault(setting, set()).update(set(block.labels) - {""})
    assets = check_names((name for b in blocks["prices"] for name in b.assets), "asset")
    _check_count(len(assets), config)
    sectors = check_names((name for b in blocks.get("sectors", []) for name in b.labels if name.lower() != "unknown"), "sector")
    series = check_names((name for b in blocks.get("facts", []) for name in b.labels), "series")
    if sum(map(len, facts.values())) > len(series):
        raise InputError(f"{' and '.join(f'data.{s}' for s in facts)} name the same series; nothing was kept; drop it from one of them")
    labels: dict[str, Sequence[str]] = {"facts": series, "sectors": sectors, "kinds": KINDS}
    tables = {table: Rows.joined([_rows(table, b, assets, labels.get(table, ())) for b in parts]) for table, parts in blocks.items()}
    lags = tuple(lag_of(name, config.lags) for name in series)
    if "facts" in tables:
        _refuse_unlagged(tables["facts"], lags)
    raw = Raw(
        sources=tuple(grid for _, grid in sources), assets=assets, series=series, lags=lags, sectors=sectors, tables=tables,
        cells={table: sum(len(b.value) for b in parts) for table, parts in blocks.items()},
        sectors_dated=any(s == "sectors" and (g.stamp is not None or "known_at" in roles(g.columns, config, g.name)) for s, g in sources),
        last=_last(tables["prices"]), notes=tuple(filter(None, (_excluded(assets, config), *(_unused(s, grid, config) for s, grid in sources)))),
    )  # fmt: skip
    return published(raw, config)


def _others(config: DataConfig) -> list[tuple[str, Grid]]:
    named = [("sectors", path) for path in config.files("sectors")] + [(s, getattr(config, s)) for s in ("universe", "macro", "sentiment")]
    tables = [(setting, open_file(path, f"data.{setting}").grid()) for setting, path in named if path]
    return tables + [("exchange", envelope_grid(path)) for path in config.files("exchange")]


def _numbered(grids: list[tuple[str, Grid]], config: DataConfig) -> list[tuple[str, Grid]]:
    """The grids with their cells numbered through, and the check that every column the user named exists somewhere."""
    have = {column for _, grid in grids for column in grid.columns}
    for role, column in config.columns.items():
        if column not in have:
            near = get_close_matches(column, sorted(have), n=1, cutoff=0.4)
            raise UsageError(f"data.columns.{role} = {column!r} is in no source; nothing was read" + (f"; did you mean {near[0]!r}?" if near else ""))
    out, first = [], 0
    for setting, grid in grids:
        found = roles(grid.columns, config, grid.name)
        stamp = found.get("date", found.get("start") if setting in ("sectors", "universe") else None)
        out.append((setting, replace(grid, first=first, stamp=stamp, owner=found.get("asset"))))
        first += grid.size
    return out


def _rows(table: str, block: Block, assets: tuple[str, ...], labels: Sequence[str]) -> Rows:
    """A block with its names replaced by codes; a cell of an asset without prices is refused."""
    asset = _recode(block.assets, assets)[block.asset].astype(np.int16)
    label = _recode(block.labels, labels)[block.label]
    fate = block.fate.copy()
    fate[(block.asset >= 0) & (asset < 0) & (fate == Fate.ACCEPTED)] = Fate.NOT_IN_PRICES
    value, of = (block.value, label) if table == "facts" else (label.astype(float) if labels else block.value, np.zeros(len(label)))
    return Rows(of.astype(np.int16), asset, block.date, block.known_at, value, block.position, fate)


def _recode(local: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Code of each local name among `names`; the last entry serves the code -1."""
    code = {name: i for i, name in enumerate(names)}
    return np.array([*(code.get(name, -1) for name in local), -1])


def _refuse_unlagged(facts: Rows, lags: tuple[Lag, ...]) -> None:
    """No guess about publication: without a lag only the rows that say when they were known are used."""
    unknown = np.array([*(lag.sessions is None for lag in lags), False])[facts.of]
    facts.fate[unknown & np.isnat(facts.known_at) & (facts.fate == Fate.ACCEPTED)] = Fate.NO_LAG


def _unused(setting: str, grid: Grid, config: DataConfig) -> str:
    """Which columns of a source nothing is read from; a wide table is read whole."""
    found = roles(grid.columns, config, grid.name)
    if (setting == "prices" and not is_long(found)) or (setting in ("macro", "sentiment") and not {"series", "value"} <= set(found)):
        return ""
    read_from = {grid.columns[found[role]] for role in ROLES[setting] if role in found}
    unused = [column for column in grid.columns if column not in read_from]
    return f"columns not used in {grid.name}: {', '.join(unused)}" if unused else ""


def _excluded(assets: Sequence[str], config: DataConfig) -> str:
    """Which assets of the prices the user keeps out."""
    out = sorted(set(assets) & set(config.exclude))
    return f"never members (data.exclude): {', '.join(out)}" if out else ""


def _last(prices: Rows) -> np.datetime64:
    dates = prices.date[prices.fate == Fate.ACCEPTED]
    return dates[-1] if len(dates) else NO_DAY


def _check_count(count: int, config: DataConfig) -> None:
    if count > config.max_assets:
        raise InputError(f"{count:,} assets are more than data.max_assets = {config.max_assets:,}; nothing was kept; choose fewer or raise it")


def check_names(names: Iterable[str], what: str) -> tuple[str, ...]:
    """Distinct names in sorted order; InputError for one that could not be printed safely."""
    found = sorted(set(names) - {""})
    for name in found:
        if len(name) > MAX_NAME:
            raise InputError(f"the {what} name {name[:20]!r}... has {len(name)} characters, more than {MAX_NAME}; nothing was kept; shorten it")
        if any(unicodedata.category(c).startswith("C") for c in name):
            raise InputError(f"the {what} name {name!a} has a control character; nothing was kept; remove it")
    return tuple(found)
