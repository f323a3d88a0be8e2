"""Adam written out for stacked seeds: one flat array per seed, because at this size the optimiser of torch costs more than the network."""

from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor

from riskradar.models.dense import TrainConfig

MOMENTS, TINY = (0.9, 0.999), 1e-8  # Kingma and Ba 2015
CLIP_TINY = 1e-6  # torch.nn.utils.clip_grad_norm_
START, END = 1 / 25, 1 / 25 / 1e4  # of the rate, where one cycle begins and ends: the defaults of torch.optim.lr_scheduler.OneCycleLR


@dataclass(eq=False)
class Adam:
    """Weights and the moments of their slopes, [S, P] each."""

    weights: Tensor
    mean: Tensor
    square: Tensor

    @classmethod
    def begin(cls, weights: Tensor) -> "Adam":
        """Before the first step."""
        return cls(weights, torch.zeros_like(weights), torch.zeros_like(weights))

    def step(self, slope: Tensor, config: TrainConfig, step: int, total: int) -> None:
        """Follow the slope [S, P] in step 1 … total; each seed is clipped and decays by itself."""
        rate = rate_of(config, step, total)
        if config.clip:
            slope = slope * (config.clip / (slope.norm(dim=1, keepdim=True) + CLIP_TINY)).clamp(max=1)
        if config.weight_decay:
            self.weights.mul_(1 - rate * config.weight_decay)
        self.mean.lerp_(slope, 1 - MOMENTS[0])
        self.square.mul_(MOMENTS[1]).addcmul_(slope, slope, value=1 - MOMENTS[1])
        root = (self.square.sqrt() / (1 - MOMENTS[1] ** step) ** 0.5).add_(TINY)
        self.weights.addcdiv_(self.mean, root, value=-rate / (1 - MOMENTS[0] ** step))


def rate_of(config: TrainConfig, step: int, total: int) -> float:
    """The rate of step 1 … total: constant, or half a cosine up to it and half a cosine down again."""
    if config.schedule == "constant":
        return config.rate
    top, at = config.warmup * total - 1, step - 1
    if at <= top:
        return _between(START, 1, at / top) * config.rate if top else config.rate
    return _between(1, END, (at - top) / max(total - 1 - top, 1e-9)) * config.rate


def _between(first: float, last: float, share: float) -> float:
    return last + (first - last) / 2 * (1 + cos(pi * share))
