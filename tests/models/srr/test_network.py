"""The whole network: what it may depend on, and what it may not."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from riskradar.models.networks import Weights, one_thread
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.market import Layer, Market, Sparse
from riskradar.models.srr.network import Block, Encoded, Outputs, SrrNetwork, encode, forward
from tests.models.srr.markets import ENCODERS, STORAGES, G, N, architecture, combinations, market

ROWS = np.array([3, 5, 8, 13])
PARTS = zip(ENCODERS * 3, ("pooled", "nodes") * 6, ("gru", "lstm", "transformer") * 4, strict=True)
CHOSEN = [architecture(encoder=e, place=p, temporal=t) for e, p, t in PARTS]
NAMES = [f"{a.encoder}, {a.temporal} of {a.place}" for a in CHOSEN]


def weights(settings: Architecture, seeds: tuple[int, ...] = (0,), dtype: str = "float64") -> Weights:
    """First weights, with biases that are not zero."""
    rng, out = np.random.default_rng(3), {}
    for name, dims in settings.arrays().items():
        shift = 0.2 * rng.normal(size=dims)
        out[name] = torch.from_numpy(np.stack([settings.initial(seed)[name] + shift for seed in seeds]).astype(dtype))
    return out


def say(settings: Architecture, graph: Market, rows: np.ndarray = ROWS, given: Weights | None = None) -> Outputs:
    given = weights(settings) if given is None else given
    dtype = str(given["input"].numpy().dtype)
    with one_thread(), torch.inference_mode():
        return forward(settings, given, Block.of(graph, dtype), np.tile(rows, (len(given["input"]), 1)))


def pair(outputs: Outputs) -> tuple[torch.Tensor, torch.Tensor]:
    assert outputs.system is not None
    assert outputs.node is not None
    return outputs.system, outputs.node


@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_storages_give_equal_results(settings: Architecture) -> None:
    want = pair(say(settings, market()))
    for storage in STORAGES:
        for have, wanted in zip(pair(say(settings, market(storages=(storage,) * 3))), want, strict=True):
            torch.testing.assert_close(have, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_the_order_of_nodes_does_not_matter(settings: Architecture) -> None:
    """The system's output stays, the nodes' turn with them; assets and macro nodes keep their places."""
    graph, order = market(), np.array([*np.random.default_rng(0).permutation(N - 1), N - 1])
    place = np.argsort(order)
    layers = []
    for layer in graph.layers:
        edges = layer.drawn.sparse()
        r, i = edges.ends()
        sort = np.lexsort((place[edges.index], place[i], r))
        layers.append(Layer(Sparse.of(edges.shape, (r[sort], place[i][sort], place[edges.index][sort]), edges.weight[sort]), layer.row))
    turned = replace(graph, x=graph.x[:, order], mask=graph.mask[:, order], layers=tuple(layers))
    (system, node), (system_turned, node_turned) = pair(say(settings, graph)), pair(say(settings, turned))
    torch.testing.assert_close(system_turned, system, rtol=0, atol=1e-12)
    torch.testing.assert_close(node_turned, node[:, :, order], rtol=0, atol=1e-12)
    mixed = replace(graph, x=graph.x[:, order], mask=graph.mask[:, order])
    if settings.encoder != "attention":
        assert (pair(say(settings, mixed))[0] - system).abs().max() > 1e-4, "the graph says nothing"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_what_stands_at_masked_nodes_and_absent_layers_changes_no_bit(settings: Architecture, dtype: str) -> None:
    rng, given = np.random.default_rng(0), weights(settings, dtype=dtype)
    a, mask = (rng.random((G, N, N)) < 0.5).astype(np.float32), market().mask
    row = np.where(np.arange(G) % 3 == 0, -1, np.arange(G))
    graph = replace(market(), layers=tuple(Layer(STORAGES["dense"](a), row) for _ in range(3)))
    out, base = ~mask, pair(say(settings, graph, given=given))
    for wild in (1e6, np.nan, np.inf):
        strange = np.where(out[:, :, None] | out[:, None, :] | (row < 0)[:, None, None], np.float32(wild), a)
        layers = tuple(Layer(STORAGES["dense"](strange), row) for _ in range(3))
        x = np.where(out[:, :, None], np.float32(wild), graph.x)
        for have, want in zip(pair(say(settings, Market(x, graph.context, mask, layers, 1), given=given)), base, strict=True):
            assert torch.equal(have, want)
    live = np.where(out[:, :, None], graph.x, graph.x + 1).astype(np.float32)
    assert not torch.equal(pair(say(settings, replace(graph, x=live), given=given))[0], base[0])


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_the_state_carries_every_snapshot_and_sees_no_other(settings: Architecture, step: int) -> None:
    graph, last = market(), np.array([8])
    x, context = graph.x.copy(), graph.context.copy()
    x[5 + step] += 0.5
    base, moved = pair(say(settings, graph, last)), pair(say(settings, replace(graph, x=x), last))
    assert (moved[0] - base[0]).abs().max() > 1e-6
    x, context = graph.x.copy(), graph.context.copy()
    x[[4, 9, 10]] += 100.0
    context[[4, 9, 10]] -= 100.0
    for have, want in zip(pair(say(settings, replace(graph, x=x, context=context), last)), base, strict=True):
        assert torch.equal(have, want), "outside of its sequence"


@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_a_stack_of_seeds_is_each_seed_alone(settings: Architecture) -> None:
    stack = weights(settings, (0, 5, 9), "float32")
    together = pair(say(settings, market(), given=stack))
    for s in range(3):
        alone = pair(say(settings, market(), given={name: w[s : s + 1] for name, w in stack.items()}))
        for have, want in zip(together, alone, strict=True):
            torch.testing.assert_close(have[s : s + 1], want, rtol=0, atol=1e-6)


def test_each_snapshot_of_a_step_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(settings: Architecture, given: Weights, block: Block, index: torch.Tensor, *rest: Any) -> Encoded:
        asked.append(index.numpy())
        return encode(settings, given, block, index, *rest)

    monkeypatch.setattr("riskradar.models.srr.network.encode", counted)
    say(architecture(), market(), np.array([4, 6, 5, 11]))
    assert asked[0].tolist() == [[1, 2, 3, 4, 5, 6, 8, 9, 10, 11]]


@pytest.mark.parametrize("settings", combinations(), ids=lambda a: f"{a.encoder}-{a.fusion}-{a.temporal}-{a.place}-{a.loss}")
def test_every_combination_learns(settings: Architecture) -> None:
    """Every array has a finite slope that is not zero, and a step against it lowers the loss."""
    network, rows = SrrNetwork(settings), np.tile(ROWS, (2, 1))
    given = {name: w.requires_grad_() for name, w in weights(settings, (0, 1)).items()}
    block, rng = network.prepare(market(), "float64"), np.random.default_rng(0)
    sizes = ((2, 4, len(settings.targets)), (2, 4, N, len(settings.node_targets)))
    y = tuple(torch.from_numpy(rng.integers(0, 2, size).astype(float)) for size in sizes)
    y[0][0, 0, 0] = y[1][:, :, 3] = np.nan
    total, count = network.loss(given, block, rows, y)
    slopes = torch.autograd.grad(total.sum(), list(given.values()))
    for name, slope in zip(given, slopes, strict=True):
        assert torch.isfinite(slope).all(), name
        assert (slope != 0).any(), name
    lower = {name: w.detach() - 1e-4 * slope for (name, w), slope in zip(given.items(), slopes, strict=True)}
    assert (network.loss(lower, block, rows, y)[0] < total).all()
    assert count.tolist() == [4 * 8 - 1, 4 * 8]


def test_labels_that_are_not_known_teach_nothing() -> None:
    settings, rows = architecture(), ROWS[None]
    network, given = SrrNetwork(settings), {name: w.requires_grad_() for name, w in weights(settings).items()}
    block = network.prepare(market(), "float64")
    nothing = tuple(torch.full(size, torch.nan, dtype=torch.float64) for size in ((1, 4, 6), (1, 4, N, 2)))
    total, count = network.loss(given, block, rows, nothing)
    assert (total.item(), count.item()) == (0, 0)
    some = nothing[1].clone()
    some[0, 0, 0] = 1.0
    total, count = network.loss(given, block, rows, (nothing[0], some))
    assert total.item() > 0
    assert count.item() == 1, "a batch that teaches nodes only"


@pytest.mark.parametrize("settings", CHOSEN, ids=NAMES)
def test_a_few_snapshots_at_a_time_are_all_at_once(settings: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    want = pair(say(settings, market()))
    monkeypatch.setattr("riskradar.models.srr.network.LINES", 3 * N)
    for have, wanted in zip(pair(say(settings, market())), want, strict=True):
        torch.testing.assert_close(have, wanted, rtol=0, atol=1e-12)


def test_a_network_without_layers_reads_no_graph() -> None:
    settings = architecture(layers=())
    graph = replace(market(), layers=())
    assert say(settings, graph).fusion is None
    assert torch.isfinite(pair(say(settings, graph))[0]).all()


def test_identity_tells_networks_apart() -> None:
    assert len({SrrNetwork(settings).identity() for settings in combinations()}) == len(combinations())
