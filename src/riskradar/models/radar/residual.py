"""What a graph network adds to a fixed anchor: one linear head per target on the pooled embedding, zero before training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskradar.models.dense import TrainConfig
from riskradar.models.networks import Weights, distinct, one_thread
from riskradar.models.radar.anchored import Anchored
from riskradar.models.srr.architecture import Architecture
from riskradar.models.srr.encoders import Block, linear, messages
from riskradar.models.srr.heads import cross_entropy
from riskradar.models.srr.market import Market
from riskradar.models.srr.network import Send, encode, joined
from riskradar.models.srr.temporal import take
from riskradar.models.train import Samples, train
from riskradar.tables.arrays import Float, Int

__all__ = ["Residual", "corrections", "fit"]


@dataclass(frozen=True)
class Residual:
    """Encoder and fusion of the full network on one snapshot; its logits are added to those of the anchor."""

    architecture: Architecture
    sequence: int = 1

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """See Architecture.arrays."""
        return self.architecture.arrays()

    def initial(self, seed: int) -> dict[str, Float]:
        """The full network's first weights with a head of zeros: before training it adds nothing."""
        first = self.architecture.initial(seed)
        return first | {name: np.zeros_like(array) for name, array in first.items() if name.startswith("head")}

    def prepare(self, data: Anchored, dtype: str) -> tuple[Block, Tensor]:
        """The market made ready, and the anchor's logits."""
        return Block.of(data.market, dtype), torch.from_numpy(data.logit.astype(dtype))

    def forward(self, weights: Weights, block: Block, rows: Int, send: Send = messages) -> Tensor:
        """What is added to the logits on the snapshots `rows` [S, B], [S, B, K]; send: one graph layer (see encoders.messages)."""
        index, place = (torch.from_numpy(array) for array in distinct(rows))
        pooled = joined(weights, block, encode(self.architecture, weights, block, index, whole=False, send=send).pooled, index)
        return linear(weights, "head", take(pooled, place))

    def loss(self, weights: Weights, prepared: tuple[Block, Tensor], rows: Int, y: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Cross-entropy of anchor and correction together; see train.Trainable."""
        block, logit = prepared
        known = torch.isfinite(y[0])
        each = cross_entropy(logit[torch.from_numpy(rows)] + self.forward(weights, block, rows), torch.nan_to_num(y[0])) * known
        return each.flatten(1).sum(1), known.flatten(1).sum(1).to(each.dtype)


def fit(architecture: Architecture, data: Anchored, rows: Int, y: Float, seeds: Sequence[int], config: TrainConfig) -> dict[str, NDArray[Any]]:
    """Weights [S, ...] after training on the snapshots `rows` with labels y [n, K]."""
    return train(Residual(architecture), Samples(data, rows, (y,)), seeds, config).weights


def corrections(architecture: Architecture, weights: dict[str, NDArray[Any]], market: Market, rows: Int) -> Float:
    """What each seed adds to the logits on the snapshots `rows` [n], [S, n, K], on one thread."""
    S = len(next(iter(weights.values())))
    network = Residual(architecture)
    dtype = str(next(iter(weights.values())).dtype)
    with one_thread(), torch.inference_mode():
        block = Block.of(market, dtype)
        named = {name: torch.from_numpy(weights[name]) for name in network.arrays()}
        out: Float = network.forward(named, block, np.tile(rows, (S, 1))).numpy().astype(np.float64)
    return out
