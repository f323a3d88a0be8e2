"""The only training loop: any network, stacked seeds, each in its own order, as if it were alone; learning curves, and a checkpoint that resumes.

All that is drawn comes from (seed, epoch), so a checkpoint needs no state of a generator: an epoch that is run again draws the same order.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor

from riskradar.errors import StorageError
from riskradar.models.adam import Adam
from riskradar.models.dense import TrainConfig
from riskradar.models.networks import Weights, one_thread
from riskradar.tables.arrays import Float, Int

Arrays = dict[str, NDArray[Any]]
CHUNK = 256  # samples scored at once


class Trainable(Protocol):
    """A network as the loop sees it: its learned arrays lead with the axis of seeds [S], and each seed reads its own batch of B samples."""

    @property
    def sequence(self) -> int:
        """Snapshots that one sample reads."""
        ...

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every learned array of one seed, in order."""
        ...

    def initial(self, seed: int) -> dict[str, Float]:
        """The learned arrays of one seed before training."""
        ...

    def prepare(self, data: Any, dtype: str) -> Any:
        """What is computed once from the data, before the first step."""
        ...

    def loss(self, weights: Weights, prepared: Any, rows: Int, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Sum of the losses of each seed over what is known, and how many there are, [S] each, for samples that end at `rows` [S, B].

        y: labels [S, B, ...], NaN where not known. The loop follows the slope of sum / count.
        """
        ...


@dataclass(frozen=True, eq=False)
class Samples:
    """What is learned from: data.x leads with G snapshots in order of time; rows [n]: the last snapshot of each sample, in order of time.

    y: labels [n, ...], NaN where not known; several arrays where a network has several kinds of output.
    """

    data: Any
    rows: Int
    y: tuple[Float, ...]


@dataclass(frozen=True, eq=False)
class Trained:
    """weights: each array [S, ...]; curves, validation [epochs, S]: mean loss on the samples trained on, and on the tail (NaN: none, or stopped)."""

    weights: Arrays
    curves: Float
    validation: Float


@dataclass(eq=False)
class _State:
    """All that changes while training; the optimiser's weights and the best ones so far as [S, P]."""

    adam: Adam
    best: Tensor
    least: Float
    since: Int
    curves: list[Float]
    validation: list[Float]

    @property
    def epoch(self) -> int:
        return len(self.curves)

    @classmethod
    def begin(cls, weights: Tensor) -> "_State":
        S = len(weights)
        return cls(Adam.begin(weights), weights.clone(), np.full(S, np.inf), np.zeros(S, np.int64), [], [])

    def arrays(self) -> Arrays:
        tensors = {"best": self.best.numpy()} | {name: tensor.numpy() for name, tensor in vars(self.adam).items()}
        return tensors | {"least": self.least, "since": self.since, "curves": np.array(self.curves), "validation": np.array(self.validation)}

    @classmethod
    def of(cls, arrays: Arrays) -> "_State":
        adam = Adam(**{field.name: torch.from_numpy(arrays[field.name]) for field in fields(Adam)})
        return cls(adam, torch.from_numpy(arrays["best"]), arrays["least"], arrays["since"], list(arrays["curves"]), list(arrays["validation"]))


@dataclass(frozen=True, eq=False)
class _Task:
    """A network on its prepared data, with all labels as tensors."""

    network: Trainable
    prepared: Any
    rows: Int
    y: tuple[Tensor, ...]

    @classmethod
    def of(cls, network: Trainable, samples: Samples, dtype: str) -> "_Task":
        return cls(network, network.prepare(samples.data, dtype), samples.rows, tuple(torch.from_numpy(y.astype(dtype)) for y in samples.y))

    def loss(self, flat: Tensor, batch: Int) -> tuple[Tensor, Tensor]:
        """Sum of the losses and their count, [S] each, of the samples `batch` [S, B]."""
        return self.network.loss(_named(self.network, flat), self.prepared, self.rows[batch], tuple(y[batch] for y in self.y))


def train(
    network: Trainable, samples: Samples, seeds: Sequence[int], config: TrainConfig, checkpoint: Path | None = None,
    progress: Callable[[int, int], None] = lambda epoch, epochs: None, start: Arrays | None = None,
) -> Trained:  # fmt: skip
    """Train one network per seed, all at once, on one thread.

    checkpoint: a file that is replaced after every epoch and resumed from, bit for bit; StorageError when it belongs to another training.
    progress hears (epochs done, epochs). start: weights to begin with, [S, ...] or [1, ...] for all seeds, instead of the network's own.
    """
    rows = samples.rows
    if len(rows) and (rows.min() < network.sequence - 1 or rows.max() >= len(samples.data.x)):
        raise ValueError(f"a sample of {network.sequence} snapshots must lie inside the {len(samples.data.x)} there are")
    used, tail = _divide(rows, config)
    per_epoch = max(-(-len(used) // config.batch), 1)
    total = config.steps or config.epochs * per_epoch
    with one_thread():
        task = _Task.of(network, samples, config.dtype)
        identity = _identity(network, samples, seeds, config, start) if checkpoint else ""
        state = _resume(checkpoint, identity) or _State.begin(_first(network, seeds, config.dtype, start))
        while state.epoch * per_epoch < total and not _stopped(state, config).all():
            order = np.stack([used[np.random.default_rng([seed, 1, state.epoch]).permutation(len(used))] for seed in seeds])
            batches = np.array_split(order, range(config.batch, order.shape[1], config.batch), axis=1)
            done = state.epoch * per_epoch
            loss, seen = np.zeros(len(seeds)), np.zeros(len(seeds))
            for step, batch in enumerate(batches[: total - done], done + 1):
                losses, count = _step(task, state.adam, batch, config, step, total)
                loss += losses
                seen += count
            validation = _mean_loss(task, state.adam.weights, tail)
            _keep_best(state, validation, config)
            state.curves.append(loss / np.maximum(seen, 1))
            state.validation.append(validation)
            if checkpoint:
                _write(checkpoint, state.arrays(), identity)
            progress(state.epoch, -(-total // per_epoch))
    final = state.best if config.patience else state.adam.weights
    weights = {name: array.numpy().copy() for name, array in _named(network, final).items()}
    return Trained(weights, np.array(state.curves).reshape(-1, len(seeds)), np.array(state.validation).reshape(-1, len(seeds)))


def save_weights(path: Path, weights: Arrays) -> None:
    """Weights as safetensors, replaced whole."""
    _write(path, weights, "")


def load_weights(path: Path) -> Arrays:
    """What `save_weights` wrote; StorageError when it cannot be read."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); it was left as it is; train again") from None


def _named(network: Trainable, flat: Tensor) -> Weights:
    """Views of [S, P] by the names of the arrays."""
    dims = network.arrays()
    parts = torch.split_with_sizes(flat, [prod(d) for d in dims.values()], dim=1)
    return {name: part.view(len(flat), *dims[name]) for name, part in zip(dims, parts, strict=True)}


def _first(network: Trainable, seeds: Sequence[int], dtype: str, start: Arrays | None) -> Tensor:
    """The weights before the first step, [S, P]."""
    each = [{n: a[s % len(a)] for n, a in start.items()} if start else network.initial(seed) for s, seed in enumerate(seeds)]
    flat = np.stack([np.concatenate([arrays[name].ravel() for name in network.arrays()]) for arrays in each])
    return torch.from_numpy(flat.astype(dtype))


def _divide(rows: Int, config: TrainConfig) -> tuple[Int, Int]:
    """Positions to train on and of the tail: the newest samples, and before them none whose label reaches into them."""
    every = np.arange(len(rows))
    if not config.patience or not len(rows):
        return every, every[:0]
    first = min(int(len(rows) * (1 - config.tail)), len(rows) - 1)
    return every[rows + config.purge <= rows[first]][:first], every[first:]


def _step(task: _Task, adam: Adam, batch: Int, config: TrainConfig, step: int, total: int) -> tuple[Float, Float]:
    """One step on the mean loss of each seed's own batch; returns the sum of losses and how many there were, [S] each."""
    weights = adam.weights.detach().requires_grad_()
    losses, count = task.loss(weights, batch)
    (slope,) = torch.autograd.grad(losses, weights, 1 / count.clamp(min=1))
    adam.step(slope, config, step, total)
    return losses.detach().numpy(), count.numpy()


def _mean_loss(task: _Task, flat: Tensor, samples: Int) -> Float:
    """Mean loss of each seed, [S]; NaN without samples."""
    if not len(samples):
        return np.full(len(flat), np.nan)
    total, seen = np.zeros(len(flat)), np.zeros(len(flat))
    with torch.inference_mode():
        for start in range(0, len(samples), CHUNK):
            losses, count = task.loss(flat, np.tile(samples[start : start + CHUNK], (len(flat), 1)))
            total += losses.numpy()
            seen += count.numpy()
    return total / np.maximum(seen, 1)


def _stopped(state: _State, config: TrainConfig) -> NDArray[np.bool_]:
    stopped: NDArray[np.bool_] = (state.since >= config.patience) & (config.patience > 0)
    return stopped


def _keep_best(state: _State, validation: Float, config: TrainConfig) -> None:
    """A seed that has stopped keeps its best weights, whatever the others still do."""
    if not config.patience:
        return
    running = ~_stopped(state, config)
    better = running & (validation < state.least)
    state.best = torch.where(torch.from_numpy(better)[:, None], state.adam.weights, state.best)
    state.least = np.where(better, validation, state.least)
    state.since = np.where(running, np.where(better, 0, state.since + 1), state.since)
    validation[~running] = np.nan


def _identity(network: Trainable, samples: Samples, seeds: Sequence[int], config: TrainConfig, start: Arrays | None) -> str:
    """SHA-256 of everything that decides the weights."""
    digest = hashlib.sha256()
    for piece in _pieces((network, samples, list(seeds), config, start)):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    """The content of settings and tables: frozen dataclasses, arrays, and containers of them."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif is_dataclass(value):
        yield type(value).__name__.encode()
        for field in fields(value):
            yield from _pieces(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from (str(key).encode(), *_pieces(value[key]))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _pieces(each)
    else:
        yield repr(value).encode()


def _resume(checkpoint: Path | None, identity: str) -> _State | None:
    if checkpoint is None or not checkpoint.exists():
        return None
    arrays = load_weights(checkpoint)
    with safe_open(checkpoint, "numpy") as file:
        if (file.metadata() or {}).get("training") != identity:
            raise StorageError(f"{checkpoint} belongs to another training; it was left as it is; delete it or name another file")
    return _State.of(arrays)


def _write(path: Path, arrays: Arrays, identity: str) -> None:
    work = path.with_name(f".writing-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, work, {"training": identity})
        os.replace(work, path)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write {path} ({error}); what was there before is unchanged; free some space and run again") from None
