"""The market as a store knows it, cut after the last complete session, with the tables that models read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from riskradar import data, features, labels, layers
from riskradar.config import Config
from riskradar.data.cells import known_day
from riskradar.store import Store
from riskradar.store.past import Past
from riskradar.store.view import NEW_YORK, RADAR
from riskradar.tables import Features, Graphs, Labels, Panel


@dataclass(frozen=True, eq=False)
class Market:
    """A panel and what is made of it."""

    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels

    @classmethod
    def of(cls, panel: Panel, config: Config, *, with_graphs: bool) -> Market:
        """The tables of a panel; layers are drawn only for models that read them."""
        graphs = layers.build(panel, config.layers) if with_graphs else Graphs(panel.dates, panel.assets, {}, {})
        return cls(panel, features.build(panel, config.features), graphs, labels.build(panel, config.labels))


def reading_day(moment: datetime) -> date:
    """The day by whose 20:00 New York everything that came until `moment` is known."""
    return known_day(moment, "the moment of an update") or date.min


def read(store: Store, config: Config, until: date, batch: int, last: np.datetime64) -> Panel:
    """The sessions up to `last` as the store knew them at 20:00 New York of `until` from its first `batch` batches.

    The data settings are those of a run, but for data.end, which bounds what it learned from.
    """
    given = config.data.model_copy(update={"end": None})
    panel, _ = data.assemble(Past(store.engine, datetime.combine(until, RADAR, NEW_YORK), batch).raw(given), given)
    return panel.upto(last)


def inputs(panel: Panel) -> str:
    """SHA-256 of everything known by the last session, name by name: what is listed or published later changes nothing."""
    found = hashlib.sha256(panel.dates.tobytes() + np.ascontiguousarray(panel.level).tobytes())
    for i in np.flatnonzero(np.isfinite(panel.close).any(axis=0)):
        sector = panel.sector[:, i]
        moved = np.flatnonzero(np.append(True, sector[1:] != sector[:-1]))
        labels = [(int(t), panel.sectors[sector[t]] if sector[t] >= 0 else "") for t in moved]
        found.update(f"{panel.assets[i]}\n{panel.kind[i]}\n{labels}".encode())
        found.update(panel.close[:, i].tobytes() + panel.member[:, i].tobytes())
        if panel.volume is not None and np.isfinite(panel.volume[:, i]).any():
            found.update(panel.volume[:, i].tobytes())
    facts = panel.facts
    named = np.array([*panel.assets, ""])
    for code in np.unique(facts.of):
        mine = facts.of == code
        found.update(f"{facts.series[code]}\n{named[facts.asset[mine]].tolist()}".encode())
        found.update(facts.date[mine].tobytes() + facts.known_at[mine].tobytes() + facts.value[mine].tobytes())
    return found.hexdigest()
