"""Exact terms of scores that are sums: rules, composites, the anchor, logistic regression, HAR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from riskradar.attribution.atoms import Atoms, Read, nowhere
from riskradar.features import DEEP, FLOOR, MANY
from riskradar.models.classic import FittedLogistic
from riskradar.models.har import INPUTS, FittedHar
from riskradar.models.inputs import matrix
from riskradar.models.pool.anchor import ANCHOR, anchor
from riskradar.models.rules import FittedRule
from riskradar.tables import Features
from riskradar.tables.arrays import Float

Sum = tuple[tuple[str, ...], Float, Float, float]  # names of columns, the columns [T, M], weights [M], and the constant beside their weighted sum
BASELINE = "with every input at its mean over the sessions that it learned from"


def rule(fitted: FittedRule, features: Features, target: int) -> Sum:
    """A rule is the mean of its inputs."""
    return fitted.inputs, matrix(features, fitted.inputs), np.full(len(fitted.inputs), 1 / len(fitted.inputs)), 0.0


def logistic(fitted: FittedLogistic, features: Features, target: int) -> Sum:
    """The logit is linear in the inputs."""
    return fitted.inputs, matrix(features, fitted.inputs), fitted.weights[target, 1:], float(fitted.weights[target, 0])


def har(fitted: FittedHar, features: Features, target: int) -> Sum:
    """The forecast is linear in log volatilities."""
    weights = fitted.weights[target]
    return tuple(f"log {name}" for name in INPUTS), np.log(matrix(features, INPUTS) + FLOOR), weights[1:], float(weights[0])


def anchored(fitted: Any, features: Features, target: int) -> Sum:
    """The anchor: breadth, and VIX or what stands in for it."""
    breadth = features.column(ANCHOR[1])
    volatility = 2 * anchor(features) - breadth
    implied = "z_vix" in features.context_names and volatility[-1] == features.column("z_vix")[-1]
    return ("z_vix" if implied else ANCHOR[0], ANCHOR[1]), np.stack([volatility, breadth], axis=1), np.full(2, 0.5), 0.0


def explained(fitted: Any, read: Read, terms: Callable[[Any, Features, int], Sum]) -> Atoms:
    """Each term against the mean of its input up to the date that the model last learned from; inputs that are means over assets go to these."""
    names, columns, weights, constant = terms(fitted, read.features, read.target)
    past = terms(fitted, read.past, read.target)[1]
    usual = np.array([column[np.isfinite(column)].mean() if np.isfinite(column).any() else np.nan for column in past.T])
    today = columns[-1]
    adds = weights * (today - usual)
    by_asset = [_assets(name, read, usual[m]) for m, name in enumerate(names)]
    whole = [m for m, shares in enumerate(by_asset) if shares is None]
    split = [(names[m], weights[m] * shares) for m, shares in enumerate(by_asset) if shares is not None]
    shares = sum((values for _, values in split), np.zeros(len(read.stocks)))
    reference, market = float(constant + weights @ usual), float(adds[whole].sum())
    return Atoms(
        reference=reference, dates=read.features.dates[-1:], features=tuple(name.removeprefix("mean:") for name, _ in split),
        by_node=np.stack([values for _, values in split], axis=1)[None] if split else nowhere(read, 1), series=tuple(names[m] for m in whole),
        market=adds[whole][None], values={n.removeprefix("mean:"): float(v) for n, v in zip(names, today, strict=True)},
        usual={n.removeprefix("mean:"): float(v) for n, v in zip(names, usual, strict=True)}, edges={}, baseline=BASELINE,
        without=lambda gone: reference + market + float(shares[~gone].sum()),
    )  # fmt: skip


def _assets(name: str, read: Read, usual: float) -> Float | None:
    """How far each asset [N] moves an input from its usual value; None for what is no mean over assets, or cannot be divided among them."""
    if name.startswith("mean:"):
        values = read.features.column(name[5:])[-1]
        return _divided(values, read.features.member[-1] & np.isfinite(values), 0.0, 1.0, usual)
    if name != "breadth" or not {"drawdown_60"} <= set(read.features.names):
        return None
    fallen = read.features.column("drawdown_60")[-1]
    use = read.stocks & np.isfinite(fallen)
    many = use.sum() >= MANY
    plain = "share_in_distress" if many else "mean_drawdown"
    if plain not in read.features.context_names:
        return None
    history = read.features.column(plain)
    known = history[np.isfinite(history)]
    return _divided(fallen > DEEP if many else fallen, use, float(known.mean()), float(known.std(ddof=1)), usual)


def _divided(values: Float, use: Float, centre: float, scale: float, usual: float) -> Float:
    """The z-score of a mean over the assets in `use`, less its usual value, one share an asset."""
    return np.where(use, ((np.where(use, values, 0.0) - centre) / scale - usual) / max(int(use.sum()), 1), 0.0)
