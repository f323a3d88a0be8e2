"""NodeForecasts: what models expected of each asset, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from riskradar.tables.arrays import Code, Days, Float32, count_upto, frozen, sessions, unique
from riskradar.tables.labels import Target

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "riskradar.nodes/1"
NAMES = ("asset", "sector", "target", "model")  # columns that are stored as codes


@dataclass(frozen=True, eq=False)
class NodeForecasts:
    """forecasts: [T, N, K] by model, in units of the target; outcome [T, N, K], the same on a later day; NaN where there is none.

    cutoff [T]: the last date that the models learned from; known [T, K]: the session on which the outcome is known, NaT after the calendar;
    sector [T, N]: position in `sectors`, -1 for none.
    """

    dates: Days
    assets: tuple[str, ...]
    targets: tuple[Target, ...]
    forecasts: Mapping[str, Float32]
    outcome: Float32
    known: Days
    cutoff: Days
    sectors: tuple[str, ...]
    sector: Code

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        T, N, K = len(self.dates), len(unique("assets", self.assets)), len(unique("targets", [t.name for t in self.targets]))
        each = {model: frozen(f"forecast of {model}", values, "float32", (T, N, K)) for model, values in self.forecasts.items()}
        object.__setattr__(self, "forecasts", each)
        object.__setattr__(self, "outcome", frozen("outcome", self.outcome, "float32", (T, N, K)))
        object.__setattr__(self, "known", frozen("known", self.known, "datetime64[D]", (T, K)))
        object.__setattr__(self, "cutoff", frozen("cutoff", self.cutoff, "datetime64[D]", (T,)))
        object.__setattr__(self, "sector", frozen("sector", self.sector, "int16", (T, N)))

    def rows(self, start: int, stop: int) -> NodeForecasts:
        """Dates start … stop-1."""
        cut = slice(start, stop)
        each = {model: values[cut] for model, values in self.forecasts.items()}
        return NodeForecasts(
            self.dates[cut], self.assets, self.targets, each, self.outcome[cut], self.known[cut], self.cutoff[cut], self.sectors, self.sector[cut]
        )

    def upto(self, date: Any) -> NodeForecasts:
        """Rows on or before `date`, with every outcome that was not known by then set to NaN."""
        past = self.rows(0, count_upto(self.dates, date))
        outcome = np.where((past.known <= np.datetime64(date, "D"))[:, None, :], past.outcome, np.float32(np.nan))
        return NodeForecasts(
            past.dates, past.assets, past.targets, past.forecasts, outcome, past.known, past.cutoff, past.sectors, past.sector
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """Long rows, one for each forecast: date, cutoff, asset, sector, target, model, forecast, known, outcome; `attrs` name the schema."""
        import pandas as pd

        def named(codes: NDArray[Any], names: tuple[str, ...]) -> Any:
            return pd.Categorical.from_codes(codes, categories=pd.Index(names))

        models, targets = tuple(self.forecasts), tuple(t.name for t in self.targets)
        pieces = []
        for m, values in enumerate(self.forecasts.values()):
            t, n, k = np.nonzero(np.isfinite(values))
            pieces.append(pd.DataFrame({
                "date": self.dates[t], "cutoff": self.cutoff[t], "asset": named(n, self.assets), "sector": named(self.sector[t, n], self.sectors),
                "target": named(k, targets), "model": named(np.full(len(t), m), models), "forecast": values[t, n, k], "known": self.known[t, k],
                "outcome": self.outcome[t, n, k],
            }))  # fmt: skip
        frame = pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()
        frame.attrs["schema"] = SCHEMA
        return frame

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> NodeForecasts:
        """The inverse of `frame()`, in the order of the assets' names; days and assets without any forecast are left out."""
        if frame.attrs.get("schema") != SCHEMA:
            raise ValueError(f"node forecasts have schema {frame.attrs.get('schema')!r}, this version reads {SCHEMA}")
        names, codes = {}, {}
        for column in NAMES:
            of = frame[column].astype("category").cat  # without one sector, the file holds no codes
            names[column] = tuple(sorted(of.categories)) if column in ("asset", "sector") else tuple(of.categories)
            place = np.array([*(names[column].index(name) for name in of.categories), -1])
            codes[column] = place[of.codes.to_numpy()]
        dates, t = np.unique(frame["date"].to_numpy("datetime64[D]"), return_inverse=True)
        n, k, m = codes["asset"], codes["target"], codes["model"]
        T, N, K = len(dates), len(names["asset"]), len(names["target"])
        stacked, outcome = np.full((len(names["model"]), T, N, K), np.nan, np.float32), np.full((T, N, K), np.nan, np.float32)
        stacked[m, t, n, k], outcome[t, n, k] = frame["forecast"], frame["outcome"]
        known, cutoff, sector = np.full((T, K), np.datetime64("NaT"), "datetime64[D]"), np.empty(T, "datetime64[D]"), np.full((T, N), -1, np.int16)
        known[t, k], cutoff[t] = (frame[column].to_numpy("datetime64[D]") for column in ("known", "cutoff"))
        sector[t, n] = codes["sector"]
        forecasts = dict(zip(names["model"], stacked, strict=True))
        return cls(dates, names["asset"], tuple(map(Target.parse, names["target"])), forecasts, outcome, known, cutoff, names["sector"], sector)
