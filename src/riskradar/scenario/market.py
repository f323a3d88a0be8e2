"""Shocks on the Panel: one last session that differs; what came before stays, and what came later is not there.

Shocks of one scenario add up in percent of the close before them, so opposite ones cancel; what sums to nothing is not applied at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from riskradar.data import DataConfig
from riskradar.data.level import Choice, choose_index, equal_weight
from riskradar.errors import UsageError
from riskradar.features import FEATURES, log_returns
from riskradar.layers.sentiment import arrivals
from riskradar.reopen import nearest
from riskradar.scenario.grammar import EVERYTHING, INDEX, Shock
from riskradar.tables import MARKET, Facts, Panel
from riskradar.tables.arrays import Bool, Float, day

SPELL = 20  # sessions whose returns a volatility shock stretches: a month
TONE, LEAST_TONE = 250, 20  # sessions behind a standard deviation of sentiment, and the values that it needs


@dataclass(frozen=True, eq=False)
class Moves:
    """A scenario as numbers on the last session of a panel.

    growth [N] and index: the close of each asset, and the system index, times 1 + this; stretch [N]: the last SPELL log returns this many times as
    far from their mean; points: added to macro series; tone [N]: added to the sentiment; gone [N]: no longer listed; notes: what was assumed.
    """

    growth: Float
    index: float
    stretch: Float
    points: dict[str, float]
    tone: Float
    gone: Bool
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Sessions of the panel that differ."""
        if (self.stretch != 1).any():
            return SPELL
        return int(bool(self.growth.any() or self.index or self.points or self.tone.any() or self.gone.any()))


def moves(panel: Panel, shocks: Sequence[Shock], config: DataConfig, sources: Panel) -> Moves:
    """What the shocks do to the last session of `panel`; sources: the panel that holds the day of "as on".

    UsageError for a sector without members, a loss of everything, a series that is not known on the day, or when nobody is left.
    """
    N, t = len(panel.assets), len(panel.dates) - 1
    growth, tone, stretch = [Fraction(0)] * N, [Fraction(0)] * N, [Fraction(1)] * N
    gone, points, own = np.zeros(N, bool), dict[str, Fraction](), Fraction(0)
    for shock in shocks:
        if shock.kind == "series":
            if shock.target == choose_index(panel.assets, panel.kind, panel.facts.series, config.index).series:
                raise UsageError(f"shock {shock.text!r}: {shock.target} is the system index; nothing was computed; write 'index returns -5%'")
            points[shock.target] = points.get(shock.target, Fraction(0)) + _points(panel, shock)
        elif shock.kind in ("returns", "volatility", "sentiment", "remove"):
            if shock.target == INDEX and INDEX not in panel.assets:
                own += shock.amount
            for i in _targets(panel, shock):
                if shock.kind == "returns":
                    growth[i] += shock.amount
                elif shock.kind == "volatility":
                    stretch[i] *= shock.amount
                elif shock.kind == "sentiment":
                    tone[i] += shock.amount
                else:
                    gone[i] = True
    member = panel.member[t] & ~gone
    if not member.any():
        raise UsageError("the shocks leave no member; nothing was computed; keep an asset")
    whole = own + (sum((growth[i] for i in np.flatnonzero(member)), Fraction(0)) / int(member.sum()))
    note = f"the index ({panel.index}) moves as the equal weight of its members does, by {100 * float(whole):+.2f} %"
    found = Moves(
        np.array(growth, float), float(whole), np.array(stretch, float), {name: float(of) for name, of in points.items() if of},
        np.array(tone, float), gone, ((note,) if whole and not own else ()) + (("a removed asset counts as lost whole",) if gone.any() else ()),
    )  # fmt: skip
    for shock in shocks:
        found = _as_on(panel, found, sources, shock.target) if shock.kind == "as on" else found
    if (found.growth <= -1).any() or found.index <= -1:
        worst = panel.assets[int(found.growth.argmin())] if (found.growth <= -1).any() else "the system index"
        raise UsageError(f"the shocks of {worst} add up to a loss of everything; nothing was computed; shocks add up, or remove the asset")
    return found


def _targets(panel: Panel, shock: Shock) -> list[int]:
    """The assets that a shock speaks of: one, or the members of a sector or of the market."""
    if shock.target in panel.assets:
        i = panel.assets.index(shock.target)
        if not np.isfinite(panel.close[-1, i]):
            raise UsageError(f"shock {shock.text!r}: {shock.target} has no close on {panel.dates[-1]}; nothing was computed")
        if shock.kind == "remove" and not panel.member[-1, i]:
            raise UsageError(f"shock {shock.text!r}: {shock.target} is no member on {panel.dates[-1]}; nothing was computed; remove a member")
        return [i]
    if shock.target == INDEX:
        return []
    some = panel.member[-1]
    if shock.target not in EVERYTHING:
        some = some & (panel.sector[-1] == panel.sectors.index(shock.target))
    if not some.any():
        raise UsageError(f"shock {shock.text!r}: {shock.target} has no member on {panel.dates[-1]}; nothing was computed")
    return [int(i) for i in np.flatnonzero(some)]


def _points(panel: Panel, shock: Shock) -> Fraction:
    now = panel.facts.view(shock.target, panel.dates[-1:])[0]
    if not np.isfinite(now):
        raise UsageError(f"shock {shock.text!r}: {shock.target} is not known on {panel.dates[-1]}; nothing was computed")
    return shock.amount * Fraction(float(now)) if shock.relative else shock.amount


def _as_on(panel: Panel, found: Moves, sources: Panel, date: str) -> Moves:
    """The returns and macro changes of another day in place of those of the last session, with the other shocks on top."""
    there = sources.upto(date)
    if len(there.dates) < 2 or there.dates[-1] != day(date):
        raise UsageError(f"shock 'as on {date}': {date} is no session with one before it; nothing was computed; {nearest(sources.dates[1:], date)}")
    then, now = (_growth(p) for p in (there, panel))
    known = np.isfinite(then)
    lost = panel.member[-1] & np.isfinite(now) & ~known
    for i in np.flatnonzero(lost):
        alike = there.member[-1] & known & (there.sector[-1] == panel.sector[-1, i]) & (panel.sector[-1, i] >= 0)
        then[i] = then[alike if alike.any() else there.member[-1] & known].mean()
    ratio = np.where(np.isfinite(then) & np.isfinite(now), then / now, 1.0)
    level, base = ([p.level[-1] / p.level[-2] for p in (there, panel)])
    index = level / base if np.isfinite([level, base]).all() else 1.0
    points = dict(found.points)
    for name in _read(panel):
        steps = [np.diff(p.facts.view(name, p.dates[-2:]))[0] for p in (there, panel)]
        if np.isfinite(steps).all() and steps[0] != steps[1]:
            points[name] = points.get(name, 0.0) + float(steps[0] - steps[1])
    told = f"{int(lost.sum())} members without a return on {date} take the mean of their sector then, or of the market"
    note = ((told,) if lost.any() else ()) + ((f"{date} came later: nobody could have asked this then",) if day(date) > panel.dates[-1] else ())
    growth = np.where(ratio == 1, found.growth, ratio * (1 + found.growth) - 1)
    whole = float(found.index if index == 1 else index * (1 + found.index) - 1)
    return replace(found, growth=growth, index=whole, points=points, notes=(*found.notes, *note))


def _growth(panel: Panel) -> Float:
    growth: Float = panel.close[-1] / panel.close[-2]
    return growth


def _read(panel: Panel) -> tuple[str, ...]:
    """The macro series that features read."""
    return tuple(sorted({name for feature in FEATURES.values() for name in feature.needs} & set(panel.facts.series)))


def shocked(panel: Panel, by: Moves, config: DataConfig) -> Panel:
    """The panel with its last session (with a volatility shock, its last SPELL sessions) as the scenario has it; itself when nothing moves."""
    if not by.rows:
        return panel
    choice = choose_index(panel.assets, panel.kind, panel.facts.series, config.index)
    stretched = _stretched(panel, by.stretch)
    close = panel.close.copy()
    moved = (by.growth != 0) | (by.stretch != 1)
    close[-len(stretched) :, moved] *= np.exp(stretched[:, moved])
    close[-1, moved] *= 1 + by.growth[moved]
    member = panel.member.copy()
    close[-1, by.gone], member[-1, by.gone] = np.nan, False
    if choice.asset is not None:
        close[:, choice.asset] = _level(panel, by, stretched, choice)
    equal = choice.asset is None and choice.series is None
    level = equal_weight(close, member) if equal else _level(panel, by, stretched, choice)
    return replace(panel, close=close, member=member, level=level, facts=_facts(panel, by))


def _stretched(panel: Panel, stretch: Float) -> Float:
    """What a volatility shock adds to the log of the last SPELL closes, [SPELL, N]: the mean return stays, so the first and the last close do."""
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close[-SPELL - 1 :])[1:]
    away = np.nan_to_num((stretch - 1) * (returns - returns.mean(axis=0)))  # an asset without its whole month stays as it was
    total: Float = np.cumsum(away, axis=0)
    total[-1:] = 0.0
    return total


def _level(panel: Panel, by: Moves, stretched: Float, choice: Choice) -> Float:
    """An index that is no mean of the members: it moves as their equal weight does, or as it was told; an asset that was named, by its own shock."""
    level, some = panel.level.copy(), panel.member[-1] & ~by.gone
    growth = by.index
    if choice.asset is not None and by.growth[choice.asset]:
        growth = float(by.growth[choice.asset])
    if (by.stretch != 1).any():
        level[-len(stretched) :] *= np.exp(stretched[:, some].mean(axis=1))
    if growth:
        level[-1] *= 1 + growth
    return level


def _facts(panel: Panel, by: Moves) -> Facts:
    facts, today = panel.facts, panel.dates[-1]
    for name, points in by.points.items():
        facts = _said(facts, name, MARKET, today, float(facts.view(name, panel.dates[-1:])[0]) + points)
    if by.tone.any():
        for series, asset, value in _tones(panel, by.tone):
            facts = _said(facts, series, asset, today, value)
    return facts


def _tones(panel: Panel, tone: Float) -> list[tuple[str, int, float]]:
    """The new sentiment of each asset: what was said today, or its mean where nothing was, and so many of its own standard deviations."""
    out = []
    series = [panel.facts.series[code] for code in sorted(set(panel.facts.of[panel.facts.asset >= 0].tolist()))]
    for name in [n for n in series if n.endswith("vader_mean") or "sentiment" in n]:
        values = arrivals(panel.facts, name, panel.dates, len(panel.assets))[-TONE:]
        for i in np.flatnonzero(tone):
            known = values[np.isfinite(values[:, i]), i]
            if len(known) >= LEAST_TONE:
                now = values[-1, i] if np.isfinite(values[-1, i]) else known.mean()
                out.append((name, int(i), float(now + tone[i] * known.std(ddof=1))))
    if not out:
        raise UsageError(f"no sentiment of these assets is known on {panel.dates[-1]} ({LEAST_TONE} values in {TONE} sessions); nothing was computed")
    return out


def _said(facts: Facts, series: str, asset: int, today: Any, value: float) -> Facts:
    """Facts in which a series has another value today: its newest row if it became known today, else one more row."""
    code = facts.series.index(series)
    rows = np.flatnonzero((facts.of == code) & (facts.asset == asset) & (facts.known_at <= today))
    newest = rows[np.lexsort((facts.known_at[rows], facts.date[rows]))][-1:]
    if len(newest) and facts.known_at[newest[0]] == today:
        changed = facts.value.copy()
        changed[newest[0]] = value
        return replace(facts, value=changed)
    return replace(
        facts, of=np.append(facts.of, np.int16(code)), asset=np.append(facts.asset, np.int16(asset)), date=np.append(facts.date, today),
        known_at=np.append(facts.known_at, today), value=np.append(facts.value, value),
    )  # fmt: skip
