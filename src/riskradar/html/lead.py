"""The answer first: the probability of the headline target on the last scored session, never alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from riskradar.html import marks, words
from riskradar.html.inputs import Inputs
from riskradar.html.marks import Scale
from riskradar.tables import Target

OCTAVES = Scale(-2.0, 3.0)  # a quarter to eight times the usual


def lead(inputs: Inputs) -> dict[str, Any]:
    """What the head of the page says; `state` is given, withheld or absent, and `plain` is one line without marks."""
    if not inputs.anchor or not inputs.targets:
        return {"state": "absent", "plain": "No row of this run gives a probability.", "horizons": [], "facts": facts(inputs)}
    record = inputs.targets[0]
    target = Target.parse(record["name"])
    probability = inputs.track(inputs.anchor, record["name"], "probability")
    forecast = inputs.forecasts[inputs.anchor]
    last = int(np.searchsorted(inputs.dates, forecast.dates[-1]))
    common = {
        "model": inputs.anchor,
        "about": inputs.about_model(inputs.anchor).get("about", ""),
        "day": words.day(forecast.dates[-1]),
        "cutoff": words.day(forecast.cutoff[-1]),
        "kind": forecast.kind,
        "index": inputs.about.get("panel", {}).get("index") or "equal weight of the members",
        "fall": words.fall(target),
        "horizon": target.horizon,
        "facts": facts(inputs),
        "horizons": [horizon(inputs, t, last) for t in inputs.evaluation["targets"]],
        "axis": marks.axis(OCTAVES, [(-2, "¼×"), (-1, "½×"), (0, "usual"), (1, "2×"), (2, "4×"), (3, "8×")], minor=("½×", "2×", "8×")),
    }
    if np.isnan(probability[last]):
        earlier = np.flatnonzero(np.isfinite(probability))
        before = f"{words.share(probability[earlier[-1]])} on {words.day(inputs.dates[earlier[-1]])}" if len(earlier) else ""
        return {**common, "state": "withheld", "before": before, "plain": f"No score on {common['day']}."}
    said = answer(inputs, record, probability, last)
    plain = f"{common['fall']} within {target.horizon} sessions: {said['probability']} on {common['day']}, usually {said['base'] or 'not known'}."
    return {**common, "state": "given", "plain": plain, **said}


def answer(inputs: Inputs, record: Mapping[str, Any], probability: Any, last: int) -> dict[str, Any]:
    """The number, the usual, the record of days like it, and its place in its own past."""
    p, base = float(probability[last]), record["base_rate"]
    past = probability[:last][np.isfinite(probability[:last])]
    like = alike(inputs, record["name"], p)
    band = (like["observed_low"], like["observed_high"]) if like else None
    word = words.likelihood(p, base, band) if base is not None else ""
    first = int(np.flatnonzero(np.isfinite(probability))[0])
    return {
        "probability": words.share(p),
        "base": None if base is None else words.share(base),
        "since": inputs.evaluation["span"]["start"][:4],
        "word": word,
        "hot": "more" in word or "times" in word or "twice" in word or "likelier" in word,
        "like": like,
        "band": words.between(*band, words.share) if band else "",
        "bias": "" if not like else "low" if like["mean"] < like["observed_low"] else "high" if like["mean"] > like["observed_high"] else "",
        "verb": "" if band is None or base is None else "covers" if band[0] <= base <= band[1] else "lies above" if base < band[0] else "lies below",
        "rank": words.share(float((past < p).mean())) if len(past) else "",
        "first": inputs.dates[first].astype(object).year,
    }


def alike(inputs: Inputs, target: str, probability: float, model: str = "") -> Mapping[str, Any] | None:
    """The reliability bin of a model, the anchor unless one is named, that holds this probability, when it has an interval."""
    cell = inputs.cell(model or inputs.anchor, target)
    for held in cell["reliability"] if cell else ():
        if held["low"] <= probability < held["high"] and held["observed_low"] is not None:
            found: Mapping[str, Any] = held
            return found
    return None


def horizon(inputs: Inputs, record: Mapping[str, Any], last: int) -> dict[str, Any]:
    """One target as a multiple of its usual, log2."""
    base, name = record["base_rate"], record["name"]
    p = float(inputs.track(inputs.anchor, name, "probability")[last])
    target = Target.parse(name)
    about = {"within": f"{target.horizon} sessions", "depth": words.brief(target).split(" in ")[0], "usual": words.share(base) if base else "",
             "first": name == inputs.targets[0]["name"]}  # fmt: skip
    if np.isnan(p) or not base:
        return {**about, "probability": "", "strip": Markup("")}
    like = alike(inputs, name, p)
    parts = [marks.line(OCTAVES, -2, 3, "rail"), marks.tick(OCTAVES, 0, "base", 4)]
    if like:
        low, high = (float(np.log2(max(like[key], 1e-9) / base)) for key in ("observed_low", "observed_high"))
        parts.insert(1, marks.bar(OCTAVES, low, high, "band"))
    parts.append(marks.dot(OCTAVES, float(np.log2(max(p, 1e-9) / base)), "own"))
    label = f"{words.brief(target)}: {words.share(p)}, usually {words.share(base)}"
    return {**about, "probability": words.share(p), "strip": marks.strip(label, parts)}


def facts(inputs: Inputs) -> list[tuple[str, str]]:
    """Four figures that say how far the anchor can be trusted."""
    out: list[tuple[str, str]] = []
    row = inputs.rows.get(inputs.anchor)
    if row:
        event, cell = row["event"], inputs.cell(inputs.anchor, inputs.targets[0]["name"])
        if not event["reason"]:
            hits = round(event["recall"] * event["events"])
            null = f"A copy shifted at random in time gets {event['null_recall'] * event['events']:.1f}."
            falls = f"falls of {words.depth(Target.parse(event['target']))} or more"
            out.append((f"{hits} of {event['events']}", f"{falls} had an alarm in the 40 sessions before the peak. {null}"))
        if cell and cell["auroc_onset"]["value"] is not None:
            score = cell["auroc_onset"]
            interval = words.between(score["low"], score["high"], words.number)
            out.append((words.number(score["value"]), f"ranking of calm days by risk (ONSET AUROC; 0.5 is chance), 90{words.THIN}% {interval}."))
        if cell and cell["log_skill"]["value"] is not None:
            score = cell["log_skill"]
            interval = words.between(score["low"], score["high"], words.signed)
            out.append((words.signed(score["value"]), f"log-score skill over the plain base rate, 90{words.THIN}% {interval}."))
    events = len(inputs.evaluation["events"])
    start = inputs.evaluation["span"]["start"][:4]
    return [*out, (str(events), f"separate falls of 10{words.THIN}% or more since {start}. All of this rests on them.")]
