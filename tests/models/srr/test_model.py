"""The full architecture as a model: every combination, what it reads and when, and what is withheld."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from riskradar import backtest, features, labels, layers, models
from riskradar.backtest import BacktestConfig, fit_fold, fit_seeds, learned, score_day
from riskradar.errors import UsageError
from riskradar.features import FeaturesConfig
from riskradar.labels import LabelsConfig
from riskradar.layers import LayersConfig
from riskradar.layers.correlation import CorrelationConfig
from riskradar.layers.residual import ResidualConfig
from riskradar.models.dense import TrainConfig
from riskradar.models.srr.inputs import Gaps, takes_part
from riskradar.models.srr.model import NODE, FittedSrr, Srr, SrrConfig
from riskradar.models.train import load_weights, save_weights
from riskradar.split import Fold, SplitConfig
from riskradar.tables import Graphs, Groups, Layer
from tests.markets import TINY, Line, bits, panel, walk, with_stranger

CUT = 1150
DAYS = (CUT, 1201, 1339)
TARGETS = ("5/3", "20/5", "20/10", "log-volatility/20")
STEP = TrainConfig(steps=1, batch=32)
SMALL = SrrConfig(layers=("correlation", "residual", "sector"), width=4, heads=2, depth=1, sequence=3, every=20, train=STEP)
LAYERS = LayersConfig(
    names=("correlation", "residual", "sector"), correlation=CorrelationConfig(window=20), residual=ResidualConfig(window=60, neighbours=3)
)  # fmt: skip
HEADS: dict[str, dict[str, Any]] = {"system": {}, "nodes": {"node_loss": 0.5}, "quantiles": {"quantiles": (0.1, 0.5, 0.9)}}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def market(line: Line) -> Line:
    """Three layers, labels of each asset, and a continuous target."""
    known = labels.build(line.panel, LabelsConfig(targets=TARGETS, units="nodes"))
    return Line(line.panel, line.features, layers.build(line.panel, LAYERS), known)


def fold(line: Line) -> Fold:
    return Fold("test", CUT, len(line.labels.dates), line.labels.known <= line.labels.dates[CUT], line.labels.dates[CUT], "live")


def fit(line: Line, seed: int = 0, **settings: Any) -> FittedSrr:
    config = SrrConfig.model_validate(SMALL.model_dump() | settings)
    fitted = fit_fold(Srr(config), line.features, line.graphs, line.labels, fold(line), seed)
    assert isinstance(fitted, FittedSrr)
    return fitted


def scores(fitted: FittedSrr, line: Line) -> np.ndarray:
    return np.stack([score_day(fitted, line.features, line.graphs, t).score for t in DAYS])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("temporal", ["gru", "lstm", "transformer", "none"])
@pytest.mark.parametrize("encoder", ["gcn", "gatv2", "transformer", "attention"])
def test_every_combination_trains_and_round_trips(encoder: str, temporal: str, head: str, market: Line, tmp_path: Path) -> None:
    for fusion, place, loss in product(("attention", "concat", "mean"), ("pooled", "nodes"), ("bce", "focal")):
        part = {"fusion": fusion, "place": place, "loss": loss, "sequence": 1 if temporal == "none" else 3, **HEADS[head]}
        fitted = fit(market, encoder=encoder, temporal=temporal, **part)
        before = scores(fitted, market)
        known = len(TARGETS) if head == "quantiles" else 3
        assert np.isfinite(before[:, 0, :known]).all()
        assert np.isnan(before[:, 0, known:]).all()
        assert (before[0] != before[1])[0, :known].all(), "the same score on two days"
        if head == "nodes":
            assert (np.isfinite(before[:, 1:, 0]) == takes_part(market.features, np.array(DAYS), NODE)).all()
        save_weights(tmp_path / "fitted.safetensors", fitted.state())
        again = FittedSrr(fitted.model, fitted.targets, load_weights(tmp_path / "fitted.safetensors"))
        assert (bits(scores(again, market)) == bits(before)).all(), part
        assert learned(again) == learned(fitted)


def with_layer(line: Line, name: str, layer: Layer | None) -> Line:
    """The same market with another graph as layer `name`, or without it."""
    others = {n: line.graphs.layers[n] if n != name else layer for n in line.graphs.layers}
    kept = {n: each for n, each in others.items() if each is not None}
    return replace(line, graphs=Graphs(line.graphs.dates, line.graphs.nodes, kept, {} if layer else {name: "no data"}))


def nobody(line: Line) -> Groups:
    return Groups(np.full(line.features.member.shape, -1, np.int16))


@pytest.mark.parametrize("name", SMALL.layers)
def test_every_layer_is_read_and_nothing_else(name: str, market: Line) -> None:
    fitted = fit(market)
    other = Groups(np.tile(np.arange(10, dtype=np.int16) % 4, (len(market.features.dates), 1)))
    assert (scores(fitted, with_layer(market, name, other))[..., :3] != scores(fitted, market)[..., :3]).all()
    spare = replace(market, graphs=replace(market.graphs, layers=market.graphs.layers | {"spare": other}))
    assert (bits(scores(fitted, spare)) == bits(scores(fitted, market))).all()
    fewer = fit(market, layers=[n for n in SMALL.layers if n != name])
    assert (bits(scores(fewer, with_layer(market, name, other))) == bits(scores(fewer, market))).all()


@pytest.mark.parametrize("fusion", ["attention", "concat", "mean"])
def test_a_layer_without_data_is_masked(fusion: str, market: Line) -> None:
    """As a whole and on a date: the same bits as a layer that joins nobody, and no weight in the fusion."""
    without, empty = with_layer(market, "sector", None), with_layer(market, "sector", nobody(market))
    one, other = fit(without, fusion=fusion), fit(empty, fusion=fusion)
    assert learned(one) == learned(other)
    assert (bits(scores(one, without)) == bits(scores(other, empty))).all()
    whole = fit(market, fusion=fusion)
    assert (scores(whole, without)[..., :3] != scores(whole, market)[..., :3]).all()
    codes = market.graphs.layers["sector"].codes.copy()  # type: ignore[attr-defined]
    codes[DAYS[1]] = -1
    gap = with_layer(market, "sector", Groups(codes))
    window = slice(DAYS[1] + 1 - whole.history, DAYS[1] + 1)
    shares = [whole.fusion(line.features.rows(window.start, window.stop), line.graphs.rows(window.start, window.stop)) for line in (market, gap)]
    if fusion == "concat":
        assert shares == [{}, {}]
    else:
        assert shares[0]["sector"] > 0.1
        assert shares[1]["sector"] == 0
        assert all(sum(share.values()) == pytest.approx(1) for share in shares)
    assert np.isfinite(scores(whole, gap)[..., :3]).all()


def test_without_any_layer_the_model_is_absent_with_the_reason(market: Line) -> None:
    bare = Graphs(market.graphs.dates, market.graphs.nodes, {}, {"correlation": "no closes", "sector": "no sector labels"})
    names = ("ewma-vol", "snapshot-gcn", "temporal-gcn", "srr")
    config = TINY.model_copy(update={"names": names})
    split = SplitConfig(method="holdout", train_share=0.98)
    made = backtest.run(market.features, bare, Line.of(market.panel).labels, config, split, BacktestConfig(jobs=1))
    assert set(made.forecasts) == {"ewma-vol"}
    assert all("no closes" in made.absent[name] for name in names[1:])
    assert "no sector labels" in made.absent["srr"]
    assert models.make("srr", TINY).lacks(market.features, replace(bare, layers={"sector": nobody(market)})) == ""


@pytest.mark.parametrize("place", ["pooled", "nodes"])
def test_assets_that_come_and_go_inside_a_window(place: str, market: Line) -> None:
    """Sessions 1250, 1270 and 1290: asset 6 was delisted at 1273. Its past is read, what stands there afterwards is not."""
    fitted, t = fit(market, place=place), 1290
    assert market.features.member[1250, 6]
    assert not market.features.member[1290, 6]
    base = score_day(fitted, market.features, market.graphs, t).score

    def changed(day: int) -> np.ndarray:
        values = market.features.values.copy()
        values[day, 6] = 0.3
        return score_day(fitted, replace(market.features, values=values), market.graphs, t).score

    assert (changed(1270)[:, :3] != base[:, :3]).all()
    assert (bits(changed(1290)) == bits(base)).all()
    values = market.features.values.copy()
    values[1270, 0] = np.nan
    assert np.isfinite(score_day(fitted, replace(market.features, values=values), market.graphs, t).score[:, :3]).all()
    values[1270] = np.nan
    assert np.isnan(score_day(fitted, replace(market.features, values=values), market.graphs, t).score).all(), "nobody on a day of the sequence"


def test_a_column_that_is_never_a_member_changes_no_bit(market: Line) -> None:
    wide_panel, old = with_stranger(market.panel)
    known = labels.build(wide_panel, LabelsConfig(targets=TARGETS, units="nodes"))
    wider = Line(wide_panel, features.build(wide_panel, FeaturesConfig()), layers.build(wide_panel, LAYERS), known)
    one, other = fit(market, node_loss=1.0), fit(wider, node_loss=1.0)
    assert learned(one) == learned(other)
    assert (bits(scores(other, wider)[:, np.append(0, 1 + old)]) == bits(scores(one, market))).all()


def test_a_sequence_is_spaced_as_in_training(market: Line) -> None:
    fitted, t = fit(market), 1290
    assert fitted.history == 41
    base = score_day(fitted, market.features, market.graphs, t).score[0, :3]
    for back in (0, 1, 19, 20, 21, 40, 41):
        values = market.features.values.copy()
        values[t - back] += 0.5
        score = score_day(fitted, replace(market.features, values=values), market.graphs, t).score[0, :3]
        assert (score != base).any() == (back in (0, 20, 40)), back
    assert np.isnan(fitted.predict(market.features.rows(t - 39, t + 1), market.graphs.rows(t - 39, t + 1)).score).all(), "one session short"


def test_probabilities_are_coherent_and_stacked_seeds_are_separate_ones(market: Line) -> None:
    together = fit_seeds(Srr(SMALL.model_copy(update={"node_loss": 1.0})), market.features, market.graphs, market.labels, fold(market), (0, 1, 5))
    for seed, fitted in zip((0, 1, 5), together, strict=True):
        alone = fit(market, seed, node_loss=1.0)
        for t in DAYS:
            a, b = (score_day(each, market.features, market.graphs, t).probability for each in (fitted, alone))
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
            known = a[np.isfinite(a[:, 0])]
            assert len(known) > 5
            assert (known[:, 0] <= 1).all()
            assert (known[:, 2] < known[:, 1]).all(), "a fall of 10 % is not likelier than one of 5 %"
            assert np.isnan(a[:, 3]).all()


def test_missing_context_is_marked_and_not_taken_for_a_number(market: Line) -> None:
    context = np.array([[1.0, np.nan, 5.0, np.nan], [3.0, np.nan, np.nan, np.nan], [5.0, np.nan, 1.0, np.nan]])[:, :3]
    gaps = Gaps.of(context)
    assert gaps.read(context).tolist() == [[1, 0, 5, 0, 0, 0], [3, 0, 3, 0, 0, 1], [5, 0, 1, 0, 0, 0]]
    assert gaps.read(np.array([[np.nan, 7.0, np.inf]])).tolist() == [[3, 0, 3, 0, 0, 1]], "never known in training: never read"
    fitted, t = fit(market), DAYS[1]
    base = score_day(fitted, market.features, market.graphs, t).score[0, :3]
    values = market.features.context.copy()
    values[t, market.features.context_names.index("vix")] = np.nan
    holed = score_day(fitted, replace(market.features, context=values), market.graphs, t).score[0, :3]
    assert np.isfinite(holed).all()
    assert (holed != base).all()
    empty = replace(market.features, context=np.full_like(values, np.nan))
    assert np.isfinite(fit(replace(market, features=empty)).learned["input"]).all()


def test_a_node_head_needs_the_labels_of_the_nodes(market: Line) -> None:
    alone = replace(market, labels=Line.of(market.panel).labels)
    with pytest.raises(UsageError, match=r"labels\.units=nodes"):
        fit(alone, node_loss=1.0)
    with pytest.raises(UsageError, match=r"neither in features\.context"):
        Srr(SMALL.model_copy(update={"context": ("nonsense",)})).lacks(market.features, market.graphs)


@pytest.mark.parametrize("nodes", [2, 600])
def test_two_assets_and_six_hundred(nodes: int) -> None:
    """Two assets often have no edge at all; 600 are read by their nearest neighbours, and no array over all pairs and dates is made."""
    market = panel(walk(420, nodes, 3))
    config = LayersConfig(names=("correlation",) if nodes == 2 else ("residual",), residual=ResidualConfig(window=60, neighbours=5))
    built = Line(market, features.build(market, FeaturesConfig()), layers.build(market, config), labels.build(market, LabelsConfig(targets=TARGETS)))
    model = Srr(SMALL.model_copy(update={"layers": config.names, "every": 2, "context": ("index_volatility",)}))
    tracemalloc.start()
    fitted = model.fit(built.features, built.graphs, built.labels, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 4 * 210 * 600**2
    assert fitted.learned["taught"].any()
    assert np.isfinite(score_day(fitted, built.features, built.graphs, 419).score[0, fitted.learned["taught"]]).all()
