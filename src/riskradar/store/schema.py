"""The tables of a store, the steps that led to them, and the digest that every row carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, String, Table, Text, insert, inspect, select

from riskradar.errors import StorageError

METADATA = MetaData()
DIGEST = "sha256"


def _table(name: str, *columns: Column[Any]) -> Table:
    """A table that only grows: its rows are numbered and carry the SHA-256 of what they say."""
    return Table(name, METADATA, Column("id", Integer, primary_key=True, autoincrement=False), *columns, Column(DIGEST, String(64), nullable=False))


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


VERSIONS = Table("schema_versions", METADATA, Column("version", Integer, primary_key=True))
NAMES = _table("names", _text("source"), _text("series"), _text("asset"))  # the oldest row of a series and asset is the source that views take
BATCHES = _table(
    "batches", _text("source"), _text("moment"), _number("received"), _number("stored"), _number("identical"), _number("corrected"),
    _number("quarantined"), _text("previous"),
)  # fmt: skip
BLOCKS = _table(
    "blocks", _number("batch"), _number("rows"), _number("first"), _number("last"), Column("data", LargeBinary, nullable=False),
)  # fmt: skip
PAYLOADS = _table("payloads", _number("batch"), _text("source"), _text("name"), _text("url"), _text("retrieved_at"), _text("content"))
QUARANTINE = _table(
    "quarantine", _number("batch"), _text("series"), _text("asset"), _text("date"), _text("value"), _text("known_at"), _text("rule"),
)  # fmt: skip
# Each row of these also carries the digest of the row before it, so that none can be changed, removed or put in between (see store.ledger).
SCORES = _table("scores", _text("date"), _text("target"), _text("model"), _text("said"), _text("previous"))
PROMOTIONS = _table("promotions", _text("run"), _text("model"), _number("promoted"), _text("reason"), _text("moment"), _text("previous"))
ALERTS = _table("alerts", _text("rule"), _text("model"), _text("date"), _text("state"), _text("note"), _text("moment"), _text("previous"))
SILENCES = _table("silences", _text("start"), _text("stop"), _text("note"), _text("moment"), _text("previous"))
OUTBOX = _table("outbox", _text("key"), _text("receiver"), _text("message"), _text("moment"), _text("previous"))
DELIVERIES = _table("deliveries", _number("message"), _text("state"), _text("reason"), _text("moment"), _text("previous"))
CHAINED = (SCORES, PROMOTIONS, ALERTS, SILENCES, OUTBOX, DELIVERIES)
GROWING = (NAMES, BATCHES, BLOCKS, PAYLOADS, QUARANTINE, *CHAINED)


def _creates(*tables: Table) -> Callable[[Connection], None]:
    return lambda connection: METADATA.create_all(connection, tables=list(tables), checkfirst=False)


# Each step runs in one transaction with its version; a new one is appended, none is ever changed.
MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _creates(NAMES, BATCHES, BLOCKS, PAYLOADS),
    _creates(QUARANTINE),
    _creates(*CHAINED),
)


def version(connection: Connection) -> int:
    """How many steps a store has taken; 0 for an empty database."""
    if not inspect(connection).has_table(VERSIONS.name):
        return 0
    return max(connection.execute(select(VERSIONS.c.version)).scalars(), default=0)


def migrate(connection: Connection, steps: tuple[Callable[[Connection], None], ...] = MIGRATIONS) -> None:
    """Take the steps that a store lacks, inside the transaction of `connection`; StorageError for a store that has taken more."""
    have = version(connection)
    if have > len(steps):
        raise StorageError(f"the store has schema {have} and this riskradar knows {len(steps)}; nothing was changed; install a newer riskradar")
    if have == 0:
        VERSIONS.create(connection)
    for number, step in enumerate(steps[have:], have + 1):
        step(connection)
        connection.execute(insert(VERSIONS).values(version=number))


def digest(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row's columns but the digest itself."""
    said = {k: hashlib.sha256(v).hexdigest() if isinstance(v, bytes | memoryview) else v for k, v in row.items() if k != DIGEST}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def signed(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its digest."""
    return row | {DIGEST: digest(row)}
