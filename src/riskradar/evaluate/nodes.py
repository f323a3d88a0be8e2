"""Forecasts of continuous node targets against each other: skill in squared error, whole and within the day, and QLIKE of variances."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, Field

from riskradar.evaluate.intervals import Resamples, resample
from riskradar.evaluate.report import Score
from riskradar.tables import Target
from riskradar.tables.arrays import Days, Float, Real, day

HALVES = ("all", "first", "second")
PARTS = ("total", "cross-section", "qlike")


class NodeSkillConfig(BaseModel, frozen=True, extra="forbid"):
    """split: the first day of the second half; the rest as in EvaluateConfig, with the shorter blocks of node targets (wide study, section 1)."""

    split: dt.date = dt.date(2010, 1, 1)
    draws: int = Field(500, ge=20)
    mean_block: int = Field(60, ge=1)
    level: float = Field(0.90, gt=0, lt=1)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Losses:
    """Sums of the losses of each day, [T, K] for each of PARTS, over node-days that every model forecast and whose label is known."""

    parts: dict[str, Float]


@dataclass(frozen=True)
class NodeSkill:
    """100 (1 - loss / loss of the reference) of one model on one target: part is one of PARTS, half one of HALVES."""

    model: str
    reference: str
    target: str
    part: str
    half: str
    skill: Score


def losses(forecasts: Mapping[str, Real], truth: Real, targets: Sequence[Target], dates: Days, known: Days) -> dict[str, Losses]:
    """Losses of forecasts [T, N, K] of `truth`, model by model, all over the same node-days.

    The cross-section is the squared error less the mean error of the day. QLIKE (Patton 2011) compares variances after each forecast was
    rescaled by its mean ratio over the past, whose labels were known [T, K] by each of `dates`; it is NaN for other targets.
    """
    shared = np.isfinite(truth)
    for forecast in forecasts.values():
        shared &= np.isfinite(forecast)
    return {name: _losses(np.where(shared, forecast, np.nan), truth, targets, dates, known) for name, forecast in forecasts.items()}


def skills(
    found: Mapping[str, Losses], pairs: Sequence[tuple[str, str]], targets: Sequence[Target], dates: Days, config: NodeSkillConfig
) -> list[NodeSkill]:  # fmt: skip
    """Skill of the first over the second of each pair, with the interval of a paired stationary bootstrap of days."""
    plan = resample(len(dates), [], [], config.draws, config.mean_block, config.level, config.seed)
    second = dates >= day(config.split)
    masks = {"all": np.ones(len(dates), bool), "first": ~second, "second": second}
    return [
        NodeSkill(model, reference, target.name, part, half, _skill(found[model].parts[part][:, k], found[reference].parts[part][:, k], mask, plan))
        for model, reference in pairs
        for k, target in enumerate(targets)
        for part in PARTS
        if part != "qlike" or target.kind == "log-volatility"
        for half, mask in masks.items()
    ]


def explained(found: Losses, truth: Real, forecast: Real) -> Float:
    """Share of the variance of each target that the forecast explains (R squared), [K]."""
    centred = np.where(np.isfinite(forecast), truth, np.nan)
    centred = centred - np.nanmean(centred, axis=(0, 1))
    out: Float = 1 - found.parts["total"].sum(axis=0) / np.nansum(centred**2, axis=(0, 1))
    return out


def _losses(forecast: Real, truth: Real, targets: Sequence[Target], dates: Days, known: Days) -> Losses:
    error = forecast - truth
    count = np.maximum(np.isfinite(error).sum(axis=1), 1)
    total = np.nansum(error * error, axis=1)
    within = total - np.nansum(error, axis=1) ** 2 / count
    qlike = np.full_like(total, np.nan)
    for k, target in enumerate(targets):
        if target.kind == "log-volatility":
            qlike[:, k] = _qlike(np.exp(-2 * error[:, :, k]), dates, known[:, k])
    return Losses({"total": total, "cross-section": within, "qlike": qlike})


def _qlike(ratio: Float, dates: Days, known: Days) -> Float:
    """Sum over the nodes of ratio - log ratio - 1 of each day, [T], for realised over forecast variances [T, N]; 0 while nothing is known."""
    total, count = (np.append(0.0, np.cumsum(values)) for values in (np.nansum(ratio, axis=1), np.isfinite(ratio).sum(axis=1)))
    past = np.searchsorted(known[~np.isnat(known)], dates, side="right")
    usual = np.divide(total[past], count[past], out=np.full(len(dates), np.nan), where=count[past] > 0)
    scaled = ratio / usual[:, None]
    out: Float = np.nansum(scaled - np.log(scaled) - 1, axis=1)
    return out


def _skill(model: Float, reference: Float, mask: np.ndarray, plan: Resamples) -> Score:
    weights = plan.weights * mask
    with np.errstate(invalid="ignore", divide="ignore"):
        return plan.score(100 * (1 - weights @ model / (weights @ reference)), 0.0, "no day with a label")
