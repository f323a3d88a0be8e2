"""Reverse stress: the smallest shock of one kind that lifts the score over its alert line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from riskradar.errors import UsageError
from riskradar.registry import near
from riskradar.scenario.day import Day
from riskradar.scenario.grammar import Kind, Names, Shock, parse
from riskradar.tables import Panel

STEPS, HALVINGS = 20, 12  # sizes that are tried up to the bound, and halvings between the last below the line and the first over it
BOUNDS: dict[Kind, Fraction] = {"returns": Fraction(2, 5), "volatility": Fraction(9), "layer": Fraction(1), "sentiment": Fraction(5)}
PHRASE = re.compile(r"(?P<what>.+?)(?: (?P<way>up|down))?", re.IGNORECASE)


@dataclass(frozen=True)
class Smallest:
    """size: of the smallest shock found, or None; score: there, or the highest one; monotone: no larger size that was tried scored lower."""

    size: float | None
    score: float
    monotone: bool


def smallest(scored: Callable[[float], float], line: float, bound: float) -> Smallest:
    """The smallest size in (0, bound] whose score reaches the line.

    STEPS equal sizes are tried from the smallest on; between the first that reaches the line and the one before, halving. Exact for a score that
    rises with the size; for another one, a crossing back and forth inside one step is not seen.
    """
    sizes, scores = [0.0], [scored(0.0)]
    for n in range(1, STEPS + 1):
        sizes.append(bound * n / STEPS)
        scores.append(scored(sizes[-1]))
        if scores[-1] >= line:
            break
    monotone = bool((np.diff(scores) >= 0).all())
    if scores[-1] < line:
        return Smallest(None, max(scores), monotone)
    low, high, best = sizes[-2], sizes[-1], scores[-1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (score := scored(middle)) >= line:
            high, best = middle, score
        else:
            low = middle
    return Smallest(high, best, monotone)


def reverse(day: Day, phrase: str, shocks: Sequence[str] = ()) -> dict[str, Any]:
    """The smallest shock of a kind ("Financials returns", "vix", "correlation", with up or down where the other way is meant) on top of `shocks`.

    Returns and sentiment fall, all else rises unless told. The bound of a macro series is the whole range that it has had; others are in BOUNDS.
    `reason` says why nothing was looked for. UsageError for a kind that is not known.
    """
    match = PHRASE.fullmatch(" ".join(phrase.split()))
    names = Names.of(day.before[0], day.opened.graphs.layers)
    kind, way, sample = _kind(match["what"] if match else phrase, (match["way"] or "") if match else "", names)
    given = day.shocks(shocks)
    bound = float(BOUNDS.get(kind, _span(day.before[0], sample.target)))

    def shock(size: float) -> Shock:
        exact = Fraction(round(size, 2)).limit_denominator(100) if kind == "layer" else Fraction(size)
        return Shock(kind, sample.target, sample.text, (1 + exact) ** way if kind == "volatility" else way * exact)

    def scored(size: float) -> float:
        return day.value(day.after([*given, shock(size)] if size else given)[0])

    found: dict[str, Any] = {"kind": phrase, "model": day.headline, "target": day.target.name, "bound": describe(shock(bound))}
    found |= {"line": None, "score": None, "shock": "", "size": None, "monotone": True}
    start = scored(0.0)
    if not np.isfinite(day.line) or not np.isfinite(start):
        return found | {"reason": "there is no alert line yet on this day" if np.isfinite(start) else "the score is withheld on this day"}
    found |= {"line": day.line, "score": start}
    if start >= day.line:
        return found | {"reason": "the score is over its alert line without any further shock"}
    least = smallest(scored, day.line, bound)
    told = {"score": least.score, "size": least.size, "monotone": least.monotone}
    if least.size is None:
        return found | told | {"reason": f"no shock up to {describe(shock(bound))} lifts the score over its alert line"}
    return found | told | {"shock": describe(shock(least.size)), "reason": ""}


def _kind(what: str, way: str, names: Names) -> tuple[Kind, int, Shock]:
    """The kind of shock, its direction, and one of its kind."""
    words = f"market {what}" if what.lower() in ("returns", "volatility") else what
    ends = {"returns": " -1%", "volatility": " x2"}
    end = " +1sd" if words.lower().startswith("sentiment ") else ends.get(words.rsplit(" ", 1)[-1].lower(), " +0.1" if words in names.layers else "")
    text = words + (end or " +1 points")
    try:
        sample = parse(text, names)
    except UsageError:
        known = ("returns", "volatility", *names.series, *names.layers)
        kinds = '"returns", "Financials returns", "volatility", "vix", "correlation"'
        raise UsageError(f"no kind of shock {what!r}{near(what, known)} in the run; nothing was computed; write one such as {kinds}") from None
    down = way.lower() == "down" or (not way and sample.kind in ("returns", "sentiment"))
    return sample.kind, -1 if down else 1, sample


def _span(panel: Panel, series: str) -> Fraction:
    values = panel.facts.view(series, panel.dates) if series in panel.facts.series else np.empty(0)
    known = values[np.isfinite(values)]
    return Fraction(float(known.max() - known.min())) if len(known) else Fraction(0)


def describe(shock: Shock) -> str:
    """A shock in the words of the grammar."""
    amount = float(shock.amount)
    return {
        "returns": f"{shock.target} returns {100 * amount:+.2f}%", "volatility": f"{shock.target} volatility x{amount:.2f}",
        "series": f"{shock.target} {amount:+.2f} points", "sentiment": f"sentiment {shock.target} {amount:+.2f}sd",
        "layer": f"{shock.target} {amount:+.2f}",
    }[shock.kind]  # fmt: skip
