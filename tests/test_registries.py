"""Every entry of FEATURES, LAYERS and LABELS, found by walking the dictionaries: a new entry is tested before its author writes a test."""

from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from riskradar import features, labels, layers
from riskradar.features import FEATURES, Feature, FeaturesConfig, values_of
from riskradar.labels import LABELS, LabelsConfig
from riskradar.layers import LAYERS, LayersConfig, settings_of
from riskradar.models.classic import PAPER
from riskradar.models.rules import RULES, Rule
from riskradar.tables import Facts, Panel, Target
from riskradar.tables.labels import Kind
from tests.markets import bits, odd, panel, ragged, renamed, walk, with_future, with_runs, with_sentiment, with_stranger

FUTURES = ("1e6", "nan", "shuffled")
ODD = odd()
SMALL = 20  # window of every layer that has one
CONTEXT = [name for name, feature in FEATURES.items() if feature.axis == "context"]
# Numbers that no sum over assets enters: new names may not change a bit of them.
ALONE = [name for name in CONTEXT if FEATURES[name].needs or "index" in name]


def settings(name: str) -> object:
    """The settings of one layer, with a small window and a threshold low enough for edges of either sign."""
    config = settings_of(name, LayersConfig())
    small = {"window": SMALL, "threshold": 0.2, "least": 10, "enter": 1.0, "stay": 0.5}
    return config.model_copy(update={k: v for k, v in small.items() if hasattr(config, k)})


def layer_of(name: str, market: Panel, start: int = 0) -> np.ndarray:
    """Dense weights of one layer from session `start` on; no data means no edges."""
    built = LAYERS[name].build(market, settings(name))
    T, N = market.close.shape
    return np.zeros((T - start, N, N), np.float32) if isinstance(built, str) else built.block(start, T)


def target_of(kind: Kind) -> Target:
    return Target(5, 0.0 if kind.startswith("log-") else 0.03, kind, 0.25 if kind == "share" else 0.0)


@pytest.fixture(scope="module")
def short() -> Panel:
    """Enough sessions for every layer, and a hedge that moves against the others."""
    market = ragged(170, seed=3)
    close = market.close.copy()
    close[:, 3] = 1e4 / close[:, 3]
    return with_sentiment(replace(market, close=close))


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both branches of breadth on one small panel: eight stocks count as many."""
    monkeypatch.setattr(features, "MANY", 8)


@pytest.fixture(scope="module")
def cuts(ragged: Panel, long: Panel) -> dict[str, list[Panel]]:
    """The panel as it was known on each session."""
    return {axis: [market.upto(date) for date in market.dates] for axis, market in (("node", with_runs(ragged)), ("context", long))}


# Features


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("name", FEATURES)
def test_feature_row_needs_neither_the_future_nor_more_than_it_reads(name: str, cuts: dict[str, list[Panel]]) -> None:
    feature = FEATURES[name]
    whole = values_of(feature, cuts[feature.axis][-1])
    diagonal, window = whole.copy(), whole.copy()
    for t, cut in enumerate(cuts[feature.axis]):
        diagonal[t] = values_of(feature, cut)[-1]
        if feature.reads:
            window[t] = values_of(feature, cut.rows(max(t + 1 - feature.reads, 0), t + 1))[-1]
    assert np.isfinite(whole).sum() >= 20, "the market says nothing about this feature"
    assert (bits(diagonal) == bits(whole)).all()
    assert (bits(window) == bits(whole)).all()


@pytest.mark.usefixtures("few_are_many")
@pytest.mark.parametrize("how", FUTURES)
@pytest.mark.parametrize("name", FEATURES)
def test_feature_does_not_see_a_changed_future(name: str, how: str, long: Panel) -> None:
    whole = values_of(FEATURES[name], long)
    for t in (39, 300, 430, 640, 858):
        assert (bits(values_of(FEATURES[name], with_future(long, t, how)))[: t + 1] == bits(whole)[: t + 1]).all(), t


@pytest.mark.parametrize("name", FEATURES)
def test_feature_shape(name: str, ragged: Panel) -> None:
    feature, values = FEATURES[name], values_of(FEATURES[name], ragged)
    assert values.dtype == np.float64
    assert values.shape == (ragged.close.shape if feature.axis == "node" else ragged.dates.shape)
    assert feature.about
    assert not np.isinf(values).any()
    if feature.axis == "node":
        assert np.isnan(values[~ragged.member]).all()


@pytest.mark.parametrize("name", [n for n in FEATURES if n not in CONTEXT and not FEATURES[n].needs])
def test_node_feature_is_unknown_exactly_where_no_member(name: str) -> None:
    member = np.random.default_rng(4).random((330, 4)) < 0.7
    values = values_of(FEATURES[name], panel(walk(330, 4, 4), member=member))
    assert (np.isfinite(values[253:]) == member[253:]).all()


def test_features_table_is_read_only_and_follows_the_panel(ragged: Panel) -> None:
    every = FeaturesConfig(node=tuple(n for n in FEATURES if n not in CONTEXT), context=tuple(CONTEXT))
    built = features.build(with_runs(ragged), every)
    assert not built.absent
    assert set(features.build(ragged, every).absent) == {"spa_bars", "spa_change", "spa_events"}
    assert built.values.shape == (*ragged.close.shape, len(FEATURES) - len(CONTEXT))
    assert built.context.shape == (len(ragged.dates), len(CONTEXT))
    assert not built.values.flags.writeable
    assert not built.context.flags.writeable
    assert (bits(built.upto(ragged.dates[99]).values) == bits(built.values[:100])).all()


@pytest.mark.parametrize("name", FEATURES)
def test_feature_under_other_names(name: str, long: Panel) -> None:
    other, order = renamed(long)
    whole, moved = values_of(FEATURES[name], long), values_of(FEATURES[name], other)
    if FEATURES[name].axis == "node":
        assert (bits(moved) == bits(whole[:, order])).all()
    elif name in ALONE:
        assert (bits(moved) == bits(whole)).all()
    else:  # a sum over assets in another order
        np.testing.assert_allclose(moved, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FEATURES)
def test_feature_ignores_a_column_that_is_no_member(name: str, long: Panel) -> None:
    wider, old = with_stranger(long)
    whole, seen = values_of(FEATURES[name], long), values_of(FEATURES[name], wider)
    assert (bits(seen[:, old] if FEATURES[name].axis == "node" else seen) == bits(whole)).all()


@pytest.mark.parametrize("market", ODD)
@pytest.mark.parametrize("name", FEATURES)
def test_feature_of_an_odd_market(name: str, market: str) -> None:
    assert not np.isinf(values_of(FEATURES[name], ODD[market])).any()


@pytest.mark.parametrize("name", [n for n in CONTEXT if FEATURES[n].needs])
def test_feature_without_its_series_is_absent_with_the_reason(name: str, ragged: Panel) -> None:
    built = features.build(replace(ragged, facts=Facts.none()), FeaturesConfig(node=(), context=(name,)))
    assert not built.context_names
    assert FEATURES[name].needs[0] in built.absent[name]


def test_a_planted_leak_is_caught(cuts: dict[str, list[Panel]]) -> None:
    """The walk itself must be able to fail: full-sample scaling, a centred window, one value copied back."""
    leaks: list[Callable[[Panel, int], np.ndarray]] = [
        lambda market, window: (market.level - np.nanmean(market.level)) / np.nanstd(market.level),
        lambda market, window: np.append(np.diff(market.level), np.nan),
        lambda market, window: np.where(np.isnan(market.level), np.append(market.level[1:], np.nan), market.level),
    ]
    for leak in leaks:
        feature = Feature(leak, 0, 0, "leak", "context")
        whole = values_of(feature, cuts["node"][-1])
        diagonal = np.array([values_of(feature, cut)[-1] for cut in cuts["node"]])
        assert (bits(diagonal) != bits(whole)).any()


def test_models_read_registered_features_only() -> None:
    read = {name for rule in RULES.values() if isinstance(rule, Rule) for name in rule.inputs} | {n.removeprefix("mean:") for n in PAPER}
    assert read <= set(FEATURES)
    built = FeaturesConfig()
    assert read <= {*built.node, *built.context}


# Layers


@pytest.mark.parametrize("name", LAYERS)
def test_layer_row_needs_neither_the_future_nor_more_than_it_reads(name: str, short: Panel) -> None:
    whole, reads = layer_of(name, short), LAYERS[name].reads(settings(name))
    assert whole.any()
    for t in range(len(short.dates)):
        window = short.rows(max(t + 1 - reads, 0), t + 1)
        assert (layer_of(name, window, len(window.dates) - 1)[0] == whole[t]).all(), t
        if t % 3 == 0 or t > 150:
            assert (layer_of(name, short.rows(0, t + 1), t)[0] == whole[t]).all(), t


@pytest.mark.parametrize("how", FUTURES)
@pytest.mark.parametrize("name", LAYERS)
def test_layer_does_not_see_a_changed_future(name: str, how: str, short: Panel) -> None:
    whole = layer_of(name, short)
    for t in (39, 84, 110, 168):
        assert (layer_of(name, with_future(short, t, how))[: t + 1] == whole[: t + 1]).all(), t


@pytest.mark.parametrize("name", LAYERS)
def test_layer_shape(name: str, short: Panel) -> None:
    weights = layer_of(name, short)
    T, N = short.close.shape
    assert weights.shape == (T, N, N)
    assert weights.dtype == np.float32
    assert (weights >= 0).all()
    assert not weights[:, np.arange(N), np.arange(N)].any()
    assert not weights[~short.member].any(), "edges from an asset that is no member"
    assert not weights.transpose(0, 2, 1)[~short.member].any(), "edges to an asset that is no member"
    built = LAYERS[name].build(short, settings(name))
    assert not isinstance(built, str)
    assert (built.rows(50, 90).block(10, 20) == weights[60:70]).all()


@pytest.mark.parametrize("name", LAYERS)
def test_layer_under_other_names_and_beside_a_stranger(name: str, short: Panel) -> None:
    whole = layer_of(name, short)
    other, order = renamed(short)
    assert (layer_of(name, other) == whole[:, order][:, :, order]).all()
    wider, old = with_stranger(short)
    assert (layer_of(name, wider)[:, old][:, :, old] == whole).all()


@pytest.mark.parametrize("market", ODD)
@pytest.mark.parametrize("name", LAYERS)
def test_layer_of_an_odd_market(name: str, market: str) -> None:
    weights = layer_of(name, ODD[market])
    assert np.isfinite(weights).all()
    assert not weights[~ODD[market].member].any()


@pytest.mark.parametrize("market", ODD)
def test_graphs_of_an_odd_market(market: str) -> None:
    built = layers.build(ODD[market], LayersConfig())
    T, N = ODD[market].close.shape
    assert built.block(0, T).shape == (T, len(built.layers), N, N)
    assert set(built.layers) | set(built.absent) == set(LayersConfig().names)


def test_layers_without_data_are_absent_with_the_reason() -> None:
    every = LayersConfig(names=tuple(LAYERS))
    bare = layers.build(panel(walk(400, 12, 0)), every)
    assert set(bare.absent) == {"sector", "residual-within", "residual-across", "exposure", "macro", "sentiment"}
    assert all("give" in reason for reason in bare.absent.values())
    brief = layers.build(panel(walk(30, 4, 0)), every)
    assert {name for name in brief.layers if not name.startswith("correlation")} == {"manipulation"}
    assert "250 known sessions" in brief.absent["tree"]


@pytest.mark.parametrize("name", LAYERS)
def test_layer_is_described(name: str) -> None:
    text = layers.describe(name, LayersConfig())
    assert f"sessions read: {LAYERS[name].reads(settings_of(name, LayersConfig()))}" in text
    assert text.endswith(f"layers.{LAYERS[name].section or name}")


# Labels


def test_every_kind_of_target_has_its_label() -> None:
    assert set(LABELS) == set(get_args(Kind))


@pytest.mark.parametrize("kind", LABELS)
def test_label_reads_t_to_t_plus_horizon(kind: Kind, ragged: Panel) -> None:
    target = target_of(kind)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = LABELS[kind](ragged.close, ragged.member, target)
        for t in range(len(ragged.dates)):
            span = slice(t, t + target.horizon + 1)
            assert (bits(LABELS[kind](ragged.close[span], ragged.member[span], target)[0]) == bits(whole[t])).all(), t
            if t < len(whole) - target.horizon:
                poisoned = ragged.close.copy()
                poisoned[span.stop :] = 1e6
                assert (bits(LABELS[kind](poisoned[: t + 40], ragged.member[: t + 40], target)[t]) == bits(whole[t])).all(), t
    assert np.isfinite(whole).sum() > 200
    assert np.unique(whole[np.isfinite(whole)]).size >= 2


@pytest.mark.parametrize("kind", LABELS)
def test_label_becomes_known_on_t_plus_horizon(kind: Kind, ragged: Panel) -> None:
    target = target_of(kind)
    whole = labels.build(ragged, LabelsConfig(targets=(target.name,), units="nodes"))
    for s in (5, 60, 200, 329):
        live = labels.build(ragged.upto(ragged.dates[s]), LabelsConfig(targets=(target.name,), units="nodes"))
        cut = whole.upto(ragged.dates[s])
        assert (bits(live.values) == bits(cut.values)).all()
        assert np.isnan(cut.values[s - target.horizon + 1 :]).all()
        assert (whole.known[: len(whole.dates) - target.horizon, 0] == whole.dates[target.horizon :]).all()


@pytest.mark.parametrize("kind", LABELS)
def test_label_under_other_names_and_beside_a_stranger(kind: Kind, ragged: Panel) -> None:
    config = LabelsConfig(targets=(target_of(kind).name,), units="nodes")
    whole = labels.build(ragged, config).values
    other, order = renamed(ragged)
    moved = labels.build(other, config).values
    assert (bits(moved[:, 0]) == bits(whole[:, 0])).all()
    assert (bits(moved[:, 1:]) == bits(whole[:, 1:][:, order])).all()
    wider, old = with_stranger(ragged)
    assert (bits(labels.build(wider, config).values[:, np.append(0, 1 + old)]) == bits(whole)).all()


@pytest.mark.parametrize("market", ODD)
@pytest.mark.parametrize("kind", LABELS)
def test_label_of_an_odd_market(kind: Kind, market: str) -> None:
    built = labels.build(ODD[market], LabelsConfig(targets=(target_of(kind).name,), units="nodes"))
    assert not np.isinf(built.values).any()
    assert np.isnan(built.values[:, 1:, 0][~ODD[market].member]).all()


def test_a_panel_refuses_columns_out_of_order(ragged: Panel) -> None:
    with pytest.raises(ValueError, match="sorted"):
        replace(ragged, assets=ragged.assets[::-1])
    assert panel(np.ones((3, 2))).assets == ("A00", "A01")
