import numpy as np

from riskradar.data.level import equal_weight


def test_equal_weight_by_hand():
    close = np.array([[10.0, np.nan, 5.0], [11.0, 20.0, 5.0], [np.nan] * 3, [11.0, 30.0, 4.0], [22.0, 30.0, np.nan]])
    member = ~np.isnan(close)
    member[:, 2] = [True, True, False, True, False]
    level = equal_weight(close, member)
    first, gap, last = 1 + 0.1 / 2, 1 + (0 + 0.5 - 0.2) / 3, 1 + (1 + 0) / 2
    np.testing.assert_allclose(level, [100, 100 * first, np.nan, 100 * first * gap, 100 * first * gap * last], rtol=1e-14)


def test_other_columns_and_later_rows_move_no_bit():
    random = np.random.default_rng(0)
    close = np.exp(np.cumsum(random.normal(0, 0.02, (300, 37)), axis=0))
    member = random.random(close.shape) > 0.1
    whole = equal_weight(np.where(member, close, np.nan), member)
    wider = np.insert(close, [0, 5, 20], 1e6, axis=1)
    strangers = np.insert(member, [0, 5, 20], False, axis=1)
    assert equal_weight(wider, strangers).tobytes() == whole.tobytes()
    for t in range(1, 300, 7):
        assert equal_weight(close[:t], member[:t]).tobytes() == whole[:t].tobytes()
