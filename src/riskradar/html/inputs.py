"""A stored run as the page reads it: which row is the anchor, which target is the headline, and their series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from riskradar.tables import SYSTEM, Forecast, LayerSummary, Target
from riskradar.tables.arrays import Days, Float, day

ANCHORS = ("vix+breadth", "vol+breadth")  # design 5: series that anyone can have, chosen without hindsight
HEADLINE = "20/5"


@dataclass(frozen=True, eq=False)
class Inputs:
    """run.json, evaluation.json, the forecasts, the labels (date, level, onset and one column per target), and what was stored beside.

    measures: dates by measures; summary: the layers over time; falls: quantiles of the forward falls; None where the run stored none;
    chosen: the model that answers first, where one is.
    """

    about: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    forecasts: Mapping[str, Forecast]
    labels: pd.DataFrame
    measures: pd.DataFrame | None = None
    summary: LayerSummary | None = None
    falls: pd.DataFrame | None = None
    chosen: str = ""

    @cached_property
    def anchor(self) -> str:
        """The model that answers first; empty when no model gives a probability."""
        able = [name for name, forecast in self.forecasts.items() if np.isfinite(forecast.probability).any()]
        preferred = [name for name in (*ANCHORS, *self.evaluation["comparators"]) if name in able]
        return self.chosen or next(iter([*preferred, *able]), "")

    @cached_property
    def targets(self) -> list[Mapping[str, Any]]:
        """The evaluated targets, the headline first."""
        return sorted(self.evaluation["targets"], key=lambda t: t["name"] != HEADLINE)

    @cached_property
    def rows(self) -> dict[str, Mapping[str, Any]]:
        """The evaluation's rows by model."""
        return {row["model"]: row for row in self.evaluation["rows"]}

    @cached_property
    def dates(self) -> Days:
        """Sessions of the labels, [T]."""
        return self.labels["date"].to_numpy("datetime64[D]")

    @cached_property
    def stop(self) -> int:
        """How many sessions may be drawn beside what came of them: those before the sealed half, or all."""
        sealed = self.evaluation.get("sealed")
        return int(np.searchsorted(self.dates, day(sealed))) if sealed else len(self.dates)

    @cached_property
    def below_high(self) -> Float:
        """The index against its highest close of 252 sessions, [T], 0 or negative."""
        level = self.labels["level"].astype(float)
        out: Float = (level / level.rolling(252, min_periods=1).max() - 1).to_numpy()
        return out

    def cell(self, model: str, target: str) -> Mapping[str, Any] | None:
        """One model on one target, or None."""
        found: Mapping[str, Any] | None = self.rows.get(model, {}).get("targets", {}).get(target)
        return found

    def about_model(self, model: str) -> Mapping[str, Any]:
        """What run.json says of a model."""
        found: Mapping[str, Any] = self.about.get("models", {}).get(model, {})
        return found

    def track(self, model: str, target: str, table: str) -> Float:
        """Score or probability of the system on the sessions of the labels, averaged over seeds, [T]; NaN where there is none."""
        out = np.full(len(self.dates), np.nan)
        forecast = self.forecasts.get(model)
        wanted = Target.parse(target)
        if forecast is None or wanted not in forecast.targets or SYSTEM not in forecast.units:
            return out
        values = getattr(forecast, table)[:, :, forecast.units.index(SYSTEM), forecast.targets.index(wanted)].mean(axis=0)
        _, to, of = np.intersect1d(self.dates, forecast.dates, assume_unique=True, return_indices=True)
        out[to] = values[of]
        return out

    def base_rate(self, target: str) -> float | None:
        """How often the target came on the evaluated sessions; None when there are none."""
        rate: float | None = next((t["base_rate"] for t in self.targets if t["name"] == target), None)
        return rate
