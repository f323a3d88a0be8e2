"""Features: numbers per asset and date, and context numbers per date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riskradar.tables.arrays import Bool, Days, Float, count_upto, frozen, sessions, unique

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Features:
    """values [T, N, F] for node features `names`, context [T, M] for `context_names`; NaN where not known.

    member [T, N] is the panel's; absent maps a feature that was asked for and has no data to the reason.
    """

    dates: Days
    nodes: tuple[str, ...]
    names: tuple[str, ...]
    values: Float
    context_names: tuple[str, ...]
    context: Float
    member: Bool
    absent: dict[str, str]

    def __post_init__(self) -> None:
        unique("features", (*self.names, *self.context_names))
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        T, N = len(self.dates), len(self.nodes)
        object.__setattr__(self, "values", frozen("values", self.values, "float64", (T, N, len(self.names))))
        object.__setattr__(self, "context", frozen("context", self.context, "float64", (T, len(self.context_names))))
        object.__setattr__(self, "member", frozen("member", self.member, "bool", (T, N)))

    def rows(self, start: int, stop: int) -> Features:
        """Sessions start … stop-1."""
        cut = slice(start, stop)
        values, context, member = self.values[cut], self.context[cut], self.member[cut]
        return Features(self.dates[cut], self.nodes, self.names, values, self.context_names, context, member, self.absent)

    def upto(self, date: Any) -> Features:
        """Rows on or before `date`."""
        return self.rows(0, count_upto(self.dates, date))

    def column(self, name: str) -> Float:
        """One context feature, [T], or one node feature, [T, N]."""
        if name in self.context_names:
            return self.context[:, self.context_names.index(name)]
        return self.values[:, :, self.names.index(name)]

    def frame(self) -> pd.DataFrame:
        """The context features as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.context, index=pd.DatetimeIndex(self.dates, name="date"), columns=list(self.context_names))

    def _repr_html_(self) -> str:
        return str(self.frame().tail()._repr_html_())  # type: ignore[operator]
