"""Is everything still what was stored, and what can be put back from the raw files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, func, select, text, update

from riskradar.errors import RadarError, StorageError
from riskradar.store import database, files, ledger, rows, schema
from riskradar.store.imported import SOURCE, observations_of, payload_blocks
from riskradar.store.judge import compare
from riskradar.store.schema import BATCHES, BLOCKS, DIGEST, GROWING, PAYLOADS, QUARANTINE
from riskradar.store.store import Store, as_blocks, coded, overlapping, today

_CHUNK = 1000  # rows of digests read at a time


def verify(store: Store) -> list[str]:
    """Every row and every payload against its SHA-256, batches against what belongs to them; one line for each that differs."""
    with database.transaction(store.engine, writes=False) as connection:
        found = [f"database: {line}" for line in _unsound(connection)]
        found += [f"{table.name}: {line}" for table in GROWING for line in _changed(connection, table)]
        found += _uncounted(connection)
        found += [line for line in ledger.broken(connection) if line not in found]
        contents = connection.scalars(select(PAYLOADS.c.content).distinct().order_by(PAYLOADS.c.content)).all()
    return found + [f"payloads: {line}" for content in contents for line in _unread(store.payload_folder, content)]


def repair(store: Store) -> list[str]:
    """Put back damaged blocks from the raw payloads of their batches where these give the same bytes; one line for each, restored or not.

    Nothing is removed: what cannot be restored stays as it is, and reading it stays an error.
    """
    told = []
    with database.transaction(store.engine, writes=True) as connection:
        damaged = [row for row in connection.execute(select(BLOCKS).order_by(BLOCKS.c.id)).mappings() if schema.digest(dict(row)) != row[DIGEST]]
        for row in damaged:
            try:
                content = _again(store, connection, row["batch"], row["id"], row[DIGEST])
            except RadarError as error:
                told.append(f"blocks: row {row['id']} not restored ({str(error).partition(';')[0]}); it stays as it is")
                continue
            connection.execute(update(BLOCKS).where(BLOCKS.c.id == row["id"]).values(content))
            told.append(f"blocks: row {row['id']} restored from its raw payload")
    return told


def _again(store: Store, connection: Connection, batch: int, block: int, sha256: str) -> dict[str, object]:
    """What a block of an imported file held, made again as it was made first; StorageError when that does not give the same bytes."""
    [about] = rows.checked(connection, BATCHES, BATCHES.c.id == batch)
    given = list(rows.checked(connection, PAYLOADS, PAYLOADS.c.batch == batch))
    if len(given) != 1 or about["source"] != SOURCE:
        raise StorageError(f"batch {batch} came from {about['source']}, and what was believed of it cannot be judged again; fetch it again")
    parsed = payload_blocks(files.get(store.payload_folder, given[0]["content"]), given[0]["name"], given[0]["url"])
    batch_rows = coded(connection, about["source"], observations_of(parsed))
    before = overlapping(connection, SOURCE, batch_rows, batch)
    fresh = compare(batch_rows, before, today(datetime.fromisoformat(about["moment"]), about["source"])).fresh
    first = int(connection.scalar(select(func.min(BLOCKS.c.id)).where(BLOCKS.c.batch == batch)) or block)
    made = [schema.signed({"id": number, **row}) for number, row in enumerate(as_blocks(batch, fresh), first)]
    match = [row for row in made if row[DIGEST] == sha256]
    if not match:
        raise StorageError("its raw payload gives other rows; put the store back from a copy")
    return match[0]


def _unsound(connection: Connection) -> list[str]:
    """What SQLite itself finds; PostgreSQL checks its pages as it reads them."""
    if connection.dialect.name != "sqlite":
        return []
    return [line for line in connection.scalars(text("PRAGMA integrity_check")) if line != "ok"]


def _changed(connection: Connection, table: Table) -> Iterator[str]:
    """Rows of a table that are no longer what they were, and numbers that are missing."""
    expected = 1
    for row in connection.execute(select(table).order_by(table.c.id).execution_options(yield_per=_CHUNK)).mappings():
        if row["id"] != expected:
            yield f"row {expected} is missing"
        expected = row["id"] + 1
        if schema.digest(dict(row)) != row[DIGEST]:
            yield f"row {row['id']} is not what was stored"


def _uncounted(connection: Connection) -> Iterator[str]:
    """Batches whose rows are not all there, or that do not follow the batch before."""
    sums = [(BLOCKS, func.sum(BLOCKS.c.rows)), (QUARANTINE, func.count())]
    stored, refused = (
        {int(batch): int(count) for batch, count in connection.execute(select(table.c.batch, of).group_by(table.c.batch))}
        for table, of in sums
    )  # fmt: skip
    counts: Mapping[str, Mapping[int, int]] = {"stored": stored, "quarantined": refused}
    previous = ""
    for row in connection.execute(select(BATCHES).order_by(BATCHES.c.id)).mappings():
        if any(count.get(row["id"], 0) != row[name] for name, count in counts.items()):
            yield f"batches: row {row['id']} has rows that are missing or not its own"
        if row["previous"] != previous:
            yield f"batches: row {row['id']} does not follow the one before"
        previous = row[DIGEST]


def _unread(folder: Path, content: str) -> list[str]:
    try:
        files.get(folder, content)
    except StorageError as error:
        return [str(error).partition(";")[0]]
    return []
