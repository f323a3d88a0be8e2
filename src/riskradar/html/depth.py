"""How deep it could be: today's forward falls by horizon beside the usual ones, and how well the chances behind them have held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskradar import text
from riskradar.html import marks, words
from riskradar.html.inputs import Inputs
from riskradar.html.marks import Scale
from riskradar.tables import Target

LEVELS = (0.10, 0.50, 0.90, 0.95)  # of the stored quantiles, from the shallow end
PARTS = {"all": "all days", "onset": "ONSET days"}


def depth(inputs: Inputs) -> dict[str, Any]:
    """The section; `reason` says why there is none."""
    judged = inputs.evaluation.get("outlook")
    if inputs.falls is None or not judged:
        return {"reason": "no row of this run draws paths of the index and gives a probability; the pool does", "model": ""}
    return {"reason": "", "model": judged["model"], **fan(inputs.falls), "scores": scores(judged["falls"]), **calibration(judged["calibration"]),
            "skill": judged["calibration"]["everywhere"]["mean_log"], "incoherent": judged["calibration"]["incoherent"],
            "deep": text.deep_falls(judged["calibration"])}  # fmt: skip


def fan(falls: pd.DataFrame) -> dict[str, Any]:
    """The last session: each horizon's quantiles as a mark and as figures, beside those of all falls known by then."""
    last = falls[falls["date"] == falls["date"].max()]
    known = last.dropna(subset=["repaired", "usual"])
    scale = Scale(0.0, float(known[["repaired", "usual"]].to_numpy().max()) if len(known) else 1.0)
    rows = [row(int(str(horizon)), of, scale) for horizon, of in known.groupby("horizon")]
    axis = marks.axis(scale, [(t, words.share(t) if t else "0") for t in scale.ticks(5)])
    return {"day": words.day(last["date"].iloc[0]), "levels": LEVELS, "rows": rows, "axis": axis}


def row(horizon: int, of: pd.DataFrame, scale: Scale) -> dict[str, Any]:
    """One horizon: 10 to 90 % as a band with its median and its 95 % edge, over the usual ones."""
    at = of.set_index("level").loc[list(LEVELS)]
    today, usual = (at[kind].to_list() for kind in ("repaired", "usual"))
    parts = [
        marks.bar(scale, today[0], today[2], "band"), marks.line(scale, usual[0], usual[2], "link"), marks.dot(scale, usual[1], "ring"),
        marks.tick(scale, usual[3], "base", 7), marks.tick(scale, today[3], "crossing", 7), marks.dot(scale, today[1], "own"),
    ]  # fmt: skip
    label = f"Within {horizon} sessions: " + ", ".join(
        f"{100 * level:g}{words.THIN}% of falls stay within {words.share(a)}, usually {words.share(b)}"
        for level, a, b in zip(LEVELS, today, usual, strict=True)
    )
    return {"horizon": horizon, "figures": list(zip(today, usual, strict=True)), "strip": marks.strip(label, parts)}


def scores(falls: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is known of each horizon's distribution: skill by part, coverage by level, and the range over blocks of five years."""
    out = []
    for horizon, found in falls.items():
        blocks = list(found["blocks"]["repaired"].values())
        parts = {PARTS.get(part, part): score for part, score in found["crps"].items()}
        out.append({"horizon": horizon, "sessions": found["sessions"], "crps": parts, "coverage": found["coverage"],
                    "blocks": (min(blocks), max(blocks)) if blocks else None})  # fmt: skip
    return out


def calibration(found: Mapping[str, Any]) -> dict[str, Any]:
    """What was said and what came, bin by bin in each half, one table a target."""
    halves = list(found["reliability"])
    tables = []
    for name in found["sessions"]:
        bins: dict[float, dict[str, Any]] = {}
        for half in halves:
            for held in found["reliability"][half][name]:
                bins.setdefault(held["low"], {"low": held["low"], "high": held["high"]})[half] = held
        skills = {half: found["halves"][half]["log"][name] for half in halves}
        tables.append({"title": words.brief(Target.parse(name)), "bins": [bins[low] for low in sorted(bins)], "skill": skills})
    return {"halves": halves, "tables": tables}
