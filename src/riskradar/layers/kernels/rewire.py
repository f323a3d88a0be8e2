"""Exchange of ends between pairs of edges: every node keeps its degree."""

from typing import Any

from riskradar.layers.kernels.windows import compiled


@compiled
def swap_ends(edges: Any, joined: Any, picks: Any, turned: Any, directed: bool) -> None:
    """Turn edges a-b and c-d into a-d and c-b wherever both are new and no loop; `turned`: take the second edge the other way round.

    edges [E, 2] and joined [N, N] are changed in place; picks [tries, 2] are positions of edges.
    """
    for n in range(len(picks)):
        first, second = picks[n]
        a, b = edges[first]
        c, d = edges[second]
        if turned[n] and not directed:
            c, d = d, c
        loop, same = a == d or c == b, a == c or b == d
        if loop or same or joined[a, d] or joined[c, b]:
            continue
        joined[a, b] = joined[c, d] = False
        joined[a, d] = joined[c, b] = True
        if not directed:
            joined[b, a] = joined[d, c] = False
            joined[d, a] = joined[b, c] = True
        edges[first, 1], edges[second, 0], edges[second, 1] = d, c, b
