"""Each placebo destroys one thing and keeps the rest."""

import numpy as np
import pytest

from riskradar import features, labels, placebos
from riskradar.features import FeaturesConfig, log_returns
from riskradar.labels import LabelsConfig
from riskradar.tables import Panel
from tests.markets import Line, bits


def test_a_layer_without_edges_keeps_its_place(line: Line) -> None:
    bare = placebos.without(line.graphs, "correlation")
    assert list(bare.layers) == list(line.graphs.layers)
    block, real = bare.block(700, 760), line.graphs.block(700, 760)
    at = list(bare.layers).index("correlation")
    assert real[:, at].any()
    assert not block[:, at].any()
    assert (np.delete(block, at, axis=1) == np.delete(real, at, axis=1)).all()
    assert not bare.rows(3, 9).block(0, 6)[:, at].any()
    assert list(line.graphs.layers["correlation"].block(700, 701).shape) == list(bare.layers["correlation"].block(700, 701).shape)


@pytest.mark.parametrize("sessions", [1, 100, 1339])
def test_shifted_labels_are_those_of_later(line: Line, sessions: int) -> None:
    moved = placebos.shifted(line.labels, sessions)
    T = len(line.labels.dates)
    for k in range(len(line.labels.targets)):
        open_ = np.isnat(line.labels.known[:, k])
        expected = np.where(open_, np.nan, line.labels.values[(np.arange(T) + sessions) % T, 0, k])
        assert (bits(moved.values[:, 0, k]) == bits(expected)).all()
    assert (moved.known == line.labels.known).astype(bool)[~np.isnat(line.labels.known)].all()
    assert (moved.onset == line.labels.onset).all()


def test_shuffled_labels_keep_their_runs(line: Line) -> None:
    mixed = placebos.shuffled(line.labels, 100, seed=0)
    again, other = placebos.shuffled(line.labels, 100, seed=0), placebos.shuffled(line.labels, 100, seed=1)
    assert (bits(mixed.values) == bits(again.values)).all()
    assert (bits(mixed.values) != bits(other.values)).any()
    y, real = mixed.values[:, 0, 1], line.labels.values[:, 0, 1]
    assert (y != real).mean() > 0.1
    assert abs(np.nanmean(y) - np.nanmean(real)) < 0.05
    assert (np.diff(y[np.isfinite(y)]) != 0).sum() <= (np.diff(real[np.isfinite(real)]) != 0).sum() + 2 * len(real) // 100
    assert (np.isfinite(mixed.values).all(axis=(1, 2)) == np.isfinite(mixed.values).any(axis=(1, 2))).mean() > 0.9, "targets move together"


def test_reversed_time_runs_the_other_way(long: Panel) -> None:
    back = placebos.reversed_in_time(long)
    assert (back.dates == long.dates).all()
    ahead, behind = (log_returns(p.level[:, None])[1:, 0] for p in (long, back))
    np.testing.assert_allclose(behind, -ahead[::-1], atol=1e-12)
    assert (bits(placebos.reversed_in_time(back).close) == bits(long.close)).all()
    assert not back.facts.series
    falls = labels.build(back, LabelsConfig(targets=("20/5",))).system("20/5")
    assert np.nanmean(falls) > 0
    assert "vix" in features.build(back, FeaturesConfig()).absent


def test_noise_has_no_memory_and_the_shape_of_the_market(long: Panel) -> None:
    made = placebos.noise(long, seed=3)
    assert (bits(placebos.noise(long, seed=3).close) == bits(made.close)).all()
    assert (bits(placebos.noise(long, seed=4).close) != bits(made.close)).any()
    assert (np.isfinite(made.close) == np.isfinite(long.close)).all()
    assert (made.member == long.member).all()
    real, drawn = (float(np.nanstd(log_returns(p.level[:, None]))) for p in (long, made))
    assert drawn == pytest.approx(real, rel=0.15)
    size = np.abs(np.diff(np.log(made.level)))
    assert abs(np.corrcoef(size[:-1], size[1:])[0, 1]) < 0.1, "no clusters of volatility"
