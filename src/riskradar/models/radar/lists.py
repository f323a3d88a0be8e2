"""Messages over lists of nearest neighbours: the weighted mean of those who take part on the day, and its slope."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from riskradar.errors import UsageError
from riskradar.layers.kernels.windows import compiled
from riskradar.models.radar.days import Days
from riskradar.tables import Graphs, Held, Neighbours
from riskradar.tables.arrays import Float32, Int


@dataclass(frozen=True, eq=False)
class Lists:
    """index [R, N, k] (-1 for none) and weight [R, N, k] of R drawings; row [T]: which of them holds on each day, -1 for none yet."""

    index: NDArray[np.int32]
    weight: Float32
    row: Int

    @classmethod
    def of(cls, graphs: Graphs, name: str) -> "Lists":
        """The lists of one layer; UsageError where it is absent or is no layer of nearest neighbours."""
        if name not in graphs.layers:
            why = graphs.absent.get(name, "layers.names leaves it out")
            raise UsageError(f"a node forecast reads the layer {name!r}, which is not there: {why}; nothing was learned; choose another layer")
        layer = graphs.layers[name]
        drawn, row = (layer.drawn, layer.row) if isinstance(layer, Held) else (layer, np.arange(len(graphs.dates)))
        if not isinstance(drawn, Neighbours):
            raise UsageError(f"a node forecast reads nearest neighbours, which {name!r} has not; nothing was learned; choose residual")
        return cls(drawn.index, drawn.weight, row.astype(np.int64))

    def of_days(self, days: Days) -> "Tables":
        """What the kernel reads: the lists, and who takes part on each day."""
        return Tables(self.index, self.weight, self.row, days.start, days.node, days.place)

    def mean(self, days: Days, values: Float32) -> Float32:
        """Weighted mean of [R, F] over the neighbours of each row that take part on its day; 0 where there are none."""
        out = np.zeros_like(values)[None]
        every = np.arange(len(self.row))[None]
        pass_messages(self.of_days(days), every, days.start[None, :-1], values[None], out, False)
        means: Float32 = out[0]
        return means


class Tables(NamedTuple):
    """See Lists (chosen: its index) and Days."""

    chosen: NDArray[np.int32]
    weight: Float32
    row: Int
    start: Int
    node: NDArray[np.int32]
    place: NDArray[np.int32]


@compiled
def pass_messages(tables: Any, day: Any, begin: Any, sent: Any, received: Any, back: Any) -> None:
    """Adds to `received` [S, R, H] the mean of `sent` over the neighbours of each row of the days `day` [S, B], which begin at the rows `begin`.

    back: the transpose, which brings the slope of a loss by the means to the slope by what was sent.
    """
    chosen, weight, place = tables.chosen, tables.weight, tables.place
    count, width = chosen.shape[2], sent.shape[2]
    near, share = np.empty(count, np.int64), np.empty(count, np.float32)
    for s in range(day.shape[0]):
        for b in range(day.shape[1]):
            g, first = day[s, b], begin[s, b]
            drawing = tables.row[g]
            if drawing < 0:
                continue
            for r in range(tables.start[g + 1] - tables.start[g]):
                i = tables.node[tables.start[g] + r]
                found, total = 0, np.float32(0)
                for k in range(count):
                    j = chosen[drawing, i, k]
                    if j >= 0 and place[g, j] >= 0:
                        near[found], share[found] = first + place[g, j], weight[drawing, i, k]
                        total += share[found]
                        found += 1
                for k in range(found):
                    one, other = (near[k], first + r) if back else (first + r, near[k])
                    to, of, w = received[s, one], sent[s, other], share[k] / total
                    for f in range(width):
                        to[f] += w * of[f]
