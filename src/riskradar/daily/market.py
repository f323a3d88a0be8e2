"""The market as a store knows it, cut after the last complete session, with the tables that models read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from riskradar import data, features, labels, layers
from riskradar.config import Config
from riskradar.daily.inputs import Inputs
from riskradar.data.cells import known_day
from riskradar.labels import LabelsConfig
from riskradar.store import Store
from riskradar.store.past import Past
from riskradar.store.view import NEW_YORK, RADAR
from riskradar.tables import Facts, Features, Graphs, Labels, Panel
from riskradar.tables.arrays import Days, Float


@dataclass(frozen=True, eq=False)
class Market:
    """Features, labels of the system and the hash of what they were made of, of every session; panel and graphs of the newest ones at least."""

    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels
    inputs: Inputs

    @classmethod
    def of(cls, panel: Panel, config: Config, *, with_graphs: bool) -> Market:
        """The tables of a panel; layers are drawn only for models that read them."""
        made, outcomes = features.build(panel, config.features), labels.build(panel, of_system(config.labels))
        return cls(panel, made, layers.build(panel, config.layers) if with_graphs else without(made), outcomes, Inputs.of(panel))

    @property
    def dates(self) -> Days:
        """Every session."""
        return self.labels.dates

    def row(self, t: int) -> int:
        """Where the panel has session t."""
        return t - len(self.dates) + len(self.panel.dates)


def without(features: Features) -> Graphs:
    """No layer at all."""
    return Graphs(features.dates, features.nodes, {}, {})


def of_system(config: LabelsConfig) -> LabelsConfig:
    """Without the labels of assets, which no evening reads."""
    return config.model_copy(update={"units": "system"})


def level_only(dates: Days, level: Float, index: str) -> Panel:
    """A panel of no assets: all that labels of the system read."""
    nobody = np.empty((len(dates), 0))
    return Panel(dates, (), (), nobody, nobody.astype(bool), (), nobody.astype(np.int16), False, Facts.none(), level, index)


def reading_day(moment: datetime) -> date:
    """The day by whose 20:00 New York everything that came until `moment` is known."""
    return known_day(moment, "the moment of an update") or date.min


def reading_moment(until: date) -> datetime:
    """20:00 New York of a day."""
    return datetime.combine(until, RADAR, NEW_YORK)


def read(store: Store, config: Config, until: date, batch: int, last: np.datetime64) -> tuple[Panel, dict[str, str]]:
    """The sessions up to `last` as the store knew them at 20:00 New York of `until` from its first `batch` batches; SHA-256 of what was read.

    The data settings are those of a run, but for data.end, which bounds what it learned from.
    """
    given = config.data.model_copy(update={"end": None})
    panel, intake = data.assemble(Past(store.engine, reading_moment(until), batch).raw(given), given)
    return panel.upto(last), intake.hashes
