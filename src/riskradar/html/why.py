"""Why the score is what it is: sentences, and the market graph with sectors as colours and contributions as size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from riskradar.attribution.story import ranked
from riskradar.html import words
from riskradar.html.inputs import Inputs

SIZE, RADIUS, SMALLEST, LARGEST = 420, 160, 3.0, 15.0  # px
LABELLED, RANKED = 8, 8  # assets that carry their name, and rows of the table
GOLDEN = 137.508  # degrees between the hues of sectors: neighbours never look alike


def why(inputs: Inputs) -> dict[str, Any]:
    """The section; empty when the run stored no explanation."""
    told: Sequence[Mapping[str, Any]] = inputs.about.get("why", ())
    if not told:
        return {}
    sectors = sorted({node["sector"] for each in told for node in each["graph"]["nodes"]})
    hues = {name: round(place * GOLDEN % 360) for place, name in enumerate(sectors)}
    return {"days": [day(each, hues) for each in told], "model": told[0]["model"], "key": [(name or "no sector", hues[name]) for name in sectors]}


def day(each: Mapping[str, Any], hues: Mapping[str, int]) -> dict[str, Any]:
    """One day: its sentences, its graph, and the assets that add most beside what contagion says of them."""
    nodes = ranked(each["graph"]["nodes"])
    rows = [node for node in nodes[:RANKED] if node["adds"]]
    title = "The last session" if each["name"] == "last session" else f"{each['name']}: the highest score"
    return {"title": title, "date": words.day(each["date"]), "sentences": each["sentences"], "layer": each["graph"]["layer"], "rows": rows,
            "drawing": drawing(each, hues), "assets": len(nodes), "scenarios": [scenario(one) for one in each.get("scenarios", ())]}  # fmt: skip


def scenario(one: Mapping[str, Any]) -> dict[str, Any]:
    """A standard scenario: its name, the chance (or the score where there is none) before and after, losses, and what to be careful about."""
    chances, scores, beyond, notes = one["probability"], one["score"], one["warnings"], []
    told = [words.share(v) for v in chances] if None not in chances else ["withheld" if v is None else words.number(v) for v in scores]
    if None not in (*chances, *scores) and (scores[1] - scores[0]) * (chances[1] - chances[0]) < 0:
        notes.append(("score and chance move in opposite directions: do not rely on the chance", ""))
    if beyond:
        notes.append((f"{words.count(len(beyond))} input{'s' * (len(beyond) > 1)} beyond what training had seen", "; ".join(beyond)))
    return {"name": ", ".join(one["shocks"]), "before": told[0], "after": told[1], "first": one["first"], "spread": one["spread"], "notes": notes}


def drawing(each: Mapping[str, Any], hues: Mapping[str, int]) -> Markup:
    """A ring of assets by sector, the same place on every day; full: adds to the score, hollow: takes from it."""
    graph = each["graph"]
    nodes = sorted(graph["nodes"], key=lambda node: (node["sector"], node["name"]))
    spots = {node["place"]: spot(k, len(nodes)) for k, node in enumerate(nodes)}
    largest = max((abs(node["adds"]) for node in nodes), default=0.0) or 1.0
    lines = [Markup('<line x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*spots[a], *spots[b]) for a, b in graph["edges"]]
    named = {node["name"] for node in sorted(nodes, key=lambda node: -abs(node["adds"]))[:LABELLED] if node["adds"]}
    marks = []
    for k, node in enumerate(nodes):
        size = round(SMALLEST + (LARGEST - SMALLEST) * math.sqrt(abs(node["adds"]) / largest), 1)
        kind, (x, y) = "adds" if node["adds"] >= 0 else "takes", spots[node["place"]]
        told = f"{node['name']}, {node['sector'] or 'no sector'}: {words.signed(node['adds'], 3)}"
        marks.append(Markup('<circle class="{}" style="--hue:{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
            kind, hues[node["sector"]], x, y, size, told))  # fmt: skip
        if node["name"] in named:
            at, side = spot(k, len(nodes), RADIUS + LARGEST + 6), "end" if x < SIZE / 2 else "start"
            marks.append(Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(*at, side, node["name"]))
    label = f"Market graph of {words.day(each['date'])}: {len(nodes)} assets, {graph['all_edges']} edges of the layer {graph['layer'] or 'none'}"
    return Markup('<svg class="market" role="img" aria-label="{}" viewBox="0 0 {} {}"><g class="edges">{}</g>{}</svg>').format(
        label, SIZE, SIZE, Markup("").join(lines), Markup("").join(marks))  # fmt: skip


def spot(place: int, count: int, radius: float = RADIUS) -> tuple[float, float]:
    """A place on the ring."""
    turn = 2 * math.pi * place / max(count, 1) - math.pi / 2
    return round(SIZE / 2 + radius * math.cos(turn), 1), round(SIZE / 2 + radius * math.sin(turn), 1)
