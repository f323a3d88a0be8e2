"""The classic measures over time, each judged as a score, so that anyone sees which of them ever worked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import board, marks, series, words
from riskradar.html.inputs import Inputs
from riskradar.html.marks import Scale
from riskradar.tables import Target
from riskradar.tables.arrays import Float

LUCK = 0.05  # a worthless score lies above a 90 % interval's lower end so often


def indicators(inputs: Inputs) -> dict[str, Any]:
    """Tables and chart of the section; `state` is given, none (no measure was built) or unknown (the run stored nothing)."""
    missing = list(inputs.about.get("measures_absent", {}).items())
    frame = inputs.measures
    if frame is None or not len(frame.columns) or not len(frame):
        return {"state": "unknown" if frame is None else "none", "absent": missing, "charts": []}
    judged = {name: inputs.about["measures"][name] for name in frame.columns}
    days = frame.index.to_numpy("datetime64[D]")
    tracks = {name: series.weekly(days, frame[name].to_numpy(float), about["rises"]) for name, about in judged.items()}
    cells = [cell for about in judged.values() for cell in about["targets"].values()]
    scale = Scale.over((cell[kind][key] for cell in cells for kind in ("auroc", "auroc_onset") for key in ("value", "low", "high")), 0.5)
    lines = {name: line(series.spark(inputs, *tracks[name], name), frame[name].to_numpy(float)) for name in judged}
    tables = [table(judged, place, record["name"], scale) for place, record in enumerate(inputs.targets)]
    order = [r["name"] for r in tables[0]["rows"]] if tables else list(judged)
    dates = tracks[order[0]][0]
    choices = [choice(name, judged[name], tracks[name][1]) for name in order]
    return {
        "state": "given", "absent": missing, "lines": lines, "tables": tables, "axis": marks.chance_axis(scale),
        "charts": [series.chart(inputs, "measures", dates, choices)], "luck": words.number(LUCK * len(judged), 1), "count": len(judged),
    }  # fmt: skip


def line(spark: Markup, daily: Float) -> dict[str, Any]:
    """What stands beside the name in every table: the small chart, its ends, and the last day."""
    known = daily[np.isfinite(daily)]
    last = None if np.isnan(daily[-1]) else float(daily[-1])
    return {
        "spark": spark, "ends": (float(known.min()), float(known.max())) if len(known) else None, "last": last,
        "rank": None if last is None else float((known < last).mean()),
    }  # fmt: skip


def table(judged: Mapping[str, Any], place: int, target: str, scale: Scale) -> dict[str, Any]:
    """The measures as scores of one target, the best on calm days first, undefined ones last."""
    rows = [row(name, about, target, scale) for name, about in judged.items()]
    rows.sort(key=lambda r: (*board.descending(r["onset"]), r["name"]))
    return {"place": place, "title": words.brief(Target.parse(target)), "finding": finding(rows), "rows": rows}


def row(name: str, about: Mapping[str, Any], target: str, scale: Scale) -> dict[str, Any]:
    """One measure on one target."""
    missing = {"value": None, "low": None, "high": None, "reason": about.get("reason") or "not evaluated on this target"}
    cell = about["targets"].get(target, {"auroc": missing, "auroc_onset": missing, "start": "", "sessions": 0})
    onset, everyday = cell["auroc_onset"], cell["auroc"]
    return {
        **{key: about[key] for key in ("about", "source", "unit", "rises")}, "name": name, "onset": onset, "all": everyday,
        "start": cell["start"], "sessions": cell["sessions"], "better": above(onset), "worse": onset["high"] is not None and onset["high"] < 0.5,
        "strip": board.ranking(name, onset, everyday, scale, False),
    }  # fmt: skip


def above(score: Mapping[str, Any]) -> bool:
    """Whether the whole interval ranks better than chance."""
    return score["low"] is not None and score["low"] > 0.5


def finding(rows: list[dict[str, Any]]) -> str:
    """Counts over the measures with an interval, so that the title is true whatever the data."""
    known = [r for r in rows if r["onset"]["low"] is not None]
    if not known:
        return "No indicator could be judged"
    better, worse = sum(r["better"] for r in known), sum(r["worse"] for r in known)
    wrong = f"; {worse} ranked them the wrong way round" if worse else ""
    return f"{better or 'None'} of {len(known)} ranked calm days better than chance{wrong}"


def choice(name: str, about: Mapping[str, Any], values: Float) -> dict[str, Any]:
    """One measure in the chart."""
    said = f"{about['about']} ({about['source']})"
    return {"name": name, "titles": [about["unit"]], "percent": False, "about": said, "lines": [series.line(name, values, "--score")]}
