"""The only training loop: stacked seeds, each in its own order, as if it were alone; Adam, learning curves, and a checkpoint that resumes.

All that is drawn comes from (seed, epoch), so a checkpoint needs no state of a generator: an epoch that is run again draws the same order.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from riskradar.errors import StorageError
from riskradar.models.dense import Shape, Snapshots, TrainConfig, initial
from riskradar.models.networks import Block, Weights, forward, one_thread, sigmoid
from riskradar.tables.arrays import Float, Int

Arrays = dict[str, NDArray[Any]]
MOMENTS, TINY = (0.9, 0.999), 1e-8  # Adam (Kingma and Ba 2015)
CHUNK = 256  # samples scored at once

__all__ = ["Shape", "Snapshots", "TrainConfig", "Trained", "load_weights", "logits", "save_weights", "train"]


@dataclass(frozen=True, eq=False)
class Trained:
    """weights: each array [S, ...]; curves, validation [epochs, S]: mean loss on the samples trained on, and on the tail (NaN: none, or stopped)."""

    weights: Arrays
    curves: Float
    validation: Float


@dataclass(eq=False)
class _State:
    """All that changes while training; weights, their moments and the best ones so far as [S, P]."""

    weights: Tensor
    mean: Tensor
    square: Tensor
    best: Tensor
    least: Float
    since: Int
    curves: list[Float]
    validation: list[Float]

    @property
    def epoch(self) -> int:
        return len(self.curves)

    @classmethod
    def start(cls, shape: Shape, seeds: Sequence[int], dtype: str) -> "_State":
        flat = np.stack([np.concatenate([array.ravel() for array in initial(shape, seed).values()]) for seed in seeds])
        weights = torch.from_numpy(flat.astype(dtype))
        S = len(seeds)
        return cls(weights, torch.zeros_like(weights), torch.zeros_like(weights), weights.clone(), np.full(S, np.inf), np.zeros(S, np.int64), [], [])

    def arrays(self) -> Arrays:
        tensors = {name: getattr(self, name).numpy() for name in ("weights", "mean", "square", "best")}
        return tensors | {"least": self.least, "since": self.since, "curves": np.array(self.curves), "validation": np.array(self.validation)}

    @classmethod
    def of(cls, arrays: Arrays) -> "_State":
        weights, mean, square, best = (torch.from_numpy(arrays[name]) for name in ("weights", "mean", "square", "best"))
        return cls(weights, mean, square, best, arrays["least"], arrays["since"], list(arrays["curves"]), list(arrays["validation"]))


def train(
    shape: Shape, snapshots: Snapshots, rows: Int, y: Float, seeds: Sequence[int], config: TrainConfig,
    checkpoint: Path | None = None, progress: Callable[[int, int], None] = lambda epoch, epochs: None,
) -> Trained:  # fmt: skip
    """Train one network per seed, all at once, on one thread.

    rows [n]: the last snapshot of each sample, in order of time (a temporal sample reads the `sequence` snapshots that end there); y [n, K]: labels,
    NaN where not known. checkpoint: a file that is replaced after every epoch and resumed from, bit for bit; StorageError when it belongs to another
    training. progress hears (epochs done, epochs).
    """
    if len(rows) and (rows.min() < shape.sequence - 1 or rows.max() >= len(snapshots.x)):
        raise ValueError(f"a sample of {shape.sequence} snapshots must lie inside the {len(snapshots.x)} there are")
    samples, tail = _divide(rows, config)
    with one_thread():
        block = Block.of(snapshots, config.dtype)
        identity = _identity(shape, snapshots, rows, y, seeds, config) if checkpoint else ""
        state = _resume(checkpoint, identity) or _State.start(shape, seeds, config.dtype)
        target, known = (torch.from_numpy(v.astype(config.dtype)) for v in (np.nan_to_num(y), np.isfinite(y)))
        while state.epoch < config.epochs and not _stopped(state, config).all():
            order = np.stack([samples[np.random.default_rng([seed, 1, state.epoch]).permutation(len(samples))] for seed in seeds])
            loss = np.zeros(len(seeds))
            seen = np.zeros(len(seeds))
            for count, batch in enumerate(np.array_split(order, range(config.batch, order.shape[1], config.batch), axis=1)):
                step = state.epoch * -(-order.shape[1] // config.batch) + count + 1
                losses, weight = _step(shape, state, block, (rows[batch], target[batch], known[batch]), (step, config.rate))
                loss += losses
                seen += weight
            validation = _loss(shape, state.weights, block, (rows[tail], target[tail], known[tail])) if len(tail) else np.full(len(seeds), np.nan)
            _keep_best(state, validation, config)
            state.curves.append(loss / np.maximum(seen, 1))
            state.validation.append(validation)
            if checkpoint:
                _write(checkpoint, state.arrays(), identity)
            progress(state.epoch, config.epochs)
    final = state.best if config.patience else state.weights
    weights = {name: array.numpy().copy() for name, array in _named(shape, final).items()}
    return Trained(weights, np.array(state.curves).reshape(-1, len(seeds)), np.array(state.validation).reshape(-1, len(seeds)))


def logits(shape: Shape, weights: Mapping[str, NDArray[Any]], snapshots: Snapshots, rows: Int) -> NDArray[Any]:
    """Logits [S, n, K] of the samples that end at the snapshots `rows` [n], in the dtype of the weights, on one thread."""
    given = {name: torch.tensor(array) for name, array in weights.items()}
    S = len(given["head"])
    with one_thread(), torch.inference_mode():
        block = Block.of(snapshots, str(weights["head"].dtype))
        chunks = (rows[start : start + CHUNK] for start in range(0, max(len(rows), 1), CHUNK))
        return np.concatenate([forward(shape, given, block, np.tile(chunk, (S, 1))).numpy() for chunk in chunks], axis=1)


def save_weights(path: Path, weights: Arrays) -> None:
    """Weights as safetensors, replaced whole."""
    _write(path, weights, "")


def load_weights(path: Path) -> Arrays:
    """What `save_weights` wrote; StorageError when it cannot be read."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); it was left as it is; train again") from None


def _named(shape: Shape, flat: Tensor) -> Weights:
    """Views of [S, P] by the names of the arrays."""
    dims = shape.arrays()
    parts = torch.split_with_sizes(flat, [prod(d) for d in dims.values()], dim=1)
    return {name: part.view(len(flat), *dims[name]) for name, part in zip(dims, parts, strict=True)}


def _divide(rows: Int, config: TrainConfig) -> tuple[Int, Int]:
    """Positions to train on and of the tail: the newest samples, and before them none whose label reaches into them."""
    every = np.arange(len(rows))
    if not config.patience or not len(rows):
        return every, every[:0]
    first = min(int(len(rows) * (1 - config.tail)), len(rows) - 1)
    return every[rows + config.purge <= rows[first]][:first], every[first:]


def _step(shape: Shape, state: _State, block: Block, batch: tuple[Int, Tensor, Tensor], pace: tuple[int, float]) -> tuple[Float, Float]:
    """One step of Adam on the mean loss of each seed's own batch; returns the sum of losses and how many there were, [S] each."""
    rows, target, known = batch
    step, rate = pace
    weights = state.weights.detach().requires_grad_()
    out = forward(shape, _named(shape, weights), block, rows)
    count = known.sum((1, 2))
    with torch.no_grad():
        losses = binary_cross_entropy_with_logits(out, target, known, reduction="none").sum((1, 2))
        error = (sigmoid(out) - target) * (known / count.clamp(min=1)[:, None, None])  # the slope of the mean loss
    (slope,) = torch.autograd.grad(out, weights, error)
    state.mean.lerp_(slope, 1 - MOMENTS[0])
    state.square.mul_(MOMENTS[1]).addcmul_(slope, slope, value=1 - MOMENTS[1])
    root = (state.square.sqrt() / (1 - MOMENTS[1] ** step) ** 0.5).add_(TINY)
    state.weights.addcdiv_(state.mean, root, value=-rate / (1 - MOMENTS[0] ** step))
    return losses.numpy(), count.numpy()


def _loss(shape: Shape, flat: Tensor, block: Block, samples: tuple[Int, Tensor, Tensor]) -> Float:
    """Mean loss of each seed, [S]."""
    rows, target, known = samples
    total, S = np.zeros(len(flat)), len(flat)
    with torch.inference_mode():
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            out = forward(shape, _named(shape, flat), block, np.tile(rows[part], (S, 1)))
            y, weight = (values[part].expand_as(out) for values in (target, known))
            total += binary_cross_entropy_with_logits(out, y, weight, reduction="none").sum((1, 2)).numpy()
    return total / max(float(known.sum()), 1.0)


def _stopped(state: _State, config: TrainConfig) -> NDArray[np.bool_]:
    stopped: NDArray[np.bool_] = (state.since >= config.patience) & (config.patience > 0)
    return stopped


def _keep_best(state: _State, validation: Float, config: TrainConfig) -> None:
    """A seed that has stopped keeps its best weights, whatever the others still do."""
    if not config.patience:
        return
    running = ~_stopped(state, config)
    better = running & (validation < state.least)
    state.best = torch.where(torch.from_numpy(better)[:, None], state.weights, state.best)
    state.least = np.where(better, validation, state.least)
    state.since = np.where(running, np.where(better, 0, state.since + 1), state.since)
    validation[~running] = np.nan


def _identity(shape: Shape, snapshots: Snapshots, rows: Int, y: Float, seeds: Sequence[int], config: TrainConfig) -> str:
    """SHA-256 of everything that decides the weights."""
    digest = hashlib.sha256(json.dumps([vars(shape), config.model_dump(), list(seeds)], sort_keys=True).encode())
    for array in (snapshots.x, snapshots.a, snapshots.mask, rows, y):
        digest.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


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
