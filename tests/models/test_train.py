"""The training loop: stacked seeds equal separate ones, a killed training resumes, and early stopping looks at a purged tail only."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from riskradar.errors import StorageError
from riskradar.models.dense import Shape, Snapshots, TrainConfig, initial
from riskradar.models.networks import Block, Gcn, forward, logits
from riskradar.models.train import Samples, Trained, load_weights, save_weights, train
from tests.models.graphs import SHAPES, labels, snapshots

COUNT = 43
STOPPING = TrainConfig(epochs=40, batch=8, rate=0.02, patience=3, tail=0.3, purge=4, dtype="float64")


def trained(name: str, seeds: tuple[int, ...], config: TrainConfig, **more: object) -> Trained:
    shape = SHAPES[name]
    rows = np.arange(shape.sequence - 1, COUNT)
    return train(Gcn(shape), Samples(snapshots(COUNT), rows, (labels(COUNT, shape.outputs)[rows],)), seeds, config, **more)  # type: ignore[arg-type]


def apart(a: Trained, b: Trained, seed: int) -> float:
    """Largest difference between one seed of `a` and the only one of `b`."""
    return max(float(np.abs(a.weights[name][seed] - b.weights[name][0]).max()) for name in a.weights)


@pytest.mark.parametrize("patience", [0, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_stacked_seeds_are_separate_seeds(name: str, patience: int) -> None:
    config = STOPPING.model_copy(update={"epochs": 20, "patience": patience, "rate": 1e-3 if not patience else 0.05})
    together = trained(name, (0, 7, 2), config)
    for s, seed in enumerate((0, 7, 2)):
        alone = trained(name, (seed,), config)
        assert apart(together, alone, s) <= 1e-10
        np.testing.assert_allclose(together.curves[: len(alone.curves), s], alone.curves[:, 0], atol=1e-10)
        assert apart(together, alone, (s + 1) % 3) > 1e-3, "seeds do not differ"


@pytest.mark.parametrize("name", SHAPES)
def test_one_step_of_stacked_seeds_in_float32(name: str) -> None:
    """After one step the mean of Adam is a tenth of the gradient; the whole sample is one batch."""
    shape, graph = SHAPES[name], snapshots(COUNT)
    rows = np.arange(shape.sequence - 1, COUNT)
    target = torch.from_numpy(np.nan_to_num(labels(COUNT, shape.outputs)[rows]).astype(np.float32))

    def slopes(seeds: tuple[int, ...]) -> dict[str, torch.Tensor]:
        stack = {key: np.stack([initial(shape, seed)[key] for seed in seeds]) for key in shape.arrays()}
        given = {key: torch.from_numpy(array.astype(np.float32)).requires_grad_() for key, array in stack.items()}
        out = forward(shape, given, Block.of(graph, "float32"), np.tile(rows, (len(seeds), 1)))
        binary_cross_entropy_with_logits(out, target.expand_as(out), reduction="none").mean((1, 2)).sum().backward()
        return {key: tensor.grad for key, tensor in given.items() if tensor.grad is not None}

    together, alone = slopes((4, 1, 9)), [slopes((seed,)) for seed in (4, 1, 9)]
    assert len(together) == len(shape.arrays())
    for key, slope in together.items():
        torch.testing.assert_close(slope, torch.cat([each[key] for each in alone]), rtol=0, atol=1e-6)
    assert max(float(slope.abs().max()) for slope in together.values()) > 1e-3


@pytest.mark.parametrize("name", SHAPES)
def test_the_loop_is_adam_of_torch_on_the_same_batches(name: str) -> None:
    shape, graph, config = SHAPES[name], snapshots(COUNT), TrainConfig(epochs=4, batch=8, rate=0.01, dtype="float64")
    rows = np.arange(shape.sequence - 1, COUNT)
    y = labels(COUNT, shape.outputs)[rows]
    weights = {key: torch.from_numpy(array[None]).requires_grad_() for key, array in initial(shape, 5).items()}
    block, adam = Block.of(graph, "float64"), torch.optim.Adam(weights.values(), lr=0.01)
    for epoch in range(4):
        order = np.random.default_rng([5, 1, epoch]).permutation(len(rows))
        for start in range(0, len(rows), 8):
            batch = order[start : start + 8]
            known = torch.from_numpy(np.isfinite(y[batch]))
            loss = binary_cross_entropy_with_logits(forward(shape, weights, block, rows[batch][None])[0][known], torch.from_numpy(y[batch])[known])
            adam.zero_grad()
            loss.backward()
            adam.step()
    ours = train(Gcn(shape), Samples(graph, rows, (y,)), (5,), config)
    for key, tensor in weights.items():
        np.testing.assert_allclose(ours.weights[key], tensor.detach().numpy(), rtol=0, atol=1e-11)


def test_a_label_that_is_not_known_teaches_nothing() -> None:
    shape, graph, config = SHAPES["temporal"], snapshots(COUNT), TrainConfig(epochs=2, batch=64)
    rows, y = np.arange(2, COUNT), labels(COUNT, 3)[2:]
    silent = y.copy()
    silent[:, 1] = np.nan
    head = train(Gcn(shape), Samples(graph, rows, (silent,)), (0,), config).weights["head"][0]
    first = initial(shape, 0)["head"].astype(np.float32)
    assert (head[:, 1] == first[:, 1]).all()
    assert (head[:, 0] != first[:, 0]).all()


@pytest.mark.parametrize("name", ["snapshot", "temporal"])
def test_it_learns_what_can_be_learned(name: str) -> None:
    """The label says whether the nodes' first feature is high on average, at the last snapshot but one for the temporal network."""
    shape = Shape(SHAPES[name].kind, 8, 0, 4, 1, SHAPES[name].sequence)
    graph = snapshots(160, seed=3)
    high = (graph.x[:, :, 0].sum(axis=1) / graph.mask.sum(axis=1) > 0).astype(float)[:, None]
    rows = np.arange(2, 160)
    y = high[rows - (name == "temporal")]
    made = train(Gcn(shape), Samples(graph, rows, (y,)), (0, 1), TrainConfig(epochs=120, rate=0.02, batch=16))
    assert (made.curves[-1] < 0.5 * made.curves[0]).all()
    assert ((logits(shape, made.weights, graph, rows) > 0) == y).mean() > 0.9


CHILD = """
import os, signal, sys
from pathlib import Path
from riskradar.models import train as loop
from tests.models.test_train import KILLED, trained

def dying(honest, calls):
    def wrapped(*arguments):
        wrapped.calls += 1
        if wrapped.calls == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        return honest(*arguments)
    wrapped.calls = 0
    return wrapped

if sys.argv[2] == "in a step":
    loop._step = dying(loop._step, 31)
else:
    loop.os.replace = dying(os.replace, 6)
trained(sys.argv[1], (0, 1), KILLED, checkpoint=Path(sys.argv[3]))
"""
KILLED = STOPPING.model_copy(update={"patience": 6, "rate": 0.01, "epochs": 20, "dtype": "float32"})


@pytest.mark.parametrize("place", ["in a step", "in a write"])
@pytest.mark.parametrize("name", ["snapshot", "temporal"])
def test_a_killed_training_resumes_to_the_same_bits(name: str, place: str, tmp_path: Path) -> None:
    """Both die in the course of an epoch, with at least five behind them."""
    file = tmp_path / "training.safetensors"
    command = [sys.executable, "-W", "ignore", "-c", CHILD, name, place, str(file)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    heard: list[int] = []
    resumed = trained(name, (0, 1), KILLED, checkpoint=file, progress=lambda epoch, epochs: heard.append(epoch))
    assert 6 <= heard[0] < 12, "it began again"
    whole = trained(name, (0, 1), KILLED)
    assert len(whole.curves) > heard[0]
    for key, array in whole.weights.items():
        assert array.tobytes() == resumed.weights[key].tobytes(), key
    assert whole.curves.tobytes() == resumed.curves.tobytes()
    assert whole.validation.tobytes() == resumed.validation.tobytes()


@pytest.mark.parametrize("change", ["seeds", "config", "data"])
def test_a_checkpoint_of_another_training_is_refused_and_kept(change: str, tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    trained("snapshot", (0, 1), KILLED, checkpoint=file)
    before = file.read_bytes()
    seeds = (0, 2) if change == "seeds" else (0, 1)
    config = KILLED.model_copy(update={"rate": 0.5}) if change == "config" else KILLED
    y = labels(COUNT, 3, seed=int(change == "data"))
    with pytest.raises(StorageError, match="another training"):
        train(Gcn(SHAPES["snapshot"]), Samples(snapshots(COUNT), np.arange(COUNT), (y,)), seeds, config, checkpoint=file)
    assert file.read_bytes() == before


def test_a_damaged_checkpoint_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    file.write_bytes(b"not safetensors")
    with pytest.raises(StorageError, match="cannot be read"):
        trained("snapshot", (0,), STOPPING, checkpoint=file)
    assert file.read_bytes() == b"not safetensors"
    (tmp_path / "plain").write_text("a file, not a folder")
    with pytest.raises(StorageError, match="cannot write"):
        trained("snapshot", (0,), STOPPING, checkpoint=tmp_path / "plain" / "training")


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    file, heard = tmp_path / "training.safetensors", []
    first = trained("temporal", (0,), STOPPING, checkpoint=file)
    again = trained("temporal", (0,), STOPPING, checkpoint=file, progress=lambda epoch, epochs: heard.append(epoch))
    assert heard == []
    assert apart(first, again, 0) == 0


def stopping(graph: Snapshots, y: np.ndarray) -> Trained:
    return train(Gcn(SHAPES["snapshot"]), Samples(graph, np.arange(COUNT), (y,)), (0,), STOPPING)


def test_early_stopping_looks_at_the_purged_tail_only() -> None:
    """43 samples, a tail of 13 from number 30 on: numbers 27 to 29 have labels that reach into it and are used for nothing."""
    graph, y = snapshots(COUNT), np.nan_to_num(labels(COUNT, 3))
    base = stopping(graph, y)

    def flipped(start: int, stop: int) -> Trained:
        other = y.copy()
        other[start:stop] = 1 - other[start:stop]
        return stopping(graph, other)

    gap = flipped(27, 30)
    assert apart(base, gap, 0) == 0
    assert (base.curves == gap.curves).all()
    tail = flipped(30, COUNT)
    shared = min(len(tail.curves), len(base.curves))
    assert (tail.curves[:shared] == base.curves[:shared]).all(), "the tail was trained on"
    assert (tail.validation[:shared] != base.validation[:shared]).all()
    assert (flipped(26, 27).curves[0] != base.curves[0]).all(), "the last sample before the gap is used"
    for made in (base, tail):
        epochs = len(made.validation)
        best = int(np.argmin(made.validation[:, 0]))
        assert epochs == min(best + 1 + STOPPING.patience, STOPPING.epochs)
        config = STOPPING.model_copy(update={"patience": 0, "epochs": best + 1})
        short = train(Gcn(SHAPES["snapshot"]), Samples(graph, np.arange(27), (y[:27],)), (0,), config)
        assert apart(made, short, 0) < 1e-12, "not the weights of the best epoch"
    assert len(base.validation) < STOPPING.epochs


def test_without_patience_nothing_is_held_back() -> None:
    made = trained("snapshot", (0,), STOPPING.model_copy(update={"patience": 0}))
    assert len(made.curves) == STOPPING.epochs
    assert np.isnan(made.validation).all()


@pytest.mark.parametrize("steps", [1, 6, 13])
def test_steps_end_the_training_whatever_the_epochs(steps: int) -> None:
    """43 samples in batches of 8 make six steps an epoch."""
    made = trained("snapshot", (0, 1), TrainConfig(epochs=1, steps=steps, batch=8, schedule="onecycle", dtype="float64"))
    assert len(made.curves) == -(-steps // 6)
    assert apart(made, trained("snapshot", (0,), TrainConfig(epochs=99, steps=steps, batch=8, schedule="onecycle", dtype="float64")), 0) < 1e-12
    one_more = trained("snapshot", (0,), TrainConfig(steps=steps + 1, batch=8, dtype="float64"))
    assert apart(trained("snapshot", (0,), TrainConfig(steps=steps, batch=8, dtype="float64")), one_more, 0) > 1e-6
    if steps == 6:
        assert apart(trained("snapshot", (0,), TrainConfig(epochs=1, batch=8)), trained("snapshot", (0,), TrainConfig(steps=6, batch=8)), 0) == 0


def test_a_refit_begins_with_the_weights_it_is_given(tmp_path: Path) -> None:
    """Adam has no memory of the first training; its order of samples begins anew."""
    slow = TrainConfig(epochs=1, batch=64, rate=1e-9)
    first = trained("temporal", (0, 1), TrainConfig(epochs=3, rate=0.01))
    again = trained("temporal", (0, 1), slow, start=first.weights)
    assert max(float(np.abs(again.weights[name] - array).max()) for name, array in first.weights.items()) < 1e-7
    both = trained("temporal", (0, 1), slow, start={name: array[1:] for name, array in first.weights.items()})
    assert max(float(np.abs(both.weights[name] - array[1]).max()) for name, array in first.weights.items()) < 1e-7, "one start for all seeds"
    file = tmp_path / "training.safetensors"
    trained("temporal", (0, 1), slow, start=first.weights, checkpoint=file)
    with pytest.raises(StorageError, match="another training"):
        trained("temporal", (0, 1), slow, checkpoint=file)


def test_a_sample_must_lie_inside() -> None:
    for rows in (np.array([1, 5]), np.array([5, COUNT])):
        with pytest.raises(ValueError, match="inside"):
            train(Gcn(SHAPES["temporal"]), Samples(snapshots(COUNT), rows, (np.zeros((2, 3)),)), (0,), STOPPING)


def test_logits_do_not_depend_on_what_is_scored_beside(tmp_path: Path) -> None:
    made = trained("temporal", (0, 1), STOPPING)
    rows, graph = np.arange(2, COUNT), snapshots(COUNT)
    whole = logits(SHAPES["temporal"], made.weights, graph, rows)
    assert whole.shape == (2, COUNT - 2, 3)
    for i in (0, 17, 40):
        np.testing.assert_allclose(logits(SHAPES["temporal"], made.weights, graph, rows[i : i + 1])[:, 0], whole[:, i], atol=1e-13)
    assert logits(SHAPES["temporal"], made.weights, graph, rows[:0]).shape == (2, 0, 3)
    save_weights(tmp_path / "w.safetensors", made.weights)
    loaded = load_weights(tmp_path / "w.safetensors")
    assert all((loaded[name] == array).all() for name, array in made.weights.items())
    assert loaded.keys() == made.weights.keys()
