"""Open a store, add to it, look at it as of a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Engine, func, select

from riskradar import data
from riskradar.data import DataConfig, Raw
from riskradar.data.cells import known_day
from riskradar.data.quality import Known, Refused, Value
from riskradar.data.sources import Payload
from riskradar.errors import StorageError, UsageError
from riskradar.store import database, files, rows, schema
from riskradar.store.blocks import BLOCK, NEVER, Rows, pack
from riskradar.store.judge import Receipt, compare
from riskradar.store.schema import BATCHES, BLOCKS, DIGEST, NAMES, PAYLOADS, QUARANTINE
from riskradar.store.view import NEW_YORK, RADAR, View
from riskradar.tables.observations import Observations

EPOCH = date(1970, 1, 1)
CONFLICT = "conflict"  # the rule of rows of one batch that contradict each other


@dataclass(frozen=True, eq=False)
class Store:
    """A database and a folder of raw payloads; made by `create`, opened by `open`."""

    engine: Engine
    payload_folder: Path

    @classmethod
    def create(cls, url: str) -> Store:
        """Make an empty store, or open the one that is there; StorageError when it cannot be written."""
        address, folder = database.parse(url)
        new = [parent for parent in folder.parents if not parent.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            store = cls._migrated(cls(database.engine(address), folder))
            for made in (folder, *new):
                files.sync(made.parent)  # of a store that was found too: who made it may have been killed before this line
        except OSError as error:
            told = f"cannot write into {folder.parent}: {error.strerror}"
            raise StorageError(f"{told}; what was there is kept; choose another folder, or free some space and run again") from None
        return store

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
        return store

    def append(
        self, source: str, observations: Observations, moment: datetime, *, payloads: Sequence[Payload] = (), refused: Sequence[Refused] = ()
    ) -> Receipt:
        """Add a batch in one commit, or nothing of it; what is stored already is counted, never written again and never changed.

        moment: when the batch came (with zone); a value that differs from the stored one is a new row, known from that day on.
        Rows that contradict each other within the batch are quarantined. Payloads are durable before the commit.
        StorageError when it cannot be written.
        """
        try:
            contents = [files.put(self.payload_folder, payload.content) for payload in payloads]
        except OSError as error:
            raise StorageError(f"cannot write into {self.payload_folder}: {error.strerror}; nothing was stored; free some space, run again") from None
        with database.transaction(self.engine, writes=True) as connection:
            number = rows.following(connection, BATCHES)
            batch = coded(connection, source, observations)
            verdict = compare(batch, overlapping(connection, source, batch, number), today(moment, source))
            bad = [*(_refusal(one) for one in refused), *_conflicts(observations, np.flatnonzero(verdict.conflict))]
            receipt = Receipt(len(batch) + len(refused), len(verdict.fresh), verdict.identical, verdict.corrected, len(bad))
            about = {"source": source, "moment": moment.astimezone(UTC).isoformat(), **vars(receipt), "previous": _previous(connection)}
            rows.add(connection, BLOCKS, as_blocks(number, verdict.fresh))
            rows.add(connection, QUARANTINE, [{"batch": number, **row} for row in bad])
            rows.add(connection, PAYLOADS, [{"batch": number, **_about(p), "content": c} for p, c in zip(payloads, contents, strict=True)])
            rows.add(connection, BATCHES, [about])
        return receipt

    def keep(self, source: str, payloads: Sequence[Payload], values: Sequence[Value], refused: Sequence[Refused], moment: datetime) -> int:
        """`append` for judged values, one by one; how many of them are new."""
        return self.append(source, Observations.of_rows(values), moment, payloads=payloads, refused=refused).stored

    def as_of(self, moment: datetime) -> View:
        """What was known at a moment (with zone): the only way to read observations. UsageError without a zone."""
        if moment.tzinfo is None:
            raise UsageError(f"the moment {moment} has no time zone; nothing was read; add one")
        return View(self.engine, moment)

    def newest(self, source: str, since: date = date.min) -> Known:
        """The newest value of each day from `since` on of each series and asset that `source` gave."""
        first = days(since)
        with database.transaction(self.engine, writes=False) as connection:
            names = rows.names(connection, NAMES.c.source == source)
            parts = rows.blocks(connection, first, -NEVER, of_source(source))
            found = Rows.joined([p.take(np.flatnonzero(p.date >= first)) for p in parts]).newest().current()
        known: dict[tuple[str, str], dict[date, float]] = {}
        for name, day, value in zip(found.of.tolist(), found.date.astype("datetime64[D]").tolist(), found.value.tolist(), strict=True):
            known.setdefault(names[name], {})[day] = value
        return known

    def last_day(self, source: str) -> date | None:
        """The last day that any value of `source` speaks of; None where there is none."""
        with database.transaction(self.engine, writes=False) as connection:
            last = connection.scalar(select(func.max(BLOCKS.c.last)).where(of_source(source)))
        return None if last is None else EPOCH + timedelta(days=int(last))

    def payloads(self, source: str, since: datetime) -> list[Payload]:
        """The payloads of `source` that were retrieved since then; StorageError when one is damaged."""
        with database.transaction(self.engine, writes=False) as connection:
            kept = [(row, datetime.fromisoformat(row["retrieved_at"])) for row in rows.checked(connection, PAYLOADS, PAYLOADS.c.source == source)]
        recent = [(row, at) for row, at in kept if at >= since]
        return [Payload(row["source"], row["name"], row["url"], at, files.get(self.payload_folder, row["content"])) for row, at in recent]

    def status(self) -> dict[str, Any]:
        """Schema, and for each source its batches, rows, refusals and last moment."""
        c = BATCHES.c
        sums = [func.sum(column).label(column.name) for column in (c.received, c.stored, c.identical, c.corrected, c.quarantined)]
        with database.transaction(self.engine, writes=False) as connection:
            query = select(c.source, func.count().label("batches"), *sums, func.max(c.moment).label("last")).group_by(c.source).order_by(c.source)
            found = [dict(row) for row in connection.execute(query).mappings()]
            sources = [{k: v if isinstance(v, str) else int(v) for k, v in row.items()} for row in found]
            payloads = connection.scalar(select(func.count()).select_from(PAYLOADS))
            return {"schema": schema.version(connection), "sources": sources, "payloads": payloads}


def evening(day: date) -> datetime:
    """The radar's moment of a day: 20:00 New York."""
    return datetime.combine(day, RADAR, NEW_YORK)


def read(config: DataConfig) -> Raw:
    """The rows that `config` names, from files or, with data.store, from a store as of data.as_of (20:00 New York; now where it is not set)."""
    if not config.store:
        return data.read(config)
    moment = datetime.now(UTC) if config.as_of is None else evening(config.as_of)
    return Store.open(config.store).as_of(moment).raw(config)


def today(moment: datetime, source: str) -> int:
    """The day, since 1970, on which what comes at `moment` becomes known."""
    return days(known_day(moment, source) or date.min)


def days(day: date) -> int:
    """Days since 1970."""
    return (day - EPOCH).days


def of_source(source: str) -> ColumnElement[bool]:
    """Blocks of the batches of one source."""
    return BLOCKS.c.batch.in_(select(BATCHES.c.id).where(BATCHES.c.source == source))


def coded(connection: Connection, source: str, observations: Observations) -> Rows:
    """The rows under the numbers of their names in the database; new names are added."""
    known = {name: number for number, name in rows.names(connection, NAMES.c.source == source).items()}
    new = [name for name in sorted(observations.names) if name not in known]
    first = rows.following(connection, NAMES)
    rows.add(connection, NAMES, [{"source": source, **name._asdict()} for name in new])
    known |= {name: number for number, name in enumerate(new, first)}
    codes = np.array([known[name] for name in observations.names], np.int32)
    day, known_at = observations.date.astype(np.int32), observations.known_at.astype(np.int64)
    return Rows(codes[observations.of], day, np.where(np.isnat(observations.known_at), NEVER, known_at).astype(np.int32), observations.value)


def overlapping(connection: Connection, source: str, batch: Rows, before: int) -> Rows:
    """What batches of `source` before number `before` say about the days and names of a batch, as `newest`."""
    if not len(batch):
        return batch
    first, last = int(batch.date.min()), int(batch.date.max())
    mine = np.zeros(rows.following(connection, NAMES), bool)
    mine[batch.of] = True
    parts = rows.blocks(connection, first, last, BLOCKS.c.batch < before, of_source(source))
    return Rows.joined([p.take(np.flatnonzero(mine[p.of] & (p.date >= first) & (p.date <= last))) for p in parts]).newest()


def as_blocks(batch: int, fresh: Rows) -> list[dict[str, Any]]:
    """The rows of `blocks` that hold what is fresh."""
    parts = [fresh.take(slice(start, start + BLOCK)) for start in range(0, len(fresh), BLOCK)]
    return [{"batch": batch, "rows": len(p), "first": int(p.date[0]), "last": int(p.date[-1]), "data": pack(p)} for p in parts]


def _refusal(refused: Refused) -> dict[str, str]:
    cell = refused.cell
    known = cell.known_at.isoformat() if cell.known_at else ""
    return {"series": cell.series, "asset": cell.asset, "date": cell.day, "value": cell.value, "known_at": known, "rule": refused.rule}


def _conflicts(observations: Observations, which: Any) -> list[dict[str, str]]:
    """Rows of a batch that contradict each other, as text."""
    out = []
    for row in which.tolist():
        name, known = observations.names[observations.of[row]], observations.known_at[row]
        said = {"date": str(observations.date[row]), "value": repr(float(observations.value[row])), "known_at": "" if np.isnat(known) else str(known)}
        out.append({**name._asdict(), **said, "rule": CONFLICT})
    return out


def _about(payload: Payload) -> dict[str, str]:
    return {"source": payload.source, "name": payload.name, "url": payload.url, "retrieved_at": payload.retrieved_at.astimezone(UTC).isoformat()}


def _previous(connection: Connection) -> str:
    """Digest of the batch before: a batch cannot be changed or removed without all later ones."""
    return connection.scalar(select(BATCHES.c[DIGEST]).order_by(BATCHES.c.id.desc()).limit(1)) or ""
