"""A batch beside what is stored: which rows are new, which correct, which say the same again, which contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from riskradar.store.blocks import NEVER, Rows
from riskradar.tables.arrays import Bool, Int


@dataclass(frozen=True)
class Receipt:
    """What became of a batch: received = stored + identical + quarantined; `corrected` of the stored rows replace a value that stays as it was."""

    received: int
    stored: int
    identical: int
    corrected: int
    quarantined: int

    def __post_init__(self) -> None:
        if self.received != self.stored + self.identical + self.quarantined or self.corrected > self.stored:
            raise RuntimeError(f"rows were lost or made: {self}; nothing was stored; this is a bug")


@dataclass(frozen=True, eq=False)
class Verdict:
    """fresh: rows to store, sorted by day; corrected: how many of them correct; identical: how many were known; conflict: positions in the batch."""

    fresh: Rows
    corrected: int
    identical: int
    conflict: Bool


def compare(batch: Rows, stored: Rows, today: int) -> Verdict:
    """Judge the rows of a batch beside the `newest` stored rows of the same source; their order does not matter.

    An undated row is compared with the newest value about its day, a dated one with the values of that day once one was known on the same day.
    A row that differs corrects: it became known `today`.
    """
    key = batch.key()
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.append(True, key[order][1:] != key[order][:-1])[: len(key)])
    value = batch.value[order]
    agree = np.minimum.reduceat(value, starts) == np.maximum.reduceat(value, starts) if len(starts) else np.empty(0, bool)
    group = np.cumsum(np.isin(np.arange(len(key)), starts)) - 1
    conflict = np.zeros(len(batch), bool)
    conflict[order] = ~agree[group]
    one = batch.take(order[starts[agree]])
    before = _before(one, stored)
    met = before >= 0
    same, since = np.zeros(len(one), bool), np.full(len(one), today)
    same[met] = stored.value[before[met]] == one.value[met]
    since[met] = np.maximum(np.maximum(stored.known[before[met]], one.known[met]), today)  # a correction comes after what it corrects
    same |= met & (one.known != NEVER) & _said(one, stored)
    fresh = replace(one, known=np.where(met, since, one.known).astype(np.int32)).take(~same)
    fresh = fresh.take(np.lexsort((fresh.known, fresh.of, fresh.date)))
    return Verdict(fresh, int((met & ~same).sum()), len(batch) - len(fresh) - int(conflict.sum()), conflict)


def _before(rows: Rows, stored: Rows) -> Int:
    """Position of the stored row that each row is compared with, -1 for none."""
    if not len(stored):
        return np.full(len(rows), -1)
    undated = rows.known == NEVER
    exact, about = stored.key(), stored.about()
    last = np.where(undated, np.searchsorted(about, rows.about(), side="right"), np.searchsorted(exact, rows.key(), side="right")) - 1
    hit = np.where(undated, about[last] == rows.about(), exact[last] == rows.key())
    return np.where((last >= 0) & hit, last, -1)


def _said(rows: Rows, stored: Rows) -> Bool:
    """Whether some vintage of the same day has this value already: a correction that comes again is none."""
    pairs = [np.stack([of.about(), of.value.view(np.int64)], axis=1) for of in (rows, stored)]
    ids = np.unique(np.concatenate(pairs), axis=0, return_inverse=True)[1].ravel()
    return np.isin(ids[: len(rows)], ids[len(rows) :])
