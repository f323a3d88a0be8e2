"""What a model has said of each session so far: in the ledger where it spoke, in the live back-test of its run elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from riskradar.store import ledger
from riskradar.store.schema import SCORES
from riskradar.tables import Forecast
from riskradar.tables.arrays import Days, Float


@dataclass(frozen=True, eq=False)
class Spoken:
    """scores [T, K] on `dates` [T], NaN where nothing was said; of the ledger up to row `number`, whose digest is `seal`, but the rows in `new`."""

    dates: Days
    scores: Float
    number: int
    seal: str
    new: Sequence[Mapping[str, Any]]

    @classmethod
    def none(cls) -> Spoken:
        """Before anything is read."""
        return cls(np.empty(0, "datetime64[D]"), np.empty((0, 0)), 0, "", ())

    def heard(self, connection: Connection) -> Spoken:
        """With the rows that the ledger has now; all of them where it is not the one that was read."""
        known = self if ledger.seal(connection, SCORES, self.number) == self.seal else Spoken.none()
        number = ledger.last_row(connection)
        new = [*known.new, *ledger.said(connection, after=known.number)]
        return replace(known, number=number, seal=ledger.seal(connection, SCORES, number), new=new)

    def over(self, tested: Forecast, dates: Days) -> Spoken:
        """On the sessions of a market; tested: the live back-test of the model."""
        out = np.full((len(dates), len(tested.targets)), np.nan)
        before, scores = (self.dates, self.scores) if len(self.dates) else (tested.dates, tested.score[:, :, 0].mean(axis=0))
        _, at, of = np.intersect1d(dates, before, assume_unique=True, return_indices=True)
        out[at] = scores[of]
        names = {target.name: k for k, target in enumerate(tested.targets)}
        own_rows = [row for row in self.new if row["target"] in names and row["model"] == tested.model]
        days = np.array([row["date"] for row in own_rows], "datetime64[D]")
        for row, day, t in zip(own_rows, days, np.searchsorted(dates, days), strict=True):
            if t < len(dates) and dates[t] == day:
                out[t, names[row["target"]]] = np.nan if row["score"] is None else row["score"]
        return replace(self, dates=dates, scores=out, new=())
