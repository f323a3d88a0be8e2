"""Edges that fade: whole they are those that the network was trained with, half-way they are the formula, and their slopes are right."""

import numpy as np
import pytest
import torch
from torch.nn.functional import leaky_relu

from riskradar.attribution.fading import Stored, sender
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import Block, linear, messages
from riskradar.models.srr.kernels.attention import SLOPE
from riskradar.models.srr.market import Market
from tests.models.srr.markets import LAYERS, N, architecture, market

SEEDS, HELD = 2, np.arange(3, 9)
SNAPSHOT = np.tile(HELD, SEEDS)
ENCODERS = ("gcn", "gatv2", "transformer")


def weights(settings: Architecture, layer: str) -> dict[str, torch.Tensor]:
    """Of one layer, none of them zero."""
    rng = np.random.default_rng(4)
    return {name: torch.from_numpy(rng.normal(size=(SEEDS, *dims))) for name, dims in settings.arrays().items() if name.startswith(f"{layer}.")}


def stored(made: Market) -> dict[str, Stored]:
    return {name: Stored.of(layer, made) for name, layer in zip(LAYERS, made.layers, strict=True)}


def embeddings(settings: Architecture, nodes: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(5).normal(size=(SEEDS, len(HELD), nodes, settings.width)))


def gates(edges: dict[str, Stored]) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(6)
    return {name: torch.from_numpy(rng.random(len(each.snapshot))) for name, each in edges.items()}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_whole_edge_is_the_one_of_the_network(encoder: str, layer: str) -> None:
    made, settings = market(), architecture(encoder=encoder)
    h, block, edges, given = embeddings(settings, N), Block.of(made, "float64"), stored(made), weights(settings, layer)
    send = sender(edges, {name: torch.ones(len(each.snapshot), dtype=torch.float64) for name, each in edges.items()})
    of = block.edges[LAYERS.index(layer)]
    whole, wanted = (each(settings, given, f"{layer}.0", h, SNAPSHOT, of) for each in (send, messages))
    torch.testing.assert_close(whole, wanted, rtol=0, atol=1e-12)
    assert wanted.any()


def formula(settings: Architecture, given: dict[str, torch.Tensor], name: str, h: torch.Tensor, edges: Stored, gate: torch.Tensor) -> torch.Tensor:
    """One seed and one snapshot at a time, as N x N arrays."""
    S, U, nodes, H = h.shape
    out = torch.zeros(h.shape, dtype=h.dtype)
    for s, u in np.ndindex(S, U):
        here = edges.snapshot == HELD[u]
        i, j = edges.receiver[here], edges.sender[here]
        weight, fades = torch.zeros(nodes, nodes, dtype=h.dtype), torch.eye(nodes, dtype=h.dtype)
        weight[i, j], fades[i, j] = edges.weight[here], gate[here]
        there = torch.zeros(nodes, nodes, dtype=torch.bool)
        there[i, j] = True
        each = {part: array[s] for part, array in given.items()}
        values = linear(given, f"{name}.project", h)[s, u]
        if settings.encoder == "gatv2":
            source, target = values.split(H, dim=1)
            bent = each[f"{name}.attention"] * leaky_relu(source[None] + target[:, None], SLOPE)
            there, weight, told, other = there | torch.eye(nodes).bool(), weight + torch.eye(nodes), source, each[f"{name}.bias"]
        else:
            query, key, told, other = values.split(H, dim=1)
            bent = query[:, None] * key[None] / (H // settings.heads) ** 0.5
        score = bent.view(nodes, nodes, settings.heads, -1).sum(3) + each[f"{name}.edge"] * weight[:, :, None]
        share = torch.nan_to_num(torch.where(there[:, :, None], score, -torch.inf).softmax(dim=1)) * fades[:, :, None]
        mixed = torch.einsum("ijk,jkh->ikh", share, told.view(nodes, settings.heads, -1)).reshape(nodes, H)
        out[s, u] = (mixed + other).relu() * edges.there[HELD[u], :, None]
    return out


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("encoder", ["gatv2", "transformer"])
def test_what_is_received_fades_and_the_softmax_does_not(encoder: str, layer: str) -> None:
    made, settings = market(), architecture(encoder=encoder)
    h, edges, given = embeddings(settings, N), stored(made), weights(settings, layer)
    opened = gates(edges)
    faded = sender(edges, opened)(settings, given, f"{layer}.0", h, SNAPSHOT, None)
    torch.testing.assert_close(faded, formula(settings, given, f"{layer}.0", h, edges[layer], opened[layer]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_slopes_of_gates_and_embeddings(encoder: str) -> None:
    settings = architecture(encoder=encoder)
    made = market(nodes=5)
    edges, given, layer = stored(made), weights(settings, "sparse"), "sparse"
    h, opened = embeddings(settings, 5), gates(edges)

    def sent(h: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        return sender(edges, {**opened, layer: gate})(settings, given, f"{layer}.0", h, SNAPSHOT, None)

    assert len(opened[layer])
    assert torch.autograd.gradcheck(sent, (h.requires_grad_(), opened[layer].requires_grad_()), fast_mode=True)
