"""Windows of suspicion: by our own signal and by AIMM's evaluations."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar.layers.manipulation import MEMORY, ManipulationConfig, manipulation, suspicion, windows
from riskradar.tables import Facts
from tests import markets

PLAIN = ManipulationConfig()


def followed(score: list[float], config: ManipulationConfig = PLAIN) -> list[int]:
    return windows(np.array(score)[:, None], config)[:, 0].astype(int).tolist()


def test_hysteresis_by_hand() -> None:
    assert followed([0, 3, 2, 1, 1, 2, 1, 1, 1, 3, 1]) == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1]
    assert followed([2.9, 2.9, 2.9]) == [0, 0, 0]
    assert followed([3, np.nan, np.nan, np.nan, 3]) == [0, 1, 1, 0, 0]


def test_a_window_is_forgotten_after_its_memory() -> None:
    score = np.r_[3.0, np.full(2 * MEMORY, 2.0)]
    assert np.flatnonzero(followed(score.tolist())).tolist() == list(range(1, MEMORY))


def test_a_planted_burst_of_volume_is_found_and_joins_the_two_assets_that_share_it() -> None:
    rng = np.random.default_rng(0)
    market = markets.panel(markets.walk(200, 4, 5))
    volume = np.exp(rng.normal(10, 0.1, market.close.shape))
    volume[120:124, :2] *= 5
    market = replace(market, volume=volume)
    score = suspicion(market, PLAIN.window)
    assert (score[120, :2] > 10).all()
    assert (score[121, :2] > PLAIN.enter).all()
    quiet = ManipulationConfig(enter=8)
    layer = manipulation(market, quiet)
    assert not isinstance(layer, str)
    block = layer.block(0, 200)
    assert block[121, 0, 1] == block[121, 1, 0] == 1
    assert not block[119].any()
    assert not block[121, 2:].any()


def test_evaluations_of_aimm_join_what_they_name_and_without_them_the_layer_says_why() -> None:
    market = markets.panel(markets.walk(60, 3, 2))
    config = ManipulationConfig(signal="aimm")
    assert "give data.exchange" in str(manipulation(market, config))
    dates = market.dates[[10, 10, 11]]
    facts = Facts(
        ("aimm_risk",), np.zeros(3, np.int16), np.array([0, 2, 1], np.int16), dates, dates + 1, np.array([0.9, 0.5, 0.49]),
        np.array([5], np.int16), np.array([False]),
    )  # fmt: skip
    layer = manipulation(replace(market, facts=facts), config)
    assert not isinstance(layer, str)
    block = layer.block(0, 60)
    assert not block[10].any()
    assert np.argwhere(block[11]).tolist() == [[0, 2], [2, 0]]
    assert not block[20].any()


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_a_constant_price_is_never_suspicious(spread: float) -> None:
    close = np.full((80, 2), 7.0)
    close[:, 1] += spread * np.arange(80) % 2
    assert np.isnan(suspicion(markets.panel(close), 20)[:, 0]).all()
