"""What a scenario changed: inputs, nodes, layers and losses, and what left the range that training had seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from riskradar.contagion import Exposures, debtrank, exposures, implied
from riskradar.errors import UsageError
from riskradar.features import FEATURES
from riskradar.registry import near
from riskradar.scenario.line import Tables, reach
from riskradar.scenario.market import Moves
from riskradar.scenario.words import INPUTS
from riskradar.tables import LayerSummary
from riskradar.tables.arrays import Bool, Float, Float32

DENSE = 0.005  # of all pairs, by which a graph may leave the range: one asset fewer is no other graph
SHOWN = 5  # nodes and drivers in a record
CODES = ("sector",)  # labels, not sizes
FALLS = ("mean_drawdown", "share_in_distress", "breadth")


def drivers(now: Tables, then: Tables, scored: Callable[[Tables], Float]) -> list[dict[str, Any]]:
    """The inputs that moved, each put into the day alone: what the score and the probability gain by it, the largest effect first.

    Numbers that say the same thing in several ways (VIX, its change, its standard score) are one input, by the name of the first of them; so are
    all node features, and all graphs. The effects need not add up to the whole.
    """
    panel, before, graphs = now
    after, groups = then[1], dict[str, list[int]]()
    for k, name in enumerate(before.context_names):
        if not np.array_equal(before.context[:, k], after.context[:, k], equal_nan=True):
            groups.setdefault(_source(name), []).append(k)
    alone: list[tuple[str, float | None, float | None, Tables]] = []
    for columns in groups.values():
        context, k = before.context.copy(), columns[0]
        context[:, columns] = after.context[:, columns]
        old, new = (plain(features.context[-1, k]) for features in (before, after))
        alone.append((before.context_names[k], old, new, (panel, replace(before, context=context), graphs)))
    if not np.array_equal(before.values, after.values, equal_nan=True):
        alone.append(("node features", None, None, (panel, replace(before, values=after.values, member=after.member), graphs)))
    if then[2] is not graphs:
        alone.append(("graphs", None, None, (panel, before, then[2])))
    base, found = scored(now), list[tuple[float, dict[str, Any]]]()
    for name, old, new, tables in alone:
        score, probability = scored(tables) - base
        size = float(np.nan_to_num(abs(probability if np.isfinite(probability) else score)))
        found.append((size, {"input": name, "before": old, "after": new, "score": plain(score), "probability": plain(probability)}))
    return [one for _, one in sorted(found, key=lambda each: -each[0])[:SHOWN]]


def _source(name: str) -> str:
    """What a context feature is made of: its macro series, the index, the falls of stocks, or itself."""
    needs = FEATURES[name].needs
    return needs[0] if needs else "index" if "index_" in name else "falls" if name in FALLS else name


def changed_nodes(now: Tables, then: Tables, cutoff: int) -> list[dict[str, Any]]:
    """The nodes that changed most: by the feature that moved furthest, in standard deviations over all nodes and sessions of training."""
    before, after = now[1], then[1]
    some = [k for k, name in enumerate(before.names) if name not in CODES]
    if not some or then is now:
        return []
    with np.errstate(invalid="ignore", divide="ignore"):
        sd = np.array([_deviation(before.values[:cutoff, :, k]) for k in some])
        far = np.nan_to_num(np.abs(after.values[-1][:, some] - before.values[-1][:, some]) / sd, posinf=0.0)
    edges = [graphs.block(len(before.dates) - 1, len(before.dates))[0] for graphs in (now[2], then[2])]
    out = []
    for i in np.argsort(-far.max(axis=1), kind="stable")[:SHOWN]:
        k = int(far[i].argmax())
        if far[i, k] > 0:
            name, column = before.names[some[k]], some[k]
            degrees = {layer: [int((e[n, i] > 0).sum()) for e in edges] for n, layer in enumerate(now[2].layers) if "~" not in layer}
            out.append({
                "asset": before.nodes[i], "feature": name, "before": plain(before.values[-1, i, column]),
                "after": plain(after.values[-1, i, column]), "deviations": float(far[i, k]), "edges": degrees,
            })  # fmt: skip
    return out


def _deviation(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if len(known) else np.nan


def layers_table(now: Tables, then: Tables) -> dict[str, dict[str, Any]]:
    """Density and mean weight of each layer, and the pairs that were joined and parted."""
    out = {}
    T = len(now[0].dates)
    for name in now[2].layers:
        if "~" not in name:
            pair = [graphs.layers[name].block(T - 1, T)[0] for graphs in (now[2], then[2])]
            told = [_dense(graph, panel.member[-1]) for graph, panel in zip(pair, (now[0], then[0]), strict=True)]
            joined = [_joined(graph) for graph in pair]
            new, old = (int(np.triu(a & ~b, 1).sum()) for a, b in (joined[::-1], joined))
            out[name] = {"density": [t[0] for t in told], "weight": [t[1] for t in told], "joined": new, "parted": old}
    return out


def _joined(graph: Float32) -> Bool:
    joined: Bool = (graph > 0) | (graph.T > 0)
    return joined


def _dense(graph: Float32, member: Bool) -> tuple[float | None, float | None]:
    n, edges = int(member.sum()), int(np.triu(_joined(graph), 1).sum())
    return (edges / (n * (n - 1) / 2) if n > 1 else None), (plain(graph[graph > 0].mean(dtype=float)) if edges else None)


def losses(now: Tables, then: Tables, by: Moves, layer: str, file: str) -> dict[str, Any]:
    """What the shocked assets lose at first, and what spreads from them by DebtRank, over the network before and after the shock.

    A fall of the close counts as a loss of equity. file: exposures; where it is empty, weights implied by a layer; in a run without layers nothing
    spreads. UsageError where the layer, or every asset of the file, is unknown to the run.
    """
    assets = now[0].assets
    first = dict(zip(assets, np.where(by.gone, 1.0, np.clip(-by.growth, 0.0, 1.0)), strict=True))
    old, new = _networks(now, then, by, layer, file)
    start = np.array([[first.get(name, 0.0) for name in new.names]])
    before, after = (debtrank(network.impact, start) for network in (old, new))
    once = debtrank(new.impact, start, "2012")
    spread = (after - start)[0]
    hit = [int(i) for i in np.argsort(-spread, kind="stable")[:SHOWN] if spread[i] > 0]
    return {
        "network": new.source, "whole": "all equity in the file" if file else "the members, equally weighted",
        "method": "linear DebtRank (Bardoscia et al. 2015)", "first": float(new.total(start)[0]),
        "spread_before": float(old.total(before - start)[0]), "spread": float(new.total(after - start)[0]),
        "spread_2012": float(new.total(once - start)[0]), "lost": [new.names[i] for i in np.flatnonzero(after[0] >= 1)],
        "hit": [{"asset": new.names[i], "first": float(start[0, i]), "loss": float(after[0, i])} for i in hit],
    }  # fmt: skip


def _networks(now: Tables, then: Tables, by: Moves, layer: str, file: str) -> tuple[Exposures, Exposures]:
    panel, T = now[0], len(now[0].dates)
    if file:
        network = exposures(file)
        if not set(network.names) & set(panel.assets):
            raise UsageError(f"{file} names none of the assets of the run; nothing was computed; use the names of the run")
        return network, network
    if not layer:
        nothing = implied(panel.assets, np.zeros((len(panel.assets),) * 2, np.float32), panel.member[-1], "none: the run has no layer")
        return nothing, nothing
    if layer not in now[2].layers:
        have = ", ".join(now[2].layers) or "none"
        raise UsageError(f"no layer {layer!r}{near(layer, now[2].layers)} to spread losses by; nothing was computed; set layer to one of: {have}")
    old, new = (graphs.layers[layer].block(T - 1, T)[0] for graphs in (now[2], then[2]))
    new = np.where(by.gone[:, None] | by.gone, old, new)  # who is removed falls inside the network in which he stood
    return implied(panel.assets, old, panel.member[-1], layer), implied(panel.assets, new, panel.member[-1], layer)


def out_of_range(now: Tables, then: Tables, cutoff: int, summary: LayerSummary | None) -> list[str]:
    """A line for each input that a shock moved beyond what the headline model saw when it learned: there it extrapolates."""
    before, after, out = now[1], then[1], []
    low, high = reach(before.context[:, None], cutoff)
    for k, name in enumerate(before.context_names):
        out += _beyond(INPUTS.get(name, (name, ""))[0], before.context[-1, k], after.context[-1, k], low[k], high[k])
    low, high = reach(before.values, cutoff)
    for k, name in enumerate(before.names):
        values = after.values[-1, :, k]
        if name not in CODES and np.isfinite(values).any():
            for i in (int(np.nanargmin(values)), int(np.nanargmax(values))):
                out += _beyond(f"{name.replace('_', ' ')} of {before.nodes[i]}", before.values[-1, i, k], values[i], low[k], high[k])
    table = layers_table(now, then)
    for n, name in enumerate(summary.names if summary else ()):
        past = summary.density[: int(np.searchsorted(summary.dates, before.dates[max(cutoff - 1, 0)], side="right")), n] if summary else np.empty(0)
        past = past[np.isfinite(past)]
        before_, after_ = table[name]["density"] if name in table else (None, None)
        if len(past) and before_ is not None and after_ is not None:
            out += _beyond(f"the density of the {name} graph", before_, after_, float(past.min()), float(past.max()), DENSE)
    return out


def _beyond(name: str, before: float, value: float, low: float, high: float, slack: float = 0.0) -> list[str]:
    if np.isnan(low) or not np.isfinite(value) or value == before or low - slack <= value <= high + slack:
        return []
    side, bound = ("above", high) if value > high else ("below", low)
    return [f"{name} at {value:.4g} is {side} {bound:.4g}, the {'highest' if value > high else 'lowest'} value seen in training"]


def plain(value: Any) -> float | None:
    """A number as JSON has it: None for what is not known."""
    return float(value) if np.isfinite(value) else None
