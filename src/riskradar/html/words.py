"""How numbers, days and targets are written; the palette's companion (true minus, narrow no-break space, one decimal below 10 %)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from riskradar.tables import Target

THIN = "\u202f"
MINUS = "\u2212"
DASH = "\u2013"


def share(value: float) -> str:
    """A share as a percentage: what is neither none nor all is never written as 0 or 100 %."""
    if value == 0 or 0 < value < 0.0005 or 0.995 <= value < 1:
        return f"{'0' if value == 0 else '<0.1' if value < 0.5 else '>99'}{THIN}%"
    percent = 100 * value
    return f"{percent:.{1 if abs(percent) < 9.95 else 0}f}".replace("-", MINUS) + f"{THIN}%"


def number(value: float, digits: int = 2) -> str:
    """A plain number with a true minus."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def rare(value: float) -> str:
    """A share that may be far below a percent, in one digit."""
    return share(value) if value >= 0.0005 else f"{100 * value:.1g}{THIN}%" if value >= 1e-6 else f"<0.0001{THIN}%"


def plain(value: float) -> str:
    """Any number in three digits, or whole from 100 on."""
    return count(round(value)).replace("-", MINUS) if 100 <= abs(value) < 1e9 else f"{value:.3g}".replace("-", MINUS)


def signed(value: float, digits: int = 2) -> str:
    """A difference: its sign is always written, and what rounds to nothing is a plain 0."""
    if abs(value) < 0.5 * 10**-digits:
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", MINUS)


def count(value: int) -> str:
    """A whole number with thousands set apart."""
    return f"{value:,}".replace(",", THIN)


def between(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    """`low to high`, or an empty string when there is no interval."""
    return "" if low is None or high is None else f"{write(low)} to {write(high)}"


def day(iso: Any) -> str:
    """30 Dec 2022; a text that is no date stays as it is."""
    try:
        date = dt.date.fromisoformat(str(iso)[:10])
    except ValueError:
        return str(iso)
    return f"{date.day} {date:%b} {date.year}"


def span(number: int, step: str) -> str:
    """1 month, 4 weeks."""
    return f"{number} {step}{'' if number == 1 else 's'}"


def years(name: str) -> str:
    """A span of years with an en dash."""
    return name.replace("-", DASH)


def depth(target: Target) -> str:
    """The depth as a percentage, as it was asked for."""
    return f"{100 * target.depth:g}{THIN}%"


def fall(target: Target) -> str:
    """What is forecast, as the subject of a sentence that goes on with `within 20 sessions`."""
    if target.kind == "share":
        return f"A fall of {depth(target)} or more in at least {100 * target.share:g}{THIN}% of the names"
    if target.kind == "fall":
        return f"A close {depth(target)} or more below that day's, in the index,"
    return f"A fall of {depth(target)} or more in the index"


def brief(target: Target) -> str:
    """A label: depth and horizon."""
    where = {"share": f" in {100 * target.share:g}{THIN}% of names", "fall": " below the close"}.get(target.kind, "")
    return f"\u2265{THIN}{depth(target)}{where} in {target.horizon} sessions"


def likelihood(probability: float, base: float, band: tuple[float, float] | None) -> str:
    """How a probability compares with the usual; a band that covers the base rate, or lies on its other side, allows one phrase only."""
    if band is not None and band[0] <= base <= band[1]:
        return "about as likely as usual"
    if band is not None and (probability < base) != (band[1] < base):
        return "not clearly different from usual"
    ratio = probability / base if base > 0 else float("inf")
    for limit, words in ((0.5, "much less likely than usual"), (1.0, "less likely than usual"), (1.7, "more likely than usual")):
        if ratio < limit:
            return words
    return "about twice as likely as usual" if ratio < 2.5 else f"{ratio:.0f} times as likely as usual" if base > 0 else "likelier than usual"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
