"""Which cells of a source are believed: every refusal has a rule, every doubt is told, and a crash is no reason for either."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import pairwise
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import BaseModel, Field

from riskradar.data.calendar import Calendar
from riskradar.data.cells import Fate, iso_day, number
from riskradar.data.sources.base import Cell, is_name

CLOSE = "close"
POSITIVE, NOT_NEGATIVE = frozenset({CLOSE, "adj_close", "split"}), frozenset({"volume", "dividend"})
OF_SESSIONS = frozenset({CLOSE, "adj_close", "volume"})  # series of an asset that exist on sessions only
SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50)  # shares for one, or one for so many
UNITS = (100, 1000)  # pence for pounds, and worse
NEAR = 0.03  # of a logarithm: a split happens on a day that has a return of its own
BUSY = 3.0  # times the usual turnover: a split moves the price and the count of shares, not the money
USUAL = 20  # sessions
QUARTILE = 0.6745  # of the standard normal distribution: the median size of a move in standard deviations
WILD = 8.0  # robust standard deviations of the sessions before: a jump within them needs no split to explain it
CALM = -0.03  # median return of the other assets; where they fall further, a fall by half may well be true
SPLIT_LIKE = math.log(1.4)  # a rewrite of history by more than this is no dividend
DIFFERENT = 1e-6  # of a logarithm: what is written with fewer digits is not a rewrite
DISAGREE = 0.01  # of a day's return
_SETTLED = time(16, 15)  # New York; before it the bar of the day may still change
_NEW_YORK = ZoneInfo("America/New_York")


class QualityConfig(BaseModel, frozen=True, extra="forbid"):
    """may_be_negative: assets and series whose values may lie below zero; stale: equal closes in a row that are told; trust: jumps that are believed.

    A jump is written "ASSET 2020-08-31".
    """

    may_be_negative: tuple[str, ...] = ()
    stale: int = Field(default=5, ge=2)
    trust: tuple[str, ...] = ()


class Value(NamedTuple):
    """One believed value; `known_at` where the source proves it."""

    series: str
    asset: str
    day: date
    value: float
    known_at: date | None


class Refused(NamedTuple):
    """One cell that is not believed, as it was written, and the rule that says so."""

    cell: Cell
    rule: str


class Doubt(NamedTuple):
    """Something about an asset or a series that is told and refuses nothing."""

    rule: str
    series: str
    asset: str
    day: date
    text: str


Known = Mapping[tuple[str, str], Mapping[date, float]]  # (series, asset) -> day -> newest value


@dataclass(frozen=True)
class Judged:
    """What became of the cells: received = accepted + refused + duplicates + empty."""

    received: int
    accepted: list[Value]
    refused: list[Refused]
    duplicates: int
    empty: int
    doubts: list[Doubt] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.received != len(self.accepted) + len(self.refused) + self.duplicates + self.empty:
            raise RuntimeError("cells were lost or made while they were judged")


def judge(
    cells: Sequence[Cell], moment: datetime, calendar: Calendar | None, own: Known, others: Mapping[str, Known], config: QualityConfig
) -> Judged:
    """Every cell of one fetch of one source, judged by itself, then beside the others, then beside what is stored.

    moment: when it was fetched (UTC); calendar: None where any day may be a session;
    own and others: what this source and each other one is known to have said before.
    The order of the cells does not matter. SPLITS and UNITS are refused by rule; a fall, however deep, is not.
    """
    read = [_read(cell, moment, config) for cell in cells]
    days = {v.day for v in read if isinstance(v, Value)}
    on = days if calendar is None else _sessions(days, calendar)
    refused: list[Refused] = []
    meet: dict[tuple[str, str, date, date | None], list[tuple[Cell, Value]]] = defaultdict(list)
    for cell, found in zip(cells, read, strict=True):
        if isinstance(found, str):
            refused.append(Refused(cell, found))
        elif found is not None and found.series in OF_SESSIONS and found.day not in on:
            refused.append(Refused(cell, "not_session"))
        elif found is not None:
            meet[*found[:3], found.known_at].append((cell, found))
    single: dict[Value, Cell] = {}
    for pairs in meet.values():
        if len({value.value for _, value in pairs}) > 1:
            refused += [Refused(cell, "conflict") for cell, _ in pairs]
        else:
            single[pairs[0][1]] = min(cell for cell, _ in pairs)
    duplicates = sum(len(pairs) - 1 for pairs in meet.values() if len({value.value for _, value in pairs}) == 1)
    doubts, rules = _beside(list(single), own, others, config)
    refused += [Refused(single[value], rule) for value, rule in rules.items()]
    accepted = sorted((value for value in single if value not in rules), key=lambda v: (v.series, v.asset, v.day, v.known_at or date.min))
    refused.sort(key=lambda r: (r.cell[:4], r.cell.known_at or date.min, r.rule))
    return Judged(len(cells), accepted, refused, duplicates, read.count(None), sorted(doubts))


def _read(cell: Cell, moment: datetime, config: QualityConfig) -> Value | str | None:
    """The value of a cell, or the rule that it breaks on its own, or None where it is empty."""
    if not (is_name(cell.series) and (not cell.asset or is_name(cell.asset))):
        return "bad_name"
    value, fate = number(cell.value.strip())
    if fate is Fate.EMPTY:
        return None
    day = iso_day(cell.day)
    if day is None:
        return Fate.BAD_DATE.name.lower()
    if fate is not Fate.ACCEPTED:
        return fate.name.lower()
    negative = cell.series in config.may_be_negative or cell.asset in config.may_be_negative
    if value <= 0 and cell.series in POSITIVE and not negative:
        return Fate.NONPOSITIVE.name.lower()
    if value < 0 and cell.series in NOT_NEGATIVE:
        return Fate.NEGATIVE.name.lower()
    local = moment.astimezone(_NEW_YORK)
    if day > local.date() or (cell.known_at or day) > local.date():
        return "future"
    if day == local.date() and local.time() < _SETTLED and cell.series in OF_SESSIONS:
        return "provisional"
    if cell.known_at is not None and cell.known_at < day:
        return Fate.KNOWN_BEFORE_DATE.name.lower()
    return Value(cell.series, cell.asset, day, value, cell.known_at)


def _sessions(days: Iterable[date], calendar: Calendar) -> set[date]:
    ordered = sorted(days)
    on = calendar.slot(np.array(ordered, "datetime64[D]")) >= 0
    return {day for day, is_session in zip(ordered, on, strict=True) if is_session}


def _beside(values: list[Value], own: Known, others: Mapping[str, Known], config: QualityConfig) -> tuple[list[Doubt], dict[Value, str]]:
    """Doubts, and the values that are refused because of their neighbours in time."""
    series: dict[tuple[str, str], list[Value]] = defaultdict(list)
    for value in sorted(values, key=lambda v: (v.day, v.known_at or date.min)):
        series[value.series, value.asset].append(value)
    market = _Market.of(series)
    splits = {(v.asset, v.day) for (name, _), of in series.items() if name == "split" for v in of}
    splits |= {(asset, day) for (name, asset), of in own.items() if name == "split" for day in of}
    doubts: list[Doubt] = []
    rules: dict[Value, str] = {}
    for key, of in series.items():
        before = own.get(key, {})
        rewritten = _rewritten(key, of, before)
        doubts += rewritten[:1]
        if key[0] not in (CLOSE, "adj_close"):
            continue
        if rewritten and abs(_log_ratio(of, before)) > SPLIT_LIKE and of[0].day > min(before):
            rules |= dict.fromkeys(of, "rewrite")
            continue
        found, told = _jumps(of, before, market, splits, config)
        rules |= found
        doubts += told + _stale([v for v in of if v not in found], before, config.stale)
        doubts += [told for name, other in others.items() for told in _disagreement(name, of, other.get(key, {}))]
    return doubts, rules


@dataclass(frozen=True)
class _Market:
    """Of one fetch, by asset: log return of each day since the close before; turnover (close times volume) of each day, where volumes came."""

    returns: dict[date, dict[str, float]]
    turnover: dict[str, dict[date, float]]

    @classmethod
    def of(cls, series: Mapping[tuple[str, str], list[Value]]) -> _Market:
        returns: dict[date, dict[str, float]] = defaultdict(dict)
        turnover: dict[str, dict[date, float]] = defaultdict(dict)
        for (name, asset), closes in series.items():
            if name != CLOSE:
                continue
            for last, now in pairwise(closes):
                if last.value > 0 and now.value > 0:
                    returns[now.day][asset] = math.log(now.value / last.value)
            volume = {v.day: v.value for v in series.get(("volume", asset), ())}
            turnover[asset] = {v.day: v.value * volume[v.day] for v in closes if v.day in volume}
        return cls(returns, turnover)

    def calm(self, asset: str, day: date) -> bool:
        """Whether the median of the other assets fell by no more than 3 %; of a single asset nobody can say otherwise."""
        others = [r for name, r in self.returns.get(day, {}).items() if name != asset]
        return not others or median(others) > CALM

    def busy(self, asset: str, day: date) -> bool:
        """Whether the turnover was several times that of the sessions before, as it is when a price truly jumps."""
        of = self.turnover.get(asset, {})
        before = [of[d] for d in sorted(d for d in of if d < day)[-USUAL:]]
        return bool(before) and of.get(day, 0.0) > BUSY * median(before)


def _jumps(
    of: list[Value], before: Mapping[date, float], market: _Market, splits: set[tuple[str, date]], config: QualityConfig
) -> tuple[dict[Value, str], list[Doubt]]:
    """Refused: a value in other units, and every value from a suspected split on, until it is known or trusted.

    On a day of falling markets, of a turnover that no split explains, or in a time of such moves, the suspicion is told and the value believed.
    """
    rules: dict[Value, str] = {}
    doubts: list[Doubt] = []
    earlier = [day for day in before if day < of[0].day]
    level = before[max(earlier)] if earlier and of[0].day not in before else of[0].value
    closes = [before[day] for day in sorted(earlier)[-USUAL - 1 :]]
    moves = [abs(math.log(now / last)) for last, now in pairwise(closes) if last > 0 and now > 0]
    suspected = False
    for value in of:
        jump = math.log(value.value / level) if value.value > 0 and level > 0 else 0.0
        explained = (value.asset, value.day) in splits or f"{value.asset} {value.day}" in config.trust
        if suspected and explained:
            suspected = False
        if suspected:
            rules[value] = "split_suspect"
            continue
        if explained or abs(jump) < SPLIT_LIKE:
            level = value.value
            moves = [*moves, abs(jump)][-USUAL:]
            continue
        if any(abs(abs(jump) - math.log(unit)) < NEAR for unit in UNITS):
            rules[value] = "unit_jump"
        elif any(abs(abs(jump) - math.log(shares)) < NEAR for shares in SPLITS):
            text = f"{level:g} to {value.value:g} looks like a split; if it is a price, add \"{value.asset} {value.day}\" to quality.trust"
            doubts.append(Doubt("split_suspect", value.series, value.asset, value.day, text))
            wild = len(moves) == USUAL and abs(jump) < WILD * median(moves) / QUARTILE
            suspected = not wild and market.calm(value.asset, value.day) and not market.busy(value.asset, value.day)
            if suspected:
                rules[value] = "split_suspect"
            level = level if suspected else value.value
        else:
            level = value.value
    return rules, doubts


def _rewritten(key: tuple[str, str], of: list[Value], before: Mapping[date, float]) -> list[Doubt]:
    """Days whose stored value is another; none for values that come with their own vintage, which may differ."""
    changed = [v for v in of if v.known_at is None and v.day in before and _differ(v.value, before[v.day])]
    if not changed:
        return []
    first = changed[0]
    text = f"{len(changed)} of {len(of)} days differ from what was stored, first {before[first.day]:g}, now {first.value:g}; both are kept"
    return [Doubt("rewrite", *key, first.day, text)]


def _log_ratio(of: list[Value], before: Mapping[date, float]) -> float:
    """Median logarithm of new over stored values on the days that both have."""
    both = [math.log(v.value / before[v.day]) for v in of if v.day in before and v.value > 0 and before[v.day] > 0]
    return median(both) if both else 0.0


def _stale(of: list[Value], before: Mapping[date, float], most: int) -> list[Doubt]:
    """The first run of at least `most` equal closes that reaches into this fetch."""
    closes = sorted({**before, **{v.day: v.value for v in of}}.items())
    fresh = min((v.day for v in of), default=date.max)
    run = 1
    for (_, last), (day, now) in pairwise(closes):
        run = run + 1 if now == last else 1
        if run == most and day >= fresh:
            return [Doubt("stale", of[0].series, of[0].asset, day, f"{most} equal closes of {now:g} in a row")]
    return []


def _disagreement(name: str, of: list[Value], other: Mapping[date, float]) -> list[Doubt]:
    """Days whose return another source puts elsewhere by more than 1 %: returns, since sources adjust their levels by rules of their own."""
    both = [(v.day, math.log(v.value), math.log(other[v.day])) for v in of if other.get(v.day, 0.0) > 0 and v.value > 0]
    apart = [(abs((b - a) - (d - c)), day) for (_, a, c), (day, b, d) in pairwise(both)]
    worst = max(apart, default=(0.0, date.min))
    if worst[0] <= DISAGREE:
        return []
    count = sum(gap > DISAGREE for gap, _ in apart)
    text = f"{count} of {len(apart)} returns differ from {name}, the worst by {worst[0]:.1%}"
    return [Doubt("disagreement", of[0].series, of[0].asset, worst[1], text)]


def _differ(now: float, stored: float) -> bool:
    return abs(now - stored) > DIFFERENT * max(abs(now), abs(stored))
