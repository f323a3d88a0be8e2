"""The residual layer against numpy's least squares and scipy's correlations, pair by pair."""

import numpy as np
import pytest
from scipy.stats import norm, pearsonr, rankdata, spearmanr

from riskradar.layers.residual import EXPLAINED, ResidualConfig, across, normal_scores, residual, within, without
from riskradar.layers.windows import refreshes
from riskradar.tables import Layer, Panel
from tests.markets import panel, walk

WINDOW = 30


@pytest.fixture(scope="module")
def market() -> Panel:
    """Twelve stocks in three sectors, one unlabelled, one of which joins late."""
    sector = np.tile(np.array([0] * 4 + [1] * 4 + [2] * 3 + [-1], np.int16), (150, 1))
    close = walk(150, 12, 5)
    close[:70, 2] = np.nan
    return panel(close, sector=sector)


def plain(market: Panel, t: int, config: ResidualConfig) -> np.ndarray:
    """Correlations of least-squares residuals at t, [N, N], NaN where undefined."""
    returns = np.diff(np.log(market.close), axis=0, prepend=np.nan)
    mean = np.append(np.nan, np.nanmean(np.where(market.member, returns, np.nan)[1:], axis=1))
    span = slice(t + 1 - WINDOW, t + 1)
    left = {}
    for i in np.flatnonzero(np.isfinite(returns[span]).all(axis=0)):
        design = [np.ones(WINDOW), mean[span]]
        code = market.sector[t, i]
        if config.remove == "sector" and code >= 0:
            design.append(np.nanmean(returns[span][:, market.sector[t] == code], axis=1))
        x = np.stack(design, axis=1)
        left[i] = returns[span, i] - x @ np.linalg.lstsq(x, returns[span, i], rcond=None)[0]
    out = np.full((12, 12), np.nan)
    for i in left:
        for j in left:
            if i != j:
                out[i, j] = (pearsonr if config.method == "pearson" else spearmanr)(left[i], left[j]).statistic
    return out


@pytest.mark.parametrize("remove", ["market", "sector"])
@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize(("build", "side"), [(residual, "all"), (within, "within"), (across, "across")])
def test_neighbours_are_those_of_plain_least_squares(market: Panel, remove: str, method: str, build: object, side: str) -> None:
    config = ResidualConfig(window=WINDOW, neighbours=3, remove=remove, method=method)  # type: ignore[arg-type]
    layer: Layer = build(market, config)  # type: ignore[operator]
    seen = 0
    for t in refreshes(market.dates, config):
        rho = plain(market, t, config)
        labels = market.sector[t]
        known = (labels[:, None] >= 0) & (labels >= 0)
        same = labels[:, None] == labels
        allowed = {"all": np.ones_like(same), "within": known & same, "across": known & ~same}[side]
        rho[~(rho > 0) | ~allowed] = 0
        block = layer.block(t, t + 1)[0]
        for i in range(12):
            chosen = np.flatnonzero(block[i])
            np.testing.assert_allclose(block[i, chosen], rho[i, chosen], atol=1e-6)
            np.testing.assert_allclose(np.sort(block[i])[-3:], np.sort(rho[i])[-3:], atol=1e-6)
            seen += len(chosen)
    assert seen > (4 if side == "within" and remove == "sector" else 40), "a small sector without its mean is mostly at odds with itself"


def test_gaussian_ranks_and_the_power_of_a_weight(market: Panel) -> None:
    """Pearson's correlation of normal scores; a power sharpens the weights and leaves the choice of neighbours as it was."""
    config = ResidualConfig(window=WINDOW, neighbours=3, method="gaussian")
    plain_weight, squared = (residual(market, config.model_copy(update={"power": power})) for power in (1.0, 2.0))
    assert not isinstance(plain_weight, str)
    assert not isinstance(squared, str)
    t = int(refreshes(market.dates, config)[-1])
    one, two = (layer.block(t, t + 1)[0] for layer in (plain_weight, squared))
    np.testing.assert_allclose(two, one**2, atol=1e-6)
    returns = np.diff(np.log(market.close), axis=0, prepend=np.nan)
    mean = np.append(np.nan, np.nanmean(np.where(market.member, returns, np.nan)[1:], axis=1))
    span = slice(t + 1 - WINDOW, t + 1)
    scores = norm.ppf((rankdata(without(returns[span], mean[span, None]), axis=0) - 0.5) / WINDOW)
    rho = np.corrcoef(scores.T)
    i, j = np.nonzero(one)
    assert len(i) > 20
    np.testing.assert_allclose(one[i, j], rho[i, j], atol=1e-6)
    tied = normal_scores(np.array([[1.0], [2.0], [2.0], [5.0]]))
    np.testing.assert_allclose(tied[:, 0], norm.ppf([0.125, 0.5, 0.5, 0.875]))


def test_what_is_left_is_orthogonal_to_the_factor() -> None:
    rng = np.random.default_rng(0)
    x, factor = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
    left = without(x + 2 * factor, factor)
    np.testing.assert_allclose(factor.T @ left, 0, atol=1e-12)
    np.testing.assert_allclose(left, without(x, factor), atol=1e-12)
    np.testing.assert_allclose(without(x, np.full((40, 1), 0.1)), x - x.mean(axis=0), atol=1e-15)


def test_assets_that_are_the_market_have_no_relation() -> None:
    """Nothing but rounding is left of them, and rounding correlates."""
    one = walk(120, 1, 0)
    layer = residual(panel(one * np.array([1.0, 3.0, 7.0])), ResidualConfig(window=20, refresh="daily"))
    assert "never related" in str(layer)
    assert EXPLAINED < 1e-6


def test_planted_pairs_are_found_where_raw_correlation_sees_one_crowd() -> None:
    rng = np.random.default_rng(3)
    common, pair = 0.02 * rng.standard_normal((300, 1)), 0.01 * rng.standard_normal((300, 10))
    close = 50 * np.exp(np.cumsum(common + np.repeat(pair, 2, axis=1) + 0.005 * rng.standard_normal((300, 20)), axis=0))
    layer = residual(panel(close), ResidualConfig(window=120, neighbours=1))
    assert not isinstance(layer, str)
    block = layer.block(299, 300)[0]
    assert [int(np.argmax(row)) for row in block] == [i ^ 1 for i in range(20)]


def test_sides_need_sector_labels() -> None:
    market = panel(walk(60, 4, 0))
    for build, config in ((within, ResidualConfig()), (across, ResidualConfig()), (residual, ResidualConfig(remove="sector"))):
        assert "data.sectors" in str(build(market, config))
