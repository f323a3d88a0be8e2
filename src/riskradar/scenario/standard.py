"""Standard scenarios: the same few shocks on any day, as far as the panel has what they shock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from riskradar.reopen import Opened
from riskradar.scenario.day import Day, spreading
from riskradar.scenario.effects import losses, out_of_range, plain
from riskradar.tables import LayerSummary, Target

SERIES = {"vix": "vix +20 points", "hy_oas": "hy_oas +300bp"}
SECTOR = "Financials"  # or the largest one


def shocks(day: Day, central: str) -> Iterator[tuple[str, ...]]:
    """Scenarios that the day allows; central: the member whose loss would spread furthest, which falls alone, and in a market that moves together."""
    panel = day.before[0]
    yield ("market returns -10%",)
    member, known = panel.member[-1], panel.sector[-1] >= 0
    counts = np.bincount(panel.sector[-1, member & known], minlength=len(panel.sectors))
    if counts.any():
        sector = SECTOR if counts[[name == SECTOR for name in panel.sectors]].any() else panel.sectors[int(counts.argmax())]
        yield (f"{sector} returns -15%",)
    yield ("market volatility x2",)
    for name, shock in SERIES.items():
        if name in panel.facts.series and np.isfinite(panel.facts.view(name, panel.dates[-1:])).all():
            yield (shock,)
    if member.sum() > 1 and central:
        yield (f"remove {central}",)
        if "correlation" in day.opened.graphs.layers:
            yield (f"remove {central}", "correlation +0.3")


def standard(
    opened: Opened, model: str, target: Target, date: str, nodes: Sequence[Mapping[str, Any]], summary: LayerSummary | None
) -> list[dict[str, Any]]:  # fmt: skip
    """Each standard scenario of a model on a day (JSON): shocks, score and probability before and after, first and further losses, warnings.

    nodes: the members with their DebtRank (riskradar.attribution.story.drawn); summary: the layers over time, to tell which density was never seen.
    Shuffled twins of layers are left out: models that read them are not asked. Reads what was known on the day, and its shocked last rows.
    """
    layers = {name: layer for name, layer in opened.graphs.layers.items() if "~" not in name}
    day = Day(replace(opened, graphs=replace(opened.graphs, layers=layers)), opened.row(date), (model,), target)
    central = max(nodes, key=lambda node: node["debtrank"], default={"name": ""})["name"]
    k, now, layer, out = day.position(target), day.before, spreading(day), list[dict[str, Any]]()
    before = day.scored(model, now)[:, :, k].mean(axis=0)
    for texts in shocks(day, central):
        then, by = day.after(day.shocks(texts))
        after, lost = day.scored(model, then)[:, :, k].mean(axis=0), losses(now, then, by, layer, "")
        out.append({
            "shocks": list(texts), "score": [plain(before[0]), plain(after[0])], "probability": [plain(before[1]), plain(after[1])],
            "first": lost["first"], "spread": lost["spread"], "warnings": out_of_range(now, then, day.cutoff, summary),
        })  # fmt: skip
    return out
