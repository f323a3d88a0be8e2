"""The attention of each edge: by hand, as the kernels mix with it, and of a fitted model."""

import numpy as np
import pytest
import torch

from riskradar import labels, layers
from riskradar.labels import LabelsConfig
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.attention import attention
from riskradar.models.srr.encoders import Block, entrance, linear, messages
from riskradar.models.srr.inputs import takes_part
from riskradar.models.srr.market import Dense, Layer, Market
from riskradar.models.srr.model import MACRO
from tests.markets import Line
from tests.models.srr.markets import ENCODERS, TARGETS, architecture, market
from tests.models.srr.test_model import DAYS, LAYERS, SMALL, fit


@pytest.mark.parametrize("encoder", ["gatv2", "transformer"])
def test_three_nodes_by_hand(encoder: str) -> None:
    """Embeddings 1, 2, 3 (the third node is wanted by the first only, with half a weight); one head, an edge's bias of one half."""
    a = np.array([[[0, 1, 0.5, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]], np.float32)
    x, mask = np.array([[[1], [2], [3], [9]]], np.float32), np.array([[True, True, True, False]])
    graph = Market(x, np.zeros((1, 0), np.float32), mask, (Layer(Dense(a), np.array([0])),))
    settings = Architecture(("a",), 1, TARGETS[:1], encoder=encoder, depth=1, width=1, heads=1, temporal="none", sequence=1)  # type: ignore[arg-type]
    weights = {name: torch.zeros(1, *dims) for name, dims in settings.arrays().items()}
    weights["input"] += 1
    weights["a.0.project"][0, 0, : 1 if encoder == "gatv2" else 2] = 1  # source; query and key
    weights["a.0.edge"] += 0.5
    if encoder == "gatv2":
        weights["a.0.attention"] += 1
        powers = np.exp([[1.5, 2.5, 3.25, -np.inf], [-np.inf, 2.5, -np.inf, -np.inf], [1.5, -np.inf, 3.5, -np.inf]])
    else:
        powers = np.exp([[-np.inf, 2.5, 3.25, -np.inf], [-np.inf] * 4, [3.5, *[-np.inf] * 3]])
    by_hand = powers / np.maximum(powers.sum(axis=1, keepdims=True), 1e-300)
    share = attention(settings, weights, Block.of(graph, "float32"), 0)["a"]
    np.testing.assert_allclose(share, [*by_hand, [0] * 4], rtol=1e-6)


@pytest.mark.parametrize("encoder", ["gatv2", "transformer"])
def test_the_kernels_mix_by_these_shares(encoder: str) -> None:
    """One head, two steps: the last message is the share-weighted mean of what is sent. Layers absent on the first snapshot are zero."""
    settings, graph = architecture(encoder=encoder, depth=2, heads=1), market()
    weights = {name: torch.from_numpy(array[None]) for name, array in settings.initial(3).items()}
    block, H, row = Block.of(graph, "float64"), settings.width, 7
    shares = attention(settings, weights, block, row)
    for edges, (name, share) in zip(block.edges, shares.items(), strict=True):
        h = messages(settings, weights, f"{name}.0", entrance(weights, block, torch.tensor([[row]])), np.array([row]), edges)
        sent = linear(weights, f"{name}.1.project", h)[0, 0].numpy()
        mixed = share @ sent[:, :H] if encoder == "gatv2" else share @ sent[:, 2 * H : 3 * H] + sent[:, 3 * H :]
        kernel = messages(settings, weights, f"{name}.1", h, np.array([row]), edges)[0, 0].numpy()
        np.testing.assert_allclose(np.maximum(mixed, 0) * graph.mask[row][:, None], kernel, atol=1e-6)
        assert share.any()
    assert not attention(settings, weights, block, 0)["sparse"].any()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_of_a_fitted_model(encoder: str, line: Line) -> None:
    known = labels.build(line.panel, LabelsConfig(targets=("5/3", "20/5", "20/10", "log-volatility/20"), units="nodes"))
    built = Line(line.panel, line.features, layers.build(line.panel, LAYERS), known)
    fitted, t = fit(built, encoder=encoder, macro=("vix",)), DAYS[1]
    past = slice(t + 1 - fitted.history, t + 1)
    shares = fitted.attention(built.features.rows(past.start, past.stop), built.graphs.rows(past.start, past.stop))
    if encoder in ("gcn", "attention"):
        assert shares == {}
        return
    assert list(shares) == [*SMALL.layers, MACRO]
    joined = np.stack([layer.block(t, t + 1)[0] for layer in built.graphs.layers.values()]) > 0
    for name, edges in zip(built.graphs.layers, joined, strict=True):
        share, N = shares[name], len(edges)
        assert share.shape == (N + 1, N + 1)
        total = share.sum(axis=1)
        assert (np.isclose(total, 1, atol=1e-6) | (total == 0)).all()
        heard = (share[:N, :N] > 0) & ~np.eye(N, dtype=bool)
        assert heard.any()
        assert not (heard & ~edges).any()
        assert not share[:N, N].any(), "a macro node is heard in its own layer only"
    assert ((shares[MACRO][:N, N] > 0) == takes_part(built.features, np.array([t]), SMALL.inputs)[0]).all()
    assert shares[MACRO][N, :N].any()
    assert fitted.attention(built.features.rows(t, t + 1), built.graphs.rows(t, t + 1)) == {}, "too short to be scored"
