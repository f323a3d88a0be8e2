"""A made-up market with crashes, its labels, and scores of known quality."""

from collections.abc import Callable

import numpy as np
import pytest

from riskradar.tables import SYSTEM, Forecast, Labels, Target

TARGETS = tuple(Target(h, d) for h, d in ((20, 0.05), (20, 0.10), (60, 0.10)))


def make_labels(level: np.ndarray, targets: tuple[Target, ...] = TARGETS, start: str = "1995-01-02") -> Labels:
    dates = np.busday_offset(np.datetime64(start), np.arange(len(level)), roll="forward").astype("datetime64[D]")
    T = len(level)
    values, known = np.full((T, 1, len(targets)), np.nan), np.full((T, len(targets)), np.datetime64("NaT"), "datetime64[D]")
    for k, target in enumerate(targets):
        for t in range(T - target.horizon):
            ahead = level[t : t + target.horizon + 1]
            values[t, 0, k] = (1 - ahead / np.maximum.accumulate(ahead)).max() >= target.depth
            known[t, k] = dates[t + target.horizon]
    high = np.array([level[max(0, t - 251) : t + 1].max() for t in range(T)])
    return Labels(dates, (SYSTEM,), targets, values, known, level > 0.95 * high, level)


def make_forecast(model: str, labels: Labels, score: np.ndarray, probability: np.ndarray | None = None, kind: str = "live") -> Forecast:
    """score [T] or [S, T], the same for every target."""
    scores = np.repeat(np.atleast_2d(score)[:, :, None, None], len(labels.targets), axis=3).astype(float)
    probabilities = np.full(scores.shape, np.nan) if probability is None else np.broadcast_to(probability[None, :, None, None], scores.shape)
    return Forecast(model, kind, labels.dates, labels.units, labels.targets, scores, np.array(probabilities), labels.dates)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def labels() -> Labels:
    """Twelve years with calm and wild spells."""
    rng = np.random.default_rng(5)
    T = 3000
    wild = np.sin(np.arange(T) / 90) > 0.55
    returns = rng.normal(np.where(wild, -0.0008, 0.0011), np.where(wild, 0.017, 0.006))
    return make_labels(100 * np.exp(np.cumsum(returns)))


@pytest.fixture(scope="session")
def forecasts(labels: Labels) -> dict[str, Forecast]:
    """A rule, a noisier copy with three seeds, pure noise, a constant and a calibrated-looking probability."""
    rng = np.random.default_rng(6)
    y = np.nan_to_num(labels.system("20/5"))
    skilled = y + rng.normal(size=len(y))
    probability = np.clip(0.25 + 0.3 * (y - 0.4) + 0.05 * rng.normal(size=len(y)), 0.01, 0.99)
    return {
        "vol+breadth": make_forecast("vol+breadth", labels, skilled, probability),
        "noisy": make_forecast("noisy", labels, skilled + rng.normal(size=(3, len(y)))),
        "noise": make_forecast("noise", labels, rng.normal(size=len(y))),
        "always-on": make_forecast("always-on", labels, np.ones(len(y))),
    }


@pytest.fixture(scope="session")
def build() -> Callable[..., Labels]:
    return make_labels


@pytest.fixture(scope="session")
def forecast() -> Callable[..., Forecast]:
    return make_forecast
