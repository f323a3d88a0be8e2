"""The ledger: what was said, when and from what; which run speaks; what was alarmed and delivered. Rows are chained, never changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Table, func, select

from riskradar.errors import StorageError
from riskradar.store import rows
from riskradar.store.schema import ALERTS, BATCHES, CHAINED, DELIVERIES, DIGEST, OUTBOX, PROMOTIONS, SCORES, SILENCES, digest, signed

FEW = 16  # rows that are fetched at a time where the newest are looked at
TRYING, SENT, FAILED = "trying", "sent", "failed"


def append(connection: Connection, table: Table, new: Sequence[Mapping[str, Any]]) -> None:
    """Add rows after the last one, numbered, chained and signed."""
    number, previous = rows.following(connection, table), head(connection, table)
    for row in new:
        made = signed({"id": number, **row, "previous": previous})
        connection.execute(table.insert(), [made])
        number, previous = number + 1, made[DIGEST]


def head(connection: Connection, table: Table) -> str:
    """Digest of the last row, empty where there is none."""
    return connection.scalar(select(table.c[DIGEST]).order_by(table.c.id.desc()).limit(1)) or ""


def say(connection: Connection, scores: Sequence[Mapping[str, Any]]) -> None:
    """Add scores (date, target, model and all else that was said); StorageError when one of them was said before."""
    pairs = {(row["date"], row["target"]) for row in scores}
    first = min((date for date, _ in pairs), default="")
    for date, target in newest_first(connection):
        if date < first:
            break
        if (date, target) in pairs:
            raise StorageError(f"the ledger holds a score of {target} on {date} already; nothing was added; riskradar now")
    append(connection, SCORES, [{**{k: row[k] for k in ("date", "target", "model")}, "said": json.dumps(row, allow_nan=False)} for row in scores])


def said(connection: Connection, start: str = "", stop: str = "9999", target: str = "", after: int = 0) -> list[dict[str, Any]]:
    """Scores of the days `start` to `stop` in rows behind number `after`, oldest first, each with its `hash`.

    StorageError names a row that is not what was stored.
    """
    where = [SCORES.c.id > after, SCORES.c.date >= start, SCORES.c.date <= stop, *([SCORES.c.target == target] if target else [])]
    return [{**json.loads(row["said"]), "hash": row[DIGEST]} for row in rows.checked(connection, SCORES, *where)]


def newest_first(connection: Connection) -> Iterator[tuple[str, str]]:
    """Day and target of the scores, the last one first: an evening speaks of later sessions than the one before, so its rows are the newest."""
    found = connection.execute(select(SCORES.c.date, SCORES.c.target).order_by(SCORES.c.id.desc()).execution_options(yield_per=FEW))
    with found:
        yield from ((row.date, row.target) for row in found)


def last_day(connection: Connection) -> str:
    """The newest session of the ledger, empty where there is none."""
    return next((date for date, _ in newest_first(connection)), "")


def days_back(connection: Connection, sessions: int) -> str:
    """The session `sessions` before the newest one, or the first there is; empty where there is none."""
    days: list[str] = []
    for date, _ in newest_first(connection):
        if date not in days[-1:]:
            if len(days) > sessions:
                break
            days.append(date)
    return days[-1] if days else ""


def last_batch(connection: Connection) -> int:
    """The number of the newest batch of observations, 0 where there is none."""
    return rows.following(connection, BATCHES) - 1


def last_row(connection: Connection) -> int:
    """The number of the newest row of scores, 0 where there is none."""
    return rows.following(connection, SCORES) - 1


def seal(connection: Connection, table: Table, number: int) -> str:
    """Digest of a row, empty where there is none of that number."""
    return connection.scalar(select(table.c[DIGEST]).where(table.c.id == number)) or ""


def promoted(connection: Connection) -> dict[str, Any] | None:
    """The newest row of `promotions` whose run speaks."""
    found = list(rows.checked(connection, PROMOTIONS, PROMOTIONS.c.promoted == 1))
    return dict(found[-1]) if found else None


def promotions(connection: Connection) -> list[dict[str, Any]]:
    """Every run that was considered, oldest first; `promoted` is 1 where it speaks from then on."""
    return [dict(row) for row in rows.checked(connection, PROMOTIONS)]


def alert_log(connection: Connection) -> list[dict[str, Any]]:
    """Changes of state, oldest first."""
    return [dict(row) for row in rows.checked(connection, ALERTS)]


def post(connection: Connection, key: str, message: Mapping[str, Any], receivers: Collection[str], moment: datetime) -> bool:
    """Put a message into the outbox, once for ever for each receiver; whether it is new."""
    have = set(connection.scalars(select(OUTBOX.c.receiver).where(OUTBOX.c.key == key)))
    text = json.dumps(message, allow_nan=False)
    new = [{"key": key, "receiver": to, "message": text, "moment": moment.astimezone(UTC).isoformat()} for to in receivers if to not in have]
    append(connection, OUTBOX, new)
    return bool(new)


def posted(connection: Connection, key: str) -> bool:
    """Whether a message of that key was ever put into the outbox."""
    return bool(connection.scalar(select(func.count()).where(OUTBOX.c.key == key)))


def silences(connection: Connection) -> list[dict[str, Any]]:
    """Every silence, oldest first, with its note."""
    return [dict(row) for row in rows.checked(connection, SILENCES)]


def silenced(connection: Connection, moment: datetime) -> bool:
    """Whether a silence covers a moment."""
    return any(datetime.fromisoformat(row["start"]) <= moment < datetime.fromisoformat(row["stop"]) for row in silences(connection))


def messages(connection: Connection) -> list[tuple[RowMapping, list[RowMapping]]]:
    """Every message to every receiver, oldest first, each with what was tried so far."""
    tries: dict[int, list[RowMapping]] = {}
    for row in rows.checked(connection, DELIVERIES):
        tries.setdefault(row["message"], []).append(row)
    return [(row, tries.get(row["id"], [])) for row in rows.checked(connection, OUTBOX)]


def unsent(connection: Connection) -> list[tuple[RowMapping, list[RowMapping]]]:
    """Messages that no receiver has confirmed."""
    return [(row, tried) for row, tried in messages(connection) if all(one["state"] != SENT for one in tried)]


def reach(connection: Connection) -> tuple[int | None, ...]:
    """The number of the last row of each chained table and of the batches: what was read for one state holds as long as that state."""
    return tuple(connection.execute(select(*(select(func.max(t.c.id)).scalar_subquery() for t in (*CHAINED, BATCHES)))).one())


def broken(connection: Connection) -> Iterator[str]:
    """One line for each row of a chained table that is not what was stored, or does not follow the one before."""
    for table in CHAINED:
        previous = ""
        for row in connection.execute(select(table).order_by(table.c.id)).mappings():
            name = f"{table.name}: row {row['id']}" + (f" ({row['date']} {row['target']})" if table is SCORES else "")
            if digest(dict(row)) != row[DIGEST]:
                yield f"{name} is not what was stored"
            elif row["previous"] != previous:
                yield f"{name} does not follow the one before"
            previous = row[DIGEST]
