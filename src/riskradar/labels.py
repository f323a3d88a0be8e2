"""Panel -> Labels: what happened inside the next H sessions, and the session on which that is known.

Row t reads closes t … t+H. The label is known on session t+H whatever its value: a date that depends on the outcome would bias training.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import BaseModel

from riskradar.features import FLOOR, YEAR, highest, over_members
from riskradar.features import realised_volatility as past_volatility
from riskradar.tables import SYSTEM, Labels, Panel, Target
from riskradar.tables.arrays import Bool, Days, Float

ONSET_DEPTH = 0.05  # design 6
ROUNDING = 1e-12  # a fall of exactly the depth counts, though 1 - 90/100 is a little less than 0.1


class LabelsConfig(BaseModel, frozen=True, extra="forbid"):
    """Targets as `sessions/percent`, and whether they are also taken node by node."""

    targets: tuple[str, ...] = ("5/3", "10/5", "20/5", "20/10", "60/10")
    units: Literal["system", "nodes"] = "system"


def ahead(x: Float, sessions: int) -> Float:
    """`x` as it will be `sessions` rows later; NaN beyond the last row."""
    out = np.full_like(x, np.nan)
    out[: max(len(x) - sessions, 0)] = x[sessions:]
    return out


def worst_drawdown(close: Float, horizon: int) -> Float:
    """Worst peak-to-trough fall of the closes inside [t, t+H], as a positive share; NaN when one of them is not known."""
    peak, worst = close.copy(), np.zeros_like(close)
    for k in range(1, horizon + 1):
        later = ahead(close, k)
        peak = np.maximum(peak, later)
        worst = np.maximum(worst, 1 - later / peak)
    return worst


def worst_fall(close: Float, horizon: int) -> Float:
    """Fall from the close of t to the lowest close of (t, t+H], as a positive share; 0 when it never closes lower."""
    lowest = close.copy()
    for k in range(1, horizon + 1):
        lowest = np.minimum(lowest, ahead(close, k))
    return 1 - lowest / close


def realised_volatility(close: Float, horizon: int) -> Float:
    """Root mean square of the log returns of t+1 … t+H within +-.4, a year's worth (times sqrt(252))."""
    return ahead(past_volatility(close, horizon), horizon)


def _deep(measure: Callable[[Float, int], Float]) -> Callable[[Float, Bool, Target], Float]:
    def label(close: Float, member: Bool, target: Target) -> Float:
        worst = measure(close, target.horizon)
        return np.where(np.isnan(worst), np.nan, worst >= target.depth - ROUNDING)

    return label


def _share(close: Float, member: Bool, target: Target) -> Float:
    worst = worst_drawdown(close, target.horizon)
    share = over_members(np.where(np.isnan(worst), np.nan, worst >= target.depth - ROUNDING), member)
    return np.where(np.isnan(share), np.nan, share >= target.share)[:, None]


def _log(measure: Callable[[Float, int], Float]) -> Callable[[Float, Bool, Target], Float]:
    return lambda close, member, target: np.log(measure(close, target.horizon) + FLOOR)


# A label reads the closes of its units [T, U] (for `share`: of all assets), their membership and the target; it gives [T, U].
LABELS: dict[str, Callable[[Float, Bool, Target], Float]] = {
    "drawdown": _deep(worst_drawdown),
    "fall": _deep(worst_fall),
    "share": _share,
    "log-volatility": _log(realised_volatility),
    "log-drawdown": _log(worst_drawdown),
}


def onset_days(level: Float) -> Bool:
    """Sessions on which the index stands less than 5 % below its 252-session high, so that a new fall can begin (design 6)."""
    with np.errstate(invalid="ignore"):
        out: Bool = 1 - level / highest(level, YEAR) < ONSET_DEPTH
    return out


def known_on(dates: Days, horizon: int) -> Days:
    """The session t+H for each t; NaT where the calendar ends before it."""
    out = np.full(len(dates), np.datetime64("NaT"), "datetime64[D]")
    out[: max(len(dates) - horizon, 0)] = dates[horizon:]
    return out


def build(panel: Panel, config: LabelsConfig) -> Labels:
    """Labels of the system, and of each asset where `config.units` says so; a unit that is not a member on t has none on t."""
    targets = tuple(Target.parse(text) for text in config.targets)
    nodes = panel.assets if config.units == "nodes" else ()
    values = np.full((len(panel.dates), 1 + len(nodes), len(targets)), np.nan)
    known = np.stack([known_on(panel.dates, t.horizon) for t in targets], axis=1) if targets else np.empty((len(panel.dates), 0), "datetime64[D]")
    everyone = np.ones((len(panel.dates), 1), bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, target in enumerate(targets):
            label = LABELS[target.kind]
            if target.kind == "share":
                values[:, :1, k] = label(panel.close, panel.member, target)
                continue
            values[:, :1, k] = label(panel.level[:, None], everyone, target)
            if nodes:
                values[:, 1:, k] = np.where(panel.member, label(panel.close, panel.member, target), np.nan)
    return Labels(panel.dates, (SYSTEM, *nodes), targets, values, known, onset_days(panel.level), panel.level)
