"""The timeline without script, by weeks: for paper and for readers who run none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import falls, marks, words
from riskradar.html.inputs import Inputs
from riskradar.tables import Target
from riskradar.tables.arrays import Days, Float, day

WIDTH, HEIGHT = 960, 340  # user units
LEFT, RIGHT, TOP = 46, WIDTH - 10, 34
CUT, ALARMS, LOW, BOTTOM = 210, 220, 230, HEIGHT - 20  # foot of the chance, the alarms, top and foot of the index
WEEK = 5
LABEL = 72  # width of a label
BOX = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
HAIR = Markup('<line class="hair" x1="{:.0f}" x2="{:.0f}" y1="{:.1f}" y2="{:.1f}"/>')


@dataclass(frozen=True, eq=False)
class Frame:
    """Dates across; the chance from 0 to `ceiling` above, the index from 0 down to `floor` below."""

    dates: Days
    ceiling: float
    floor: float

    def x(self, date: Any) -> float:
        """User units of a day."""
        first, last = (float(self.dates[k].astype(int)) for k in (0, -1))
        return LEFT + (RIGHT - LEFT) * (float(day(date).astype(int)) - first) / max(last - first, 1.0)

    def up(self, chance: float) -> float:
        """User units of a chance."""
        return CUT - (CUT - TOP) * chance / self.ceiling

    def down(self, fall: float) -> float:
        """User units of the index below its high."""
        return LOW + (BOTTOM - LOW) * fall / self.floor


def still(inputs: Inputs, span: slice, track: Float, stretches: Sequence[tuple[str, str]]) -> Markup:
    """The headline target's chance, the alarms, the index below its high, and the falls."""
    chance, low = track[span], inputs.below_high[span]
    frame = Frame(inputs.dates[span], max(0.1, float(np.nanmax(chance)) * 1.05), min(-0.05, float(np.nanmin(low))))
    shaded = [(frame.x(e["peak"]), frame.x(e["trough"])) for e in inputs.evaluation["events"]]
    raised = [(frame.x(start), frame.x(stop)) for start, stop in stretches]
    parts = [
        *(BOX.format("fall", a, TOP, max(b - a, 1), BOTTOM - TOP) for a, b in shaded),
        *axes(frame),
        marks.polyline([(x, frame.down(v)) for x, v in weekly(frame, low, np.nanmin)], "curve index"),
        marks.polyline([(x, frame.up(v)) for x, v in weekly(frame, chance, np.nanmax)], "curve own thin"),
        *(BOX.format("alarm", a, ALARMS - 3, max(b - a, 1.2), 6) for a, b in raised),
        *names(inputs, frame),
    ]
    target = words.brief(Target.parse(inputs.targets[0]["name"]))
    ends = words.between(0, -1, lambda k: words.day(frame.dates[int(k)]))
    return marks.picture(f"Chance of {target}, {ends}; the table below gives its highest value in each fall", WIDTH, HEIGHT, parts)


def weekly(frame: Frame, values: Float, extreme: Any) -> list[tuple[float, float]]:
    """The extreme of each week that has a value."""
    weeks = [slice(k, k + WEEK) for k in range(0, len(values), WEEK)]
    return [(frame.x(frame.dates[w][0]), float(extreme(values[w]))) for w in weeks if np.isfinite(values[w]).any()]


def axes(frame: Frame) -> list[Markup]:
    """Hairlines and labels of both scales and of the years."""
    parts = []
    for value in marks.Scale(0, frame.ceiling).ticks(4):
        y = frame.up(value)
        parts += [HAIR.format(LEFT, RIGHT, y, y), marks.text(LEFT - 6, y + 4, f"{100 * value:.0f}{words.THIN}%", "end")]
    for value in marks.Scale(frame.floor, 0).ticks(2)[:-1]:
        parts.append(marks.text(LEFT - 6, frame.down(value) + 4, f"{words.MINUS}{-100 * value:.0f}{words.THIN}%", "end"))
    first, last = (int(str(frame.dates[k])[:4]) for k in (0, -1))
    return [*parts, *(marks.text(frame.x(f"{y}-01-01"), HEIGHT - 5, str(y), "middle") for y in range(first + 1, last + 1, 1 + (last - first) // 14))]


def names(inputs: Inputs, frame: Frame) -> list[Markup]:
    """Years and depths over the falls; the shallower of two that would touch has none."""
    placed: list[float] = []
    parts = []
    for group in sorted(falls.grouped(inputs, frame.dates), key=falls.deepest, reverse=True):
        centre = frame.x(falls.middle(group))
        if all(abs(centre - other) > LABEL for other in placed):
            placed.append(centre)
            years, deep = falls.caption(group)
            parts += [marks.text(centre, 14, years, "middle", "strong"), marks.text(centre, 27, deep, "middle", "name")]
    return parts
