"""The stored runs of a folder as the server reads them: each one loaded whole, once, and again when it changes on disk."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock

import numpy as np

from riskradar import config as configuration
from riskradar import data, layers, record, reopen, store
from riskradar.config import Config
from riskradar.errors import StorageError, UsageError
from riskradar.html.inputs import Inputs
from riskradar.record import Record
from riskradar.reopen import Opened
from riskradar.serve.problems import Missing, Refused
from riskradar.tables import Forecast, Graphs, Labels, NodeForecasts, Panel
from riskradar.tables.arrays import Days

LATEST = "latest"
KEPT = 3  # runs held in memory
TRIES, PAUSE = 200, 0.01  # seconds: until a run that is being written is given up
Stamp = tuple[str, int, int]  # a run, and when its account and its evaluation were written


@dataclass(frozen=True, eq=False)
class View:
    """One stored run: its tables are read when they are first asked for."""

    record: Record
    building: Lock = field(default_factory=Lock)
    opening: Lock = field(default_factory=Lock)  # its own: a graph need not wait until a run is opened

    @property
    def live(self) -> bool:
        """Whether the run has forecasts that a score may be read from; a run that repeats the paper has a report only."""
        return bool(self.record.about["kind"] != "replication")

    @cached_property
    def inputs(self) -> Inputs:
        """The run as its page reads it."""
        if not self.live:
            raise Missing("this run repeats the paper by its own rules: it has a report and no scores")
        stored = self.record
        return Inputs(stored.about, stored.evaluation, stored.forecasts(), stored.labels(), stored.measures(), stored.layers())

    @cached_property
    def outcomes(self) -> Labels:
        """Labels of the system, with the session on which each became known."""
        return self.record.outcomes()

    @cached_property
    def nodes(self) -> NodeForecasts | None:
        """Forecasts of single assets; None where the run stored none."""
        return self.record.nodes()

    def forecast(self, model: str) -> Forecast:
        """The forecast of a model; Missing when it has none."""
        found = self.inputs.forecasts.get(model)
        if found is None:
            raise Missing("this run has no scores of such a model; the run lists its models, and its card says why some are absent")
        return found

    @cached_property
    def scored(self) -> Days:
        """Sessions with a row in any forecast, [T]."""
        dates = [f.dates for f in self.inputs.forecasts.values()]
        return np.unique(np.concatenate(dates)) if dates else np.array([], "datetime64[D]")

    def drawn(self) -> tuple[Panel, Graphs]:
        """The panel of the run and its layers, without shuffled twins, built again from its settings; UsageError when the data have changed."""
        with self.building:
            return self._drawn

    def opened(self) -> Opened:
        """The run opened again, to explain and to shock; UsageError when the data have changed."""
        with self.opening:
            return self._opened

    @cached_property
    def _opened(self) -> Opened:
        return reopen.reopen(self.record)

    @cached_property
    def _drawn(self) -> tuple[Panel, Graphs]:
        about = self.record.about
        made = configuration.check(about["config"], Config)
        panel, _ = data.assemble(store.read(made.data), made.data)
        if record.panel_hash(panel) != about["panel"]["hash"]:
            raise UsageError(f"the data are no longer those of {self.record.id}; no graph was drawn; run again")
        names = tuple(name for name in made.layers.names if not layers.TWIN.fullmatch(name))
        return panel, layers.build(panel, made.layers.model_copy(update={"names": names}))


class Shelf:
    """The runs in `home`; `view` raises Missing for a run that is not there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._listed: tuple[int, tuple[str, ...]] = (-1, ())
        self._whole: dict[str, Stamp] = {}
        self._live: dict[str, bool] = {}
        self._views: OrderedDict[Stamp, View] = OrderedDict()
        self._lock = RLock()

    def names(self) -> tuple[str, ...]:
        """Finished runs, oldest first; looked up again when the folder changes."""
        changed = _changed(self.home)
        if changed != self._listed[0] or changed < 0:
            self._listed = (changed, tuple(record.listing(self.home)))
        return self._listed[1]

    def stamp(self, run: str) -> Stamp:
        """Which run is meant, and its state on disk: an answer that was made for a stamp holds as long as the stamp."""
        names = self.names()
        if run != LATEST and run not in names:
            raise Missing("no such run; /v1/runs lists them")
        found = self._written(self._latest(names) if run == LATEST else run)
        if found[1] >= found[2]:
            self._whole[found[0]] = found
        return self._whole.get(found[0], found)  # the account is written last: while it is the older one, the run is being written

    def view(self, run: str = LATEST) -> View:
        """A run by its name, or the latest one that is no replication, read whole: what is written meanwhile is seen by the next call."""
        with self._lock:
            for _ in range(TRIES):
                if (stamp := self.stamp(run)) in self._views:
                    self._views.move_to_end(stamp)
                    return self._views[stamp]
                found = View(record.load(self.home, stamp[0]))
                if self._written(stamp[0]) == stamp:
                    self._views[stamp] = found
                    while len(self._views) > KEPT:
                        self._views.popitem(last=False)
                else:
                    time.sleep(PAUSE)
        raise Refused(503, "the run is being written; ask again", {"retry-after": "1"})

    def _written(self, name: str) -> Stamp:
        return name, _changed(self.home / name / "run.json"), _changed(self.home / name / "evaluation.json")

    def _latest(self, names: tuple[str, ...]) -> str:
        """The newest run that can be read and has scores."""
        for name in reversed(names):
            if name not in self._live:
                self._live[name] = self._has_scores(name)
            if self._live[name]:
                return name
        raise Missing("no run with scores yet; `riskradar run` makes one")

    def _has_scores(self, name: str) -> bool:
        try:
            return View(record.load(self.home, name)).live
        except StorageError:
            return False


def _changed(path: Path) -> int:
    """When a file or folder last changed, in ns; -1 when it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1
