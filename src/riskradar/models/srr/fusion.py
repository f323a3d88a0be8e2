"""From the embeddings of every layer to one: semantic attention (Wang et al. 2019, HAN), the mean, or side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from riskradar.models.networks import Weights
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import linear
from riskradar.models.srr.functions import Summarise
from riskradar.models.srr.kernels.summary import summary
from riskradar.tables.arrays import Int

NEVER = -1e30  # a score that no softmax sees


@dataclass(frozen=True, eq=False)
class Fused:
    """Embeddings of nodes, not yet added up: first [S, U, N, H], plus each of `others` by its share [S, U, L].

    Pooling is linear, so that it can come before the sum, which is then never made for every node.
    """

    first: Tensor
    others: tuple[Tensor, ...] = ()
    share: Tensor | None = None

    def nodes(self) -> Tensor:
        """The embedding of each node, [S, U, N, H]."""
        out = self.first
        for z, share in self._pairs():
            out = torch.addcmul(out, z, share[:, :, None, None])
        return out

    def pooled(self, pool: Tensor) -> Tensor:
        """The mean over nodes by their weights [S U, N], [S, U, H]."""
        out = average(self.first, pool)
        for z, share in self._pairs():
            out = torch.addcmul(out, average(z, pool), share[:, :, None])
        return out

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self.others, () if self.share is None else self.share.unbind(2), strict=True)


def average(nodes: Tensor, pool: Tensor) -> Tensor:
    """[S, U, N, H] by the weights [S U, N] -> [S, U, H]."""
    S, U, N, H = nodes.shape
    return torch.bmm(pool[:, None], nodes.reshape(S * U, N, H)).view(S, U, H)


def fuse(
    architecture: Architecture, weights: Weights, first: Tensor, others: tuple[Tensor, ...], present: Tensor, mean: tuple[Tensor, Int]
) -> Fused:  # fmt: skip
    """Fuse the embeddings [S, U, N, H] of the layers, and add them to the first one.

    present [S, U, L]: a layer that is absent has weight zero, and the others share what is left;
    mean: the weights of the mean over nodes [G, N], and the snapshots [S U].
    """
    here = present.to(first.dtype)
    if architecture.fusion == "concat":
        joined = torch.cat([z * here[:, :, None, None, m] for m, z in enumerate(others)], dim=3)
        return Fused(first + linear(weights, "fusion", joined))
    if "fusion.query" in weights:
        scores = torch.stack([_score(weights, z, mean) for z in others], dim=2)
        return Fused(first, others, torch.softmax(scores.masked_fill(~present, NEVER), dim=2) * here)
    return Fused(first, others, here / here.sum(dim=2, keepdim=True).clamp(min=1))


def _score(weights: Weights, z: Tensor, mean: tuple[Tensor, Int]) -> Tensor:
    """The mean over nodes of q . tanh(W z + b), [S, U]."""
    S, U, N, H = z.shape
    known: Tensor = Summarise.apply(linear(weights, "fusion", z).view(S * U, N, H), *mean, summary(H))  # type: ignore[no-untyped-call]
    return torch.bmm(known.view(S, U, H), weights["fusion.query"][:, :, None])[:, :, 0]
