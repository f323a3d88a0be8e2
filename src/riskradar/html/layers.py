"""The layers over time: how dense beside noise, how long an edge lives, and what two layers share beside what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from riskradar.html import series, words
from riskradar.html.inputs import Inputs
from riskradar.tables import LayerSummary
from riskradar.tables.arrays import Float

AGES = {"week": (4, 13, 52), "month": (1, 3, 12)}  # a month, a quarter, a year
FIRST_PAIRS = 12  # pairs in sight; the others unfold


def layers(inputs: Inputs) -> dict[str, Any]:
    """Title, tables and charts of the section; `state` is given, none (no layer was built) or unknown (the run stored nothing)."""
    found = inputs.summary
    missing = list(inputs.about.get("layers_absent", {}).items())
    if found is None or not found.names or not len(found.dates):
        return {"state": "unknown" if found is None else "none", "absent": missing, "charts": []}
    rows = [row(inputs, found, k) for k in range(len(found.names))]
    pairs = sorted((pair(inputs, found, p) for p in range(len(found.pairs))), key=lambda p: -(p["times"] or 0.0))
    charts = [series.chart(inputs, "layers", found.dates, [choice(inputs, found, k) for k in range(len(found.names))], halves=True)]
    if pairs:
        charts.append(series.chart(inputs, "overlap", found.dates, [p["choice"] for p in pairs]))
    return {
        "state": "given", "absent": missing, "charts": charts, "rows": rows, "title": title(rows), "step": found.step,
        "ages": [words.span(h, found.step) for h in AGES[found.step]], "first": pairs[:FIRST_PAIRS], "more": pairs[FIRST_PAIRS:],
        "twins": "quarter" if found.step == "week" else "year", "overlaps": overlaps(pairs),
    }  # fmt: skip


def row(inputs: Inputs, found: LayerSummary, k: int) -> dict[str, Any]:
    """One layer in the table."""
    name = found.names[k]
    about = inputs.about.get("layers", {}).get(name, {})
    noise, (kind, values) = about.get("noise"), shown(inputs, found, k)
    known = values[np.isfinite(values)]
    share = [mean(found.survival[:, k, found.lags.index(h)]) for h in AGES[found.step]]
    average = [mean(found.survival[:, k, h]) for h in range(len(found.lags))]
    return {
        "name": name, "about": about.get("about", ""), "kind": kind, "noise": noise, "share": kind == "density",
        "survival": share, "luck": mean(found.density[1:, k]),
        "half_life": half_life(found.lags, average, found.step),
        "usual": middle(found.density[:, k]),
        "last": None if not len(known) or np.isnan(values[-1]) else float(values[-1]),
        "middle": middle(values),
        "ends": (float(known.min()), float(known.max())) if len(known) else None,
        "spark": series.spark(inputs, found.dates, values, f"{kind} of {name}", noise),
    }  # fmt: skip


def shown(inputs: Inputs, found: LayerSummary, k: int) -> tuple[str, Float]:
    """What moves: the density of a layer that chance could fill or whose edges weigh the same, the mean weight of any other."""
    weights = found.weight[:, k][np.isfinite(found.weight[:, k])]
    plain = not len(weights) or weights.min() == weights.max()
    noise = inputs.about.get("layers", {}).get(found.names[k], {}).get("noise")
    return ("density", found.density[:, k]) if plain or noise is not None else ("mean weight", found.weight[:, k])


def middle(values: Float) -> float | None:
    """Median of the defined values, None without one."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def mean(values: Float) -> float | None:
    """Mean of the defined values, None without one."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def half_life(lags: Sequence[int], survival: Sequence[float | None], step: str) -> str:
    """When half of the edges are gone, read off the mean survival between two lags (logarithms, from 1 at lag 0); empty when undefined."""
    before, share = 0, 1.0
    for lag, now in zip(lags, survival, strict=True):
        if now is None:
            break
        if now == 0:
            return f"less than {words.span(lag, step)}"
        if now < 0.5:
            age = before + (lag - before) * np.log(share / 0.5) / np.log(share / now)
            return f"{age:.1f} {step}s" if age < 9.95 else f"{age:.0f} {step}s"
        before, share = lag, now
    return f"more than {words.span(before, step)}" if before else ""


def title(rows: Sequence[dict[str, Any]]) -> str:
    """How long edges live, from the layers at hand."""
    told = [f"{r['half_life']} ({r['name']})" for r in rows if r["half_life"]]
    return f"Half of the edges are gone after {words.listed(told)}" if 0 < len(told) <= 3 else "The layers over time"


def choice(inputs: Inputs, found: LayerSummary, k: int) -> dict[str, Any]:
    """One layer in the chart: what moves and the level of noise above, survival below."""
    name, (kind, values) = found.names[k], shown(inputs, found, k)
    lines = [series.line(kind, values, "--score")]
    noise = inputs.about.get("layers", {}).get(name, {}).get("noise")
    if noise is not None:
        lines.append(series.line("noise alone", np.where(np.isfinite(values), noise, np.nan), "--alarm", dash="dash"))
    age = AGES[found.step][1]
    survived = found.survival[:, k, found.lags.index(age)]
    lines.append(series.line(f"still there after {words.span(age, found.step)}", survived, "--score", low=True))
    chance = np.where(np.isfinite(survived), found.density[:, k], np.nan)
    lines.append(series.line("would be there by chance", chance, "--alarm", dash="dash", low=True))
    axis = "share of pairs joined" if kind == "density" else "mean weight of an edge"
    return {"name": name, "titles": [axis, "edges still there"], "percent": kind == "density", "lines": lines}


def pair(inputs: Inputs, found: LayerSummary, p: int) -> dict[str, Any]:
    """Two layers: overlap on average, beside that of shuffled twins on the dates that have one."""
    a, b = found.pairs[p]
    overlap, chance = found.overlap[:, p], found.chance[:, p]
    both = np.isfinite(overlap) & np.isfinite(chance)
    real, luck = mean(overlap[both]), mean(chance[both])
    times = real / luck if real is not None and luck else None
    lines = [series.line("overlap", overlap, "--score"), series.line("by chance", chance, "--alarm", dash="dash")]
    name = f"{a} and {b}"
    spark = series.spark(inputs, found.dates, overlap, f"Overlap of {name}", luck)
    return {
        "a": a, "b": b, "overlap": real, "chance": luck, "times": times, "spark": spark,
        "choice": {"name": name, "titles": ["overlap (Jaccard)"], "percent": True, "lines": lines},
    }  # fmt: skip


def overlaps(pairs: Sequence[dict[str, Any]]) -> str:
    """How many pairs share more than chance would, counted."""
    known = [p for p in pairs if p["times"] is not None]
    more = sum(p["times"] > 1 for p in known)
    return f"{more} of {len(known)} pairs of layers share more edges than chance would" if known else "What two layers share"
