"""The anchor's probability over time with the index below its high on one axis, and the independent falls behind both."""

from __future__ import annotations

from typing import Any

import numpy as np

from riskradar.evaluate.alarms import alarms as follow
from riskradar.html import falls, series, words
from riskradar.html.inputs import Inputs
from riskradar.html.still import still
from riskradar.labels import known_on
from riskradar.tables import SYSTEM, Labels, Target
from riskradar.tables.arrays import Bool, day

SPLIT, GAP = 0.34, 0.07  # share of the height below the probability, and between the two


def timeline(inputs: Inputs) -> dict[str, Any]:
    """Title, figure, still picture and the table that says the same; empty without an anchor."""
    if not inputs.anchor or not inputs.targets:
        return {}
    name = inputs.targets[0]["name"]
    track = inputs.track(inputs.anchor, name, "probability")
    known = np.flatnonzero(np.isfinite(track[: inputs.stop]))
    if not len(known):
        return {}
    span = slice(int(known[0]), int(known[-1]) + 1)
    told, raised = falls.told(inputs, track), alarms(inputs)
    stretches = runs([str(d) for d in inputs.dates[span]], raised[span])
    return {
        "title": falls.finding(told, inputs.base_rate(name)),
        "model": inputs.anchor,
        "target": words.brief(Target.parse(name)),
        "figure": figure(inputs, span, stretches),
        "still": still(inputs, span, track, stretches),
        "falls": told,
        "alarm_share": words.share(float(raised[span].mean())) if stretches else "",
        "alarm_target": words.brief(Target.parse(inputs.rows[inputs.anchor]["event"]["target"])) if stretches else "",
        "zooms": zooms(inputs, span),
    }


def alarms(inputs: Inputs) -> Bool:
    """Sessions on which the anchor was in alarm, as the event figures count them, [T]."""
    row = inputs.rows.get(inputs.anchor)
    if row is None or row["event"]["reason"]:
        return np.zeros(len(inputs.dates), bool)
    name = row["event"]["target"]
    tracks = [track for m in inputs.rows if np.isfinite(track := inputs.track(m, name, "score")).any()]
    score = np.where(np.isfinite(tracks).all(axis=0), inputs.track(inputs.anchor, name, "score"), np.nan)
    return follow(score, as_labels(inputs), name, row["event"]["nominal_rate"]).raised


def as_labels(inputs: Inputs) -> Labels:
    """The stored labels as the table that the evaluation reads."""
    names = [name for name in inputs.labels.columns if name not in ("date", "level", "onset")]
    targets = tuple(Target.parse(name) for name in names)
    known = np.stack([known_on(inputs.dates, t.horizon) for t in targets], axis=1)
    values = inputs.labels[names].to_numpy(float)[:, None, :]
    return Labels(inputs.dates, (SYSTEM,), targets, values, known, inputs.labels["onset"].to_numpy(bool), inputs.labels["level"].to_numpy(float))


def runs(dates: list[str], raised: Bool) -> list[tuple[str, str]]:
    """First day of every stretch of alarms and the day after its last (the last day of all has none)."""
    edge = np.diff(np.concatenate([[0], raised.astype(np.int8), [0]]))
    ends = zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True)
    return [(dates[int(start)], dates[min(int(stop), len(dates) - 1)]) for start, stop in ends]


def figure(inputs: Inputs, span: slice, stretches: list[tuple[str, str]]) -> dict[str, Any]:
    """A Plotly figure whose colours are names of the page's style, and the series of every target for the switch."""
    dates = [str(d) for d in inputs.dates[span]]
    tracks = []
    for record in inputs.targets:
        track = inputs.track(inputs.anchor, record["name"], "probability")[span]
        said = words.share(record["base_rate"]) if record["base_rate"] is not None else ""
        tracks.append({"title": words.brief(Target.parse(record["name"])), "usual": record["base_rate"], "said": said, "y": series.rounded(track)})
    line = {"mode": "lines", "x": dates}
    middle = [0.5, 0.5, None] * len(stretches)
    below = {**line, "y": series.rounded(inputs.below_high[span]), "yaxis": "y2", "line": {"color": "--ink-2", "width": 1.1}, "fill": "tozeroy"}
    open_days = [at for start, stop in stretches for at in (start, stop, None)]
    return {
        "series": tracks,
        "data": [
            {**line, "y": [], "line": {"color": "--score", "width": 1.4}, "hovertemplate": "%{y:.1%} chance<extra></extra>"},
            {**below, "fillcolor": "--shade", "hovertemplate": "index %{y:.0%}<extra></extra>"},
            {**line, "x": open_days, "y": middle, "yaxis": "y3", "line": {"color": "--alarm", "width": 8}, "hoverinfo": "skip"},
        ],
        "layout": layout(inputs, span),
    }


def layout(inputs: Inputs, span: slice) -> dict[str, Any]:
    """Axes, the shaded falls and their labels."""
    return {
        **series.layout(inputs, inputs.dates[span]),
        "yaxis": {**series.AXIS, "domain": [SPLIT, 1], "rangemode": "tozero", "tickformat": ".0%", "nticks": 6},
        "yaxis2": {**series.AXIS, "domain": [0, SPLIT - GAP], "tickformat": ".0%", "nticks": 4},
        "yaxis3": {"domain": [SPLIT - GAP + 0.015, SPLIT - 0.015], "range": [0, 1], "visible": False, "fixedrange": True},
    }


def zooms(inputs: Inputs, span: slice) -> list[tuple[str, str, str]]:
    """Buttons: everything, the deepest falls in order of time, the last year."""
    first, last = inputs.dates[span][0], inputs.dates[span][-1]
    out = [("All", str(first), str(last))]
    deep = sorted(inputs.evaluation["events"], key=lambda e: -e["depth"])[: series.DEEPEST]
    for event in sorted(deep, key=lambda e: str(e["peak"])):
        start, stop = day(event["peak"]) - 180, day(event["trough"]) + 180
        out.append((falls.caption([event])[0], str(max(start, first)), str(min(stop, last))))
    return [*out, ("Last year", str(max(last - 365, first)), str(last))]
