"""Macro nodes: each series of `macro` is a node that every asset hears, while it is known."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from riskradar import labels, layers
from riskradar.backtest import learned, score_day
from riskradar.errors import UsageError
from riskradar.labels import LabelsConfig
from riskradar.models.srr.inputs import moments, with_macro
from riskradar.models.srr.market import Dense, Layer, Market
from riskradar.models.srr.model import MACRO, FittedSrr, Srr
from riskradar.models.train import load_weights, save_weights
from tests.markets import Line, bits
from tests.models.srr.test_model import CUT, DAYS, LAYERS, SMALL, TARGETS, fit, scores

THREE = ("vix", "term_spread", "credit")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def market(line: Line) -> Line:
    known = labels.build(line.panel, LabelsConfig(targets=TARGETS, units="nodes"))
    return Line(line.panel, line.features, layers.build(line.panel, LAYERS), known)


def told(line: Line, name: str, value: float, rows: Any = slice(None)) -> Line:
    """The same market where a series says something else."""
    context = line.features.context.copy()
    context[rows, line.features.context_names.index(name)] = value
    return replace(line, features=replace(line.features, context=context))


def read(line: Line, **settings: Any) -> FittedSrr:
    """A network that hears the series by their nodes alone."""
    return fit(line, context=("index_volatility",), **settings)


def test_moments_of_what_is_known() -> None:
    known = moments(np.array([[1.0, np.nan, 4.0], [3.0, np.nan, 4.0], [np.nan, np.nan, 4.0]]))
    assert known[:, [0, 2]].tolist() == [[2.0, 4.0], [1.0, 1.0]]
    assert np.isnan(known[0, 1])


def test_every_macro_node_is_joined_with_every_asset_while_both_are_there() -> None:
    a = np.zeros((2, 3, 3), np.float32)
    a[:, 0, 1] = 0.5
    mask = np.array([[True, True, True], [True, True, False], [False, False, False]])
    assets = Market(np.ones((3, 3, 1), np.float32), np.zeros((3, 0), np.float32), mask, (Layer(Dense(a), np.array([0, 1, -1])),))
    made = with_macro(assets, np.array([[2.0, np.nan], [np.nan, np.nan], [1.0, 1.0]]))
    assert made.macro == 2
    assert made.mask.tolist() == [[True, True, True, True, False], [True, True, False, False, False], [False] * 5]
    assert made.x[0].tolist() == [[1, 0], [1, 0], [1, 0], [2, 0], [0, 0]]
    assert made.present.tolist() == [[True, True], [True, False], [False, False]]
    joined = made.layers[1].drawn.sparse()
    assert list(zip(joined.ends()[1].tolist(), joined.index.tolist(), strict=True)) == [(0, 3), (1, 3), (2, 3), (3, 0), (3, 1), (3, 2)]
    assert (joined.weight == 1).all()
    assert made.layers[0].drawn.sparse().index.tolist() == assets.layers[0].drawn.sparse().index.tolist()


@pytest.mark.parametrize("encoder", ["gcn", "gatv2", "transformer", "attention"])
@pytest.mark.parametrize("head", [{}, {"node_loss": 0.5, "place": "nodes"}])
def test_every_node_is_heard_and_round_trips(encoder: str, head: dict[str, Any], market: Line, tmp_path: Path) -> None:
    fitted = read(market, macro=THREE, encoder=encoder, **head)
    base = scores(fitted, market)
    assert np.isfinite(base[:, 0, :3]).all()
    assert base.shape[1] == 1 + (len(market.features.nodes) if head else 0)
    for name in THREE:
        assert (scores(fitted, told(market, name, 9.0))[:, 0, :3] != base[:, 0, :3]).all(), name
    save_weights(tmp_path / "fitted.safetensors", fitted.state())
    again = FittedSrr(fitted.model, fitted.targets, load_weights(tmp_path / "fitted.safetensors"))
    assert (bits(scores(again, market)) == bits(base)).all()
    assert learned(again) == learned(fitted)


def test_a_series_without_data_is_masked_bit_for_bit(market: Line) -> None:
    """Never there, or unknown throughout training: the network without its node, whatever it says later."""
    names = market.features.context_names
    left = [c for c, name in enumerate(names) if name != "credit"]
    gone = replace(
        market.features, context_names=tuple(names[c] for c in left), context=market.features.context[:, left], absent={"credit": "no series baa10y"}
    )  # fmt: skip
    without = replace(market, features=gone)
    fewer, whole = read(market, macro=THREE[:2]), read(without, macro=THREE)
    base = scores(fewer, market)
    assert (bits(scores(whole, without)) == bits(base)).all()
    late = told(market, "credit", np.nan, slice(0, CUT + 1))
    unheard = read(late, macro=THREE)
    assert np.isnan(unheard.learned["read.macro"][0, 2])
    assert (bits(scores(unheard, late)) == bits(base)).all()
    assert (bits(scores(unheard, told(late, "credit", 1e6))) == bits(base)).all()


def test_a_gap_masks_the_node_on_its_date(market: Line) -> None:
    fitted, t = read(market, macro=("vix",)), DAYS[1]
    holed = told(market, "vix", np.nan, t)
    window = slice(t + 1 - fitted.history, t + 1)
    shares = [fitted.fusion(each.features.rows(window.start, window.stop), each.graphs.rows(window.start, window.stop)) for each in (market, holed)]
    assert list(shares[0]) == [*SMALL.layers, MACRO]
    assert shares[0][MACRO] > 0
    assert shares[1][MACRO] == 0
    base = score_day(fitted, market.features, market.graphs, t).score
    masked = score_day(fitted, holed.features, holed.graphs, t).score
    assert np.isfinite(masked[:, :3]).all()
    assert (masked[:, :3] != base[:, :3]).all()
    same = score_day(fitted, told(market, "vix", np.inf, t).features, market.graphs, t).score
    assert (bits(same) == bits(masked)).all()


def test_the_order_of_the_series_does_not_matter(market: Line) -> None:
    """With the rows of the entrance in the same order, the same scores."""
    fitted, order = read(market, macro=THREE), [2, 0, 1]
    turned = {name: array.copy() for name, array in fitted.learned.items()}
    turned["read.macro"] = turned["read.macro"][:, order]
    features = len(SMALL.inputs)
    for name in ("read.mean", "read.scale"):
        turned[name][features : features + 3] = turned[name][features : features + 3][order]
    turned["input.macro"][:, :3] = turned["input.macro"][:, order]
    config = fitted.model.config.model_copy(update={"macro": tuple(THREE[k] for k in order)})
    other = FittedSrr(Srr(config), fitted.targets, turned)
    np.testing.assert_allclose(scores(other, market)[..., :3], scores(fitted, market)[..., :3], rtol=0, atol=1e-5)


def test_no_future_of_a_series_reaches_training_or_a_score(market: Line) -> None:
    fitted = read(market, macro=THREE)
    for name in THREE:
        after = told(market, name, 99.0, slice(CUT + 1, None))
        assert learned(read(after, macro=THREE)) == learned(fitted), name
        for t in DAYS:
            base = score_day(fitted, market.features, market.graphs, t).score
            assert (bits(score_day(fitted, told(market, name, 99.0, slice(t + 1, None)).features, market.graphs, t).score) == bits(base)).all()
            cut = score_day(fitted, market.features.rows(0, t + 1), market.graphs.rows(0, t + 1), t).score
            assert (bits(cut) == bits(base)).all()
    for back in (0, 1, 20, 21, 40, 41):  # the sessions of the sequence, and no other
        score = score_day(fitted, told(market, "vix", 99.0, DAYS[2] - back).features, market.graphs, DAYS[2]).score
        assert (score[0, :3] != score_day(fitted, market.features, market.graphs, DAYS[2]).score[0, :3]).any() == (back in (0, 20, 40)), back


def test_more_series_than_inputs_and_unknown_ones(market: Line) -> None:
    fitted = read(market, macro=THREE, inputs=("return",))
    assert fitted.learned["input.macro"].shape[1] == 3
    assert np.isfinite(scores(fitted, market)[..., :3]).all()
    with pytest.raises(UsageError, match=r"neither in features\.context"):
        Srr(SMALL.model_copy(update={"macro": ("nonsense",)})).lacks(market.features, market.graphs)
