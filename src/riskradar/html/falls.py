"""The independent falls as the timeline names them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from riskradar.html import words
from riskradar.html.inputs import Inputs
from riskradar.tables.arrays import Days, Float, day

LABELS_APART = 0.045  # labels nearer than this share of the span would touch


def told(inputs: Inputs, track: Float) -> list[dict[str, Any]]:
    """Each fall with what the anchor said at its peak and at most until its trough; None where it said nothing."""
    out = []
    for event in inputs.evaluation["events"]:
        peak, trough = (int(np.searchsorted(inputs.dates, day(event[key]))) for key in ("peak", "trough"))
        inside = track[peak : trough + 1]
        seen = np.isfinite(inside).any()
        highest = int(np.nanargmax(inside)) if seen else 0
        at_peak = None if np.isnan(track[peak]) else float(track[peak])
        most = float(inside[highest]) if seen else None
        out.append({**event, "at_peak": at_peak, "highest": most, "highest_on": str(inputs.dates[peak + highest])})
    return out


def finding(falls: list[dict[str, Any]], base: float | None) -> str:
    """Counts, so that the title is true whatever the data."""
    scored = [f for f in falls if f["at_peak"] is not None and f["highest"] is not None]
    if not scored or base is None:
        return "The chance of a fall over time"
    rose, before = sum(f["highest"] > base for f in scored), sum(f["at_peak"] > base for f in scored)
    return f"The chance rose above usual in {rose} of {len(scored)} deep falls; on the day of the peak itself, in {before}"


def grouped(inputs: Inputs, dates: Days) -> list[list[Mapping[str, Any]]]:
    """Falls in order, those with touching labels together."""
    apart = LABELS_APART * float((dates[-1] - dates[0]).astype(int))
    groups: list[list[Mapping[str, Any]]] = []
    for event in inputs.evaluation["events"]:
        if groups and middle([event]) - middle(groups[-1][-1:]) < apart:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def middle(group: list[Mapping[str, Any]]) -> int:
    """The day halfway between the first peak and the last trough, counted from 1970."""
    return (int(day(group[0]["peak"]).astype(int)) + int(day(group[-1]["trough"]).astype(int))) // 2


def deepest(group: list[Mapping[str, Any]]) -> float:
    """The depth of the deepest fall of a group."""
    return max(float(e["depth"]) for e in group)


def caption(group: list[Mapping[str, Any]]) -> tuple[str, str]:
    """Years and depths of falls that share a label."""
    first, last = group[0]["peak"][:4], group[-1]["trough"][:4]
    years = first if first == last else f"{first}{words.DASH}{last[2:]}"
    return years, ", ".join(f"{words.MINUS}{100 * e['depth']:.0f}" for e in group) + f"{words.THIN}%"
