"""Lines over time with the independent falls behind them: what every chart of the page shares, and charts with a choice of line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import falls, marks, words
from riskradar.html.inputs import Inputs
from riskradar.tables.arrays import Days, Float, day, firsts

DEEPEST = 3  # falls with a zoom button and, on a small screen, a label
SPARK_PARTS = 100  # each drawn by its lowest and highest value: a line a few hundred pixels wide needs no more
AXIS = {"gridcolor": "--line", "zeroline": False, "tickfont": {"size": 12, "color": "--ink-3"}, "fixedrange": True}


def layout(inputs: Inputs, dates: Days) -> dict[str, Any]:
    """What every figure shares: the dates across, the shaded falls and their labels."""
    shade = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "fillcolor": "--fall", "line": {"width": 0}, "layer": "below"}
    clear, ends = "rgba(0,0,0,0)", [str(dates[0]), str(dates[-1])]
    return {
        "shapes": [{**shade, "x0": e["peak"], "x1": e["trough"]} for e in inputs.evaluation["events"]],
        "annotations": labels(inputs, dates),
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": "zoom",
        "paper_bgcolor": clear,
        "plot_bgcolor": clear,
        "margin": {"l": 48, "r": 84, "t": 42, "b": 26},
        "font": {"family": "--font", "size": 12, "color": "--ink-2"},
        "hoverlabel": {"bgcolor": "--surface", "bordercolor": "--line-2", "font": {"color": "--ink"}},
        "xaxis": {**AXIS, "fixedrange": False, "showgrid": False, "anchor": "y2", "type": "date", "hoverformat": "%-d %b %Y", "range": ends},
    }


def labels(inputs: Inputs, dates: Days) -> list[dict[str, Any]]:
    """Years and depths over the falls; all but the deepest are named `wide` and leave on a small screen."""
    groups = falls.grouped(inputs, dates)
    deep = sorted((falls.deepest(g) for g in groups), reverse=True)[:DEEPEST]
    note = {"y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 3, "showarrow": False, "font": {"size": 12, "color": "--fall-ink"}}
    text = "<b>{}</b><br>{}"
    return [
        {**note, "x": str(day(falls.middle(g))), "name": "" if falls.deepest(g) in deep else "wide", "text": text.format(*falls.caption(g))}
        for g in groups
    ]


def rounded(values: Float) -> list[float | None]:
    """Four digits behind the point, or four in all of a larger number: finer than any line."""
    return [None if np.isnan(v) else round(float(v), 4) if abs(v) < 1 else float(f"{v:.4g}") for v in values]


def weekly(dates: Days, values: Float, highest: bool) -> tuple[Days, Float]:
    """The highest, or lowest, value of each week with the week's first date; NaN for a week without one."""
    starts = np.flatnonzero(np.append(True, firsts(dates, "week")[1:]))
    extreme = np.fmax if highest else np.fmin
    out: Float = extreme.reduceat(values, starts)
    return dates[starts], out


def spark(inputs: Inputs, dates: Days, values: Float, label: str, level: float | None = None) -> Markup:
    """A small line with the falls behind it, and a dashed level."""
    first, last = (int(dates[k].astype(int)) for k in (0, -1))

    def across(date: Any) -> float:
        return 100.0 * (int(day(date).astype(int)) - first) / max(last - first, 1)

    shaded = [(max(across(e["peak"]), 0.0), across(e["trough"])) for e in inputs.evaluation["events"] if day(e["trough"]) > dates[0]]
    known = values[np.isfinite(values)]
    ends = f"from {words.day(dates[0])} to {words.day(dates[-1])}, {words.plain(known.min())} to {words.plain(known.max())}" if len(known) else ""
    return marks.spark([(across(dates[k]), float(values[k])) for k in turning(values)], f"{label}, {ends}", shaded, level)


def turning(values: Float, parts: int = SPARK_PARTS) -> list[int]:
    """Positions of the lowest and highest value of each of so many parts, in order; the first of a part without one."""
    kept: list[int] = []
    for part in np.array_split(np.arange(len(values)), parts):
        known = part[np.isfinite(values[part])]
        kept += sorted({int(known[values[known].argmin()]), int(known[values[known].argmax()])}) if len(known) else part[:1].tolist()
    return kept


def chart(inputs: Inputs, name: str, dates: Days, choices: Sequence[dict[str, Any]], halves: bool = False) -> dict[str, Any]:
    """A figure of one choice at a time: `name` of its place in the page, and for each choice its title and lines (see `line`).

    halves: a second axis of shares, 0 to 1, below the first.
    """
    low = {"yaxis2": {**AXIS, "domain": [0, 0.4], "range": [0, 1.02], "tickformat": ".0%", "nticks": 4}} if halves else {}
    top = {**AXIS, "domain": [0.5 if halves else 0, 1], "nticks": 6}
    drawn = {**layout(inputs, dates), "yaxis": top, **low}
    drawn["xaxis"] = {**drawn["xaxis"], "anchor": "y2" if halves else "y"}
    return {"name": name, "x": [str(d) for d in dates], "layout": drawn, "choices": list(choices)}


def line(name: str, values: Float, colour: str, *, dash: str = "solid", low: bool = False) -> dict[str, Any]:
    """One line: what the pointer reads beside it, the name of its colour in the style sheet, and whether it stands on the lower axis."""
    return {"name": name, "y": rounded(values), "line": {"color": colour, "width": 1.4, "dash": dash}, "yaxis": "y2" if low else "y"}
