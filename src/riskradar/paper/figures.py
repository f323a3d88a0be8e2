"""Figures 5 to 12 of the paper for one replication, as inline SVG in the marks of the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import marks, words
from riskradar.html.marks import Scale
from riskradar.html.plane import HEIGHT, WIDTH, Plane, thinned
from riskradar.paper import judge, published
from riskradar.paper.learn import TITLES
from riskradar.paper.window import INPUTS

Window = Mapping[str, Any]
SHARE = Scale(0.0, 1.0)
WIDE, LEFT, RIGHT = 960, 150, 950  # user units of the timelines
TOP, SCORES, INDEX, FOOT = 22, 100, 112, 190  # head, foot of the scores, head and foot of the index
BOX = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
STROKE = Markup('<line class="{}" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
DRAWN = ("forest", "static", "temporal")
ROW = 22


def comparison(crisis: str, window: Window) -> list[dict[str, Any]]:
    """Figure 5: one row a model, one strip a score; a ring is the printed number, a disc ours, a whisker its interval, a tick the base rate."""
    rows = []
    for model in TITLES:
        cell = window["models"][model]
        rows.append({"model": TITLES[model], "strips": [_score(crisis, model, column, cell) for column in published.SCORES]})
    return rows


def _score(crisis: str, model: str, column: str, cell: Mapping[str, Any]) -> Markup:
    printed, own = published.find("2", crisis, model, column), cell[column]["value"]
    base = 0.5 if column == "auroc" else None if column == "recall" else cell["prevalence"]
    parts = [marks.line(SHARE, 0, 1, "rail")]
    if base is not None:
        parts.append(marks.tick(SHARE, base, "base", 4))
    if column == "auroc" and cell[column]["low"] is not None:
        parts.append(marks.line(SHARE, cell[column]["low"], cell[column]["high"], "whisker"))
    if printed and printed.value is not None:
        parts.append(marks.dot(SHARE, printed.value, "ring"))
    if own is not None:
        parts.append(marks.dot(SHARE, own, "own"))
    said = "undefined" if own is None else words.number(own, 3)
    return marks.strip(f"{TITLES[model]}, {column}: {said}, printed {printed.text if printed else 'nowhere'}", parts)


def plane(window: Window, kind: str) -> Markup:
    """Figures 6 and 7: one curve a model that has both classes; empty where none has."""
    lines = {model: window["models"][model][kind] for model in TITLES if window["models"][model][kind]}
    if not lines:
        return Markup("")
    axes = Plane()
    names = ("False alarms", "Positives seen") if kind == "roc" else ("Positives seen", "Alarms that were right")
    parts = axes.grid(*names)
    chance = [(0.0, 0.0), (1.0, 1.0)] if kind == "roc" else [(0.0, window["prevalence"]), (1.0, window["prevalence"])]
    parts.append(marks.polyline(axes.points(chance), "chance"))
    parts += [marks.polyline(axes.points(thinned([(a, b) for a, b in line])), f"curve m-{model}", TITLES[model]) for model, line in lines.items()]
    return marks.picture(f"{names[1]} against {names[0].lower()}: {', '.join(TITLES[m] for m in lines)}", WIDTH, HEIGHT, parts)


def leads(window: Window, scale: Scale) -> list[dict[str, Any]]:
    """Figure 8: median and quartiles of the rows from a right alarm to the label's condition; ring: an alarm on every row."""
    rows = []
    for model in TITLES:
        cell = window["models"][model]
        own, constant = cell["lead"], cell["lead_always"]
        parts = [marks.line(scale, 0, 60, "rail")]
        if own["median"] is not None:
            parts.append(marks.bar(scale, own["low"], own["high"], "band"))
        if constant["median"] is not None:
            parts.append(marks.dot(scale, constant["median"], "ring"))
        if own["median"] is not None:
            parts.append(marks.dot(scale, own["median"], "own"))
        said = "no right alarm" if own["median"] is None else f"median {own['median']:.0f} rows"
        drawn = marks.strip(f"{TITLES[model]}: {said}", parts)
        rows.append({"model": TITLES[model], "median": own["median"], "always": constant["median"], "strip": drawn})
    return rows


def _across(dates: Sequence[str], first: int) -> Any:
    span = max(len(dates) - 1 - first, 1)
    return lambda t: LEFT + (RIGHT - LEFT) * (t - first) / span


def _years(dates: Sequence[str], x: Any, first: int, y: float) -> Iterator[Markup]:
    for year in sorted({d[:4] for d in dates[first:]}):
        at = next(t for t, d in enumerate(dates) if d[:4] == year)
        if at >= first:
            yield marks.text(x(at), y, year, "middle")


def timeline(window: Window) -> Markup:
    """Figure 9: scores of all rows, falls of the index shaded, the index below; left of the upright line the models were trained."""
    dates, x = window["dates"], _across(window["dates"], 0)
    place = {d: t for t, d in enumerate(dates)}
    level = np.array(window["level"], float)
    low, high = float(np.nanmin(level)), float(np.nanmax(level))
    split = x(place[window["split"]])
    parts = [BOX.format("trained", LEFT, TOP, split - LEFT, FOOT - TOP)]
    parts += [BOX.format("fall", x(place[f["peak"]]), TOP, max(x(place[f["trough"]]) - x(place[f["peak"]]), 1), FOOT - TOP) for f in window["falls"]]
    for share in (0.0, 0.5, 1.0):
        y = SCORES - (SCORES - TOP) * share
        parts += [STROKE.format("hair", LEFT, RIGHT, y, y), marks.text(LEFT - 8, y + 4, f"{share:g}", "end")]
    for model in DRAWN:
        cell = window["models"][model]
        step = 5 if model == "forest" else 1
        points = [(x(t), SCORES - (SCORES - TOP) * p) for t, p in zip(cell["rows"][::step], cell["mean"][::step], strict=True)]
        parts.append(marks.polyline(points, f"curve m-{model}", TITLES[model]))
    points = [(x(t), FOOT - (FOOT - INDEX) * (level[t] - low) / (high - low or 1)) for t in range(0, len(level), 5) if np.isfinite(level[t])]
    parts += [marks.polyline(points, "curve index"), STROKE.format("peak", split, split, TOP - 14, FOOT)]
    parts += [marks.text(LEFT - 8, (INDEX + FOOT) / 2, "index", "end"), marks.text(LEFT - 8, TOP - 9, "score", "end")]
    parts += [marks.text(split - 6, TOP - 6, "trained", "end", "name"), marks.text(split + 6, TOP - 6, "tested", "start", "name")]
    parts += _years(dates, x, 0, FOOT + 18)
    falls = ", ".join(f"{f['peak']} to {f['trough']}" for f in window["falls"])
    return marks.picture(f"Scores and index; falls of 10 % or more: {falls or 'none'}; test from {window['split']}", WIDE, FOOT + 24, parts)


def assets(window: Window) -> Markup:
    """Figure 10: on the test rows, the own labels of the chosen names, the label of the row, and where the network is in alert."""
    dates, split = window["dates"], window["dates"].index(window["split"])
    x = _across(dates, split)
    static, threshold = window["models"]["static"], window["threshold"]
    alert = {t: int(p > threshold) for t, p in zip(static["rows"], static["mean"], strict=True) if t >= split}
    held = [alert.get(max((r for r in alert if r <= t), default=-1)) for t in range(split, len(dates))]
    tracks = [("Static GNN alert", held, "own"), ("label of the row", window["y"][split:], "days")]
    tracks += [(name, values, "falling") for name, values in window["assets"].items()]
    parts: list[Markup] = []
    for row, (name, values, kind) in enumerate(tracks):
        y = 8 + ROW * row
        parts += [marks.text(LEFT - 8, y + 12, name[:18], "end", "name"), STROKE.format("rail", LEFT, RIGHT, y + 8, y + 8)]
        at = split
        for value, group in groupby(values):
            length = len(list(group))
            if value == 1:
                parts.append(BOX.format(kind, x(at), y + 2, max(min(x(at + length), RIGHT) - x(at), 1), 12))
            at += length
    foot = 8 + ROW * len(tracks)
    parts += [marks.text(LEFT, foot + 14, words.day(dates[split]), "start"), marks.text(RIGHT, foot + 14, words.day(dates[-1]), "end")]
    return marks.picture(f"Own labels of {', '.join(window['assets'])} beside the one answer of the network", WIDE, foot + 20, parts)


def importance(windows: Mapping[str, Window]) -> list[dict[str, Any]]:
    """Figure 11: mean decrease of impurity of each feature, one strip a window."""
    known = {crisis: w["models"]["forest"]["importance"] for crisis, w in windows.items() if w["models"]["forest"]["importance"]}
    scale = Scale(0, max((max(v) for v in known.values()), default=1.0))
    rows = []
    for k, name in enumerate(INPUTS):
        strips = [
            marks.strip(f"{name}: {words.share(v[k])}", [marks.bar(scale, 0, v[k], "band"), marks.dot(scale, v[k], "own")]) for v in known.values()
        ]
        rows.append({"feature": name.replace("_", " "), "strips": strips, "values": [v[k] for v in known.values()]})
    return sorted(rows, key=lambda row: -sum(row["values"]))


def matrix(crisis: str, model: str, cell: Mapping[str, Any]) -> Markup:
    """Figure 12: counts of one model, darker where more; the printed count, or the one that Table 2 implies, in small."""
    counts = {k: cell[k] for k in published.COUNTS}
    printed = _printed(crisis, model)
    most = max(sum(counts.values()), 1)
    parts = [marks.text(96, 12, "positive", "middle"), marks.text(176, 12, "negative", "middle")]
    parts += [marks.text(50, 48, "alarm", "end"), marks.text(50, 98, "none", "end")]
    shade = Markup('<rect class="count" x="{}" y="{}" width="78" height="48" fill-opacity="{:.2f}"/>')
    for key, (x, y) in {"tp": (57, 18), "fp": (137, 18), "fn": (57, 68), "tn": (137, 68)}.items():
        parts += [shade.format(x, y, 0.05 + 0.4 * counts[key] / most), marks.text(x + 39, y + 22, words.count(counts[key]), "middle", "figure")]
        parts.append(marks.text(x + 39, y + 39, f"({printed[key]})" if printed else "", "middle"))
    return marks.picture(f"{TITLES[model]}: " + ", ".join(f"{k.upper()} {v}" for k, v in counts.items()), 222, 120, parts)


def _printed(crisis: str, model: str) -> dict[str, str]:
    if crisis not in published.CRISES:
        return {}
    found = judge.implied(crisis, model)
    ends = {key: sorted({s[k] for s in found}) for k, key in enumerate(published.COUNTS)}
    return {key: str(v[0]) if len(v) == 1 else f"{v[0]}–{v[-1]}" for key, v in ends.items() if v}
