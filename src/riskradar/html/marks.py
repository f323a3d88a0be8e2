"""Small charts as inline SVG. Horizontal positions are percentages, so a mark is crisp in any width and on paper.

Colours are classes; the style sheet gives each its light, dark and printed value.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from riskradar.html.words import signed

ROW = 26  # px, height of a strip


@dataclass(frozen=True)
class Scale:
    """Values from low to high onto 0 … 100 % of the width, with an inset for the marks at the ends."""

    low: float
    high: float

    INSET = 2.0

    def at(self, value: float) -> float:
        """Position in percent; a value beyond an end stays at that end."""
        part = (value - self.low) / (self.high - self.low)
        return round(self.INSET + (100 - 2 * self.INSET) * min(max(part, 0.0), 1.0), 2)

    @classmethod
    def over(cls, values: Iterable[float | None], *fixed: float) -> Scale:
        """A scale that holds every value and the fixed points, with a margin."""
        known = [v for v in (*values, *fixed) if v is not None and math.isfinite(v)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        margin = 0.04 * (high - low) or 0.5
        return cls(low - margin, high + margin)

    def ticks(self, at_most: int = 5) -> list[float]:
        """Round values inside the scale."""
        raw = (self.high - self.low) / at_most
        power = 10 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 10) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def strip(label: str, parts: Iterable[Markup], height: int = ROW) -> Markup:
    """A horizontal mark with the sentence that it stands for."""
    return Markup('<svg class="strip" role="img" aria-label="{}" width="100%" height="{}">{}</svg>').format(label, height, Markup("").join(parts))


def line(scale: Scale, low: float, high: float, kind: str) -> Markup:
    """A horizontal segment at half height."""
    return Markup('<line class="{}" x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(kind, scale.at(low), scale.at(high))


def bar(scale: Scale, low: float, high: float, kind: str, height: int = 12) -> Markup:
    """A filled band, centred in the row."""
    left, right = scale.at(low), scale.at(high)
    return Markup('<rect class="{}" x="{}%" width="{}%" y="{}" height="{}" rx="2"/>').format(
        kind, left, round(right - left, 2), (ROW - height) / 2, height
    )


def dot(scale: Scale, value: float, kind: str) -> Markup:
    """A disc or, by its class, a ring."""
    return Markup('<circle class="{}" cx="{}%" cy="50%" r="4.6"/>').format(kind, scale.at(value))


def tick(scale: Scale, value: float, kind: str, margin: int = 0) -> Markup:
    """A vertical stroke through the row."""
    return Markup('<line class="{0}" x1="{1}%" x2="{1}%" y1="{2}" y2="{3}"/>').format(kind, scale.at(value), margin, ROW - margin)


def triangle(scale: Scale, value: float) -> Markup:
    """A downward triangle whose tip is the value: an alarm."""
    drawn = Markup('<svg class="over" x="{}%" y="7" width="1" height="12"><path class="alarm" d="M-5.5 0h11L0 11z"/></svg>')
    return drawn.format(scale.at(value))


def onwards(scale: Scale) -> Markup:
    """A chevron past the right end: the mark goes on."""
    drawn = Markup('<svg class="over" x="{}%" y="7" width="1" height="12"><path class="onwards" d="M5 1l5 5l-5 5"/></svg>')
    return drawn.format(scale.at(scale.high))


def axis(scale: Scale, labels: Sequence[tuple[float, str]], minor: Container[str] = ()) -> Markup:
    """Labels under or over a column of strips; the minor ones leave on a small screen."""
    cell = Markup('<text{} x="{}%" y="12" text-anchor="{}">{}</text>')
    cells = [
        cell.format(Markup(' class="opt"') if text in minor else "", at, "start" if at < 6 else "end" if at > 94 else "middle", text)
        for at, text in ((scale.at(value), text) for value, text in labels)
    ]
    return Markup('<svg class="axis" aria-hidden="true" width="100%" height="16">{}</svg>').format(Markup("").join(cells))


def signed_axis(scale: Scale) -> Markup:
    """An axis of differences around 0."""
    ticks = scale.ticks(4)
    labels = [(t, signed(t, 1 if round(t, 1) == t else 2) if t else "0") for t in ticks]
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return axis(scale, labels, minor=[text for t, text in labels if round(t / step) % 2])


def chance_axis(scale: Scale) -> Markup:
    """An axis of AUROC that always names 0.5."""
    return axis(scale, [(t / 10, f"{t / 10:g}") for t in (1, 3, 5, 7, 9) if scale.low <= t / 10 <= scale.high])


def polyline(points: Sequence[tuple[float, float]], kind: str, title: str = "") -> Markup:
    """A path through points in user units."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<polyline class="{}" points="{}">{}</polyline>').format(kind, path, Markup("<title>{}</title>").format(title) if title else "")


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> Markup:
    """A label in user units."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, words)


def picture(label: str, width: int, height: int, parts: Iterable[Markup]) -> Markup:
    """A chart with a box of its own."""
    return Markup('<svg class="picture" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>').format(label, width, height, Markup("").join(parts))


def spark(points: Sequence[tuple[float, float]], label: str, shaded: Iterable[tuple[float, float]] = (), level: float | None = None) -> Markup:
    """A line without axes, stretched to its column and broken where it is NaN; points, shades and a dashed level in 0 … 100 across."""
    values = [v for _, v in points if not math.isnan(v)] + ([] if level is None else [level])
    if sum(not math.isnan(v) for _, v in points) < 2:
        return Markup("")
    low, high = min(values), max(values) if max(values) > min(values) else min(values) + 1

    def up(value: float) -> float:
        return 22 - 20 * (value - low) / (high - low)

    box = Markup('<rect class="fall" x="{:.1f}" y="0" width="{:.1f}" height="24"/>')
    parts = [box.format(start, max(stop - start, 0.6)) for start, stop in shaded]
    parts += [polyline([(0, up(level)), (100, up(level))], "chance")] if level is not None else []
    for known, stretch in groupby(points, lambda point: not math.isnan(point[1])):
        parts += [polyline([(x, up(v)) for x, v in stretch], "curve own thin")] if known else []
    drawn = Markup("").join(parts)
    return Markup('<svg class="spark" role="img" aria-label="{}" viewBox="0 0 100 24" preserveAspectRatio="none">{}</svg>').format(label, drawn)
