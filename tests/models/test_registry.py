"""Every entry of MODELS, found by walking the dictionary."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.backtest import fit_fold, learned, score_day
from riskradar.errors import UsageError
from riskradar.models import MODELS, Fitted, ModelsConfig
from riskradar.split import Fold
from tests.markets import TINY, Line, bits, noise, with_future

CUT = 1150
RANKS_ONLY = ("always-on", "radar-anchor", "radar-no-graph", "radar-shuffled")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def futures(line: Line) -> dict[str, Line]:
    return {how: Line.of(with_future(line.panel, CUT, how)) for how in ("1e6", "nan", "shuffled")}


@pytest.fixture(scope="module")
def cuts(line: Line) -> dict[int, Line]:
    """The whole line built from nothing but what was known on a day."""
    return {t: Line.of(line.panel.rows(0, t + 1)) for t in (CUT, CUT + 31, 1339)}


def fit(name: str, line: Line, seed: int = 0) -> Fitted:
    fold = Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")
    return fit_fold(models.make(name, TINY), line.features, line.graphs, line.labels, fold, seed)


@pytest.mark.parametrize("name", MODELS)
def test_neither_training_nor_scores_see_a_changed_future(name: str, line: Line, futures: dict[str, Line]) -> None:
    whole = fit(name, line)
    for how, changed in futures.items():
        again = fit(name, changed)
        assert learned(again) == learned(whole), how
        for t in range(CUT - 60, CUT + 1, 4):
            a, b = score_day(whole, line.features, line.graphs, t), score_day(again, changed.features, changed.graphs, t)
            assert (bits(a.score) == bits(b.score)).all(), (how, t)
            assert (bits(a.probability) == bits(b.probability)).all(), (how, t)


@pytest.mark.parametrize("name", MODELS)
def test_one_day_at_a_time_is_all_at_once(name: str, line: Line, cuts: dict[int, Line]) -> None:
    whole, known = fit(name, line), 0
    for t, cut in cuts.items():
        assert learned(fit(name, cut)) == learned(whole), "trained on the day itself"
        a, b = score_day(whole, line.features, line.graphs, t), score_day(whole, cut.features, cut.graphs, t)
        assert (bits(a.score) == bits(b.score)).all(), t
        assert (bits(a.probability) == bits(b.probability)).all(), t
        known += int(np.isfinite(a.score).all() and (name in RANKS_ONLY or np.isfinite(a.probability).all()))
    assert known, "no day had a score and a probability"


@pytest.mark.parametrize("name", MODELS)
def test_shape_of_what_a_model_says(name: str, line: Line) -> None:
    model, fitted = models.make(name, TINY), fit(name, line)
    assert model.about
    assert model.refit_years >= 1
    assert model.lacks(line.features, line.graphs) == ""
    assert fitted.history >= 1
    units, targets = 1, len(line.labels.targets)
    for t in (0, 100, CUT, 1339):
        prediction = score_day(fitted, line.features, line.graphs, t)
        for values in (prediction.score, prediction.probability):
            assert values.shape == (units, targets)
            assert values.dtype == np.float64
            assert not np.isinf(values).any()
        known = prediction.probability[np.isfinite(prediction.probability)]
        assert ((known >= 0) & (known <= 1)).all()
        assert not prediction.probability[0, 2] > prediction.probability[0, 1], "a fall of 10 % is not likelier than one of 5 %"
    assert fitted.state()
    assert all(isinstance(array, np.ndarray) and array.dtype != object for array in fitted.state().values())


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_its_state(name: str, line: Line, tmp_path: Path) -> None:
    """Written, read and restored it scores as before, bit for bit, and has learned the same."""
    fitted = fit(name, line)
    save_file({key: np.ascontiguousarray(array) for key, array in fitted.state().items()}, tmp_path / "state")
    again = models.make(name, TINY).restore(line.labels.targets, load_file(tmp_path / "state"))
    assert learned(again) == learned(fitted)
    assert again.history == fitted.history
    for t in (CUT, CUT + 31, 1339):
        a, b = (score_day(each, line.features, line.graphs, t) for each in (fitted, again))
        assert (bits(a.score) == bits(b.score)).all()
        assert (bits(a.probability) == bits(b.probability)).all()


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_what_is_drawn(name: str, line: Line) -> None:
    hashes = [learned(fit(name, line, seed)) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1]
    assert (hashes[0] != hashes[2]) is models.make(name, TINY).seeds


@pytest.mark.parametrize("name", MODELS)
def test_other_labels_teach_something_else(name: str, line: Line) -> None:
    """The hash covers what was learned: flipped labels change it, except where returns alone are learned from, or (always-on) nothing."""
    labels = line.labels
    flipped = type(labels)(labels.dates, labels.units, labels.targets, 1 - labels.values, labels.known, labels.onset, labels.level)
    other = fit(name, Line(line.panel, line.features, line.graphs, flipped))
    assert (learned(other) != learned(fit(name, line))) is (name not in ("always-on", "library", "garch", "radar-anchor"))


@pytest.mark.parametrize("name", MODELS)
def test_a_market_too_short_for_training(name: str) -> None:
    short = Line.of(noise(90, 3, 1))
    fold = Fold("test", 40, 90, short.labels.known <= short.labels.dates[40], short.labels.dates[40], "live")
    fitted = fit_fold(models.make(name, TINY), short.features, short.graphs, short.labels, fold, 0)
    prediction = score_day(fitted, short.features, short.graphs, 60)
    assert not np.isinf(prediction.score).any()
    if name != "base-rate":
        assert np.isnan(prediction.probability).all()


@pytest.mark.parametrize("name", MODELS)
def test_a_continuous_target_beside_the_others(name: str, line: Line) -> None:
    """It leaves the yes-or-no targets as they were, and nobody calls its number a probability."""
    wide = Line(line.panel, line.features, line.graphs, Line.of(line.panel, ("5/3", "20/5", "20/10", "log-volatility/20")).labels)
    t = 1339
    both, alone = (score_day(fit(name, each), line.features, line.graphs, t) for each in (wide, line))
    assert (bits(both.probability[:, :3]) == bits(alone.probability)).all()
    assert np.isnan(both.probability[:, 3]).all()


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="riskradar show models"):
        models.make("crystal-ball", ModelsConfig())
    assert {*ModelsConfig().names, "srr", "equal-pool"} == set(MODELS)
