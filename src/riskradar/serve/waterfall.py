"""Marks of an explanation: from where the score starts to where it stands, what each name adds, and whether all that can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from riskradar.attribution.table import MARKET
from riskradar.html import marks, words
from riskradar.html.marks import Scale
from riskradar.html.reasons import PLAIN
from riskradar.serve.why import Explained, Push

STEPS, UP, DOWN, LINKS = 9, 8, 4, 12  # rows of the waterfall, names that push up and that hold down, and edges
IMPORTANT = 30  # names in the table
NOTHING = 1e-9  # of a score: rounding
SMALL = 0.005  # of the largest term: less is drawn with the others
ABOUT = {"layer": "graph", "refit": "between the two days", "feature": "names", "series": "market"}


@dataclass(frozen=True)
class Row:
    """One row: a name, what stands under it, its figure, and its mark."""

    name: str
    about: str
    figure: float
    strip: Markup
    whole: bool = False


def steps(found: Explained) -> list[Row]:
    """The score as a sum: where it starts, each term from where the last one ended, and the score."""
    terms = _of(found, found.views["inputs"])
    shown = [term for term in terms if abs(term.adds) > _least(found)][:STEPS]
    parts = [(f"the {t.name} graph" if t.kind == "layer" else PLAIN.get(t.name, t.name), _values(t, found), t.adds) for t in shown]
    rest = found.score - found.reference - sum(term.adds for term in shown)
    if others := len(terms) - len(shown):
        parts.append((f"{others} other{'s' * (others > 1)}", "each too small to show", rest))
    ends = [found.reference]
    for _, _, adds in parts:
        ends.append(ends[-1] + adds)
    scale = Scale.over([*ends, found.score], 0.0)
    first = f"Score on {words.day(found.against)}" if found.against else "Where the score starts"
    rows = [Row(first, "" if found.against else found.baseline, found.reference, _bar(scale, 0.0, found.reference, "days", first), whole=True)]
    for (name, about, adds), start in zip(parts, ends, strict=False):
        drawn = _bar(scale, start, start + adds, "alarm" if adds > 0 else "own", f"{name}: {words.signed(adds)}")
        rows.append(Row(f"{name[:1].upper()}{name[1:]}", about, adds, drawn))
    last = f"Score on {words.day(found.date)}"
    return [*rows, Row(last, "", found.score, _bar(scale, 0.0, found.score, "own", last), whole=True)]


def names(found: Explained) -> dict[str, Any]:
    """The names that push up most, those that hold down most, and the market as a whole."""
    terms = [term for term in _of(found, ("node",)) if term.name != MARKET]
    market = next((term.adds for term in found.terms if term.kind == "node" and term.name == MARKET), 0.0)
    up = [term for term in terms if term.adds > 0][:UP]
    down = [term for term in terms if term.adds < 0][:DOWN]
    sectors = {each.name: each.sector for each in found.importance}
    scale = _around([*up, *down])
    drawn = {key: [_signed(term, scale, sectors.get(term.name, "")) for term in some] for key, some in (("up", up), ("down", down))}
    return {**drawn, "market": market, "assets": sum(term.adds for term in terms), "count": len(terms)}


def graphs(found: Explained) -> list[Row]:
    """Layers and then the edges that add most, as bars from zero on one scale; none that is nothing beside the largest term of the score."""
    shown = [[term for term in _of(found, (kind,)) if abs(term.adds) > _least(found)][:LINKS] for kind in ("layer", "edge")]
    scale = _around([*shown[0], *shown[1]])
    return [_signed(term, scale, term.kind) for terms in shown for term in terms]


def days(found: Explained) -> list[Row]:
    """What each session adds that the score looks back on, in their order."""
    terms = sorted((term for term in found.terms if term.kind == "day"), key=lambda term: term.name)
    scale = _around(terms)
    return [_signed(term, scale, "") for term in terms]


def important(found: Explained) -> list[dict[str, Any]]:
    """Names with what they add and how much would be lost with each, ranks beside the figures."""
    every = found.importance
    scale = _around(every)
    ranks = {key: _ranked([getattr(each, key) for each in every]) for key in ("debtrank", "strength", "connectedness")}
    return [
        {"name": each.name, "sector": each.sector, "adds": each.adds, "strip": _push(each.name, each.adds, scale),
         **{key: (getattr(each, key), ranks[key][k]) for key in ranks}}
        for k, each in enumerate(every[:IMPORTANT])
    ]  # fmt: skip


def checks(found: Explained) -> Iterator[tuple[str, str, str]]:
    """What speaks for the explanation and against it: a sign, the finding, and how it was found."""
    exact = "no step of it is an approximation" if not found.steps else f"an integral in {found.steps} steps"
    missing = f"{abs(found.gap):.1g}" if abs(found.gap) > NOTHING else "nothing"
    yield "no" if any("miss the score" in line for line in found.warnings) else "yes", f"The terms add up to the score; {missing} is missing", exact
    if found.stability is None:
        yield "none", "Between seeds: undefined", "one seed, or a rule: there is nothing to compare"
    else:
        sign = "no" if any("seeds rank" in line for line in found.warnings) else "yes"
        yield sign, f"Between seeds names keep their rank: correlation {words.number(found.stability)}", "mean over pairs; 1 is the same order"
    for line in found.warnings:
        yield "no", f"{line[0].upper()}{line[1:]}", "a check that failed"
    if found.attention:
        weights = words.listed([f"{name} {words.share(weight)}" for name, weight in found.attention.items()])
        yield "none", f"Attention over layers: {weights}", "a diagnostic of the network, and no explanation"
    elif not any(term.kind == "edge" for term in found.terms):
        yield "none", "Edges and attention: none", "this score reads no graph on this day"


def _of(found: Explained, kinds: Sequence[str]) -> list[Push]:
    return sorted((term for term in found.terms if term.kind in kinds), key=lambda term: -abs(term.adds))


def _least(found: Explained) -> float:
    return SMALL * max((abs(term.adds) for term in _of(found, found.views["inputs"])), default=0.0)


def _values(term: Push, found: Explained) -> str:
    """The value on the day beside the usual one, or what kind of thing it is."""
    if term.value is None or term.usual is None:
        return ABOUT.get(term.kind, "")
    return f"{words.plain(term.value)}, {'before' if found.against else 'usually'} {words.plain(term.usual)}"


def _around(terms: Sequence[Any]) -> Scale:
    largest = max((abs(term.adds) for term in terms), default=0.0) or 1.0
    return Scale(-largest, largest)


def _signed(term: Push, scale: Scale, about: str) -> Row:
    name = words.day(term.name) if term.kind == "day" else term.name
    return Row(name, about, term.adds, _push(name, term.adds, scale))


def _push(name: str, adds: float, scale: Scale) -> Markup:
    kind = "alarm" if adds > 0 else "own"
    parts = [marks.tick(scale, 0, "zero"), marks.bar(scale, min(adds, 0.0), max(adds, 0.0), kind, 10)]
    return marks.strip(f"{name}: {words.signed(adds)}", parts)


def _bar(scale: Scale, start: float, end: float, kind: str, label: str) -> Markup:
    return marks.strip(label, [marks.tick(scale, 0, "zero"), marks.bar(scale, min(start, end), max(start, end), kind)])


def _ranked(values: Sequence[float | None]) -> list[int | None]:
    """The place of each, 1 for the largest."""
    order = sorted((value for value in values if value is not None), reverse=True)
    return [None if value is None else order.index(value) + 1 for value in values]
