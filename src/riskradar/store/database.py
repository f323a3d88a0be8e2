"""Connections to SQLite or PostgreSQL, set up so that a commit that returned is on the disk, and their errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from riskradar.errors import RadarError, StorageError, UsageError

PATIENCE = 30  # seconds that a writer waits for another
PAYLOADS = "payloads"  # the folder of raw payloads: beside an SQLite file, or the query of a server's URL
_LOCK = 7_273_617  # any number that is ours: writers of one database take turns on it
_WRITES = "riskradar_writes"
_SQLITE = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", f"PRAGMA busy_timeout={1000 * PATIENCE}", "PRAGMA foreign_keys=ON")


def parse(url: str) -> tuple[URL, Path]:
    """The address of the database and the folder of its payloads; UsageError for what is neither SQLite file nor PostgreSQL."""
    try:
        made = make_url(url)
    except ArgumentError:
        raise UsageError(f"data.store = {url!r} is no database URL; nothing was opened; write sqlite:///FOLDER/radar.db") from None
    backend = made.get_backend_name()
    if backend == "sqlite" and made.database and made.database != ":memory:":
        return made, Path(made.database).parent / PAYLOADS
    folder = made.query.get(PAYLOADS)
    if backend == "postgresql" and isinstance(folder, str):
        return made.set(drivername="postgresql+psycopg").difference_update_query([PAYLOADS]), Path(folder)
    shown = made.render_as_string(hide_password=True)
    raise UsageError(f"data.store = {shown!r}: write sqlite:///FOLDER/radar.db or postgresql://HOST/NAME?{PAYLOADS}=FOLDER; nothing was opened")


def url_of(folder: Path, server: str = "") -> str:
    """The URL of a store whose files lie in a folder, and whose rows lie there too or on a PostgreSQL server; UsageError for another server."""
    if not server:
        return f"sqlite:///{folder / 'radar.db'}"
    url = f"{server}{'&' if '?' in server else '?'}{PAYLOADS}={quote(str(folder / PAYLOADS))}"
    if parse(url)[0].get_backend_name() != "postgresql":
        raise UsageError(f"server {server!r} is no PostgreSQL; nothing was made; write postgresql://USER@HOST/NAME")
    return url


def engine(url: URL) -> Engine:
    """An engine that opens a connection for each use, so that nothing stays locked between two."""
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")
        made = create_engine(url, poolclass=NullPool)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise UsageError("PostgreSQL needs psycopg; nothing was opened; pip install 'systemic-risk-radar[postgres]'") from None
    event.listen(made, "connect", _set_up)
    event.listen(made, "begin", _begin)
    return made


@contextmanager
def transaction(made: Engine, *, writes: bool) -> Iterator[Connection]:
    """One transaction: all of it or nothing; writers take turns, readers see one committed state and wait for nobody.

    StorageError where the database is locked, damaged, full or away.
    """
    try:
        with made.connect() as plain:
            server = made.dialect.name == "postgresql"
            waits = {"isolation_level": "READ COMMITTED"} if writes and server else {}  # what was committed while it waited for its turn must be seen
            connection = plain.execution_options(**{_WRITES: writes}, **waits)
            with connection.begin():
                if writes and server:
                    connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                yield connection
    except DBAPIError as error:
        raise _told(made, error) from None


def _told(made: Engine, error: DBAPIError) -> RadarError:
    reason = " ".join(str(error.orig).split()) or type(error.orig).__name__
    where = made.url.render_as_string(hide_password=True)
    if "locked" in reason or "lock timeout" in reason:
        return StorageError(f"{where} is locked by another writer; nothing was stored; wait for it to end and run again")
    if "malformed" in reason or "not a database" in reason:
        return StorageError(f"{where} is damaged ({reason}); nothing was stored; put it back from a copy, or start another with riskradar init")
    return StorageError(f"{where} cannot be used ({reason[:200]}); what was committed before is kept; see that it is there, writable and not full")


def _set_up(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # sqlite3 would begin transactions by itself, too late for a consistent read
    for pragma in _SQLITE:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
