"""Shocks on panels whose index is an asset, a macro series or the mean of the members."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from riskradar.data import DataConfig
from riskradar.errors import UsageError
from riskradar.scenario import Day, Scenario, stress
from riskradar.scenario.grammar import Shock
from riskradar.scenario.market import SPELL, moves, shocked
from riskradar.tables import Facts, Panel
from tests.markets import panel, ragged, walk
from tests.scenario.conftest import DATE

ASSET = DataConfig(index="A09")


def after(market: Panel, config: DataConfig, *shocks: Shock) -> tuple[Panel, float]:
    """The shocked panel, and by how much its index moved on the last session."""
    then = shocked(market, moves(market, shocks, config, market), config)
    assert np.array_equal(then.level[:-SPELL], market.level[:-SPELL], equal_nan=True)
    return then, float(then.level[-1] / market.level[-1] - 1)


def down(target: str, share: int) -> Shock:
    return Shock("returns", target, f"{target} returns -{share}%", Fraction(-share, 100))


def test_an_index_that_is_an_asset_moves_as_its_members_do() -> None:
    market = ragged()
    members = int(market.member[-1].sum())
    then, moved = after(market, ASSET, down("market", 10))
    assert moved == pytest.approx(-0.1)
    assert then.close[-1, 9] == then.level[-1]
    assert after(market, ASSET, down("A00", 10))[1] == pytest.approx(-0.1 / members)
    assert after(market, ASSET, down("index", 10))[1] == pytest.approx(-0.1)
    then = shocked(market, moves(market, [Shock("as on", str(market.dates[-30]), "")], ASSET, market), ASSET)
    assert then.close[-1, 9] / then.close[-2, 9] == pytest.approx(market.close[-30, 9] / market.close[-31, 9])
    assert after(market, ASSET, Shock("volatility", "A09", "", Fraction(2)))[0].level[-5] != market.level[-5]
    only, moved = after(market, ASSET, down("A09", 10))
    assert moved == pytest.approx(-0.1)
    assert (only.close[-1, :6] == market.close[-1, :6]).all()


def test_an_index_that_is_a_series_moves_beside_its_facts() -> None:
    close = walk(120, 3, 1)
    days = panel(close).dates
    zero = np.zeros(120, np.int16)
    spx = Facts(("spx",), zero, zero - 1, days, days, 3000.0 + np.arange(120), np.array([7], np.int16), np.zeros(1, bool))
    market = panel(close, level=spx.value.copy(), facts=spx)
    config = DataConfig(index="spx")
    assert after(market, config, down("A00", 30))[1] == pytest.approx(-0.1)
    with pytest.raises(UsageError, match="spx is the system index"):
        moves(market, [Shock("series", "spx", "spx -5%", Fraction(-1, 20), True)], config, market)


def test_the_mean_of_the_members_is_made_again() -> None:
    market = ragged()
    equal = DataConfig(index="equal-weight")
    whole = shocked(market, moves(market, [down("market", 0)], equal, market), equal)
    assert whole is market
    then = shocked(market, moves(market, [down("A00", 20), Shock("remove", "A01", "remove A01")], equal, market), equal)
    held = then.member[-1] & then.member[-2]
    assert then.level[-1] / then.level[-2] - 1 == pytest.approx((then.close[-1, held] / then.close[-2, held] - 1).mean())


def test_volatility_widens_the_index_too() -> None:
    market = ragged()
    then, moved = after(market, ASSET, Shock("volatility", "market", "market volatility x3", Fraction(3)))
    old, new = (np.diff(np.log(p.level[-SPELL - 1 :])).std() for p in (market, then))
    assert new > 1.2 * old
    assert moved == pytest.approx(0, abs=1e-12)


def test_a_run_without_layers_spreads_nothing(day: Day) -> None:
    bare = replace(day.opened, graphs=replace(day.opened.graphs, layers={}))
    losses = stress(Day.of(bare, DATE, ("vix",)), Scenario(shocks=("Financials returns -15%",)))["losses"]
    assert losses["first"] == pytest.approx(0.15 * 2 / 8)
    assert losses["spread"] == 0
    assert "the run has no layer" in losses["network"]
    with pytest.raises(UsageError, match="no layer 'corelation'"):
        stress(day, Scenario(shocks=("vix +1%",), layer="corelation"))
