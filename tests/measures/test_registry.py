"""Every entry of MEASURES, found by walking the dictionary: time, permutation, ragged membership, shape."""

import math
from dataclasses import replace

import numpy as np
import pytest

from riskradar import layers, measures
from riskradar.errors import UsageError
from riskradar.layers import LayersConfig
from riskradar.layers.correlation import CorrelationConfig
from riskradar.measures import MEASURES, Measure, MeasuresConfig, values_of
from riskradar.measures.rolling import each_session
from riskradar.tables import Facts, Graphs, Groups, Panel
from riskradar.tables.arrays import period
from tests.markets import bits, odd, panel, renamed, walk, with_future, with_stranger

LAYERS = LayersConfig(names=("correlation",), correlation=CorrelationConfig(window=20, threshold=0.3))
SMALL = MeasuresConfig(
    names="all", window=20, absorption_window=40, half_life=20, turbulence_window=40, connectedness_window=40, tail_window=60, pool=21
)
ODD = odd()
HIDING = (130, 131, 290, 429, 430, 436, 437, 560, 614, 640, 645, 700, 816, 817, 858, 859)  # listings, gaps, changes of members, ends


def graphs_of(market: Panel) -> Graphs:
    return layers.build(market, LAYERS)


def with_balance(market: Panel) -> Panel:
    """Capitalisation and debt of every asset, known on the day, made from its closes so that they follow any change of the market."""
    t, i = np.nonzero(np.isfinite(market.close))
    close, date, asset = market.close[t, i], market.dates[np.append(t, t)], np.append(i, i).astype(np.int16)
    of, value = np.repeat(np.array([0, 1], np.int16), len(t)), np.append(close, 10 * close + 5)
    facts = Facts(("market_cap", "debt"), of, asset, date, date, value, np.array([10, 10], np.int16), np.zeros(2, bool))
    return replace(market, facts=facts)


def of(name: str, market: Panel) -> np.ndarray:
    market = with_balance(market) if name == "srisk" else market
    if measures.lacks(MEASURES[name], market, graphs := graphs_of(market), SMALL):
        return np.full(len(market.dates), np.nan)
    return values_of(MEASURES[name], market, graphs, SMALL)


def window_row(measure: Measure, market: Panel) -> np.ndarray:
    """The last row from the declared window alone."""
    market = with_balance(market) if measure is MEASURES["srisk"] else market
    reads, T = measure.reads(SMALL) or len(market.dates), len(market.dates)
    start = max(T - reads, 0)
    return values_of(measure, market.rows(start, T), graphs_of(market).rows(start, T), SMALL)[-1:]


@pytest.mark.parametrize("name", MEASURES)
def test_measure_row_needs_neither_the_future_nor_more_than_it_reads(name: str, long: Panel) -> None:
    whole = of(name, long)
    assert np.isfinite(whole).sum() > 150, "the market says nothing about this measure"
    for t in HIDING:
        assert (bits(window_row(MEASURES[name], long.rows(0, t + 1))) == bits(whole[t : t + 1])).all(), t
    assert (bits(of(name, long.rows(0, 700))) == bits(whole[:700])).all()


@pytest.mark.parametrize("how", ["1e6", "nan", "shuffled"])
@pytest.mark.parametrize("name", MEASURES)
def test_measure_does_not_see_a_changed_future(name: str, how: str, long: Panel) -> None:
    assert (bits(of(name, with_future(long, 640, how)))[:641] == bits(of(name, long))[:641]).all()


@pytest.mark.parametrize("name", MEASURES)
def test_measure_shape(name: str, long: Panel) -> None:
    values, measure = of(name, long), MEASURES[name]
    assert values.dtype == np.float64
    assert values.shape == long.dates.shape
    assert not np.isinf(values).any()
    assert measure.about
    assert measure.source
    assert measure.cost > 0


@pytest.mark.parametrize("name", MEASURES)
def test_measure_under_other_names_and_beside_a_stranger(name: str, long: Panel) -> None:
    whole = of(name, long)
    np.testing.assert_allclose(of(name, renamed(long)[0]), whole, rtol=1e-6, atol=1e-9)
    assert (bits(of(name, with_stranger(long)[0])) == bits(whole)).all()


@pytest.mark.parametrize("market", ODD)
@pytest.mark.parametrize("name", MEASURES)
def test_measure_of_an_odd_market(name: str, market: str) -> None:
    assert not np.isinf(of(name, ODD[market])).any()


@pytest.mark.parametrize("name", [n for n, m in MEASURES.items() if m.stride != "day"])
def test_stride_is_counted_by_date_and_carried(name: str, long: Panel) -> None:
    values, number = of(name, long), period(long.dates, MEASURES[name].stride)
    same = number[1:] == number[:-1]
    assert (bits(values[1:])[same] == bits(values[:-1])[same]).all()
    cut = of(name, long.rows(203, 860))
    known = np.isfinite(cut)
    assert known.any()
    assert (bits(cut[known]) == bits(values[203:][known])).all()


def test_first_session_of_a_week_or_month() -> None:
    dates = np.array(["2001-08-30", "2001-08-31", "2001-09-04", "2001-09-05", "2001-09-10", "2001-10-01"], "datetime64[D]")
    rows = {"day": [math.nan, 1, 2, 3, 4, 5], "week": [math.nan, math.nan, 2, 2, 4, 5], "month": [math.nan, math.nan, 2, 2, 2, 5]}
    for stride, expected in rows.items():
        np.testing.assert_array_equal(each_session(dates, stride, float), expected)


def test_table_is_read_only_and_says_what_is_absent(long: Panel) -> None:
    built = measures.build(long, graphs_of(long), SMALL)
    assert set(built.names) == set(MEASURES) - {"srisk"}
    assert "market_cap" in built.absent["srisk"]
    assert not built.values.flags.writeable
    assert (bits(built.upto(long.dates[99]).values) == bits(built.values[:100])).all()
    assert (bits(built.column("mes")) == bits(of("mes", long))).all()
    assert list(built.frame().columns) == list(built.names)


def test_measures_without_data_are_absent_with_the_reason() -> None:
    market = panel(walk(50, 3, 1))
    built = measures.build(market, layers.build(market, LAYERS.model_copy(update={"names": ()})), MeasuresConfig())
    assert "correlation" in built.absent["density"]
    assert "vix" in built.absent["ciss"]
    assert "window" in built.absent["absorption-ratio"]
    assert not built.names
    assert built.values.shape == (50, 0)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UsageError, match="riskradar show measures"):
        measures.wanted(MeasuresConfig(names=("moon",)))


def test_the_index_is_needed_for_tail_measures_only(long: Panel) -> None:
    blind = replace(long, level=np.full(len(long.dates), np.nan), facts=Facts.none())
    assert np.isnan(of("mes", blind)).all()
    assert (bits(of("turbulence", blind)) == bits(of("turbulence", long))).all()


def test_a_layer_that_has_drawn_nothing_yet_is_one_that_joins_nobody() -> None:
    """What the audit compares: a cut before the first graph, and the same sessions of the whole."""
    market = panel(walk(50, 3, 1))
    config = MeasuresConfig(window=5)
    empty, drawn = Graphs(market.dates, market.assets, {}, {}), Groups(np.full((50, 3), -1, np.int16))
    for name in ("density", "clustering"):
        cut = values_of(MEASURES[name], market, empty, config)
        whole = values_of(MEASURES[name], market, replace(empty, layers={config.layer: drawn}), config)
        assert (bits(cut) == bits(whole)).all()
