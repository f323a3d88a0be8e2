"""The whole replication: three windows, four models, and the record that is stored and drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar import data
from riskradar.data import Intake, Raw
from riskradar.errors import InputError
from riskradar.evaluate.events import find_events
from riskradar.labels import onset_days
from riskradar.paper import learn, measure, window
from riskradar.paper.config import PaperConfig
from riskradar.paper.learn import Scored
from riskradar.paper.window import Window
from riskradar.tables import SYSTEM, Forecast, Labels, Panel, Target
from riskradar.tables.arrays import Days

DEEP = 0.10  # the falls of the index that are shaded
SHOWN = 6  # assets in the prediction timeline


@dataclass(frozen=True, eq=False)
class Replication:
    """Tables of one replication: forecasts and labels on the test rows of all windows, the record, and the seconds of each stage."""

    config: PaperConfig
    panel: Panel
    intake: Intake
    forecasts: dict[str, Forecast]
    labels: Labels
    evaluation: dict[str, Any]
    seconds: dict[str, float]


def run(config: PaperConfig, raw: Raw | None = None, stage: Callable[[str], None] = lambda name: None) -> Replication:
    """From prices to the record. A window that the prices do not cover is left out, with the reason; InputError when none is left."""
    begun = time.perf_counter()
    stage("read")
    panel, intake = data.assemble(data.read(config.data) if raw is None else raw, config.data)
    seconds = {"read": time.perf_counter() - begun}
    absent = {name: reason for name in config.protocol.windows if (reason := lacking(panel, config, name))}
    windows, scored = {}, {}
    for name in (n for n in config.protocol.windows if n not in absent):
        start = time.perf_counter()
        windows[name] = window.build(name, panel, config)
        scored[name] = learn.run(windows[name], config, stage)
        seconds[name] = time.perf_counter() - start
    if not windows:
        raise InputError(f"no window of the paper lies inside the prices ({'; '.join(absent.values())}); nothing was run; give prices of 1998-2022")
    start = time.perf_counter()
    stage("evaluation")
    sessions = {n: int(np.isin(panel.dates, w.dates).sum()) for n, w in windows.items()}
    found = {n: describe(w, scored[n], sessions[n], config) for n, w in windows.items()}
    evaluation = {"windows": found, "absent": absent, "parameters": learn.counts()}
    made, known = forecasts(windows, scored, config), labels(windows, scored, config)
    seconds["evaluation"] = time.perf_counter() - start
    return Replication(config, panel, intake, made, known, evaluation, seconds)


def lacking(panel: Panel, config: PaperConfig, name: str) -> str:
    """Why a window cannot be run, or an empty string."""
    first, last = (np.datetime64(d, "D") for d in config.protocol.windows[name])
    if panel.dates[0] > first + 7 or panel.dates[-1] < last - 7:
        return f"{name}: prices run from {panel.dates[0]} to {panel.dates[-1]}, the window from {first} to {last}"
    inside = np.isfinite(panel.close[(panel.dates >= first) & (panel.dates <= last)]).any(axis=0)
    return "" if inside.sum() >= config.label.names else f"{name}: fewer than {config.label.names} names"


def describe(made: Window, scored: Mapping[str, Scored], sessions: int, config: PaperConfig) -> dict[str, Any]:
    """One window: its rows and names, where the crash lies, and a cell for each model."""
    T, N = made.panel.close.shape
    split = window.train_count(T, config.protocol)
    level = made.panel.level
    member, y = made.panel.member, made.y
    pairs = sum(n * (n - 1) for n in member[made.rows].sum(axis=1).tolist())
    falls = [
        {"peak": str(made.dates[e.peak]), "trough": str(made.dates[e.trough]), "depth": e.depth, "in_test": bool(e.crossing >= split)}
        for e in find_events(level, DEEP)
    ]
    return {
        "rows": T, "start": str(made.dates[0]), "end": str(made.dates[-1]), "names": N, "listed": int(member[0].sum()),
        "ever": int(member.any(axis=0).sum()), "sessions": sessions, "split": str(made.dates[split]), "test": int(T - split),
        "threshold": config.protocol.threshold, "graphs": len(made.rows),
        "prevalence": float(np.nanmean(y[split:])), "train_prevalence": float(np.nanmean(y[:split])),
        "density": float(made.adjacency.sum() / max(pairs, 1)), "level": (level / level[0]).round(4).tolist(),
        "dates": made.dates.astype(str).tolist(), "y": [None if np.isnan(v) else int(v) for v in y],
        "test_move": float(level[-1] / level[split] - 1), "falls": falls, "assets": chosen(made, split),
        "models": {name: measure.cell(made, s, config) | series(made, s) for name, s in scored.items()},
    }  # fmt: skip


def series(made: Window, scored: Scored) -> dict[str, Any]:
    """Mean probability over seeds on every row that the model reads."""
    return {"rows": scored.rows.tolist(), "mean": scored.probability.mean(axis=0).round(4).tolist()}


def chosen(made: Window, split: int) -> dict[str, list[int | None]]:
    """Each row's own label of a few names, from the one that falls most often on the test rows to the one that falls least."""
    hits = made.hits[split:]
    rate = np.where(made.panel.member[split:].all(axis=0), np.nan_to_num(hits).mean(axis=0), -1.0)
    order = np.argsort(-rate, kind="stable")[: int((rate >= 0).sum())]
    some = order[np.unique(np.linspace(0, max(len(order) - 1, 0), min(SHOWN, len(order))).round().astype(int))]
    return {made.panel.assets[i]: [None if np.isnan(v) else int(v) for v in hits[:, i]] for i in some}


def target(config: PaperConfig) -> Target:
    """What the rows are asked: a close so far below that of the row, within the horizon, in at least `label.names` names."""
    return Target(config.label.horizon, config.label.depth, "fall")


def known_on(dates: Days, config: PaperConfig) -> Days:
    """The weekday on which the label of each row is known."""
    return np.busday_offset(dates, config.label.horizon).astype("datetime64[D]")


def forecasts(windows: Mapping[str, Window], scored: Mapping[str, Mapping[str, Scored]], config: PaperConfig) -> dict[str, Forecast]:
    """One `replication` forecast a model: the test rows of all windows; `cutoff` is the day on which its last training label was known."""
    out = {}
    for model in learn.TITLES:
        parts = [(made, scored[name][model]) for name, made in windows.items()]
        seeds = max(len(s.probability) for _, s in parts)
        p = np.concatenate([np.resize(s.probability[:, s.trained :], (seeds, len(s.test))) for _, s in parts], axis=1)[:, :, None, None]
        dates = np.concatenate([made.dates[s.test] for made, s in parts])
        cutoff = np.concatenate([np.repeat(known_on(made.dates[s.rows[s.trained - 1]][None], config), len(s.test)) for made, s in parts])
        out[model] = Forecast(model, "replication", dates, (SYSTEM,), (target(config),), p, p, cutoff)
    return out


def labels(windows: Mapping[str, Window], scored: Mapping[str, Mapping[str, Scored]], config: PaperConfig) -> Labels:
    """The inferred label on the daily test rows of all windows."""
    tests = [(made, slice(scored[name]["logistic"].trained, None)) for name, made in windows.items()]
    dates = np.concatenate([made.dates[cut] for made, cut in tests])
    values = np.concatenate([made.y[cut] for made, cut in tests])[:, None, None]
    onset = np.concatenate([onset_days(made.panel.level)[cut] for made, cut in tests])
    level = np.concatenate([made.panel.level[cut] for made, cut in tests])
    return Labels(dates, (SYSTEM,), (target(config),), values, known_on(dates, config)[:, None], onset, level)
