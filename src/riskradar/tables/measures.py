"""Measures: the classic indicators of systemic risk, one number per session each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riskradar.tables.arrays import Days, Float, count_upto, frozen, sessions, unique

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Measures:
    """values [T, M] of the measures `names`, NaN where not known; absent maps one that was asked for and has no data to the reason."""

    dates: Days
    names: tuple[str, ...]
    values: Float
    absent: dict[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        shape = (len(self.dates), len(unique("measures", self.names)))
        object.__setattr__(self, "values", frozen("values", self.values, "float64", shape))

    def rows(self, start: int, stop: int) -> Measures:
        """Sessions start … stop-1."""
        return Measures(self.dates[start:stop], self.names, self.values[start:stop], self.absent)

    def upto(self, date: Any) -> Measures:
        """Rows on or before `date`."""
        return self.rows(0, count_upto(self.dates, date))

    def column(self, name: str) -> Float:
        """One measure, [T]."""
        return self.values[:, self.names.index(name)]

    def frame(self) -> pd.DataFrame:
        """Dates by measures."""
        import pandas as pd

        return pd.DataFrame(self.values, index=pd.DatetimeIndex(self.dates, name="date"), columns=list(self.names))

    def _repr_html_(self) -> str:
        return str(self.frame().tail()._repr_html_())  # type: ignore[operator]
