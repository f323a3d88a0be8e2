"""The sessions that come next, on the axes of a panel, from their rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskradar import data
from riskradar.daily.market import reading_moment
from riskradar.daily.news import beside
from riskradar.data import DataConfig
from riskradar.data.calendar import QUARTER, exchange
from riskradar.data.level import BASE, EQUAL_WEIGHT, choose_index, mean_returns, system_level
from riskradar.store import Store
from riskradar.store.blocks import Rows
from riskradar.store.past import Some
from riskradar.tables import Facts, Panel
from riskradar.tables.arrays import Bool, Days, Float
from riskradar.tables.facts import MARKET
from riskradar.tables.observations import Name


@dataclass(frozen=True, eq=False)
class Weight:
    """What an equal-weight index carries: the last close of each asset as a member [N], and the growth so far."""

    close: Float
    growth: float

    @classmethod
    def of(cls, panel: Panel) -> Weight:
        """After the last session of a panel."""
        rows = np.arange(len(panel.dates))[:, None]
        last = np.where(panel.member, rows, -1).max(axis=0)
        close = np.where(last >= 0, panel.close[last, np.arange(len(panel.assets))], np.nan)
        return cls(close, float(np.cumprod(1.0 + mean_returns(panel.close, panel.member))[-1]))

    def after(self, close: Float, member: Bool) -> tuple[Weight, Float]:
        """After more sessions [R, N], and their level [R], as data.level.equal_weight has it."""
        last, growth, level = self.close, self.growth, np.full(len(close), np.nan)
        for t in range(len(close)):
            held = member[t] & np.isfinite(last)
            total = np.cumsum(np.where(held, close[t] / last - 1.0, 0.0))[-1]
            growth *= 1.0 + (total / held.sum() if held.any() else 0.0)
            last = np.where(member[t], close[t], last)
            level[t] = BASE * growth if member[t].any() else np.nan
        return Weight(last, float(growth)), level


def following(
    panel: Panel, chosen: Rows, names: Mapping[int, Name], files: frozenset[tuple[str, str]], until: date, store: Store, given: DataConfig
) -> Panel | None:  # fmt: skip
    """The sessions of some rows, on the axes of the `panel` before them and without a level; its facts are the new ones.

    None where the whole must be read to know: a new name, another file, a session left out, labels that change.
    """
    raw = Some(store.engine, reading_moment(until), chosen, dict(names)).raw(given)
    new, intake = data.assemble(raw, given.model_copy(update={"index": EQUAL_WEIGHT}))
    places = {name: i for i, name in enumerate(panel.assets)}
    known = set(new.assets) <= set(places) and set(new.facts.series) <= set(panel.facts.series) and beside(intake.hashes) == files
    if not known or panel.sectors_dated or not _next(panel, new, given.calendar) or (panel.volume is None) != (new.volume is None):
        return None
    at = np.array([places[name] for name in new.assets])

    def spread(values: NDArray[Any], nothing: Any) -> NDArray[Any]:
        out = np.full((len(new.dates), len(places)), nothing, values.dtype)
        out[:, at] = values
        return out

    indices = np.array([kind == "index" for kind in panel.kind], bool)
    volume = None if new.volume is None else spread(new.volume, np.nan)
    return replace(
        panel, dates=new.dates, close=spread(new.close, np.nan), member=spread(new.member, False) & ~indices, volume=volume,
        sector=np.repeat(panel.sector[-1:], len(new.dates), axis=0), facts=_named(new.facts, panel, at), level=np.full(len(new.dates), np.nan),
    )  # fmt: skip


def level_after(panel: Panel, new: Panel, carried: Weight, index: str) -> tuple[Float, Weight]:
    """The level of new sessions, and what the equal weight carries after them."""
    weight, equal = carried.after(new.close, new.member)
    choice = choose_index(panel.assets, panel.kind, panel.facts.series, index)
    if choice.asset is None and choice.series is None:
        return equal, weight
    return system_level(choice, new.dates, new.close, new.member, new.facts), weight


def joined(first: Facts, second: Facts) -> Facts:
    """The facts of both, which have the same series."""
    if not len(second.of):
        return first
    names = ("of", "asset", "date", "known_at", "value")
    of, asset, days, known_at, value = (np.append(getattr(first, name), getattr(second, name)) for name in names)
    return Facts(first.series, of, asset, days, known_at, value, first.max_age, first.revised)


def _next(panel: Panel, new: Panel, calendar: str) -> bool:
    """Whether new sessions follow on those of a panel without a gap, judged as the whole would judge them."""
    if calendar == "observed":
        return bool((QUARTER * np.isfinite(new.close).sum(axis=1) >= len(panel.assets)).all())
    days: Days = exchange(calendar).days
    first = int(np.searchsorted(days, panel.dates[-1], side="right"))
    return np.array_equal(days[first : first + len(new.dates)], new.dates)


def _named(facts: Facts, panel: Panel, at: NDArray[Any]) -> Facts:
    """Facts under the codes of a panel."""
    if not len(facts.of):
        return panel.facts.take(slice(0))
    series = np.array([panel.facts.series.index(name) for name in facts.series], np.int16)
    asset = np.where(facts.asset == MARKET, MARKET, at[facts.asset]).astype(np.int16)
    return replace(panel.facts, of=series[facts.of], asset=asset, date=facts.date, known_at=facts.known_at, value=facts.value)
