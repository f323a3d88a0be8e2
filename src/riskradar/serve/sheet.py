"""Marks and sentences of the pages that the report does not have: strips of an outlook, terms, the past year, and how close the names move."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import marks, series, words
from riskradar.html.inputs import Inputs
from riskradar.html.lead import OCTAVES
from riskradar.html.marks import Scale
from riskradar.serve.answers import Now, Outlook
from riskradar.serve.lines import Strip
from riskradar.serve.overview import Alarms, Terms
from riskradar.serve.scores import target_of, values
from riskradar.serve.shelf import View
from riskradar.tables import Target
from riskradar.tables.arrays import day

YEAR = 252  # sessions
SYNCHRONY = ("density", "average-correlation")  # how close the names move, the first that a run has


def answer(first: Outlook) -> dict[str, Any]:
    """The words around the number: never more than the band allows."""
    low, high, p, base = first.band.low, first.band.high, first.probability, first.base_rate.value
    hot = any(word in first.word for word in ("more", "times", "twice", "likelier"))
    known = low is not None and high is not None
    said = {"hot": hot, "band": "", "verb": "", "bias": ""}
    if known and p is not None and low is not None and high is not None:
        said["band"] = words.between(low, high, words.share)
        said["bias"] = "low" if p < low else "high" if p > high else ""
        said["verb"] = "" if base is None else "covers" if low <= base <= high else "lies above" if base < low else "lies below"
    return said


def horizon(told: Outlook, first: bool) -> dict[str, Any]:
    """One target as a multiple of its usual, log2."""
    target, base, p = Target.parse(told.target), told.base_rate.value, told.probability
    row = {"within": f"{target.horizon} sessions", "depth": words.brief(target).split(" in ")[0], "usual": "" if base is None else words.share(base),
           "first": first, "probability": "" if p is None else words.share(p), "reason": told.reason, "strip": Markup("")}  # fmt: skip
    if p is None or not base:
        return row
    parts = [marks.line(OCTAVES, -2, 3, "rail"), marks.tick(OCTAVES, 0, "base", 4)]
    if told.band.low is not None and told.band.high is not None:
        low, high = (float(np.log2(max(end, 1e-9) / base)) for end in (told.band.low, told.band.high))
        parts.insert(1, marks.bar(OCTAVES, low, high, "band"))
    parts.append(marks.dot(OCTAVES, float(np.log2(max(p, 1e-9) / base)), "own"))
    return {**row, "strip": marks.strip(f"{words.brief(target)}: {words.share(p)}, usually {words.share(base)}", parts)}


def octaves() -> Markup:
    """The axis under the horizons."""
    return marks.axis(OCTAVES, [(-2, "¼×"), (0, "usual"), (2, "4×")])


def pushes(terms: Terms) -> list[dict[str, Any]]:
    """Each term as a bar from zero, and their sum."""
    if not terms.rows or terms.total is None:
        return []
    largest = max(*(abs(term.push) for term in terms.rows), abs(terms.total)) or 1.0
    scale = Scale(-largest, largest)
    rows = [(term.name, term.about, term.push, False) for term in terms.rows] + [("Score", "0 is the past mean", terms.total, True)]
    return [{"name": name, "about": about, "push": push, "sum": last, "strip": pushed(name, push, scale)} for name, about, push, last in rows]


def pushed(name: str, push: float, scale: Scale) -> Markup:
    """A bar to the right of zero pushes up, one to the left pulls down."""
    kind = "alarm" if push > 0 else "own"
    parts = [marks.tick(scale, 0, "zero"), marks.bar(scale, min(push, 0.0), max(push, 0.0), kind, 10)]
    return marks.strip(f"{name}: {words.signed(push)}", parts)


def year(view: View, now: Now, first: Outlook) -> dict[str, Any]:
    """The chance over the last year of sessions, with the usual as a dashed level."""
    forecast = view.forecast(now.model)
    row = int(np.searchsorted(forecast.dates, day(now.as_of))) + 1
    part = slice(max(row - YEAR, 0), row)
    track = values(forecast, target_of(forecast, first.target), "probability").mean(axis=0)[part]
    known = track[np.isfinite(track)]
    if len(known) < 2:
        return {}
    drawn = series.spark(view.inputs, forecast.dates[part], track, f"Chance, {words.brief(Target.parse(first.target))}", first.base_rate.value)
    return {"spark": drawn, "start": str(forecast.dates[part][0]), "highest": float(known.max()), "lowest": float(known.min())}


def alarm_title(alarms: Alarms) -> str:
    """The state of the alarm as a heading."""
    if alarms.nominal_rate is None:
        return "No alarm is defined for this row"
    if alarms.open is None:
        return "Alarm state not told: sealed half"
    if alarms.open:
        return f"In alarm since {words.day(alarms.rows[-1].first)}"
    return f"Not in alarm since {words.day(alarms.rows[-1].until)}" if alarms.rows else "Never in alarm"


def probable(inputs: Inputs, model: str, target: str) -> bool:
    """Whether a model gives a probability of a target on any session."""
    return bool(np.isfinite(inputs.track(model, target, "probability")).any())


def synchrony(view: View) -> dict[str, Any]:
    """How close the names move on the last session, its place in the past, and what that has been worth as a warning."""
    frame, about = view.inputs.measures, view.record.about
    held = [name for name in SYNCHRONY if frame is not None and name in frame.columns]
    if frame is None or not held:
        return {"measure": "", "record": "", "value": None, "rank": None, "unit": ""}
    name, told = held[0], about["measures"][held[0]]
    track = frame[name].to_numpy(float)
    last = float(track[-1])
    known = track[:-1][np.isfinite(track[:-1])]
    return {
        "measure": name, "unit": told["unit"], "value": None if np.isnan(last) else last,
        "rank": float((known < last).mean()) if len(known) else None,
        "record": worth(name, told, view.inputs.targets[0]["name"] if view.inputs.targets else ""),
    }  # fmt: skip


def worth(name: str, told: dict[str, Any], target: str) -> str:
    """What a measure ranked calm days by, as far as its interval allows."""
    cell = told.get("targets", {}).get(target)
    if not cell or cell["auroc_onset"]["value"] is None or cell["auroc_onset"]["low"] is None:
        return ""
    score = cell["auroc_onset"]
    better = "better than chance" if score["low"] > 0.5 else "the wrong way round" if score["high"] < 0.5 else "no better than chance"
    figures = f"ONSET AUROC {words.number(score['value'])}, 90{words.THIN}% {words.between(score['low'], score['high'], words.number)}"
    return f"As a warning, {name} ranked calm days {better} ({figures}): a tight network describes a fall more than it announces one."


def measures(found: Strip, view: View) -> list[dict[str, Any]]:
    """Each measure with its line over time and its last value."""
    out = []
    for name, line in found.measures.items():
        told = view.record.about["measures"][name]
        track = np.array([np.nan if v is None else v for v in line])
        dates = np.array(found.dates, "datetime64[D]")
        out.append({"name": name, "about": told["about"], "unit": told["unit"], "rises": told["rises"], "last": line[-1],
                    "spark": series.spark(view.inputs, dates, track, name)})  # fmt: skip
    return out
