"""A stored run opened again: its tables built from its own settings, and its models as they were when they scored a day."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from riskradar import backtest, data, models, pipeline, record, store
from riskradar import config as configuration
from riskradar.config import Config
from riskradar.errors import StorageError, UsageError
from riskradar.full import Line
from riskradar.models import Fitted, Prediction
from riskradar.record import Record
from riskradar.registry import near
from riskradar.resume import Cache
from riskradar.split import Fold, folds
from riskradar.tables import Features, Graphs, Labels, Panel
from riskradar.tables.arrays import Days, day

if TYPE_CHECKING:
    import pandas as pd

FITTED = "fitted"  # in the folder of a run: what its models had learned


@dataclass(frozen=True, eq=False)
class Opened:
    """A stored run with its tables; models are trained again only when they are asked for, and kept in the folder of the run."""

    record: Record
    config: Config
    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels

    def line(self, cache: Cache | None = None) -> Line:
        """The same tables beside the forecasts of the run."""
        return Line(self.config, self.panel, self.features, self.graphs, self.labels, self.record.forecasts(), cache)

    @property
    def names(self) -> tuple[str, ...]:
        """The models that scored."""
        return tuple(name for name in self.config.models.names if name not in self.record.about["absent"])

    def row(self, date: Any) -> int:
        """The position of a session; UsageError, with the nearest ones, when it is none."""
        wanted = session(date)
        t = int(np.searchsorted(self.features.dates, wanted))
        if t == len(self.features.dates) or self.features.dates[t] != wanted:
            raise UsageError(f"{wanted} is no session of {self.record.id}; {nearest(self.features.dates, date)}")
        return t

    def fold(self, model: str, date: Any) -> Fold:
        """The fold in which a model scored a session; UsageError for a model that did not run, or a session that it did not score."""
        if model not in self.names:
            why = self.record.about["absent"].get(model)
            told = f"was absent: {why}" if why else f"did not run{near(model, self.names)}"
            raise UsageError(f"model {model!r} {told}; models of {self.record.id} are {', '.join(self.names)}")
        t, plan = self.row(date), folds(self.labels, self.config.split, models.make(model, self.config.models).refit_years)
        for fold in plan:
            if fold.start <= t < fold.stop:
                return fold
        scored = np.concatenate([self.features.dates[fold.start : fold.stop] for fold in plan])
        raise UsageError(f"{model} did not score {self.features.dates[t]} in {self.record.id}; {nearest(np.sort(scored), date)}")

    def seeds(self, model: str) -> tuple[int, ...]:
        """The seeds with which a model ran."""
        return tuple(int(seed) for seed in seeds_in(self.record.about["learned"], model))

    def fitted(self, model: str, date: Any, seed: int = 0) -> Fitted:
        """The model as it was when it scored `date`: read from the folder of the run, or trained again and written there.

        StorageError when what it has learned is not what the run stored.
        """
        fold, made = self.fold(model, date), models.make(model, self.config.models)
        path, wanted = self._place(model, fold, seed)
        if path.exists():
            state = _read(path)
            if backtest.state_hash(state) != wanted:
                raise StorageError(f"{path} is not what the run learned; it was left as it is; delete it, and it is learned again")
            return made.restore(self.labels.targets, state)
        together = next(seeds for seeds in backtest.seeds_of(made, self.config.models.seeds) if seed in seeds)
        with threadpool_limits(1):
            each = backtest.fit_seeds(made, self.features, self.graphs, self.labels, fold, together)
        for one, fitted in zip(together, each, strict=True):
            path, wanted = self._place(model, fold, one)
            if backtest.learned(fitted) != wanted:
                raise StorageError(
                    f"{model} learns something else than {self.record.id} stored, made by riskradar {self.record.about['environment']['riskradar']}; "
                    "nothing was kept; run again with this version"
                )
            if self.record.folder.exists():  # a run that is not stored yet keeps nothing
                _write(path, fitted.state())
        return each[together.index(seed)]

    def keeps(self, model: str, date: Any, seed: int = 0) -> bool:
        """Whether the model that scored `date` is in the folder of the run."""
        return self._place(model, self.fold(model, date), seed)[0].exists()

    def score(self, model: str, date: Any, seed: int = 0) -> Prediction:
        """The scores of one session, bit for bit those that the run stored."""
        fitted = self.fitted(model, date, seed)
        with threadpool_limits(1):
            return backtest.score_day(fitted, self.features, self.graphs, self.row(date))

    def _place(self, model: str, fold: Fold, seed: int) -> tuple[Path, str]:
        """Where a fitted model is kept, and the hash of what it had learned; UsageError for a seed that did not run."""
        learned = self.record.about["learned"]
        key = f"{model}/{seed}/{fold.name}"
        if key not in learned:
            raise UsageError(f"{model} did not run with seed {seed} in {self.record.id}; its seeds are {', '.join(map(str, self.seeds(model)))}")
        return self.record.folder / FITTED / f"{quote(f'{model}-{seed}-{fold.name}', safe=' ~')}.safetensors", learned[key]


def reopen(stored: Record, prices: pd.DataFrame | None = None) -> Opened:
    """A stored run with its tables, built from its own settings and data; prices: closes in place of the files that it read.

    UsageError when the data are no longer the same, or the run repeats the paper.
    """
    about = stored.about
    if about["kind"] == "replication":
        raise UsageError(f"{stored.id} repeats the paper by its own rules and cannot be opened; give a run of another preset")
    made = configuration.check(about["config"], Config)
    panel, _ = data.assemble(store.read(made.data) if prices is None else data.read_frame(prices, made.data), made.data)
    if record.panel_hash(panel) != about["panel"]["hash"]:
        raise UsageError(f"the data are no longer those of {stored.id}; nothing was computed; give its own prices, or run again")
    return Opened(stored, made, panel, *pipeline.tables(panel, made))


def session(date: Any) -> np.datetime64:
    """A day as it is written; UsageError for what is none."""
    try:
        return day(date)
    except ValueError:
        raise UsageError(f"{date!r} is no date; write it as 2008-09-15") from None


def nearest(dates: Days, date: Any) -> str:
    """The sessions around a day that is none of them, in words."""
    place = int(np.searchsorted(dates, day(date)))
    around = [str(found) for found in dates[max(place - 1, 0) : place + 1]]
    return f"the nearest {'is' if len(around) == 1 else 'are'} {' and '.join(around)}" if around else "there is none"


def seeds_in(learned: dict[str, str], model: str) -> list[str]:
    """The seeds with which a model ran, by the keys of run.json's `learned`."""
    return sorted({key.split("/")[1] for key in learned if key.startswith(f"{model}/")}, key=int)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        return {name: np.array(array) for name, array in load_file(path).items()}  # copies: aligned, and as writable as after training
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); it was left as it is; delete it, and it is learned again") from None


def _write(path: Path, state: dict[str, NDArray[Any]]) -> None:
    work = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(exist_ok=True)
        save_file({name: np.ascontiguousarray(array) for name, array in state.items()}, work)
        os.replace(work, path)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write {path} ({error}); the run is unchanged; free some space") from None
