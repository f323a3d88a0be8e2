"""Labels against a naive double loop and paths made by hand."""

import numpy as np
import pytest

from riskradar import labels
from riskradar.features import FEATURES, values_of
from riskradar.labels import FLOOR, LabelsConfig, known_on, onset_days, realised_volatility, worst_drawdown, worst_fall
from riskradar.tables import Labels, Panel, Target
from tests.markets import bits, days, panel, walk


def build(level: np.ndarray, *targets: str) -> Labels:
    return labels.build(panel(np.ones((len(level), 1)), level=level), LabelsConfig(targets=targets))


def falls(path: np.ndarray) -> list[float]:
    return [1 - path[j] / path[i] for i in range(len(path)) for j in range(i, len(path))]


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_every_measure_is_the_naive_loop(horizon: int, ragged: Panel) -> None:
    close = ragged.close
    drawdown, fall, volatility = (np.full(close.shape, np.nan) for _ in range(3))
    for t in range(len(close) - horizon):
        for i in range(close.shape[1]):
            path = close[t : t + horizon + 1, i]
            if np.isfinite(path).all():
                drawdown[t, i] = max(falls(path))
                fall[t, i] = max(1 - path.min() / path[0], 0)
                volatility[t, i] = np.sqrt(252 * np.mean(np.diff(np.log(path)) ** 2))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(worst_drawdown(close, horizon), drawdown, rtol=1e-12)
        np.testing.assert_allclose(worst_fall(close, horizon), fall, rtol=1e-12)
        np.testing.assert_allclose(realised_volatility(close, horizon), volatility, rtol=1e-9)


def test_known_volatility_is_the_label_of_earlier(ragged: Panel) -> None:
    """What a forecast is measured by later is what an input knows then; one bad quote counts for 40 % at most."""
    label = np.log(realised_volatility(ragged.close, 20) + FLOOR)
    seen = values_of(FEATURES["log_realised_20"], ragged)
    known = ragged.member[20:]
    assert (bits(label[:-20][known]) == bits(seen[20:][known])).all()
    split = np.array([[100.0], [100.0], [1.0], [1.0]])
    assert realised_volatility(split, 2)[0, 0] == pytest.approx(0.4 * np.sqrt(252 / 2))


@pytest.mark.parametrize(
    ("path", "drawdown", "fall"),
    [
        ([100, 100, 100, 100], 0, 0),
        ([100, 110, 99, 120], 0.1, 0.01),  # the peak need not be the first day
        ([100, 90, 120, 114], 0.1, 0.1),
        ([100, 101, 102, 103], 0, 0),
        ([100, 99, 98, 49], 0.51, 0.51),
        ([80, 100, 120, 90], 0.25, 0),
    ],
)
def test_paths_made_by_hand(path: list[float], drawdown: float, fall: float) -> None:
    closes = np.array(path, float)
    assert worst_drawdown(closes, 3)[0] == pytest.approx(drawdown)
    assert worst_fall(closes, 3)[0] == pytest.approx(fall)
    assert np.isnan(worst_drawdown(closes, 3)[1:]).all()


def test_the_window_is_t_to_t_plus_horizon() -> None:
    """A fall on the last session counts, one on the next does not, and the close of t itself may be the peak."""
    level = np.full(30, 100.0)
    level[15:] = 90.0
    binary = build(level, "5/5").system("5/5")
    assert np.flatnonzero(binary == 1).tolist() == [10, 11, 12, 13, 14]
    assert np.isnan(binary[25:]).all()
    assert not np.isnan(binary[:25]).any()


@pytest.mark.parametrize("percent", range(1, 51))
def test_a_fall_of_exactly_the_depth_counts(percent: int) -> None:
    level = np.array([100.0, 100.0 - percent])
    assert build(level, f"1/{percent}").system(f"1/{percent}")[0] == 1
    assert build(level, f"1/{percent}/fall").system(f"1/{percent}/fall")[0] == 1
    assert build(level, f"1/{percent + 1}").system(f"1/{percent + 1}")[0] == 0


def test_share_counts_members_whose_outcome_is_known() -> None:
    close = np.full((4, 5), 100.0)
    close[2, :2] = 80.0  # two of five fall
    close[3, 4] = np.nan  # one is not observed to the end
    member = np.ones(close.shape, bool)
    member[3, 4] = False
    member[0, 3] = False  # one is not yet a member on the first day
    market = panel(close, member=member & np.isfinite(close))
    for share, expected in ((66, 1), (67, 0)):
        assert labels.build(market, LabelsConfig(targets=(f"3/10/share{share}",))).values[0, 0, 0] == expected
    for share, expected in ((40, 1), (41, 0)):
        assert labels.build(market, LabelsConfig(targets=(f"2/10/share{share}",))).values[1, 0, 0] == (1 if share <= 50 else expected)


def test_continuous_targets_are_logarithms_above_a_floor(ragged: Panel) -> None:
    built = labels.build(ragged, LabelsConfig(targets=("log-volatility/20", "log-drawdown/20")))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(built.system("log-volatility/20"), np.log(realised_volatility(ragged.level, 20) + FLOOR))
        np.testing.assert_allclose(built.system("log-drawdown/20"), np.log(worst_drawdown(ragged.level, 20) + FLOOR))
    calm = labels.build(panel(np.full((50, 1), 3.0)), LabelsConfig(targets=("log-volatility/20",)))
    assert calm.system("log-volatility/20")[0] == np.log(FLOOR)


def test_known_on_counts_sessions_not_days() -> None:
    dates = days(80)
    known = known_on(dates, 10)
    assert (known[:70] == dates[10:]).all()
    assert np.isnat(known[70:]).all()
    assert (np.diff(dates) > np.timedelta64(7, "D")).any(), "the generated calendar has a long gap"
    assert np.isnat(known_on(dates, 80)).all()
    assert np.isnat(known_on(dates, 500)).all()


def test_known_does_not_depend_on_the_outcome(ragged: Panel) -> None:
    built = labels.build(ragged, LabelsConfig())
    for k, target in enumerate(built.targets):
        np.testing.assert_array_equal(built.known[:, k], known_on(ragged.dates, target.horizon))
        assert np.isnan(built.values[len(ragged.dates) - target.horizon :, :, k]).all()


def test_onset_is_less_than_five_percent_below_the_year_high() -> None:
    level = np.full(400, 100.0)
    level[300], level[301], level[302] = 95.0, 95.01, 94.99  # exactly 5 % below is not less
    level[310] = 200.0
    level[311:] = 191.0
    onset = onset_days(level)
    assert not onset[:251].any(), "no high of 252 sessions is known"
    assert onset[251:300].all()
    assert onset[300:304].tolist() == [False, True, False, True]
    assert onset[310:].all()
    level[311:] = 180.0
    assert not onset_days(level)[311:].any()
    forgotten = np.append(level, np.full(300, 180.0))
    assert onset_days(forgotten)[310 + 252], "a high leaves the window after 252 sessions"
    assert not onset_days(forgotten)[310 + 251]


def test_node_labels_are_those_of_each_member(ragged: Panel) -> None:
    built = labels.build(ragged, LabelsConfig(targets=("5/3",), units="nodes"))
    assert built.units == ("system", *ragged.assets)
    for i in (0, 3, 6):
        alone = build(ragged.close[:, i], "5/3").system("5/3")
        assert (bits(built.values[:, 1 + i, 0]) == bits(np.where(ragged.member[:, i], alone, np.nan))).all()
    assert np.isnan(built.values[:, 10, 0]).all(), "the index is no member"


def test_labels_rise_with_the_horizon_and_fall_with_the_depth() -> None:
    built = build(walk(400, 1, 8)[:, 0], "5/3", "20/3", "20/10", "60/10")
    fast, slow, deep, slower = built.values[:340, 0, :].T
    assert (fast <= slow).all()
    assert (deep <= slow).all()
    assert (deep <= slower).all()
    assert slow.mean() > fast.mean() > 0


def test_targets_and_their_order_are_kept() -> None:
    built = build(walk(90, 1, 8)[:, 0], "60/10", "5/3")
    assert built.targets == (Target(60, 0.10), Target(5, 0.03))
    assert build(walk(9, 1, 8)[:, 0]).values.shape == (9, 1, 0)
