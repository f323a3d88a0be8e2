"""Encoders against torch_geometric, their gradients, and what may not change them."""

import numpy as np
import pytest
import torch

from riskradar.models.srr.encoders import Block, messages
from riskradar.models.srr.market import Dense, Layer, Market
from tests.models.srr import oracle
from tests.models.srr.markets import N, architecture, dense

CLOSE = {"float32": 1e-5, "float64": 1e-12}


def block(a: np.ndarray, dtype: str, mask: np.ndarray | None = None) -> Block:
    """One snapshot for each of the graphs."""
    mask = np.ones(a.shape[:2], bool) if mask is None else mask
    x, context = np.zeros((*mask.shape, 1), np.float32), np.zeros((len(mask), 0), np.float32)
    return Block.of(Market(x, context, mask, (Layer(Dense(a), np.arange(len(a))),)), dtype)


def weights(encoder: str, dtype: str, seeds: int = 1, edge: float = 0.0, **shape: int) -> dict[str, torch.Tensor]:
    """One layer named 0, with biases that are not zero."""
    rng, out = np.random.default_rng(3), {}
    for name, dims in architecture(encoder=encoder, **shape).arrays().items():
        if name.startswith("near.0"):
            scale = edge if name.endswith(".edge") else 0.5
            out[name.removeprefix("near.")] = torch.from_numpy(scale * rng.normal(size=(seeds, *dims))).to(getattr(torch, dtype))
    return out


@pytest.mark.parametrize("shape", [{"width": 8, "heads": 2}, {"width": 32, "heads": 4}, {"width": 15, "heads": 3}, {"width": 7, "heads": 1}], ids=str)
@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("encoder", oracle.CONVOLUTIONS)
def test_a_layer_is_the_one_of_torch_geometric(encoder: str, dtype: str, shape: dict[str, int]) -> None:
    """Directed random graphs with isolated nodes, and with nodes that take no part; weights matter to the convolution only."""
    rng, settings = np.random.default_rng(0), architecture(encoder=encoder, **shape)
    a, mask, given = dense(rng, 6), rng.random((6, N)) < 0.8, weights(encoder, dtype, **shape)
    h = torch.from_numpy(rng.normal(size=(1, 6, N, settings.width))).to(given["0" if encoder == "gcn" else "0.edge"].dtype)
    have = messages(settings, given, "0", h, np.arange(6), block(a, dtype, mask).edges[0])[0]
    layer = oracle.CONVOLUTIONS[encoder]({name: w[0] for name, w in given.items()}, settings.heads)
    for g in range(6):
        use = np.flatnonzero(mask[g])
        i, j = np.nonzero(a[g][np.ix_(use, use)])
        edges, strength = torch.from_numpy(np.stack([j, i])), torch.from_numpy(a[g][np.ix_(use, use)][i, j]).to(h.dtype)
        want = layer(h[0, g, use], edges, *((strength,) if encoder == "gcn" else ()))
        torch.testing.assert_close(have[g, use], want.detach().relu(), rtol=0, atol=CLOSE[dtype])


@pytest.mark.parametrize("encoder", oracle.CONVOLUTIONS)
def test_gradients(encoder: str) -> None:
    rng, settings = np.random.default_rng(0), architecture(encoder=encoder, width=6, heads=2)
    a, mask = dense(rng, 3, 5), np.array([[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 0, 1, 0]], bool)
    given, graph = weights(encoder, "float64", seeds=2, edge=0.5, width=6, heads=2), block(a, "float64", mask).edges[0]
    names = list(given)
    h = torch.from_numpy(rng.normal(size=(2, 4, 5, 6)))
    snapshot = np.array([0, 1, 2, 1, 2, 0, 0, 1])

    def run(h: torch.Tensor, *arrays: torch.Tensor) -> torch.Tensor:
        return messages(settings, dict(zip(names, arrays, strict=True)), "0", h, snapshot, graph)

    assert torch.autograd.gradcheck(run, [t.requires_grad_() for t in (h, *given.values())])


@pytest.mark.parametrize("encoder", ["gatv2", "transformer"])
def test_the_weight_of_an_edge_is_a_bias_of_its_attention(encoder: str) -> None:
    """A large positive bias makes the heaviest edge the only one; a node without edges feels nothing."""
    rng, settings = np.random.default_rng(0), architecture(encoder=encoder, width=6, heads=2)
    a = np.zeros((1, 4, 4), np.float32)
    a[0, 0, 1:] = [0.2, 3.0, 0.4]
    h = torch.from_numpy(rng.normal(size=(1, 1, 4, 6)))
    plain, given = (weights(encoder, "float64", edge=edge, width=6, heads=2) for edge in (0.0, 1.0))
    given["0.edge"] = torch.full_like(given["0.edge"], 500.0)
    out, before = (messages(settings, w, "0", h, np.zeros(1, np.int64), block(a, "float64").edges[0])[0, 0] for w in (given, plain))
    sent = h[0, 0, 2] @ given["0.project"][0] + given["0.project.bias"][0]
    if encoder == "gatv2":
        want = sent[:6] + given["0.bias"][0]
    else:
        want = sent[12:18] + (h[0, 0, 0] @ given["0.project"][0] + given["0.project.bias"][0])[18:]
    torch.testing.assert_close(out[0], want.relu())
    torch.testing.assert_close(out[1:], before[1:])


def test_the_printed_attention_is_the_same_for_every_node_and_gatv2_is_not() -> None:
    """Paper 5.2 has no non-linearity before the softmax, so the part of the node that asks cancels."""
    rng = np.random.default_rng(0)
    w, a, h = (torch.from_numpy(rng.normal(size=size)) for size in ((6, 6), (12,), (5, 6)))
    rows = oracle.printed(w, a, h)
    torch.testing.assert_close(rows, rows[:1].expand_as(rows))
    assert rows.std() > 0.01, "it does tell senders apart"
    settings, given = architecture(encoder="gatv2", width=6, heads=1), weights("gatv2", "float64", width=6, heads=1)
    full = np.ones((1, 5, 5), np.float32)
    out = messages(settings, given, "0", h[None, None], np.zeros(1, np.int64), block(full, "float64").edges[0])[0, 0]
    assert (out - out[:1]).abs().max() > 0.01, "all nodes see the same senders, and weigh them differently"
    linear = given | {"0.attention": given["0.attention"].abs(), "0.project.bias": given["0.project.bias"] + 100}
    same = messages(settings, linear, "0", h[None, None], np.zeros(1, np.int64), block(full, "float64").edges[0])[0, 0]
    torch.testing.assert_close(same, same[:1].expand_as(same), msg="far from the bend of LeakyReLU it falls back to the printed form")
