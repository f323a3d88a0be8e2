"""The same line again for the sessions that a shock touches: features, layers, measures from their declared windows, by the functions of the run."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from riskradar.config import Config
from riskradar.errors import UsageError
from riskradar.features import FEATURES, values_of
from riskradar.layers import LayersConfig, kind_of, settings_of
from riskradar.measures import MEASURES, MeasuresConfig
from riskradar.measures import values_of as measured
from riskradar.scenario.market import Moves, shocked
from riskradar.tables import Features, Graphs, Groups, Held, Layer, Neighbours, Panel, Weights
from riskradar.tables.arrays import Float, Float32

Tables = tuple[Panel, Features, Graphs]


def features_after(before: Features, panel: Panel, rows: int) -> Features:
    """`before` [T] with its last `rows` rows as the features of the run have them on another `panel` [T]."""
    if not rows:
        return before
    values, context = before.values.copy(), before.context.copy()
    for names, table in ((before.names, values), (before.context_names, context)):
        for k, name in enumerate(names):
            feature = FEATURES[name]
            table[-rows:, ..., k] = values_of(feature, _tail(panel, feature.reads, rows))[-rows:]
    return replace(before, values=values, context=context, member=panel.member)


def graphs_after(before: Graphs, panel: Panel, config: LayersConfig, rows: int, lifts: dict[str, float]) -> Graphs:
    """`before` [T] with the graphs of the last `rows` sessions drawn again on another `panel` [T], and each layer in `lifts` raised on the last.

    A layer with a threshold is raised by lowering it: an edge of correlation +0.3 is a pair whose correlation misses the threshold by at most .3.
    In a weighted layer each edge gains, within 0 and 1. UsageError for a layer of labels.
    """
    out = dict(before.layers)
    for name, layer in before.layers.items():
        lift, settings = lifts.get(name.split("~")[0], 0.0), settings_of(name, config)
        by_threshold = bool(lift) and hasattr(settings, "threshold") and getattr(settings, "keep", "edges") == "edges"
        T = len(panel.dates)
        fresh = _spliced(layer, _drawn(name, settings, panel, rows, layer.rows(T - rows, T)), rows) if rows else layer
        if by_threshold:
            least = round(min(max(settings.threshold - lift, 0.01), 1.0), 2)  # 0 would join whoever is known: the least that settings allow
            fresh = _spliced(fresh, _drawn(name, settings.model_copy(update={"threshold": least}), panel, 1, layer.rows(T - 1, T)), 1)
        elif lift:
            fresh = _spliced(fresh, _raised(fresh.rows(T - 1, T), lift, name), 1)
        out[name] = fresh
    return replace(before, layers=out)


def graphs_with(before: Graphs, panel: Panel, config: LayersConfig, rows: int) -> Graphs:
    """`before`, and behind it the graphs of the last `rows` sessions of a panel, which come next; it has the newest sessions at least."""
    T, n = len(panel.dates), len(before.dates)
    layers = {}
    for name, layer in before.layers.items():
        fresh = _drawn(name, settings_of(name, config), panel, rows, layer.rows(max(n - rows, 0), n))
        layers[name] = _spliced(layer, fresh, 0)
    return replace(before, dates=np.append(before.dates, panel.dates[T - rows :]), layers=layers)


def measures_at(panel: Panel, graphs: Graphs, config: MeasuresConfig, names: tuple[str, ...]) -> dict[str, float]:
    """Measures of the last session, each from its declared window."""
    out, T = {}, len(panel.dates)
    for name in names:
        reads = MEASURES[name].reads(config)
        tail = _tail(panel, reads, 1)
        out[name] = float(measured(MEASURES[name], tail, graphs.rows(T - len(tail.dates), T), config)[-1])
    return out


def after(before: Tables, config: Config, by: Moves, lifts: dict[str, float]) -> Tables:
    """Panel, features and graphs of a scenario; those of the run where nothing moves."""
    panel, features, graphs = before
    moved = shocked(panel, by, config.data)
    if not by.rows and not lifts:
        return before
    return moved, features_after(features, moved, by.rows), graphs_after(graphs, moved, config.layers, by.rows, lifts)


def _tail(panel: Panel, reads: int, rows: int) -> Panel:
    """The sessions that the last `rows` rows read; all where a window has no end."""
    T = len(panel.dates)
    return panel.rows(max(T - reads - rows + 1, 0), T) if reads else panel


def _drawn(name: str, settings: Any, panel: Panel, rows: int, stored: Layer) -> Layer:
    """The last `rows` graphs of one layer; without an edge where there is nobody to join, as the `rows` graphs in `stored` are."""
    kind = kind_of(name)
    tail = _tail(panel, kind.reads(settings), rows)
    layer = kind.build(tail, settings)
    if isinstance(layer, str):
        return _empty(stored)
    return layer.rows(len(tail.dates) - rows, len(tail.dates))


def _empty(layer: Any) -> Layer:
    """The layer without its edges."""
    if isinstance(layer, Held):
        return replace(layer, row=np.full_like(layer.row, -1))
    nothing: dict[str, Any] = {"index": -1, "codes": -1}
    arrays = {name: np.full_like(array, nothing.get(name, 0)) for name, array in _arrays(layer).items()}
    empty: Layer = replace(layer, **arrays)
    return empty


def _arrays(layer: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays that a layer is stored in."""
    return {field.name: value for field in fields(layer) if isinstance(value := getattr(layer, field.name), np.ndarray)}


def _spliced(before: Layer, last: Any, rows: int) -> Layer:
    """`before` with its last `rows` graphs replaced, stored as it was."""
    if isinstance(before, Held):
        kept = before.rows(0, len(before.row) - rows)
        drawn = int(kept.row.max(initial=-1)) + 1
        row = np.append(kept.row, np.where(last.row >= 0, last.row + drawn, -1))
        return Held(_joined(kept.drawn, last.drawn), row, np.append(kept.member, last.member, axis=0))
    T = len(next(iter(_arrays(before).values())))
    return _joined(before.rows(0, T - rows), last)


def _joined(first: Any, second: Any) -> Layer:
    """One layer after the other, both of one kind."""
    arrays = {name: np.append(array, getattr(second, name), axis=0) for name, array in _arrays(first).items()}
    joined: Layer = replace(first, **arrays)
    return joined


def _raised(layer: Layer, lift: float, name: str) -> Layer:
    """One graph whose edges weigh more, or less."""
    if isinstance(layer, Held):
        return replace(layer, drawn=_raised(layer.drawn, lift, name))
    if isinstance(layer, Weights):
        return replace(layer, pairs=_within(layer.pairs, lift))
    if isinstance(layer, Neighbours):
        return replace(layer, weight=_within(layer.weight, lift))
    what = "joins by label" if isinstance(layer, Groups) else "has no weights"
    raise UsageError(f"the layer {name} {what} and has nothing to raise; nothing was computed; raise another layer")


def _within(weights: Float32, lift: float) -> Float32:
    return np.where(weights > 0, np.clip(weights + np.float32(lift), 0, 1), 0).astype(np.float32)


def reach(before: Float, cutoff: int) -> tuple[Float, Float]:
    """Lowest and highest value of each column of [T, ..., F] on the first `cutoff` rows, [F]; NaN where never known."""
    past = before[:cutoff].reshape(-1, before.shape[-1])
    known = np.isfinite(past)
    low, high = np.where(known, past, np.inf).min(axis=0, initial=np.inf), np.where(known, past, -np.inf).max(axis=0, initial=-np.inf)
    return np.where(low <= high, low, np.nan), np.where(low <= high, high, np.nan)
