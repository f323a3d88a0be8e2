"""Integrated gradients (Sundararajan, Taly and Yan 2017): slopes along the straight line from a baseline to what was read, times the way gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskradar.models.networks import one_thread
from riskradar.tables.arrays import Float

TOLERANCE = 5e-4  # of a logit, between the sum of all contributions and what they explain; float32 takes its share of the 1e-3 allowed
FIRST, PIECE, MOST = 16, 8, 2048  # steps: of the whole line at first, of each half of a piece, and in all

Score = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True, eq=False)
class Integrated:
    """adds: what each input contributes; start and end: the score at the baseline and at the inputs; steps: of the quadrature."""

    adds: tuple[Float, ...]
    start: float
    end: float
    steps: int

    @property
    def gap(self) -> float:
        """What the contributions miss of the way from start to end."""
        return self.end - self.start - float(sum(each.sum() for each in self.adds))


@dataclass(frozen=True, eq=False)
class _Piece:
    """A part low … high of the line: the score at its ends, what the inputs add on it, and the steps taken."""

    low: float
    high: float
    scores: tuple[float, float]
    adds: list[Tensor]
    steps: int

    @property
    def gap(self) -> float:
        return abs(self.scores[1] - self.scores[0] - float(sum(each.sum() for each in self.adds)))


@dataclass(frozen=True, eq=False)
class _Line:
    score: Score
    starts: list[Tensor]
    ends: list[Tensor]

    def at(self, place: float) -> list[Tensor]:
        return [start + place * (end - start) for start, end in zip(self.starts, self.ends, strict=True)]

    def value(self, place: float) -> float:
        with torch.no_grad():
            return float(self.score(self.at(place)))

    def piece(self, low: float, high: float, scores: tuple[float, float], steps: int) -> _Piece:
        """Gauss-Legendre quadrature of the slopes."""
        places, shares = np.polynomial.legendre.leggauss(steps)
        total = [torch.zeros_like(end) for end in self.ends]
        for place, share in zip(low + (high - low) * (places + 1) / 2, (high - low) * shares / 2, strict=True):
            here = [each.requires_grad_() for each in self.at(float(place))]
            for adds, slope in zip(total, torch.autograd.grad(self.score(here), here, allow_unused=True), strict=True):
                if slope is not None:
                    adds.add_(slope, alpha=float(share))
        return _Piece(low, high, scores, [a * (e - s) for a, s, e in zip(total, self.starts, self.ends, strict=True)], steps)

    def halves(self, piece: _Piece) -> list[_Piece]:
        middle = (piece.low + piece.high) / 2
        score = self.value(middle)
        return [self.piece(piece.low, middle, (piece.scores[0], score), PIECE), self.piece(middle, piece.high, (score, piece.scores[1]), PIECE)]


def integrate(
    score: Score, inputs: Sequence[NDArray[Any]], baseline: Sequence[NDArray[Any]], tolerance: float = TOLERANCE, first: int = FIRST
) -> Integrated:
    """Contributions of inputs, as float64, to a score of one number.

    While the gaps of all pieces of the line together exceed the tolerance, the piece with the largest is halved and each half gets steps of its own:
    a network with ReLU has kinks, and only the pieces that hold one need more. It ends at MOST steps whatever the gap, which the caller reports.
    """
    with one_thread():
        line = _Line(score, *([torch.tensor(np.asarray(each, float)) for each in given] for given in (baseline, inputs)))
        ends = line.value(0.0), line.value(1.0)
        pieces = [line.piece(0.0, 1.0, ends, first)]
        while sum(piece.gap for piece in pieces) > tolerance and sum(piece.steps for piece in pieces) < MOST:
            worst = max(pieces, key=lambda piece: piece.gap)
            pieces.remove(worst)
            pieces += line.halves(worst)
        pieces.sort(key=lambda piece: piece.low)
        adds = tuple(torch.stack(parts).sum(0).numpy() for parts in zip(*(piece.adds for piece in pieces), strict=True))
    return Integrated(adds, *ends, sum(piece.steps for piece in pieces))
