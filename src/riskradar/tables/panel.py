"""Panel: prices, membership, sectors and facts on exchange sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from riskradar.tables.arrays import Bool, Code, Days, Float, count_upto, frozen, sessions, unique
from riskradar.tables.facts import Facts

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("stock", "fund", "index", "macro")


@dataclass(frozen=True, eq=False)
class Panel:
    """Closes of N assets on T sessions, and what was known beside them.

    dates: sessions [T]; assets: names in canonical (sorted) order [N]; kind: one of KINDS [N];
    close [T, N], NaN where not known; member: listed, in the universe and observed on that session [T, N]
    (an index is never a member: it is what the members are measured against);
    sector: code into `sectors`, -1 unknown [T, N]; sectors_dated: False for "today's labels";
    level: the system index [T]; index: how `level` was made; volume [T, N] where given.
    Row t holds what was known at 20:00 New York on dates[t].
    """

    dates: Days
    assets: tuple[str, ...]
    kind: tuple[str, ...]
    close: Float
    member: Bool
    sectors: tuple[str, ...]
    sector: Code
    sectors_dated: bool
    facts: Facts
    level: Float
    index: str
    volume: Float | None = None

    def __post_init__(self) -> None:
        unique("assets", self.assets)
        if list(self.assets) != sorted(self.assets):
            raise ValueError("assets must be in sorted order; data.load puts them there")
        if len(self.kind) != len(self.assets) or not set(self.kind) <= set(KINDS):
            raise ValueError(f"kind must name one of {KINDS} for each asset")
        shape = (len(self.dates), len(self.assets))
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        for name, dtype in (("close", "float64"), ("member", "bool"), ("sector", "int16")):
            object.__setattr__(self, name, frozen(name, getattr(self, name), dtype, shape))
        object.__setattr__(self, "level", frozen("level", self.level, "float64", shape[:1]))
        if self.volume is not None:
            object.__setattr__(self, "volume", frozen("volume", self.volume, "float64", shape))
        if np.isinf(self.close).any() or (self.close <= 0).any():
            raise ValueError("close must be positive and finite, or NaN where not known")
        if (self.member & np.isnan(self.close)).any():
            raise ValueError("a member without a close: membership means observed")
        if self.member[:, [k == "index" for k in self.kind]].any():
            raise ValueError("an index is not a member")

    def rows(self, start: int, stop: int) -> Panel:
        """Sessions start … stop-1, with the facts known by the last of them."""
        cut = slice(start, stop)
        return replace(
            self, dates=self.dates[cut], close=self.close[cut], member=self.member[cut], sector=self.sector[cut], level=self.level[cut],
            facts=self.facts.upto(self.dates[stop - 1]) if stop > start else Facts.none(), volume=None if self.volume is None else self.volume[cut],
        )  # fmt: skip

    def upto(self, date: Any) -> Panel:
        """The panel as it was known on `date`."""
        return self.rows(0, count_upto(self.dates, date))

    def frame(self) -> pd.DataFrame:
        """Closes as a DataFrame, dates by assets."""
        import pandas as pd

        return pd.DataFrame(self.close, index=pd.DatetimeIndex(self.dates, name="date"), columns=pd.Index(self.assets, name="asset"))

    def _repr_html_(self) -> str:
        return f"<p>Panel: {self}</p>{self.frame().tail()._repr_html_()}"  # type: ignore[operator]

    def __str__(self) -> str:
        span = f"{self.dates[0]} to {self.dates[-1]}" if len(self.dates) else "empty"
        return f"{len(self.assets)} assets, {len(self.dates)} sessions, {span}; system index: {self.index}"
