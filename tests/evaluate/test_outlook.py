"""The model whose chances are shown: judged with the seal, stored without a look ahead."""

import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest

from riskradar.evaluate import EvaluateConfig, outlook, shown
from riskradar.evaluate.distribution import LEVELS, climatology, fan, outcomes, repaired
from riskradar.evaluate.report import Outlook
from riskradar.tables import Distribution, Forecast, Labels

CONFIG = EvaluateConfig(draws=20, end=None)
HORIZONS = (20, 60)


@pytest.fixture(scope="module")
def forecasts(labels: Labels, forecast: Callable[..., Forecast]) -> dict[str, Forecast]:
    y = np.nan_to_num(labels.system("20/5"))
    return {"pool": forecast("pool", labels, y, np.clip(0.3 + 0.4 * (y - 0.5), 0.01, 0.99))}


def falls(labels: Labels) -> Distribution:
    """On every second session from the 300th on: shallower than what comes, and withheld once."""
    y = np.stack([np.nan_to_num(outcomes(labels, h)) for h in HORIZONS], axis=1)[300::2, :, None]
    atoms = np.clip(0.6 * y * np.linspace(0.2, 1.4, 40), 0, 1)
    atoms[5] = np.nan
    return Distribution("pool", labels.dates[300::2], HORIZONS, atoms, labels.dates[300::2])


def test_without_chances_there_is_no_outlook(labels: Labels, forecasts: dict[str, Forecast], forecast: Callable[..., Forecast]) -> None:
    assert outlook({"vol+breadth": forecasts["pool"]}, {}, labels, CONFIG) is None
    assert outlook({"pool": forecast("pool", labels, np.ones(len(labels.dates)))}, {}, labels, CONFIG) is None
    assert shown({"library": falls(labels)}, labels) is None


def test_the_sealed_half_is_not_looked_at(labels: Labels, forecasts: dict[str, Forecast]) -> None:
    config = CONFIG.model_copy(update={"split": dt.date(2004, 1, 2)})
    sealed = outlook(forecasts, {"pool": falls(labels)}, labels, config, config.split)
    wild = labels.level.copy()
    wild[labels.dates >= np.datetime64(config.split)] *= np.random.default_rng(0).uniform(0.1, 1, (labels.dates >= np.datetime64(config.split)).sum())
    moved = Labels(labels.dates, labels.units, labels.targets, labels.values, labels.known, labels.onset, wild)
    assert repr(sealed) == repr(outlook(forecasts, {"pool": falls(labels)}, moved, config, config.split))
    assert isinstance(sealed, Outlook)
    early, late = sealed.calibration.halves.values()
    assert early.mean_log.value > 0
    assert np.isnan(late.mean_log.value)
    assert late.mean_log.reason
    assert all(not bins for bins in list(sealed.calibration.reliability.values())[1].values())
    whole = outlook(forecasts, {"pool": falls(labels)}, labels, config)
    assert isinstance(whole, Outlook)
    assert list(whole.falls) == ["20", "60"]
    assert whole.falls["20"].sessions > sealed.falls["20"].sessions
    assert np.isfinite([half.mean_log.value for half in whole.calibration.halves.values()]).all()


def test_the_fan_is_what_was_known(labels: Labels) -> None:
    given = falls(labels)
    found = fan(given, labels)
    assert len(found) == len(given.dates) * len(HORIZONS) * len(LEVELS)
    one = found[(found["horizon"] == 20) & (found["level"] == 0.9)]
    every = np.full(len(labels.dates), np.nan)
    every[300::2] = given.quantile(0.9)[:, 0]
    np.testing.assert_array_equal(one["forecast"], every[300::2].astype(np.float32))
    np.testing.assert_array_equal(one["repaired"], repaired(every, outcomes(labels, 20), 20, 0.9)[300::2].astype(np.float32))
    np.testing.assert_array_equal(one["usual"], climatology(labels, (20,), 40).quantile(0.9)[300::2, 0].astype(np.float32))
    some = one["forecast"] > 0.01
    assert (one["repaired"] > one["forecast"])[some].iloc[500:].all(), "quantiles that were missed too often are raised"
    cut = labels.upto(labels.dates[1500])
    before = fan(Distribution("pool", given.dates[:601], HORIZONS, given.falls[:601], given.cutoff[:601]), cut)
    last = found[found["date"] == labels.dates[1500]]
    np.testing.assert_array_equal(before[before["date"] == labels.dates[1500]].to_numpy()[:, 1:], last.to_numpy()[:, 1:])
