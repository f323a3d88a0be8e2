"""Dense networks against torch_geometric and torch.nn, and what may not change a logit."""

import numpy as np
import pytest
import torch

from riskradar.models.dense import Shape, Snapshots, initial
from riskradar.models.networks import Block, Weights, distinct, encode, forward, gru, one_thread
from tests.models import graphs as oracle
from tests.models.graphs import SHAPES, reference, snapshots

CLOSE = {"float32": 1e-6, "float64": 1e-12}


def weights(shape: Shape, seeds: tuple[int, ...] = (0,), dtype: str = "float64") -> Weights:
    """First weights, with biases that are not zero."""
    out = {}
    for name, dims in shape.arrays().items():
        shift = 0.1 * np.random.default_rng(3).normal(size=dims) * name.endswith("bias")
        out[name] = torch.from_numpy(np.stack([initial(shape, seed)[name] + shift for seed in seeds]).astype(dtype))
    return out


def logits(shape: Shape, given: Weights, graph: Snapshots, rows: np.ndarray) -> torch.Tensor:
    with one_thread(), torch.inference_mode():
        return forward(shape, given, Block.of(graph, str(given["head"].numpy().dtype)), np.tile(rows, (len(given["head"]), 1)))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", CLOSE)
def test_a_dense_convolution_is_the_one_of_torch_geometric(dtype: str, weighted: bool) -> None:
    shape, graph = SHAPES["snapshot"], snapshots(weighted=weighted)
    given, block = weights(shape, dtype=dtype), Block.of(graph, dtype)
    layer = oracle.convolution(given["gcn1"][0], given["gcn1.bias"][0])
    for g, mask in enumerate(graph.mask):
        use = np.flatnonzero(mask)
        adjacency = torch.from_numpy(graph.a[g][np.ix_(use, use)])
        edges = adjacency.nonzero().T
        want = layer(torch.from_numpy(graph.x[g, use]).to(given["gcn1"].dtype), edges, adjacency[edges[0], edges[1]].to(given["gcn1"].dtype))
        have = (block.ax[g] @ given["gcn1"][0] + given["gcn1.bias"][0])[use]
        torch.testing.assert_close(have, want.detach(), rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("name", SHAPES)
def test_a_network_is_the_one_built_from_torch_parts(name: str, dtype: str) -> None:
    shape, graph = SHAPES[name], snapshots(weighted=True)
    rows, given = np.arange(shape.sequence - 1, 12), weights(shape, (0, 5), dtype)
    for s, have in enumerate(logits(shape, given, graph, rows)):
        want = reference(shape, {key: value[s] for key, value in given.items()}, graph, rows).detach()
        torch.testing.assert_close(have, want, rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize("dtype", CLOSE)
def test_gru_is_the_one_of_torch(dtype: str) -> None:
    shape = Shape("temporal", 8, features=4, sequence=6)
    given = weights(shape, (0, 1), dtype)
    z = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 6, 8)).astype(dtype))
    entering = (z.reshape(2, 30, 8) @ given["gru.input"] + given["gru.input.bias"][:, None]).reshape(2, 5, 6, 24)
    for s, have in enumerate(gru(given, entering)):
        want = oracle.recurrent({name: array[s] for name, array in given.items()})(z[s])[1][0].detach()
        torch.testing.assert_close(have, want, rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize("step", range(3))
def test_the_hidden_state_carries_every_snapshot_and_their_order(step: int) -> None:
    shape, graph = SHAPES["temporal"], snapshots()
    given, last = weights(shape), np.array([6])
    x = graph.x.copy()
    x[4 + step] += 0.5
    base = logits(shape, given, graph, last)
    assert (logits(shape, given, Snapshots(x, graph.a, graph.mask), last) - base).abs().max() > 1e-4
    x = graph.x.copy()
    x[[3, 7]] += 100.0
    assert (logits(shape, given, Snapshots(x, graph.a, graph.mask), last) == base).all(), "outside of its sequence"
    order = np.array([0, 1, 2, 3, *np.roll([4, 5, 6], step + 1), 7, 8, 9, 10, 11])
    turned = Snapshots(graph.x[order], graph.a[order], graph.mask[order])
    assert bool((logits(shape, given, turned, last) - base).abs().max() > 1e-6) is (step < 2)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", CLOSE)
def test_what_stands_at_masked_nodes_changes_no_bit(name: str, dtype: str) -> None:
    shape, graph = SHAPES[name], snapshots()
    rows, given = np.arange(shape.sequence - 1, 12), weights(shape, dtype=dtype)
    out = ~graph.mask
    for wild in (1e6, np.nan, np.inf):
        x = np.where(out[:, :, None], np.float32(wild), graph.x)
        a = np.where(out[:, :, None] | out[:, None, :], np.float32(wild), graph.a)
        assert (logits(shape, given, Snapshots(x, a, graph.mask), rows) == logits(shape, given, graph, rows)).all()
    live = np.where(out[:, :, None], graph.x, graph.x + 1).astype(np.float32)
    assert (logits(shape, given, Snapshots(live, graph.a, graph.mask), rows) != logits(shape, given, graph, rows)).any()


@pytest.mark.parametrize("name", SHAPES)
def test_the_order_of_nodes_does_not_matter(name: str) -> None:
    shape, graph = SHAPES[name], snapshots(weighted=True)
    rows, given = np.arange(shape.sequence - 1, 12), weights(shape)
    order = np.random.default_rng(0).permutation(9)
    turned = Snapshots(graph.x[:, order], graph.a[:, order][:, :, order], graph.mask[:, order])
    torch.testing.assert_close(logits(shape, given, turned, rows), logits(shape, given, graph, rows), rtol=0, atol=1e-13)
    mixed = Snapshots(graph.x[:, order], graph.a, graph.mask[:, order])
    assert (logits(shape, given, mixed, rows) - logits(shape, given, graph, rows)).abs().max() > 1e-4, "the graph says nothing"


def test_distinct() -> None:
    windows = np.random.default_rng(0).integers(0, 9, (4, 12))
    windows[0] = 5
    index, place = distinct(windows)
    assert index.shape == (4, max(len(set(line)) for line in windows.tolist()))
    assert (np.take_along_axis(index, place, axis=1) == windows).all()


def test_each_snapshot_of_a_step_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(given: Weights, block: Block, index: torch.Tensor) -> torch.Tensor:
        asked.append(index.numpy())
        return encode(given, block, index)

    monkeypatch.setattr("riskradar.models.networks.encode", counted)
    logits(SHAPES["temporal"], weights(SHAPES["temporal"]), snapshots(), np.array([4, 6, 5, 11]))
    assert asked[0].tolist() == [[2, 3, 4, 5, 6, 9, 10, 11]]


def test_one_thread_leaves_the_setting_as_it_was() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
