"""Open a store, add to it, look at it as of a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Table, func, insert, select, text

from riskradar.data.cells import known_day
from riskradar.data.quality import Refused, Value
from riskradar.data.sources import Payload
from riskradar.errors import StorageError, UsageError
from riskradar.store import database, files, schema
from riskradar.store.blocks import BLOCK, NEVER, Rows, pack, unpack
from riskradar.store.judge import Receipt, compare
from riskradar.store.schema import BATCHES, BLOCKS, DIGEST, GROWING, NAMES, PAYLOADS, QUARANTINE, signed
from riskradar.store.view import View
from riskradar.tables.observations import Name, Observations

CONFLICT = "conflict"  # the rule of rows of one batch that contradict each other
_CHUNK = 1000  # rows of digests read at a time


@dataclass(frozen=True, eq=False)
class Store:
    """A database and a folder of raw payloads; made by `create`, opened by `open`."""

    engine: Engine
    payload_folder: Path

    @classmethod
    def create(cls, url: str) -> Store:
        """Make an empty store, or open the one that is there; StorageError when it cannot be written."""
        address, folder = database.parse(url)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.sync(folder.parent)
        except OSError as error:
            raise StorageError(f"cannot write into {folder.parent}: {error.strerror}; nothing was made; choose another folder") from None
        return cls._migrated(cls(database.engine(address), folder))

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a store and bring it to today's schema; UsageError when there is none, StorageError when it is locked, damaged or newer."""
        address, folder = database.parse(url)
        missing = folder if not folder.is_dir() else None
        if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
            missing = Path(str(address.database))
        if missing is not None:
            raise UsageError(f"no store at {missing}; nothing was opened; `riskradar init` makes one")
        return cls._migrated(cls(database.engine(address), folder))

    @staticmethod
    def _migrated(store: Store) -> Store:
        with database.transaction(store.engine, writes=False) as connection:
            current = schema.version(connection) == len(schema.MIGRATIONS)
        if not current:
            with database.transaction(store.engine, writes=True) as connection:
                schema.migrate(connection, schema.MIGRATIONS)
            files.sync(store.payload_folder.parent)
        return store

    def append(
        self, source: str, observations: Observations, moment: datetime, *, payloads: Sequence[Payload] = (), refused: Sequence[Refused] = ()
    ) -> Receipt:
        """Add a batch in one commit, or nothing of it; what is stored already is counted, never written again and never changed.

        moment: when the batch came (with zone); a value that differs from the stored one is a new row, known from that day on.
        Rows that contradict each other within the batch are quarantined. Payloads are durable before the commit. StorageError when it cannot be written.
        """
        today = (known_day(moment, source) or date.min).toordinal() - date(1970, 1, 1).toordinal()
        try:
            contents = [files.put(self.payload_folder, payload.content) for payload in payloads]
        except OSError as error:
            raise StorageError(f"cannot write into {self.payload_folder}: {error.strerror}; nothing was stored; free some space, run again") from None
        with database.transaction(self.engine, writes=True) as connection:
            number = _next(connection, BATCHES)
            rows = _coded(connection, observations)
            verdict = compare(rows, _overlapping(connection, source, rows), today)
            bad = [*(_refusal(one) for one in refused), *_conflicts(observations, np.flatnonzero(verdict.conflict))]
            receipt = Receipt(len(rows) + len(refused), len(verdict.fresh), verdict.identical, verdict.corrected, len(bad))
            _insert(connection, BLOCKS, _blocks(number, verdict.fresh))
            _insert(connection, QUARANTINE, [{"batch": number, **row} for row in bad])
            _insert(connection, PAYLOADS, [{"batch": number, **_about(p), "content": c} for p, c in zip(payloads, contents, strict=True)])
            _insert(connection, BATCHES, [{"source": source, "moment": moment.astimezone(UTC).isoformat(), **vars(receipt), "previous": _previous(connection)}])
        return receipt

    def keep(self, source: str, payloads: Sequence[Payload], values: Sequence[Value], refused: Sequence[Refused], moment: datetime) -> int:
        """`append` for judged values, one by one; how many of them are new."""
        rows = [(v.series, v.asset, np.datetime64(v.day, "D"), np.datetime64(v.known_at or "NaT", "D"), v.value) for v in values]
        return self.append(source, Observations.of_rows(rows), moment, payloads=payloads, refused=refused).stored

    def as_of(self, moment: datetime) -> View:
        """What was known at a moment (with zone): the only way to read observations. UsageError without a zone."""
        if moment.tzinfo is None:
            raise UsageError(f"the moment {moment} has no time zone; nothing was read; add one")
        return View(self.engine, moment)

    def newest(self, source: str) -> dict[tuple[str, str], dict[date, float]]:
        """The newest value of each day of each series and asset that `source` gave."""
        with database.transaction(self.engine, writes=False) as connection:
            names = {row.id: (row.series, row.asset) for row in connection.execute(select(NAMES))}
            rows = Rows.joined(_stored(connection, BATCHES.c.source == source)).newest().current()
        found: dict[tuple[str, str], dict[date, float]] = {}
        days = rows.date.astype("datetime64[D]").tolist()
        for name, day, value in zip(rows.of.tolist(), days, rows.value.tolist(), strict=True):
            found.setdefault(names[name], {})[day] = value
        return found

    def payloads(self, source: str, since: datetime) -> list[Payload]:
        """The payloads of `source` that were retrieved since then; StorageError when one is damaged."""
        with database.transaction(self.engine, writes=False) as connection:
            rows = connection.execute(select(PAYLOADS).where(PAYLOADS.c.source == source).order_by(PAYLOADS.c.id)).all()
        found = [(row, datetime.fromisoformat(row.retrieved_at)) for row in rows]
        return [Payload(r.source, r.name, r.url, at, files.get(self.payload_folder, r.content)) for r, at in found if at >= since]

    def status(self) -> dict[str, Any]:
        """Schema, and for each source its batches, rows, refusals and last moment."""
        c = BATCHES.c
        sums = [func.sum(column).label(column.name) for column in (c.received, c.stored, c.identical, c.corrected, c.quarantined)]
        with database.transaction(self.engine, writes=False) as connection:
            query = select(c.source, func.count().label("batches"), *sums, func.max(c.moment).label("last")).group_by(c.source).order_by(c.source)
            found = [dict(row) for row in connection.execute(query).mappings()]
            sources = [{k: v if isinstance(v, str) else int(v) for k, v in row.items()} for row in found]
            return {"schema": schema.version(connection), "sources": sources, "payloads": connection.scalar(select(func.count()).select_from(PAYLOADS))}

    def verify(self) -> list[str]:
        """Every row and every payload against its SHA-256, batches against what belongs to them; one line for each that differs."""
        with database.transaction(self.engine, writes=False) as connection:
            found = [f"database: {line}" for line in _unsound(connection)]
            found += [line for table in GROWING for line in _changed(connection, table)]
            found += _uncounted(connection)
            contents = connection.scalars(select(PAYLOADS.c.content).distinct().order_by(PAYLOADS.c.content)).all()
        for content in contents:
            try:
                files.get(self.payload_folder, content)
            except StorageError as error:
                found.append(str(error).partition(";")[0])
        return found


def check(url: str) -> Store:
    """Open a store whose rows and payloads are all as they were kept; StorageError names the first that is not."""
    store = Store.open(url)
    if found := store.verify():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise StorageError(f"{found[0]}{more}; nothing was changed; see `riskradar data verify`")
    return store


def _next(connection: Connection, table: Table) -> int:
    return int(connection.scalar(select(func.coalesce(func.max(table.c.id), 0)))) + 1


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Append rows, numbered and signed."""
    if rows:
        connection.execute(insert(table), [signed({"id": number, **row}) for number, row in enumerate(rows, _next(connection, table))])


def _coded(connection: Connection, observations: Observations) -> Rows:
    """The rows under the numbers of their names in the database; new names are added."""
    known = {Name(row.series, row.asset): row.id for row in connection.execute(select(NAMES))}
    new = [name for name in sorted(observations.names) if name not in known]
    first = _next(connection, NAMES)
    _insert(connection, NAMES, [name._asdict() for name in new])
    known |= {name: number for number, name in enumerate(new, first)}
    codes = np.array([known[name] for name in observations.names], np.int32)
    day, known_at = observations.date.astype(np.int32), observations.known_at.astype(np.int64)
    return Rows(codes[observations.of], day, np.where(np.isnat(observations.known_at), NEVER, known_at).astype(np.int32), observations.value)


def _stored(connection: Connection, *where: Any) -> list[Rows]:
    """The rows of the chosen blocks, oldest batch first."""
    query = select(BLOCKS.c.data, BLOCKS.c.rows).join(BATCHES, BATCHES.c.id == BLOCKS.c.batch).where(*where).order_by(BLOCKS.c.id)
    return [unpack(row.data, row.rows) for row in connection.execute(query)]


def _overlapping(connection: Connection, source: str, rows: Rows) -> Rows:
    """What `source` has said about the days and names of `rows`, as `newest`."""
    if not len(rows):
        return rows
    first, last = int(rows.date.min()), int(rows.date.max())
    parts = _stored(connection, BATCHES.c.source == source, BLOCKS.c.last >= first, BLOCKS.c.first <= last)
    mine = np.zeros(max([int(rows.of.max()), *(int(p.of.max()) for p in parts)]) + 1, bool)
    mine[rows.of] = True
    return Rows.joined([p.take(mine[p.of] & (p.date >= first) & (p.date <= last)) for p in parts]).newest()


def _blocks(batch: int, rows: Rows) -> Iterator[dict[str, Any]] | list[dict[str, Any]]:
    parts = [rows.take(slice(start, start + BLOCK)) for start in range(0, len(rows), BLOCK)]
    return [{"batch": batch, "rows": len(p), "first": int(p.date[0]), "last": int(p.date[-1]), "data": pack(p)} for p in parts]


def _refusal(refused: Refused) -> dict[str, str]:
    cell = refused.cell
    known = cell.known_at.isoformat() if cell.known_at else ""
    return {"series": cell.series, "asset": cell.asset, "date": cell.day, "value": cell.value, "known_at": known, "rule": refused.rule}


def _conflicts(observations: Observations, rows: Any) -> list[dict[str, str]]:
    """Rows of a batch that contradict each other, as text."""
    out = []
    for row in rows.tolist():
        name, known = observations.names[observations.of[row]], observations.known_at[row]
        said = {"date": str(observations.date[row]), "value": repr(float(observations.value[row])), "known_at": "" if np.isnat(known) else str(known)}
        out.append({**name._asdict(), **said, "rule": CONFLICT})
    return out


def _about(payload: Payload) -> dict[str, str]:
    return {"source": payload.source, "name": payload.name, "url": payload.url, "retrieved_at": payload.retrieved_at.astimezone(UTC).isoformat()}


def _previous(connection: Connection) -> str:
    """Digest of the batch before: a batch cannot be changed or removed without all later ones."""
    return connection.scalar(select(BATCHES.c[DIGEST]).order_by(BATCHES.c.id.desc()).limit(1)) or ""


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
            yield f"{table.name}: row {expected} is missing"
        expected = row["id"] + 1
        if schema.digest(row) != row[DIGEST]:
            yield f"{table.name}: row {row['id']} is not what was stored"


def _uncounted(connection: Connection) -> Iterator[str]:
    """Batches whose rows are not all there, or that do not follow the batch before."""
    stored: Mapping[int, int] = dict(connection.execute(select(BLOCKS.c.batch, func.sum(BLOCKS.c.rows)).group_by(BLOCKS.c.batch)).tuples().all())
    refused: Mapping[int, int] = dict(connection.execute(select(QUARANTINE.c.batch, func.count()).group_by(QUARANTINE.c.batch)).tuples().all())
    previous = ""
    for row in connection.execute(select(BATCHES).order_by(BATCHES.c.id)).mappings():
        if (stored.get(row["id"], 0), refused.get(row["id"], 0)) != (row["stored"], row["quarantined"]):
            yield f"batches: row {row['id']} has rows that are missing or not its own"
        if row["previous"] != previous:
            yield f"batches: row {row['id']} does not follow the one before"
        previous = row[DIGEST]
