"""The run that speaks: promoted when it is not worse than the one before, with what its models had learned last kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from riskradar import backtest, data, models, pipeline, record
from riskradar import config as configuration
from riskradar.config import Config
from riskradar.daily.now import FIRST
from riskradar.errors import StorageError, UsageError
from riskradar.evaluate.scores import log_loss
from riskradar.exchange import MEMBERS, POOLED
from riskradar.health import DailyConfig
from riskradar.models import Fitted
from riskradar.record import Record
from riskradar.reopen import FITTED, Opened
from riskradar.store import Store, database, ledger, read
from riskradar.store.schema import PROMOTIONS
from riskradar.tables import Forecast, Labels, Target

HEADLINE = "20/10"


@dataclass(frozen=True, eq=False)
class Speaker:
    """A promoted run: the model that speaks, and by name what it and, for a pool, its members had learned last, a Fitted a seed, by `cutoff`."""

    record: Record
    config: Config
    model: str
    targets: tuple[Target, ...]
    fitted: dict[str, list[Fitted]]
    learned: str
    cutoff: str

    @property
    def watched(self) -> tuple[Target, ...]:
        """The yes-or-no targets, which have a probability."""
        return tuple(target for target in self.targets if target.binary)

    @property
    def graphs(self) -> int:
        """The sessions whose graphs the models read on one session; 0 where they read none."""
        return max((one.history for name, seeds in self.fitted.items() if models.make(name, self.config.models).graphs for one in seeds), default=0)

    @cached_property
    def forecast(self) -> Forecast:
        """The live back-test of the model."""
        return self.record.forecasts()[self.model]


def headline(targets: Sequence[Target], wanted: str = "") -> str:
    """The target that is watched: the wanted one, else 20/10, else the first; UsageError for one that was not scored."""
    names = [target.name for target in targets if target.binary]
    if wanted and wanted not in names:
        raise UsageError(f"alerts.target = {wanted!r} is not scored by this run; nothing was scored; its targets are {', '.join(names)}")
    return wanted or (HEADLINE if HEADLINE in names else names[0])


def chosen(run: Record, config: DailyConfig) -> str:
    """The model of a run that would speak; UsageError for one that did not score, or a run that is not live."""
    if run.about["kind"] != "live":
        raise UsageError(f"{run.id} is a {run.about['kind']} run; nothing was promoted; only split.method walk-forward may speak")
    names = [name for name in run.about["config"]["models"]["names"] if name not in run.about["absent"]]
    if config.model and config.model not in names:
        raise UsageError(f"daily.model = {config.model!r} did not score in {run.id}; nothing was promoted; its models are {', '.join(names)}")
    return config.model or next(name for name in (*FIRST, *names) if name in names)


def consider(store: Store, run: Record, config: DailyConfig, moment: datetime) -> dict[str, Any]:
    """Keep what the models of a new run learned last, and promote it where it is not worse than the run that speaks; the row that says so."""
    model = chosen(run, config)
    _keep(run, model)
    with database.transaction(store.engine, writes=False) as connection:
        before = ledger.promoted(connection)
    good, reason = True, "the first run"
    if before is not None:
        good, reason = _compared(record.load(run.folder.parent, before["run"]), before["model"], run, model)
    row = {"run": run.id, "model": model, "promoted": int(good), "reason": reason, "moment": moment.astimezone(UTC).isoformat()}
    with database.transaction(store.engine, writes=True) as connection:
        ledger.append(connection, PROMOTIONS, [row])
    return row


def speaking(store: Store, home: Path) -> Speaker:
    """The promoted run with its models; UsageError before the first, StorageError names a file that is not what the run learned."""
    with database.transaction(store.engine, writes=False) as connection:
        row = ledger.promoted(connection)
    if row is None:
        raise UsageError("no run speaks yet; nothing was scored; riskradar train")
    return opened(record.load(home, row["run"]), row["model"])


def opened(run: Record, model: str) -> Speaker:
    """A run with what its models had learned last."""
    config = configuration.check(run.about["config"], Config)
    targets = tuple(Target.parse(text) for text in config.labels.targets)
    fitted = {name: [_restored(run, config, targets, key) for key in _last(run, name)] for name in _needed(run, model)}
    learned = ",".join(run.about["learned"][key] for key in _last(run, model))
    return Speaker(run, config, model, targets, fitted, learned, _last(run, model)[0].split("/")[2])


def _needed(run: Record, model: str) -> tuple[str, ...]:
    """The model and, where its chances are the pool's, the members that make its band."""
    members = MEMBERS if model in POOLED and all(name in run.about["models"] and name not in run.about["absent"] for name in MEMBERS) else ()
    return (model, *members)


def _last(run: Record, model: str) -> list[str]:
    """The keys `model/seed/fold` of the last fold, by seed."""
    keys = [key.split("/") for key in run.about["learned"] if key.startswith(f"{model}/")]
    fold = max(key[2] for key in keys)
    return ["/".join(key) for key in sorted(keys, key=lambda key: int(key[1])) if key[2] == fold]


def _keep(run: Record, model: str) -> None:
    """Learn the last fold again, unless it is kept, and see that it is what the run stored."""
    config = configuration.check(run.about["config"], Config)
    panel, _ = data.assemble(read(config.data), config.data)
    again = Opened(run, config, panel, *pipeline.tables(panel, config))
    for name in _needed(run, model):
        for seed in again.seeds(name):
            again.fitted(name, panel.dates[-1], seed)


def _restored(run: Record, config: Config, targets: tuple[Target, ...], key: str) -> Fitted:
    name, seed, fold = key.split("/")
    path = run.folder / FITTED / f"{quote(f'{name}-{seed}-{fold}', safe=' ~')}.safetensors"
    try:
        state = {part: np.array(array) for part, array in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise StorageError(f"model file {path} cannot be read ({type(error).__name__}); nothing was scored; riskradar train") from None
    if backtest.state_hash(state) != run.about["learned"][key]:
        raise StorageError(f"model file {path} is not what {run.id} learned; nothing was scored; put it back from a copy, or riskradar train")
    return models.make(name, config.models).restore(targets, state)


def _compared(old: Record, old_model: str, new: Record, model: str) -> tuple[bool, str]:
    """Whether the new run is not worse by the log score of the headline targets on the matured days that both scored, and the sentence."""
    outcomes = new.outcomes()
    losses = [_losses(run, name, outcomes) for run, name in ((old, old_model), (new, model))]
    pairs = [(losses[0][k], losses[1][k]) for k in losses[0] if k in losses[1]]
    both = [(a, b, np.isfinite(a) & np.isfinite(b)) for a, b in pairs]
    means = [(float(a[days].mean()), float(b[days].mean())) for a, b, days in both if days.any()]
    if not means:
        return True, f"{old.id} scored no matured day that {new.id} scored"
    before, after = (float(np.mean(column)) for column in zip(*means, strict=True))
    count = max(int(days.sum()) for _, _, days in both)
    return after <= before, f"log loss {after:.5f} against {before:.5f} of {old.id} on {count:,} matured days"


def _losses(run: Record, model: str, outcomes: Labels) -> dict[str, Any]:
    """Log loss by yes-or-no target on the sessions of `outcomes`, NaN where it is not known."""
    forecast = run.forecasts()[model]
    probability = forecast.probability[:, :, 0].mean(axis=0)
    at = np.searchsorted(outcomes.dates, forecast.dates)
    inside = (at < len(outcomes.dates)) & (outcomes.dates[np.minimum(at, len(outcomes.dates) - 1)] == forecast.dates)
    out = {}
    for k, target in enumerate(forecast.targets):
        if target.binary and target in outcomes.targets:
            y, p = outcomes.system(target), np.full(len(outcomes.dates), np.nan)
            p[at[inside]] = probability[inside, k]
            out[target.name] = np.where(np.isfinite(y) & np.isfinite(p), log_loss(p, y == 1), np.nan)
    return out
