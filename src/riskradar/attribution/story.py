"""What a report says of why: the anchor's score on the last session and at the height of each crisis, on the market graph of that day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from riskradar import contagion
from riskradar.attribution import explain
from riskradar.attribution.table import MARKET, Explanation
from riskradar.errors import Withheld
from riskradar.reopen import Opened
from riskradar.tables import Forecast, Target
from riskradar.tables.arrays import Float, day

SCHEMA = "riskradar.importance/1"
MOST_EDGES = 200  # drawn


def days(forecast: Forecast, target: Target, crises: dict[str, tuple[Any, Any]], before: Any = None) -> Iterator[tuple[str, str]]:
    """The last scored session, and that of the highest score in each crisis, as far as it lies before `before`: name and date."""
    score = forecast.score[:, :, 0, forecast.targets.index(target)].mean(axis=0)
    known = np.flatnonzero(np.isfinite(score))
    if len(known):
        yield "last session", str(forecast.dates[known[-1]])
    for name, (begin, end) in crises.items():
        inside = known[(forecast.dates[known] >= day(begin)) & (forecast.dates[known] <= day(end))]
        inside = inside[forecast.dates[inside] < day(before)] if before else inside
        if len(inside):
            yield name, str(forecast.dates[inside[np.argmax(score[inside])]])


def drawn(opened: Opened, found: Explanation) -> dict[str, Any]:
    """The graph of that day: its members with sector, contribution, DebtRank and strength, and the strongest edges of the first layer."""
    t, panel = opened.row(found.date), opened.panel
    part = np.flatnonzero(panel.member[t])
    adds = {term.name: term.adds for term in found.of("node") if term.name != MARKET}
    layer = next(iter(opened.graphs.layers), "")
    a = opened.graphs.layers[layer].block(t, t + 1)[0][np.ix_(part, part)] if layer else np.zeros((len(part), len(part)), np.float32)
    rank, strength = debtrank(opened, layer, t)[part], a.sum(axis=1)
    i, j = np.nonzero(np.triu(np.maximum(a, a.T)))
    strongest = np.argsort(-np.maximum(a, a.T)[i, j], kind="stable")[:MOST_EDGES]
    nodes = [
        {"name": panel.assets[k], "sector": panel.sectors[panel.sector[t, k]] if panel.sector[t, k] >= 0 else "", "place": int(k),
         "adds": adds.get(panel.assets[k], 0.0), "debtrank": float(rank[n]), "strength": float(strength[n])}
        for n, k in enumerate(part)
    ]  # fmt: skip
    return {"layer": layer, "nodes": nodes, "edges": [[int(part[i[e]]), int(part[j[e]])] for e in strongest], "all_edges": len(i)}


def importance(opened: Opened, found: Explanation) -> dict[str, Any]:
    """The members of an explained session side by side (JSON): what each adds to the score, its DebtRank, its connections, and its rank by each.

    DebtRank and connections are those of the first layer: market-implied weights, no balance sheets.
    """
    graph = drawn(opened, found)
    told = {"schema": SCHEMA, "run": found.run, "model": found.model, "target": found.target.name, "date": found.date}
    return told | {"layer": graph["layer"], "nodes": [{k: v for k, v in node.items() if k != "place"} for node in ranked(graph["nodes"])]}


def ranked(nodes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Nodes of `drawn`, those that add or take most first, each with its rank by contribution, DebtRank and strength, 1 the largest."""
    ranks = {}
    for key in ("adds", "debtrank", "strength"):
        order = sorted(nodes, key=lambda node: -abs(node[key]))
        ranks[f"{key}_rank"] = {node["name"]: place + 1 for place, node in enumerate(order)}
    every = [{**node, **{key: rank[node["name"]] for key, rank in ranks.items()}} for node in nodes]
    return sorted(every, key=lambda node: node["adds_rank"])


def debtrank(opened: Opened, layer: str, t: int) -> Float:
    """What share of the market is lost beside an asset that fails alone, by market-implied exposures of one layer, [N]."""
    names, member = opened.panel.assets, opened.panel.member[t]
    if not layer or not member.any():
        return np.zeros(len(names))
    exposed = contagion.implied(names, opened.graphs.layers[layer].block(t, t + 1)[0], member, layer)
    alone = np.eye(len(names))[member]
    out = np.zeros(len(names))
    out[member] = exposed.total(contagion.debtrank(exposed.impact, alone) - alone)
    return out


def told(opened: Opened, model: str, target: Target, forecast: Forecast, before: Any = None) -> list[tuple[str, Explanation, dict[str, Any]]]:
    """Name, explanation and graph of each of `days`."""
    out = []
    for name, date in days(forecast, target, opened.config.split.crises, before):
        with suppress(Withheld):  # a baseline that is not known yet
            found = explain(opened, model, target, date)
            out.append((name, found, drawn(opened, found)))
    return out
