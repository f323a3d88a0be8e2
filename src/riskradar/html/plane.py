"""Square charts in user units: ROC, precision and recall, reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import marks
from riskradar.html.words import THIN, count, share

WIDTH, HEIGHT = 372, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 10, 42
CURVE_STEP = 0.004  # a curve of a few hundred pixels needs no finer points
Curves = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Plane:
    """Shares from 0 to `right` and 0 to `top`; the lowest `foot` pixels are left free."""

    right: float = 1.0
    top: float = 1.0
    foot: int = 0

    def x(self, value: float) -> float:
        """User units of a horizontal share."""
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.right

    def y(self, value: float) -> float:
        """User units of a vertical share."""
        return HEIGHT - BOTTOM - self.foot - (HEIGHT - BOTTOM - TOP - self.foot) * value / self.top

    def grid(self, across: str, up: str) -> list[Markup]:
        """Hairlines, tick labels and axis titles."""
        hair = Markup('<line class="hair" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
        rows = marks.Scale(0, self.top).ticks(5)
        parts = [hair.format(self.x(0), self.x(self.right), self.y(v), self.y(v)) for v in rows]
        parts += [marks.text(LEFT - 6, self.y(v) + 4, share_tick(v), "end") for v in rows]
        parts += [marks.text(self.x(v), HEIGHT - BOTTOM + 16, share_tick(v), "middle") for v in marks.Scale(0, self.right).ticks(5)]
        parts.append(marks.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, across, "middle", "name"))
        upright = Markup('<text class="name" transform="translate(10 {:.0f}) rotate(-90)" text-anchor="middle">{}</text>')
        return [*parts, upright.format((TOP + self.y(0)) / 2, up)]

    def points(self, values: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
        """Shares in user units."""
        return [(self.x(a), self.y(b)) for a, b in values]


def share_tick(value: float) -> str:
    """A round percentage."""
    return f"{100 * value:g}{THIN}%"


def curves(label: str, names: tuple[str, str], lines: Curves, own: str, base: float | None) -> Markup:
    """One curve a model, the anchor in front; `base` is the level of chance, None the diagonal; empty without a curve."""
    if not lines:
        return Markup("")
    plane = Plane()
    parts = plane.grid(*names)
    chance = [(0.0, 0.0), (1.0, 1.0)] if base is None else [(0.0, base), (1.0, base)]
    parts.append(marks.polyline(plane.points(chance), "chance"))
    parts += [marks.polyline(plane.points(thinned(line)), "curve", model) for model, line in lines.items() if model != own]
    if own in lines:
        parts.append(marks.polyline(plane.points(thinned(lines[own])), "curve own", own))
    return marks.picture(label, WIDTH, HEIGHT, parts)


def thinned(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points at least CURVE_STEP apart, the last one always."""
    kept: list[tuple[float, float]] = []
    for point in line:
        if not kept or abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) >= CURVE_STEP:
            kept.append(point)
    return kept if not line or kept[-1] == line[-1] else [*kept, line[-1]]


def reliability(label: str, bins: Sequence[Mapping[str, Any]], base: float | None) -> Markup:
    """What was said against what came, with intervals, the base rate, and the days in each bin at the foot; empty without a bin."""
    if not bins or base is None:
        return Markup("")
    edge = max([base, *(b["mean"] for b in bins), *(b["observed_high"] or b["observed"] for b in bins)])
    reach = min(1.0, float(np.ceil(edge * 10 + 0.2) / 10))
    plane = Plane(reach, reach, foot=40)
    parts = plane.grid("Chance that the row gave", "How often the fall came")
    parts.append(marks.polyline(plane.points([(0, 0), (reach, reach)]), "chance"))
    parts.append(marks.polyline(plane.points([(0, base), (reach, base)]), "base dashed"))
    parts.append(marks.text(plane.x(reach), plane.y(base) - 5, f"usual {share(base)}", "end", "name"))
    most = max(b["days"] for b in bins)
    for b in bins:
        x, y = plane.x(b["mean"]), plane.y(b["observed"])
        if b["observed_low"] is not None:
            parts.append(marks.polyline([(x, plane.y(b["observed_low"])), (x, plane.y(b["observed_high"]))], "whisker"))
        tip = f"said {share(b['mean'])}, came {share(b['observed'])}, {count(b['days'])} days"
        parts.append(Markup('<circle class="own" cx="{:.1f}" cy="{:.1f}" r="4.4"><title>{}</title></circle>').format(x, y, tip))
        tall = max(1.5, 30 * b["days"] / most)
        parts.append(Markup('<rect class="days" x="{:.1f}" y="{:.1f}" width="7" height="{:.1f}"/>').format(x - 3.5, HEIGHT - BOTTOM - tall, tall))
    parts.append(marks.text(plane.x(reach), HEIGHT - BOTTOM - 24, f"days, most {count(most)}", "end", "name"))
    return marks.picture(label, WIDTH, HEIGHT, parts)
