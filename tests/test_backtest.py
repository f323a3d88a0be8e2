"""The harness: what it hands to a model, and what it makes of the answers."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from riskradar import backtest, features, models
from riskradar.backtest import Backtest, BacktestConfig, fit_fold, learned, run, score_day
from riskradar.features import FeaturesConfig
from riskradar.models import ModelsConfig, Prediction
from riskradar.models.classic import ForestConfig
from riskradar.split import SplitConfig, folds
from riskradar.tables import Facts, Features, Forecast, Graphs, Labels
from tests.markets import TINY, Line, bits

NAMES = ("base-rate", "always-on", "vol+breadth", "logistic", "forest")
SPLIT = SplitConfig(first=date(2003, 6, 2))
CONFIG = TINY.model_copy(update={"names": NAMES, "seeds": 2, "forest": ForestConfig(trees=4, refit_years=1)})


@pytest.fixture(scope="module")
def tested(line: Line) -> Backtest:
    return run(line.features, line.graphs, line.labels, CONFIG, SPLIT, BacktestConfig(jobs=1))


@dataclass
class Probe:
    """A model that writes down everything it is handed."""

    history: int = 3
    graphs: bool = True
    refit_years: int = 1
    seeds: bool = True
    about: str = "probe"
    hindsight: bool = False
    fits: list[tuple[Features, Graphs, Labels, int]] = field(default_factory=list)
    days: list[tuple[Features, Graphs]] = field(default_factory=list)

    def lacks(self, features: Features, graphs: Graphs) -> str:
        return ""

    def fit(self, features: Features, graphs: Graphs, labels: Labels, *, seed: int) -> "Probe":
        self.fits.append((features, graphs, labels, seed))
        return self

    def predict(self, features: Features, graphs: Graphs) -> Prediction:
        self.days.append((features, graphs))
        return Prediction(np.array([[len(self.fits), len(self.days), 0.0]]), np.array([[0.1, 0.5, 0.2]]))

    def state(self) -> dict[str, np.ndarray]:
        return {"fits": np.array(len(self.fits))}


def probed(line: Line, probe: Probe, split: SplitConfig, monkeypatch: pytest.MonkeyPatch) -> Backtest:
    monkeypatch.setitem(models.MODELS, "probe", lambda config: probe)
    config = ModelsConfig(names=("probe",), seeds=2)
    return run(line.features, line.graphs, line.labels, config, split, BacktestConfig(jobs=1))


@pytest.mark.parametrize("embargo", [0, 10])
@pytest.mark.parametrize("method", ["walk-forward", "holdout"])
def test_a_live_model_is_handed_the_past_only(method: str, embargo: int, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe()
    split = SPLIT.model_copy(update={"method": method, "embargo": embargo})
    forecast = probed(line, probe, split, monkeypatch).forecasts["probe"]
    made = folds(line.labels, split)
    assert [seed for *_, seed in probe.fits] == [0] * len(made) + [1] * len(made)
    for fold, (x, g, y, _) in zip(made * 2, probe.fits, strict=True):
        assert x.dates[-1] == g.dates[-1] == y.dates[-1] == fold.cutoff <= line.labels.dates[fold.start]
        taught = np.isfinite(y.values[:, 0, :])
        assert taught.any()
        assert (y.known[taught] <= fold.cutoff).all()
        for k, target in enumerate(y.targets):
            assert np.flatnonzero(taught[:, k])[-1] == len(y.dates) - 1 - target.horizon, "the newest label that may be used is used"
        assert len(y.level) == len(y.onset) == len(y.dates)
    assert forecast.kind == "live"
    assert (forecast.cutoff <= forecast.dates).all()


def test_a_day_is_scored_from_its_own_history(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(history=3)
    forecast = probed(line, probe, SPLIT, monkeypatch).forecasts["probe"]
    asked = [x.dates[-1] for x, _ in probe.days]
    assert asked == [*forecast.dates, *forecast.dates], "each session once per seed, in order"
    t = line.scored(forecast)
    for (x, g), now in zip(probe.days, np.append(t, t), strict=True):
        assert len(x.dates) == len(g.dates) == 3
        assert (bits(x.context) == bits(line.features.context[now - 2 : now + 1])).all()
        assert (g.block(0, 3) == line.graphs.block(now - 2, now + 1)).all()
    first = score_day(probe, line.features, line.graphs, 0)
    assert first.score.shape == (1, 3)
    assert len(probe.days[-1][0].dates) == 1, "the first session has no history"


def test_leaving_one_crisis_out_is_never_live(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    crises = {"late": (date(2003, 1, 1), date(2003, 6, 30)), "early": (date(2002, 1, 1), date(2002, 6, 30))}
    probe, split = Probe(), SplitConfig(method="leave-one-crisis-out", crises=crises)
    forecast = probed(line, probe, split, monkeypatch).forecasts["probe"]
    assert forecast.kind == "transfer"
    assert (forecast.cutoff > forecast.dates).all()
    for i, (begin, end) in enumerate(crises.values()):
        y = probe.fits[i][2]
        inside = (y.dates >= np.datetime64(begin)) & (y.dates <= np.datetime64(end))
        assert np.isnan(y.values[inside]).all()
        for k, target in enumerate(y.targets):
            touching = np.flatnonzero(inside)[0] - np.arange(1, target.horizon + 1)
            assert np.isnan(y.values[touching, 0, k]).all()
        scored = np.isin(forecast.dates, y.dates[inside])
        assert (forecast.score[0, scored, 0, 0] == i + 1).all(), "each window is scored by the model that never saw it"
        assert (np.diff(forecast.score[0, scored, 0, 1]) == 1).all()


def test_a_model_without_graphs_gets_none(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = Probe(graphs=False)
    probed(line, probe, SPLIT, monkeypatch)
    assert all(not g.layers for _, g, _, _ in probe.fits)
    assert all(not g.layers for _, g in probe.days)


def test_numbers_are_made_on_one_thread(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    class Counting(Probe):
        def predict(self, features: Features, graphs: Graphs) -> Prediction:
            threads.extend(pool["num_threads"] for pool in threadpool_info())
            return super().predict(features, graphs)

    with threadpool_limits(2):
        probed(line, Counting(), SPLIT.model_copy(update={"first": date(2005, 3, 1)}), monkeypatch)
    assert set(threads) == {1}


def test_answers_land_where_they_belong(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    forecast = probed(line, Probe(), SPLIT, monkeypatch).forecasts["probe"]
    n = len(forecast.dates)
    np.testing.assert_array_equal(forecast.score[0, :, 0, 1], np.arange(1, n + 1))
    np.testing.assert_array_equal(forecast.score[1, :, 0, 1], np.arange(n + 1, 2 * n + 1))
    made = folds(line.labels, SPLIT)
    for i, fold in enumerate(made):
        rows = slice(fold.start - made[0].start, fold.stop - made[0].start)
        assert (forecast.score[0, rows, 0, 0] == i + 1).all()
        assert (forecast.cutoff[rows] == fold.cutoff).all()
    assert forecast.units == ("system",)
    assert (forecast.probability[:, :, 0] == [0.1, 0.5, 0.2]).all()


def test_a_cheat_is_caught_by_the_forecast(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a split lied about its cut-off, the table would refuse."""
    honest = folds(line.labels, SPLIT)
    lying = [replace(fold, cutoff=fold.cutoff + np.timedelta64(40, "D")) for fold in honest]
    monkeypatch.setattr(backtest, "folds", lambda *arguments: lying)
    with pytest.raises(ValueError, match="its own future"):
        probed(line, Probe(), SPLIT, monkeypatch)


def test_every_forecast_has_its_shape(tested: Backtest, line: Line) -> None:
    assert list(tested.forecasts) == list(NAMES)
    first = int(np.searchsorted(line.labels.dates, np.datetime64(SPLIT.first)))
    for name, forecast in tested.forecasts.items():
        assert forecast.model == name
        assert (forecast.dates == line.labels.dates[first:]).all()
        assert forecast.score.shape == (2 if name == "forest" else 1, len(forecast.dates), 1, 3)
        assert np.isfinite(forecast.score).mean() > 0.9, name
    assert len(tested.hashes) == 3 * 4 + 3 * 2
    assert tested.absent == {}


def test_a_backtest_is_a_loop_over_days(tested: Backtest, line: Line) -> None:
    for name, forecast in tested.forecasts.items():
        for fold in folds(line.labels, SPLIT):
            fitted = fit_fold(models.make(name, CONFIG), line.features, line.graphs, line.labels, fold, 0)
            assert learned(fitted) == tested.hashes[f"{name}/0/{fold.name}"]
            for t in (fold.start, (fold.start + fold.stop) // 2, fold.stop - 1):
                day = score_day(fitted, line.features, line.graphs, t)
                row = t - int(line.scored(forecast)[0])
                assert (bits(forecast.score[0, row]) == bits(day.score)).all()
                assert (bits(forecast.probability[0, row]) == bits(day.probability)).all()


def same(a: Forecast, b: Forecast) -> bool:
    return bool((bits(a.score) == bits(b.score)).all() and (bits(a.probability) == bits(b.probability)).all() and (a.cutoff == b.cutoff).all())


def test_two_processes_give_the_bits_of_one(tested: Backtest, line: Line) -> None:
    both = run(line.features, line.graphs, line.labels, CONFIG, SPLIT, BacktestConfig(jobs=2))
    assert both.hashes == tested.hashes
    assert all(same(both.forecasts[name], tested.forecasts[name]) for name in NAMES)


def test_seeds_differ_where_numbers_are_drawn(tested: Backtest) -> None:
    first, second = tested.forecasts["forest"].score
    assert (first != second).mean() > 0.5
    for key in [key for key in tested.hashes if key.startswith("forest/0/")]:
        assert tested.hashes[key] != tested.hashes[key.replace("/0/", "/1/")]


def test_later_rows_change_no_earlier_score(tested: Backtest, line: Line) -> None:
    end = len(line.labels.dates) - 150
    shorter = Line.of(line.panel.rows(0, end))
    again = run(shorter.features, shorter.graphs, shorter.labels, CONFIG, SPLIT, BacktestConfig(jobs=1))
    for name, forecast in again.forecasts.items():
        assert same(forecast, tested.forecasts[name].upto(forecast.dates[-1])), name


def test_a_model_without_its_inputs_is_absent_with_the_reason(line: Line) -> None:
    without = features.build(replace(line.panel, facts=Facts.none()), FeaturesConfig())
    config = TINY.model_copy(update={"names": ("vix", "vol+breadth")})
    made = run(without, line.graphs, line.labels, config, SPLIT, BacktestConfig(jobs=1))
    assert list(made.forecasts) == ["vol+breadth"]
    assert "vix" in made.absent["vix"]
    assert not any(key.startswith("vix") for key in made.hashes)


@pytest.mark.parametrize("change", ["value", "shape", "dtype", "name"])
def test_the_hash_covers_every_bit(change: str) -> None:
    @dataclass
    class State:
        arrays: dict[str, Any]

        def state(self) -> dict[str, Any]:
            return self.arrays

    before = {"a": np.arange(6.0), "b": np.ones(2)}
    after = {
        "value": {"a": np.nextafter(np.arange(6.0), 9), "b": np.ones(2)}, "shape": {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2)},
        "dtype": {"a": np.arange(6.0).view(np.int64), "b": np.ones(2)}, "name": {"c": np.arange(6.0), "b": np.ones(2)},
    }[change]  # fmt: skip
    assert learned(State(before)) != learned(State(after))  # type: ignore[arg-type]
    assert learned(State(before)) == learned(State(dict(reversed(before.items()))))  # type: ignore[arg-type]
