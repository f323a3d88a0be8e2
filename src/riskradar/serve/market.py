"""The market as a stored run saw it: classic measures, layers over time, and the graphs of one date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, JsonValue

from riskradar.attribution import chains
from riskradar.serve.answers import HEAD, Answer, Estimate, Paged, Share, plain, shown
from riskradar.serve.problems import Missing
from riskradar.serve.scores import Span, envelope
from riskradar.serve.shelf import View
from riskradar.tables import Graphs, Held, LayerSummary, Neighbours, Panel
from riskradar.tables.arrays import Bool, Days, Float, Float32, Int, day

MOST_EDGES = 2_000
UNKNOWN = "too little was known on this session"


class Point(BaseModel, frozen=True):
    """One session of a measure."""

    date: dt.date
    value: float | None
    reason: str


class Series(Paged, frozen=True):
    """A classic measure over time."""

    measure: str
    unit: str
    rows: tuple[Point, ...]


class MeasureAbout(BaseModel, frozen=True):
    """A classic measure: formula, source, its value on the last session, its place in its own past, and its record as a score by target."""

    measure: str
    about: str
    source: str
    unit: str
    stride: str
    rises: bool | None
    value: Estimate
    percentile: Estimate
    record: dict[str, JsonValue]


class Measured(Answer, frozen=True):
    """Every classic measure of a run; absent: those that were asked for and have no data, with the reason."""

    rows: tuple[MeasureAbout, ...]
    absent: dict[str, str]


class LayerAbout(BaseModel, frozen=True):
    """A layer: what an edge is, its density beside what noise alone gives, and its last summary."""

    layer: str
    about: str
    noise: float | None
    density: Estimate
    weight: Estimate


class Layered(Answer, frozen=True):
    """Every layer of a run; absent: those that were asked for and have no data, with the reason."""

    step: str
    rows: tuple[LayerAbout, ...]
    absent: dict[str, str]


class LayerPoint(BaseModel, frozen=True):
    """A layer on one date: share of pairs joined, mean weight of an edge, share of edges that lived so many steps; null: undefined there."""

    date: dt.date
    density: float | None
    weight: float | None
    survival: dict[str, float | None]
    reason: str


class LayerHistory(Paged, frozen=True):
    """A layer over time, one row a step."""

    layer: str
    step: str
    rows: tuple[LayerPoint, ...]


class Node(BaseModel, frozen=True):
    """An asset on one date; degree: edges of each layer, before any was left out."""

    asset: str
    kind: str
    sector: str | None
    member: bool
    degree: dict[str, int]


class Edge(BaseModel, frozen=True):
    """source chose target in a directed layer; in others the order says nothing."""

    layer: str
    source: str
    target: str
    weight: float


class Drawn(BaseModel, frozen=True):
    """One layer on one date: all its edges, how many of them are given, and the share of the pairs of members that they join."""

    layer: str
    about: str
    directed: bool
    edges: int
    given: int
    density: float | None
    reason: str


class Network(Answer, frozen=True):
    """The graphs of one date; the heaviest edges of each layer where there are more than asked for."""

    sectors_dated: bool
    nodes: tuple[Node, ...]
    layers: tuple[Drawn, ...]
    edges: tuple[Edge, ...]
    absent: dict[str, str]


class Pathway(BaseModel, frozen=True):
    """Assets in order, the strength of the path, and the share of each of its edges among those of the asset that it reaches."""

    assets: tuple[str, ...]
    strength: Share
    edges: tuple[Share, ...]


class Reached(BaseModel, frozen=True):
    """From one asset along one layer: how many others its paths reach and its edges join, its strongest edges, and chains of several."""

    layer: str
    reached: int
    neighbours: int
    direct: tuple[Pathway, ...]
    onward: tuple[Pathway, ...]


class Pathways(Answer):
    """The strongest paths from an asset through the graphs of one date; meaning: what a strength is, and what it is not."""

    source: str
    layers: tuple[Reached, ...]
    meaning: str

    model_config = shown({**HEAD, "source": "JPM", "meaning": chains.MEANING, "layers": [
        {"layer": "correlation", "reached": 20, "neighbours": 5, "direct": [{"assets": ["JPM", "BAC"], "strength": 0.21, "edges": [0.21]}],
         "onward": [{"assets": ["JPM", "BAC", "GE"], "strength": 0.04, "edges": [0.21, 0.19]}]},
    ]})  # fmt: skip


def measured(view: View) -> Measured:
    """Every measure with its last value."""
    about, (dates, table) = view.record.about, _measures(view)
    rows = [
        MeasureAbout(
            measure=name, about=told["about"], source=told["source"], unit=told["unit"], stride=told["stride"], rises=told["rises"],
            **_last(table[name]), record=told.get("targets", {}),
        )
        for name, told in about.get("measures", {}).items() if name in table
    ]  # fmt: skip
    return Measured(**envelope(view, dates[-1]), rows=tuple(rows), absent=about.get("measures_absent", {}))


def series(view: View, measure: str, span: Span) -> Series:
    """One measure over time."""
    dates, table = _measures(view)
    if measure not in table:
        raise Missing("this run has no such measure; its measures are listed one level up, and why some are absent")
    cut, following = span.cut(dates)
    rows = [Point(date=d, value=plain(v), reason="" if v == v else UNKNOWN) for d, v in zip(dates[cut].tolist(), table[measure][cut], strict=True)]
    unit = view.record.about["measures"][measure]["unit"]
    return Series(**envelope(view, dates[-1]), next=following, measure=measure, unit=unit, rows=tuple(rows))


def layered(view: View) -> Layered:
    """Every layer with its last summary."""
    summary, told = _summary(view), view.record.about.get("layers", {})
    rows = [
        LayerAbout(
            layer=name, about=told.get(name, {}).get("about", ""), noise=told.get(name, {}).get("noise"),
            density=_last(summary.density[:, k])["value"], weight=_last(summary.weight[:, k])["value"],
        )
        for k, name in enumerate(summary.names)
    ]  # fmt: skip
    return Layered(**envelope(view, summary.dates[-1]), step=summary.step, rows=tuple(rows), absent=view.record.about.get("layers_absent", {}))


def layer_history(view: View, layer: str, span: Span) -> LayerHistory:
    """One layer over time."""
    summary = _summary(view)
    if layer not in summary.names:
        raise Missing("this run has no such layer over time; its layers are listed one level up, and why some are absent")
    k, (cut, following) = summary.names.index(layer), span.cut(summary.dates)
    rows = [
        LayerPoint(
            date=summary.dates[r].astype(object), density=plain(summary.density[r, k]), weight=plain(summary.weight[r, k]),
            survival={str(lag): plain(summary.survival[r, k, j]) for j, lag in enumerate(summary.lags)},
            reason="" if np.isfinite([summary.density[r, k], summary.weight[r, k]]).all() else "no graph, or no edge, on this date",
        )
        for r in range(cut.start, cut.stop)
    ]  # fmt: skip
    return LayerHistory(**envelope(view, summary.dates[-1]), next=following, layer=layer, step=summary.step, rows=tuple(rows))


def network(view: View, date: dt.date, chosen: Sequence[str] = (), most: int = MOST_EDGES) -> Network:
    """The layers of the last session by `date`: assets with their sectors, and the heaviest edges, an equal share of `most` to each layer.

    chosen: names of layers, all without shuffled twins when there are none; of edges that tie at the end some, evenly spread over the names.
    """
    panel, graphs, t = _on(view, date)
    names = [name for name in graphs.layers if not chosen or name in chosen]
    if not names and chosen:
        raise Missing("this run has no such layer to draw; its layers are listed at /layers")
    blocks = {name: graphs.layers[name].block(t, t + 1)[0] for name in names}
    told = view.record.about.get("layers", {})
    drawn, edges = [], []
    for name, weights in blocks.items():
        directed = _directed(graphs.layers[name])
        found = _edges(weights, directed)
        given = _heaviest(weights, found, most // len(names))
        members = int(panel.member[t].sum())
        pairs = members * (members - 1) // (1 if directed else 2)
        drawn.append(Drawn(
            layer=name, about=told.get(name, {}).get("about", ""), directed=directed, edges=len(found), given=len(given),
            density=len(found) / pairs if pairs else None, reason="" if pairs else "fewer than two members",
        ))  # fmt: skip
        edges += [Edge(layer=name, source=panel.assets[i], target=panel.assets[j], weight=float(weights[i, j])) for i, j in given]
    return Network(
        **envelope(view, panel.dates[t]), sectors_dated=panel.sectors_dated, nodes=tuple(_nodes(panel, t, blocks)), layers=tuple(drawn),
        edges=tuple(edges), absent=graphs.absent,
    )  # fmt: skip


def pathways(view: View, date: dt.date, source: str) -> Pathways:
    """The strongest paths from an asset on the last session by `date`, in every layer without shuffled twins."""
    panel, graphs, t = _on(view, date)
    if source not in panel.assets:
        raise Missing("this run has no such asset; its assets are the nodes of the network")
    here = panel.assets.index(source)
    if not panel.member[t, here]:
        raise Missing("that asset is no member on this date; the network says who is")
    found = [Reached(layer=layer, **told) for layer, told in chains.by_layer(graphs, t, here).items()]
    return Pathways(**envelope(view, panel.dates[t]), source=source, layers=tuple(found), meaning=chains.MEANING)


def _on(view: View, date: dt.date) -> tuple[Panel, Graphs, int]:
    """The panel and the graphs of a run, and the row of its last session by `date`."""
    if not view.live:
        raise Missing("this run repeats the paper by its own rules: its graphs are not drawn here")
    panel, graphs = view.drawn()
    t = int(np.searchsorted(panel.dates, day(date), side="right")) - 1
    if t < 0:
        raise Missing("the prices of this run begin later; the run says when")
    return panel, graphs, t


def _nodes(panel: Panel, t: int, blocks: dict[str, Float32]) -> list[Node]:
    degrees = {name: ((weights > 0) | (weights > 0).T).sum(axis=0) for name, weights in blocks.items()}
    return [
        Node(
            asset=asset, kind=panel.kind[i], sector=panel.sectors[panel.sector[t, i]] if panel.sector[t, i] >= 0 else None,
            member=bool(panel.member[t, i]), degree={name: int(degree[i]) for name, degree in degrees.items()},
        )
        for i, asset in enumerate(panel.assets)
    ]  # fmt: skip


def _directed(layer: Any) -> bool:
    """Whether row i of a layer holds what i chose."""
    return _directed(layer.drawn) if isinstance(layer, Held) else isinstance(layer, Neighbours)


def _edges(weights: Float32, directed: bool) -> Int:
    """The pairs that are joined, in the order of their names, [E, 2]."""
    joined: Bool = weights > 0
    pairs: Int = np.argwhere(joined if directed else np.triu(joined, 1))
    return pairs


def _heaviest(weights: Float32, edges: Int, most: int) -> Int:
    """At most so many edges, the heaviest first; of those that tie at the end, some evenly spread over their names."""
    weight = weights[edges[:, 0], edges[:, 1]]
    order: Int = np.argsort(-weight, kind="stable")
    if len(order) > most:
        least = weight[order[most - 1]]
        sure, tied = order[weight[order] > least], order[weight[order] == least]
        room = most - len(sure)
        order = np.append(sure, tied[np.arange(room) * len(tied) // room])
    found: Int = edges[order]
    return found


def _last(values: Float) -> dict[str, Estimate]:
    """The last value and its place among those before it."""
    last, past = plain(values[-1]) if len(values) else None, values[:-1][np.isfinite(values[:-1])]
    if last is None:
        return {"value": Estimate(value=None, reason=UNKNOWN), "percentile": Estimate(value=None, reason=UNKNOWN)}
    if not len(past):
        return {"value": Estimate(value=last), "percentile": Estimate(value=None, reason="nothing was known before")}
    return {"value": Estimate(value=last), "percentile": Estimate(value=float((past < last).mean()))}


def _measures(view: View) -> tuple[Days, dict[str, Float]]:
    frame = view.inputs.measures
    if frame is None or not len(frame):
        raise Missing("this run stored no measures")
    return frame.index.to_numpy().astype("datetime64[D]"), {str(name): frame[name].to_numpy(float) for name in frame.columns}


def _summary(view: View) -> LayerSummary:
    if view.inputs.summary is None or not len(view.inputs.summary.dates):
        raise Missing("this run stored no layers over time")
    return view.inputs.summary
