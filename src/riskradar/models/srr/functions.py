"""The compiled kernels as functions that torch can differentiate."""

from typing import Any

import torch
from torch import Tensor

from riskradar.models.srr.kernels.attention import Attention
from riskradar.models.srr.kernels.convolution import Convolution
from riskradar.models.srr.kernels.edges import Edges
from riskradar.models.srr.kernels.fading import Along, Fading
from riskradar.models.srr.kernels.recurrence import Recurrence
from riskradar.models.srr.kernels.summary import Summary
from riskradar.tables.arrays import Bool, Float, Int


class Attend(torch.autograd.Function):
    """Messages of one layer with softmax attention and ReLU; see kernels.attention."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, vector: Tensor, edge: Tensor, shift: Tensor, snapshot: Int, edges: Edges, kernels: Attention
    ) -> Tensor:  # fmt: skip
        """[P, N, ...] -> [P, N, H]."""
        P, N, _ = values.shape
        out, peak = values.new_empty(P, N, vector.shape[1]), values.new_empty(P, N, 2 * edge.shape[1])
        learned = tuple(w.detach().contiguous() for w in (values, vector, edge, shift))
        kernels.forward(*(w.numpy() for w in learned), snapshot, edges, out.numpy(), peak.numpy())
        ctx.save_for_backward(*learned, out, peak)
        ctx.about = (snapshot, edges, kernels)
        return out

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Slopes of the values, the vector, the edge's bias and the shift."""
        *learned, out, peak = ctx.saved_tensors
        snapshot, edges, kernels = ctx.about
        to = [torch.empty_like(learned[0]), *(torch.zeros_like(w) for w in learned[1:])]
        given = (w.numpy() for w in learned)
        kernels.backward(*given, snapshot, edges, out.detach().numpy(), peak.numpy(), slope.contiguous().numpy(), *(t.numpy() for t in to))
        return *to, None, None, None


class Fade(torch.autograd.Function):
    """Attention along fading edges with ReLU; see kernels.fading."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, gate: Tensor, learned: tuple[Tensor, ...], edges: tuple[Int, Int, Float], kernels: Fading) -> Tensor:
        """[S, L, ...] and gates [E] -> [S, L, H]."""
        (S, L, _), H, heads = values.shape, learned[0].shape[1], learned[1].shape[1]
        out, share, own = values.new_empty(S, L, H), values.new_empty(S, len(gate), heads), values.new_empty(S, L, heads)
        fixed = (*(each.contiguous().numpy() for each in learned), Along(*edges, gate.detach().contiguous().numpy()))
        kept = tuple(each.numpy() for each in (out, share, own))
        kernels.forward(values.detach().contiguous().numpy(), *fixed, *kept)
        ctx.save_for_backward(values)
        ctx.about = (fixed, kept, kernels)
        return out

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Slopes of the values and the gates."""
        fixed, kept, kernels = ctx.about
        (values,) = ctx.saved_tensors
        to_values, to_gate = torch.zeros_like(values), values.new_zeros(kept[1].shape[1])
        kernels.backward(values.detach().contiguous().numpy(), *fixed, *kept, slope.contiguous().numpy(), to_values.numpy(), to_gate.numpy())
        return to_values, to_gate, None, None, None


class Convolve(torch.autograd.Function):
    """Messages of one layer of graph convolution with ReLU; see kernels.convolution."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, shift: Tensor, snapshot: Int, edges: Edges, kernels: Convolution) -> Tensor:
        """[P, N, H] -> [P, N, H]."""
        out = torch.empty_like(values)
        kernels.forward(values.detach().numpy(), shift.detach().contiguous().numpy(), snapshot, edges, out.numpy())
        ctx.save_for_backward(shift, out)
        ctx.about = (snapshot, edges, kernels)
        return out

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Slopes of the values and the shift."""
        shift, out = ctx.saved_tensors
        snapshot, edges, kernels = ctx.about
        to_values, to_shift = torch.empty_like(out), torch.zeros(shift.shape, dtype=shift.dtype)
        kernels.backward(out.detach().numpy(), slope.contiguous().numpy(), snapshot, edges, to_values.numpy(), to_shift.numpy())
        return to_values, to_shift, None, None, None


class Summarise(torch.autograd.Function):
    """The pooled hyperbolic tangent of embeddings; see kernels.summary."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, pool: Tensor, snapshot: Int, kernels: Summary) -> Tensor:
        """[P, N, H] and the weights of the mean [G, N] -> [P, H]."""
        out = values.new_empty(len(values), values.shape[2])
        kernels.forward(values.detach().numpy(), pool.numpy(), snapshot, out.numpy())
        ctx.save_for_backward(values)
        ctx.about = (pool, snapshot, kernels)
        return out

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """The slope of the values."""
        (values,) = ctx.saved_tensors
        pool, snapshot, kernels = ctx.about
        to_values = torch.empty_like(values)
        kernels.backward(values.detach().numpy(), pool.numpy(), snapshot, slope.contiguous().numpy(), to_values.detach().numpy())
        return to_values, None, None, None


class Recur(torch.autograd.Function):
    """One GRU layer over whole sequences; see kernels.recurrence."""

    @staticmethod
    def forward(ctx: Any, entering: Tensor, matrix: Tensor, bias: Tensor, known: Bool, kernels: Recurrence) -> Tensor:
        """[S, k, Q, 3H] -> the last state, [S, Q, H]."""
        S, k, Q, _ = entering.shape
        learned = tuple(w.detach().contiguous() for w in (entering, matrix, bias))
        states = entering.new_empty(S, k + 1, Q, matrix.shape[1])
        kernels.forward(*(w.numpy() for w in learned), known, states.numpy())
        ctx.save_for_backward(*learned, states)
        ctx.about = (known, kernels)
        return states[:, -1].clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Slopes of the input products, the matrix and the bias."""
        entering, matrix, bias, states = ctx.saved_tensors
        known, kernels = ctx.about
        to = (torch.empty_like(entering), torch.zeros_like(matrix), torch.zeros_like(bias))
        given = (entering, matrix, matrix.transpose(1, 2).contiguous(), bias)
        arrays = (w.numpy() for w in (states, slope.clone(memory_format=torch.contiguous_format), *to))
        kernels.backward(*(w.numpy() for w in given), known, *arrays)
        return *to, None, None
