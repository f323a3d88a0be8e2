"""One GRU layer over whole sequences (Cho et al. 2014), gates ordered reset, update, new; the way back computes them again."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from riskradar.models.srr.kernels.curves import logistic, tangent
from riskradar.models.srr.kernels.edges import compiled
from riskradar.models.srr.kernels.lanes import fill, load, store
from riskradar.tables.arrays import Bool


class Recurrence(NamedTuple):
    """A pair of kernels over S seeds, k steps and Q lines.

    forward(entering, matrix, bias, known, states) fills states [S, k + 1, Q, H] from the input products [S, k, Q, 3H], with matrix [S, H, 3H] and
    bias [S, 3H]; the first state is zero, and a line that is not known [S, k, Q] on a step keeps its state.
    backward(entering, matrix, turned, bias, known, states, slope, to entering, to matrix, to bias) overwrites slope [S, Q, H], fills the first of
    its last three and adds to the others; turned: the matrix transposed.
    """

    forward: Any
    backward: Any


@cache
def recurrence(H: int) -> Recurrence:
    """Kernels for states of width H."""
    return Recurrence(_forward(H), _backward(H))


def _forward(H: int) -> Any:
    W = 3 * H

    @compiled
    def forward(entering: Any, matrix: Any, bias: Any, known: Bool, states: Any) -> None:
        S, k, Q, _ = entering.shape
        one, zero, flat = fill(entering, 1, H), fill(entering, 0, H), states.ravel()
        states[:, 0] = 0
        for s in range(S):
            for t in range(k):
                for q in range(Q):
                    at, here = ((s * k + t) * Q + q) * W, ((s * (k + 1) + t) * Q + q) * H
                    hidden = load(states, here, H)
                    if not known[s, t, q]:
                        store(states, here + Q * H, hidden)
                        continue
                    r, z, n = load(bias, s * W, H), load(bias, s * W + H, H), load(bias, s * W + 2 * H, H)
                    for c in range(H):
                        row, h = (s * H + c) * W, fill(states, flat[here + c], H)
                        r, z, n = r + h * load(matrix, row, H), z + h * load(matrix, row + H, H), n + h * load(matrix, row + 2 * H, H)
                    r, z = logistic(load(entering, at, H) + r, one, zero), logistic(load(entering, at + H, H) + z, one, zero)
                    n = tangent(load(entering, at + 2 * H, H) + r * n, one, zero)
                    store(states, here + Q * H, n + z * (hidden - n))

    return forward


def _backward(H: int) -> Any:
    W = 3 * H

    @compiled
    def backward(
        entering: Any, matrix: Any, turned: Any, bias: Any, known: Bool, states: Any, slope: Any, to_entering: Any, to_matrix: Any, to_bias: Any
    ) -> None:
        S, k, Q, _ = entering.shape
        one, zero, flat = fill(entering, 1, H), fill(entering, 0, H), states.ravel()
        gates = np.empty(W, entering.dtype)
        for s in range(S):
            for t in range(k - 1, -1, -1):
                for q in range(Q):
                    at, here, line = ((s * k + t) * Q + q) * W, ((s * (k + 1) + t) * Q + q) * H, (s * Q + q) * H
                    if not known[s, t, q]:
                        for part in range(3):
                            store(to_entering, at + part * H, zero)
                        continue
                    hidden, d = load(states, here, H), load(slope, line, H)
                    r, z, n = load(bias, s * W, H), load(bias, s * W + H, H), load(bias, s * W + 2 * H, H)
                    for c in range(H):
                        row, h = (s * H + c) * W, fill(states, flat[here + c], H)
                        r, z, n = r + h * load(matrix, row, H), z + h * load(matrix, row + H, H), n + h * load(matrix, row + 2 * H, H)
                    r, z = logistic(load(entering, at, H) + r, one, zero), logistic(load(entering, at + H, H) + z, one, zero)
                    new = tangent(load(entering, at + 2 * H, H) + r * n, one, zero)
                    dn = d * (one - z) * (one - new * new)
                    dr, dz, dh = dn * n * r * (one - r), d * (hidden - new) * z * (one - z), dn * r
                    store(to_entering, at, dr)
                    store(to_entering, at + H, dz)
                    store(to_entering, at + 2 * H, dn)
                    store(gates, 0, dr)
                    store(gates, H, dz)
                    store(gates, 2 * H, dh)
                    back = d * z
                    for m in range(W):
                        back = back + fill(gates, gates[m], H) * load(turned, (s * W + m) * H, H)
                    store(slope, line, back)
                    for part in range(3):
                        gate = load(gates, part * H, H)
                        store(to_bias, s * W + part * H, load(to_bias, s * W + part * H, H) + gate)
                        for c in range(H):
                            row = (s * H + c) * W + part * H
                            store(to_matrix, row, load(to_matrix, row, H) + fill(states, flat[here + c], H) * gate)

    return backward
