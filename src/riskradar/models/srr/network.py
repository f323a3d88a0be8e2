"""The full network, several seeds at once: encode each snapshot once, fuse its layers, remember the sequence, say every target."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from json import dumps

import numpy as np
import torch
from torch import Tensor

from riskradar.models.networks import Weights, distinct
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import Block, entrance, everywhere, linear, messages
from riskradar.models.srr.fusion import Fused, average, fuse
from riskradar.models.srr.heads import losses, ordered
from riskradar.models.srr.kernels.edges import Edges
from riskradar.models.srr.market import Market
from riskradar.models.srr.temporal import remember, take
from riskradar.tables import Target
from riskradar.tables.arrays import Float, Int

Send = Callable[[Architecture, Weights, str, Tensor, Int, Edges], Tensor]
LINES = 4096  # nodes encoded at once

__all__ = ["Block", "Outputs", "SrrNetwork", "encode", "forward", "loss"]


@dataclass(frozen=True, eq=False)
class Outputs:
    """system [S, B, K] and node [S, B, N, K]: logits and quantiles (see Architecture.columns), zero at nodes that take no part on the last snapshot.

    fusion [S, B, L]: the weight of each layer on the last snapshot; None where layers are joined side by side or not read.
    """

    system: Tensor | None
    node: Tensor | None
    fusion: Tensor | None


@dataclass(frozen=True, eq=False)
class Encoded:
    """Of the snapshots [S, U]: pooled [S, U, H], nodes [S, U, N, H] where asked for, and the weight of each layer [S, U, L] where there is one."""

    pooled: Tensor
    nodes: Tensor | None
    share: Tensor | None


def encode(architecture: Architecture, weights: Weights, block: Block, index: Tensor, whole: bool, send: Send = messages) -> Encoded:
    """Encode the snapshots `index` [S, U], a few at a time: what is computed between two products stays in the cache; whole: give the nodes too."""
    S, N = len(index), block.x.shape[1]
    parts = []
    for part in torch.split(index, max(1, LINES // (S * N)), dim=1):
        fused = _fused(architecture, weights, block, part, send)
        pooled = fused.pooled(block.pool.index_select(0, part.reshape(-1)))
        parts.append(Encoded(pooled, fused.nodes() if whole else None, fused.share))
    if len(parts) == 1:
        return parts[0]
    nodes = [part.nodes for part in parts if part.nodes is not None]
    share = [part.share for part in parts if part.share is not None]
    return Encoded(
        torch.cat([part.pooled for part in parts], dim=1), torch.cat(nodes, dim=1) if nodes else None, torch.cat(share, dim=1) if share else None
    )  # fmt: skip


def _fused(architecture: Architecture, weights: Weights, block: Block, index: Tensor, send: Send) -> Fused:
    """Every layer's stack starts from the same first embedding, to which the fused ones are added."""
    flat = index.reshape(-1)
    first = entrance(weights, block, index)
    if architecture.encoder == "attention":
        mask = block.mask.index_select(0, flat)
        for step in range(architecture.depth):
            first = everywhere(architecture, weights, f"all.{step}", first, mask)
        return Fused(first)
    others, snapshot = [], flat.numpy()
    for name, edges in zip(architecture.layers, block.edges, strict=True):
        h = first
        for step in range(architecture.depth):
            h = send(architecture, weights, f"{name}.{step}", h, snapshot, edges)
        others.append(h)
    if not others:
        return Fused(first)
    present = block.present.index_select(0, flat).view(*index.shape, -1)
    return fuse(architecture, weights, first, tuple(others), present, (block.pool, snapshot))


def forward(architecture: Architecture, weights: Weights, block: Block, rows: Int, send: Send = messages) -> Outputs:
    """What is said of the samples that end at the snapshots `rows` [S, B]; send: one graph layer (see encoders.messages)."""
    S, B = rows.shape
    windows = rows[:, :, None] + np.arange(1 - architecture.sequence, 1)
    index, place = (torch.from_numpy(array) for array in distinct(windows.reshape(S, -1)))
    place = place.view(S, B, -1)
    last, ends = place[:, :, -1], torch.from_numpy(rows)
    by_node = architecture.place == "nodes"
    encoded = encode(architecture, weights, block, index, by_node or bool(architecture.node_targets), send)
    states = encoded.nodes if by_node and encoded.nodes is not None else joined(weights, block, encoded.pooled, index)[:, :, None]
    if architecture.temporal == "none":
        seen = take(states, last)
    else:
        mask = block.mask.index_select(0, index.reshape(-1)).view(*index.shape, -1) if by_node else None
        seen = remember(architecture, weights, states, place, mask)
    state = joined(weights, block, average(seen, block.pool[rows].flatten(0, 1)), ends) if by_node else seen[:, :, 0]
    system = ordered(architecture, linear(weights, "head", state), architecture.targets) if architecture.targets else None
    node = None
    if encoded.nodes is not None and architecture.node_targets:
        of_node = seen if by_node else take(encoded.nodes, last)
        raw = linear(weights, "node.head", of_node) + torch.bmm(state, weights["node.state"])[:, :, None]
        node = ordered(architecture, raw, architecture.node_targets) * block.mask[ends][..., None]
    return Outputs(system, node, None if encoded.share is None else take(encoded.share, last))


def joined(weights: Weights, block: Block, pooled: Tensor, index: Tensor) -> Tensor:
    """The pooled embedding with the context of its date, [S, U, H]."""
    if "pooled.context" not in weights:
        return pooled
    return torch.baddbmm(pooled, block.context.index_select(0, index.reshape(-1)).view(*index.shape, -1), weights["pooled.context"])


def loss(architecture: Architecture, outputs: Outputs, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Sum of the losses of each seed [S] and how many there were [S]: their ratio is the system's mean plus `node_loss` times the nodes' mean.

    y: what happened, NaN where not known, for the heads there are: [S, B, targets] of the system, then [S, B, N, targets] of the nodes.
    """
    known = iter(y)
    total = count = torch.zeros(len(y[0]), dtype=y[0].dtype)
    if outputs.system is not None:
        total, count = _summed(architecture, outputs.system, next(known), architecture.targets)
    if outputs.node is not None:
        at_nodes, many = _summed(architecture, outputs.node, next(known), architecture.node_targets)
        count = torch.maximum(count, many.clamp(max=1))  # a batch that teaches nodes only still counts
        total = total + architecture.node_loss * count * at_nodes / many.clamp(min=1)
    return total, count


def _summed(architecture: Architecture, out: Tensor, y: Tensor, targets: tuple[Target, ...]) -> tuple[Tensor, Tensor]:
    known = torch.isfinite(y)[..., [column.target for column in architecture.columns(targets)]]
    each = losses(architecture, out, torch.nan_to_num(y), targets) * known
    return each.flatten(1).sum(1), known.flatten(1).sum(1).to(y.dtype)


@dataclass(frozen=True)
class SrrNetwork:
    """The network as the training loop sees it."""

    architecture: Architecture

    @property
    def sequence(self) -> int:
        """Snapshots that one sample reads."""
        return self.architecture.sequence

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """See Architecture.arrays."""
        return self.architecture.arrays()

    def initial(self, seed: int) -> dict[str, Float]:
        """See Architecture.initial."""
        return self.architecture.initial(seed)

    def prepare(self, data: Market, dtype: str) -> Block:
        """See Block.of."""
        return Block.of(data, dtype)

    def forward(self, weights: Weights, prepared: Block, rows: Int) -> Outputs:
        """See forward."""
        return forward(self.architecture, weights, prepared, rows)

    def loss(self, weights: Weights, prepared: Block, rows: Int, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """See loss."""
        return loss(self.architecture, self.forward(weights, prepared, rows), y)

    def identity(self) -> str:
        """All settings in one line, as what decides the weights."""
        return dumps(asdict(self.architecture))
