"""The weighted mean over nodes of a hyperbolic tangent: what the layers are compared by (Wang et al. 2019)."""

from functools import cache
from typing import Any, NamedTuple

from riskradar.models.srr.kernels.curves import tangent
from riskradar.models.srr.kernels.edges import compiled
from riskradar.models.srr.kernels.lanes import fill, load, store
from riskradar.tables.arrays import Int


class Summary(NamedTuple):
    """forward(values, pool, snapshot, out) fills out [P, H] with the sum over n of pool[g, n] tanh(values [P, N, H]).

    backward(values, pool, snapshot, slope, to values) fills the last.
    """

    forward: Any
    backward: Any


@cache
def summary(H: int) -> Summary:
    """Kernels for embeddings of width H."""

    @compiled
    def forward(values: Any, pool: Any, snapshot: Int, out: Any) -> None:
        N, one, zero = values.shape[1], fill(values, 1, H), fill(values, 0, H)
        for p in range(len(values)):
            total = zero
            for n in range(N):
                weight = pool[snapshot[p], n]
                if weight:
                    total = total + fill(values, weight, H) * tangent(load(values, (p * N + n) * H, H), one, zero)
            store(out, p * H, total)

    @compiled
    def backward(values: Any, pool: Any, snapshot: Int, slope: Any, to_values: Any) -> None:
        N, one, zero = values.shape[1], fill(values, 1, H), fill(values, 0, H)
        for p in range(len(values)):
            back = load(slope, p * H, H)
            for n in range(N):
                at = (p * N + n) * H
                t = tangent(load(values, at, H), one, zero)
                store(to_values, at, fill(values, pool[snapshot[p], n], H) * back * (one - t * t))

    return Summary(forward, backward)
