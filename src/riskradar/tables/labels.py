"""Labels: what happened after each date, and when that became known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from riskradar.errors import UsageError
from riskradar.tables.arrays import Bool, Days, Float, count_upto, day, frozen, sessions, unique

SYSTEM = "system"
Kind = Literal["drawdown", "fall", "share", "log-volatility", "log-drawdown"]


@dataclass(frozen=True, order=True)
class Target:
    """What is forecast: within `horizon` sessions, of `kind`, at least `depth` deep.

    drawdown: worst peak-to-trough fall of the closes inside [t, t+H]; fall: lowest close in (t, t+H] against the close of t;
    share: at least `share` of the members have a drawdown of that depth; log-volatility and log-drawdown are continuous (depth 0).
    """

    horizon: int
    depth: float
    kind: Kind = "drawdown"
    share: float = 0.0

    @property
    def name(self) -> str:
        """20/5 for a fall of 5 % within 20 sessions; other kinds carry their name."""
        if not self.binary:
            return f"{self.kind}/{self.horizon}"
        base = f"{self.horizon}/{100 * self.depth:g}"
        return base if self.kind == "drawdown" else f"{base}/share{100 * self.share:g}" if self.kind == "share" else f"{base}/{self.kind}"

    @property
    def binary(self) -> bool:
        """True for yes-or-no targets."""
        return not self.kind.startswith("log-")

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `20/5`, `20/5/fall`, `20/10/share25`, `log-volatility/20`; UsageError names what does not fit."""
        if match := re.fullmatch(r"(log-volatility|log-drawdown)/(\d+)", text):
            kind, horizon, depth, share = match[1], int(match[2]), 0.0, 0.0
        elif match := re.fullmatch(r"(\d+)/(\d+(?:\.\d+)?)(?:/(?:(fall)|share(\d+(?:\.\d+)?)))?", text):
            kind = "fall" if match[3] else "share" if match[4] else "drawdown"
            horizon, depth, share = int(match[1]), float(match[2]) / 100, float(match[4] or 0) / 100
        else:
            raise UsageError(f"target {text!r} is not understood; write sessions/percent such as 20/5, 20/5/fall, 20/10/share25 or log-volatility/20")
        if not 1 <= horizon <= 1000 or not 0 <= depth < 1 or not 0 <= share <= 1 or (depth == 0 and not kind.startswith("log-")):
            raise UsageError(f"target {text!r} is out of range; horizons run from 1 to 1000 sessions, depths and shares lie between 0 and 100 %")
        return cls(horizon, depth, kind, share)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Labels:
    """values [T, U, K]: 1, 0 or NaN (not known) for binary targets, a number for continuous ones.

    units: "system" first, then nodes where asked for [U]; targets [K];
    known [T, K]: the session t+H for every label whatever its value, NaT where the calendar ends before it;
    onset [T]: the index stands less than 5 % below its 252-session high, so that a new fall can begin;
    level [T]: the system index that the labels and events are measured on.
    """

    dates: Days
    units: tuple[str, ...]
    targets: tuple[Target, ...]
    values: Float
    known: Days
    onset: Bool
    level: Float

    def __post_init__(self) -> None:
        T, U, K = len(self.dates), len(unique("units", self.units)), len(unique("targets", [t.name for t in self.targets]))
        object.__setattr__(self, "dates", sessions("dates", self.dates))
        object.__setattr__(self, "values", frozen("values", self.values, "float64", (T, U, K)))
        object.__setattr__(self, "known", frozen("known", self.known, "datetime64[D]", (T, K)))
        object.__setattr__(self, "onset", frozen("onset", self.onset, "bool", (T,)))
        object.__setattr__(self, "level", frozen("level", self.level, "float64", (T,)))
        if (np.isnat(self.known)[:, None, :] & ~np.isnan(self.values)).any():
            raise ValueError("a label with a value must say when it is known")

    def upto(self, date: Any) -> Labels:
        """Rows on or before `date`, with every label that was not known by then set to NaN."""
        stop = count_upto(self.dates, date)
        known = self.known[:stop]
        values = np.where((known <= day(date))[:, None, :], self.values[:stop], np.nan)
        return Labels(self.dates[:stop], self.units, self.targets, values, known, self.onset[:stop], self.level[:stop])

    def system(self, target: str | Target) -> Float:
        """Labels of the system for one target, [T]."""
        name = target if isinstance(target, str) else target.name
        return self.values[:, self.units.index(SYSTEM), [t.name for t in self.targets].index(name)]
