"""Layers over time: a few numbers a week about the graphs, for people who look at them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from riskradar.tables.arrays import Days, Float, frozen, sessions, unique

if TYPE_CHECKING:
    import pandas as pd

Step = Literal["week", "month"]


@dataclass(frozen=True, eq=False)
class LayerSummary:
    """What the graphs of L layers look like on R dates, one a `step`; NaN where undefined.

    density [R, L]: share of the pairs of members that are joined; weight [R, L]: mean weight of an edge;
    survival [R, L, H]: share of the edges of `lags` steps ago that are still there, of those whose two ends are still members;
    overlap [R, P]: edges that two layers share over the edges that either has (Jaccard), by `pairs` of layers;
    chance [R, P]: the same when one of the two is replaced by its shuffled twin, on the dates on which twins were drawn.
    """

    dates: Days
    names: tuple[str, ...]
    step: Step
    lags: tuple[int, ...]
    density: Float
    weight: Float
    survival: Float
    overlap: Float
    chance: Float

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        R, L, P = len(self.dates), len(unique("layers", self.names)), len(self.pairs)
        for name, shape in (("density", (R, L)), ("weight", (R, L)), ("survival", (R, L, len(self.lags))), ("overlap", (R, P)), ("chance", (R, P))):
            object.__setattr__(self, name, frozen(name, getattr(self, name), "float64", shape))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of layers, in order."""
        return tuple(combinations(self.names, 2))

    def frame(self) -> pd.DataFrame:
        """One row a date; columns `density layer`, `weight layer`, `survival-4-week layer`, `overlap layer layer`, `chance layer layer`."""
        import pandas as pd

        columns = {f"{kind} {name}": values[:, k] for kind, values in (("density", self.density), ("weight", self.weight))
                   for k, name in enumerate(self.names)}  # fmt: skip
        columns |= {f"survival-{h}-{self.step} {n}": self.survival[:, k, j] for k, n in enumerate(self.names) for j, h in enumerate(self.lags)}
        columns |= {f"{kind} {a} {b}": values[:, k] for kind, values in (("overlap", self.overlap), ("chance", self.chance))
                    for k, (a, b) in enumerate(self.pairs)}  # fmt: skip
        return pd.DataFrame({"date": self.dates, **columns})

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> LayerSummary:
        """The table that `frame` gave."""
        words = [str(column).split(" ") for column in frame.columns]
        names = tuple(w[1] for w in words if w[0] == "density")
        spans = dict.fromkeys(tuple(w[0].split("-")[1:]) for w in words if w[0].startswith("survival-"))
        lags = tuple(int(lag) for lag, _ in spans)
        step: Step = "month" if any(s == "month" for _, s in spans) else "week"

        def stack(columns: list[str]) -> Float:
            return frame[columns].to_numpy(float)

        pairs = [f"{a} {b}" for a, b in combinations(names, 2)]
        survival = stack([f"survival-{h}-{step} {n}" for n in names for h in lags]).reshape(len(frame), len(names), len(lags))
        density, weight = (stack([f"{kind} {n}" for n in names]) for kind in ("density", "weight"))
        overlap, chance = (stack([f"{kind} {p}" for p in pairs]) for kind in ("overlap", "chance"))
        return cls(frame["date"].to_numpy("datetime64[D]"), names, step, lags, density, weight, survival, overlap, chance)
