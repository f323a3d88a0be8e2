"""What is in the tables, with every row checked against its digest as it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, insert, select

from riskradar.errors import StorageError
from riskradar.store.blocks import NEVER, Rows, unpack
from riskradar.store.schema import BLOCKS, DIGEST, NAMES, digest, signed
from riskradar.tables.observations import Name

_CHUNK = 64


def checked(connection: Connection, table: Table, *where: Any) -> Iterator[RowMapping]:
    """Rows in the order in which they were stored; StorageError names the first that is not what was stored."""
    with connection.execute(select(table).where(*where).order_by(table.c.id).execution_options(yield_per=_CHUNK)) as found:
        for row in found.mappings():
            if digest(dict(row)) != row[DIGEST]:
                raise StorageError(f"{table.name}: row {row['id']} is not what was stored; nothing was changed; riskradar data repair")
            yield row


def blocks(connection: Connection, first: int = NEVER, last: int = -NEVER, *where: Any) -> Iterator[Rows]:
    """The rows of every block that has days from `first` to `last`, oldest first."""
    for row in checked(connection, BLOCKS, BLOCKS.c.last >= first, BLOCKS.c.first <= last, *where):
        yield unpack(row["data"], row["rows"])


def names(connection: Connection, *where: Any) -> dict[int, Name]:
    """Series and asset by number."""
    return {row["id"]: Name(row["series"], row["asset"]) for row in checked(connection, NAMES, *where)}


def following(connection: Connection, table: Table) -> int:
    """The number of the row that will be appended next."""
    return (connection.scalar(select(func.max(table.c.id))) or 0) + 1


def add(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Append rows, numbered and signed."""
    if rows:
        connection.execute(insert(table), [signed({"id": number, **row}) for number, row in enumerate(rows, following(connection, table))])
