"""The paper's networks under the harness: what they read, what they standardise on, and what is withheld."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from riskradar import backtest, models
from riskradar.backtest import BacktestConfig, fit_fold, fit_seeds, score_day
from riskradar.errors import UsageError
from riskradar.models.dense import parameters
from riskradar.models.gcn import FittedNetwork, Network, NetworkConfig, SnapshotConfig, TemporalConfig, snapshots
from riskradar.split import Fold, SplitConfig
from riskradar.tables import Features
from tests.markets import SMALL, TINY, Line, bits, with_stranger

CUT = 1150
NETWORKS = ("snapshot-gcn", "temporal-gcn")


def fold(line: Line) -> Fold:
    return Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")


def fit(name: str, line: Line) -> FittedNetwork:
    fitted = fit_fold(models.make(name, TINY), line.features, line.graphs, line.labels, fold(line), 0)
    assert isinstance(fitted, FittedNetwork)
    return fitted


def changed(features: Features, rows: slice | np.ndarray, nodes: slice | np.ndarray, by: float) -> Features:
    values = features.values.copy()
    values[rows, nodes] += by
    return replace(features, values=values)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_small_setting_is_alive(name: str, line: Line) -> None:
    """A network whose units are all at rest would pass every test of time."""
    fitted = fit(name, line)
    scores = np.concatenate([score_day(fitted, line.features, line.graphs, t).score for t in range(CUT, 1340, 9)])
    assert (np.diff(scores, axis=0) != 0).all()


@pytest.mark.parametrize("layer", ["correlation", "sector"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_reads_its_own_layer_only(name: str, layer: str, line: Line) -> None:
    part = TINY.snapshot if name == "snapshot-gcn" else TINY.temporal
    model = models.make(name, TINY.model_copy(update={name[:8]: part.model_copy(update={"layer": layer})}))
    assert isinstance(model, Network)
    fitted = model.fit(line.features, line.graphs, line.labels, seed=0)
    t, other = 1200, "sector" if layer == "correlation" else "correlation"
    whole = score_day(fitted, line.features, line.graphs, t)
    alone = replace(line.graphs, layers={layer: line.graphs.layers[layer]})
    assert (bits(score_day(fitted, line.features, alone, t).score) == bits(whole.score)).all()
    swapped = replace(line.graphs, layers={layer: line.graphs.layers[other]})
    assert (score_day(fitted, line.features, swapped, t).score != whole.score).all()
    with pytest.raises(UsageError, match=layer):
        score_day(fitted, line.features, replace(line.graphs, layers={}, absent={layer: "no data"}), t)


def test_a_sequence_is_spaced_as_in_training(line: Line) -> None:
    """Three snapshots five sessions apart: the days between them are not read, each of the three is."""
    fitted, t = fit("temporal-gcn", line), 1200
    assert fitted.history == 11
    base = score_day(fitted, line.features, line.graphs, t).score
    for back in range(12):
        score = score_day(fitted, changed(line.features, slice(t - back, t - back + 1), slice(None), 0.5), line.graphs, t).score
        assert (score != base).any() == (back in (0, 5, 10)), back
    assert np.isnan(fitted.predict(line.features.rows(t - 9, t + 1), line.graphs.rows(t - 9, t + 1)).score).all(), "one session short"
    assert fit("snapshot-gcn", line).history == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_inputs_are_standardised_on_the_training_rows(name: str, line: Line) -> None:
    fitted = fit(name, line)
    config = fitted.network.config
    newest = CUT - max(target.horizon for target in line.labels.targets[:1])  # the labels of 5 sessions are known last
    rows = np.arange(CUT, -1, -config.every)[::-1]
    rows = rows[rows <= newest]
    graph = snapshots(line.features, line.graphs, rows, config)
    values = graph.x[graph.mask]
    np.testing.assert_allclose(fitted.learned["mean"], values.mean(axis=0, dtype=float), atol=1e-6)
    np.testing.assert_allclose(fitted.learned["scale"], values.std(axis=0, dtype=float), rtol=1e-5)
    late = Line(line.panel, changed(line.features, slice(newest + 1, None), slice(None), 3.0), line.graphs, line.labels)
    assert backtest.learned(fit(name, late)) == backtest.learned(fitted)
    early = Line(line.panel, changed(line.features, slice(int(rows[-1]), int(rows[-1]) + 1), slice(None), 3.0), line.graphs, line.labels)
    assert backtest.learned(fit(name, early)) != backtest.learned(fitted)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_column_that_is_never_a_member_changes_no_bit(name: str, line: Line) -> None:
    wider = Line.of(with_stranger(line.panel)[0])
    one, other = fit(name, line), fit(name, wider)
    assert backtest.learned(one) == backtest.learned(other)
    for t in (CUT, 1201, 1339):
        a, b = score_day(one, line.features, line.graphs, t), score_day(other, wider.features, wider.graphs, t)
        assert (bits(a.score) == bits(b.score)).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_an_asset_without_all_its_features_is_masked(name: str, line: Line) -> None:
    fitted, t = fit(name, line), 1200
    values = line.features.values.copy()
    values[t, 0, 3] = np.nan
    holed = replace(line.features, values=values)
    values = values.copy()
    values[t, 0] = 1e3
    values[t, 0, 3] = np.nan
    scores = [score_day(fitted, features, line.graphs, t).score for features in (line.features, holed, replace(line.features, values=values))]
    assert (scores[0] != scores[1]).all()
    assert (bits(scores[1]) == bits(scores[2])).all()
    values[t] = np.nan
    assert np.isnan(score_day(fitted, replace(line.features, values=values), line.graphs, t).score).all()


def test_a_target_without_both_outcomes_is_withheld(line: Line) -> None:
    labels = line.labels
    values = labels.values.copy()
    values[:, :, 1] = np.where(np.isnan(values[:, :, 1]), np.nan, 0.0)
    flat = replace(labels, values=values)
    fitted = fit("snapshot-gcn", Line(line.panel, line.features, line.graphs, flat))
    assert fitted.taught.tolist() == [True, False, True]
    assert np.isnan(score_day(fitted, line.features, line.graphs, 1200).score).tolist() == [[False, True, False]]


@pytest.mark.parametrize("name", NETWORKS)
def test_stacked_seeds_score_as_separate_ones(name: str, line: Line) -> None:
    model = models.make(name, TINY)
    together = fit_seeds(model, line.features, line.graphs, line.labels, fold(line), (0, 1, 5))
    for seed, fitted in zip((0, 1, 5), together, strict=True):
        alone = fit_fold(model, line.features, line.graphs, line.labels, fold(line), seed)
        for t in (CUT, 1250, 1339):
            a, b = (score_day(each, line.features, line.graphs, t).probability for each in (fitted, alone))
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_the_harness_trains_all_seeds_in_one_job(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    honest = Network.fit_seeds
    monkeypatch.setattr(Network, "fit_seeds", lambda self, *tables, seeds: asked.append(tuple(seeds)) or honest(self, *tables, seeds=seeds))
    config = TINY.model_copy(update={"names": NETWORKS, "seeds": 3})
    split = SplitConfig(first=date(2004, 6, 1))
    made = backtest.run(line.features, line.graphs, line.labels, config, split, BacktestConfig(jobs=1))
    assert set(asked) == {(0, 1, 2)}
    for name in NETWORKS:
        score = made.forecasts[name].score
        assert score.shape[0] == 3
        assert (score[0] != score[1]).all()
    assert {key.split("/")[1] for key in made.hashes} == {"0", "1", "2"}
    first = line.labels.dates[int(np.searchsorted(line.labels.dates, np.datetime64(split.first)))]
    assert f"temporal-gcn/2/{first}" in made.hashes
    both = backtest.run(line.features, line.graphs, line.labels, config, split, BacktestConfig(jobs=2))
    assert both.hashes == made.hashes
    assert all((bits(both.forecasts[name].score) == bits(made.forecasts[name].score)).all() for name in NETWORKS)


def test_both_published_widths_by_config() -> None:
    config = models.ModelsConfig(snapshot=SnapshotConfig(width=64, head_hidden=0), temporal=TemporalConfig(width=64))
    made = [models.make(name, each) for name in NETWORKS for each in (models.ModelsConfig(), config)]
    assert [parameters(network.shape(1)) for network in made if isinstance(network, Network)] == [1857, 4737, 7681, 29697]


def test_early_stopping_purges_the_longest_horizon(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[NetworkConfig] = []
    from riskradar.models import train

    honest = train.train
    monkeypatch.setattr(train, "train", lambda *a: asked.append(a[-1]) or honest(*a))
    config = TINY.snapshot.model_copy(update={"train": SMALL.model_copy(update={"patience": 1})})
    models.make("snapshot-gcn", TINY.model_copy(update={"snapshot": config})).fit(line.features, line.graphs, line.labels, seed=0)
    assert asked[0].purge == 4  # 20 sessions, every fifth
