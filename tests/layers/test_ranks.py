import subprocess
import sys
from fractions import Fraction
from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save
from scipy.stats import rankdata

from riskradar.layers import ranks
from riskradar.layers.ranks import Relation, Sign, Window, csr, edges, nearest, threshold, weights
from riskradar.tables import Bits

from .oracle import doubled_ranks, moments, reaches

SIGNS = get_args(Sign)
METHODS = get_args(ranks.Method)


def panel(seed, sessions, nodes, missing=0.02, absent=0.03, steps=2.0):
    """Returns with ties (a coarse grid), unknown cells and members that come and go."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(sessions, 1))
    values = np.round((common + rng.normal(size=(sessions, nodes))) * steps) / steps
    values[rng.random(values.shape) < missing] = np.nan
    return values, rng.random(values.shape) >= absent


def unpack(bits, nodes):
    return np.unpackbits(bits, axis=1, count=nodes * (nodes - 1) // 2).astype(bool)


def truth(values, member, window, tau, sign):
    """Edges of every session from the oracle, [t, pairs]."""
    out = []
    for t in range(len(values)):
        columns = values[max(0, t - window + 1) : t + 1].T
        usable = [len(c) == window and not np.isnan(c).any() and bool(m) for c, m in zip(columns, member[t], strict=True)]
        twice = [doubled_ranks(c.tolist()) if u else [] for c, u in zip(columns, usable, strict=True)]
        out.append([
            usable[i] and usable[j] and reaches(moments(twice[i], twice[j]), tau, sign) for i, j in combinations(range(values.shape[1]), 2)
        ])  # fmt: skip
    return np.array(out, bool).reshape(len(values), -1)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("tau", ["0.3", "0.35", "0.5", "0.6", "0.7", "1", "0.123456789"])
@pytest.mark.parametrize(("window", "nodes"), [(3, 19), (4, 9), (7, 19), (9, 18), (10, 17), (20, 12), (60, 9)])
def test_edges_equal_the_rational_oracle(window, nodes, tau, sign):
    values, member = panel(window, window + 5, nodes, missing=0.1 / window)
    _, bits = edges(Window.empty(window, nodes), values, member, Relation("spearman", sign), tau)
    expected = truth(values, member, window, Fraction(tau), sign)
    assert expected.any() or tau in ("0.7", "1") or sign == "negative"
    np.testing.assert_array_equal(unpack(bits, nodes), expected)


@pytest.mark.parametrize("window", [127, 128, 129, 250, 367, 368, 369, 1000])
def test_edges_equal_the_oracle_where_the_number_types_change(window):
    values, member = panel(1, window + 1, 5, missing=0, absent=0, steps=20.0)
    member[-1, 0] = False
    for tau in ("0.5", "0.491", "0.123456789"):
        _, bits = edges(Window.empty(window, 5), values, member, Relation(), tau)
        np.testing.assert_array_equal(unpack(bits, 5), truth(values, member, window, Fraction(tau), "absolute"))


@pytest.mark.parametrize("window", [7, 60, 128, 368, 1000])
def test_the_boundary_is_met_exactly(window):
    """A pair's own correlation as threshold is an edge; the next decimal is not."""
    values, member = panel(2, window, 9, missing=0, absent=0, steps=1e9)
    first, *others = [doubled_ranks(c.tolist()) for c in values.T]
    for at, other in enumerate(others):
        covariance, power, same = moments(first, other)
        assert power == same
        ratio = Fraction(abs(covariance), power)
        for tau, expected in ((ratio, True), (Fraction(int(ratio * 10**9) + 1, 10**9), False)):
            if 0 < tau <= 1:
                _, bits = edges(Window.empty(window, 9), values, member, Relation(), tau)
                assert unpack(bits, 9)[-1, at] == expected


@pytest.mark.parametrize("window", [3, 7, 60, 128, 129, 250, 368, 369, 1000])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_weights_equal_scipy_ranks_and_numpy(window):
    values, member = panel(3, window + 3, 23, missing=0.2 / window)
    for method in METHODS:
        _, rho = weights(Window.empty(window, 23), values, member, method, np.float64)
        for t in range(window - 1, len(values)):
            cut = values[t - window + 1 : t + 1]
            known = ~np.isnan(cut).any(axis=0) & member[t]
            known &= (np.where(known, cut, 0).max(axis=0) > np.where(known, cut, 0).min(axis=0))
            full = np.full((23, 23), np.nan)
            full[np.ix_(known, known)] = np.corrcoef(rankdata(cut[:, known], axis=0) if method == "spearman" else cut[:, known], rowvar=False)
            np.testing.assert_allclose(rho[t], full[np.triu_indices(23, 1)], rtol=0, atol=1e-12)


def test_one_comparison_is_used_only_where_its_bracket_excludes_errors():
    """The derivation at ranks._rule, for every window: no integer product lies inside the bracket and off the threshold."""
    single = 0
    for window in ranks.LENGTHS:
        for tau in ("0.3", "0.35", "0.5", "0.6", "0.7", "1"):
            rule = ranks._rule(Relation(), threshold(tau), window)
            gap = Fraction(1, 2 * (Fraction(tau).numerator * (window**3 - window) // 3) ** 2)
            assert rule.above > 1 or gap >= 2 * Fraction(1 - rule.below)
            single += rule.above < 1
    assert single > 20


def test_weights_in_float32_are_the_rounded_float64():
    values, member = panel(4, 40, 21)
    for method in METHODS:
        exact, rounded = (weights(Window.empty(20, 21), values, member, method, dtype)[1] for dtype in (np.float64, np.float32))
        assert rounded.dtype == np.float32
        np.testing.assert_array_equal(rounded, exact.astype(np.float32))


def test_pearson_edges_are_the_weights_that_reach_tau():
    values, member = panel(5, 40, 33)
    _, rho = weights(Window.empty(20, 33), values, member, "pearson", np.float64)
    for sign, turned in (("absolute", np.abs(rho)), ("positive", rho), ("negative", -rho)):
        _, bits = edges(Window.empty(20, 33), values, member, Relation("pearson", sign), 0.25)
        np.testing.assert_array_equal(unpack(bits, 33), turned >= 0.25)
        assert unpack(bits, 33).any()


def test_pearson_edges_include_the_threshold():
    a = np.tile([1.0, -1.0], 8)
    b = a * np.repeat([1.0, -1.0], [12, 4])  # 12 of 16 agree: exactly 1/2
    for sign, values in (("positive", [a, b]), ("negative", [a, -b])):
        columns = np.array(values).T
        for tau, expected in (("0.5", 1), ("0.500000001", 0)):
            _, bits = edges(Window.empty(16, 2), columns, np.ones((16, 2), bool), Relation("pearson", sign), tau)
            assert unpack(bits, 2)[-1].sum() == expected


def test_nearest_are_the_largest_correlations_lower_index_first():
    values, member = panel(6, 30, 13)
    for method in METHODS:
        _, rho = weights(Window.empty(10, 13), values, member, method)
        for sign in SIGNS:
            _, index, weight = nearest(Window.empty(10, 13), values, member, Relation(method, sign), 4)
            for t in range(30):
                full = np.full((13, 13), np.nan, np.float32)
                full[np.triu_indices(13, 1)] = rho[t]
                full = np.where(np.isnan(full), full.T, full)
                key = np.nan_to_num({"absolute": np.abs(full), "positive": full, "negative": -full}[sign])
                for i in range(13):
                    order = [j for j in np.argsort(-key[i], kind="stable") if key[i, j] > 0][:4]
                    padding = [-1] * (4 - len(order))
                    assert index[t, i].tolist() == order + padding
                    assert weight[t, i].tolist() == full[i, order].tolist() + [0.0] * len(padding)


@st.composite
def cases(draw):
    window = draw(st.sampled_from([3, 4, 7, 20]))
    nodes = draw(st.sampled_from([1, 2, 3, 8, 17, 65]))
    sessions = draw(st.integers(1, 5 * window))
    seed, missing, absent = draw(st.integers(0, 2**32)), draw(st.sampled_from([0.0, 0.02, 0.3, 1.0])), draw(st.sampled_from([0.0, 0.2]))
    return window, *panel(seed, sessions, nodes, missing, absent), np.random.default_rng(seed)


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(METHODS), st.sampled_from(SIGNS))
def test_batch_streaming_threads_and_permutations_agree_bit_for_bit(case, method, sign):
    window, values, member, rng = case
    sessions, nodes = values.shape
    relation, tau, empty = Relation(method, sign), "0.5", Window.empty(window, nodes)
    last, bits = edges(empty, values, member, relation, tau)
    _, rho = weights(empty, values, member, method, np.float64)
    _, index, weight = nearest(empty, values, member, relation, 3)

    for threads in (2, 5):
        other, threaded = edges(empty, values, member, relation, tau, threads)
        np.testing.assert_array_equal(threaded, bits)
        np.testing.assert_array_equal(weights(empty, values, member, method, np.float64, threads)[1], rho)
        np.testing.assert_array_equal(nearest(empty, values, member, relation, 3, threads)[1], index)
        np.testing.assert_array_equal(other.arrays()["values"], last.arrays()["values"])

    one_by_one = empty
    for t in range(sessions):
        cut = slice(t, t + 1)
        np.testing.assert_array_equal(weights(one_by_one, values[cut], member[cut], method, np.float64)[1], rho[cut])
        np.testing.assert_array_equal(nearest(one_by_one, values[cut], member[cut], relation, 3)[2], weight[cut])
        one_by_one, row = edges(Window.restore(one_by_one.arrays()), values[cut], member[cut], relation, tau)
        np.testing.assert_array_equal(row, bits[cut])

    start = int(rng.integers(0, sessions))
    _, tail = edges(empty, values[max(0, start - window + 1) :], member[max(0, start - window + 1) :], relation, tau)
    np.testing.assert_array_equal(tail[min(start, window - 1) :], bits[start:])

    order = rng.permutation(nodes)
    _, turned = edges(empty, values[:, order], member[:, order], relation, tau)
    upper, back = np.triu_indices(nodes, 1), np.argsort(order)
    full = Bits(nodes, turned).block(0, sessions)[:, back][:, :, back]
    np.testing.assert_array_equal(full[:, upper[0], upper[1]], unpack(bits, nodes))
    np.testing.assert_array_equal(nearest(empty, values[:, order], member[:, order], Relation(method, "positive"), 3)[2][:, back],
                                  nearest(empty, values, member, Relation(method, "positive"), 3)[2])  # fmt: skip


def test_batch_does_not_change_the_window_it_starts_from():
    values, member = panel(7, 30, 6)
    window = Window.empty(7, 6).after(values[:9])
    before = window.arrays()["values"].copy()
    first = edges(window, values[9:], member[9:], Relation(), "0.5")[1]
    np.testing.assert_array_equal(window.arrays()["values"], before)
    np.testing.assert_array_equal(edges(window, values[9:], member[9:], Relation(), "0.5")[1], first)


@pytest.mark.parametrize("known", [0, 3, 7, 9, 30])
def test_a_window_fed_in_pieces_is_the_window_fed_at_once(known):
    values, member = panel(8, 40, 6)
    pieces = Window.empty(9, 6).after(values[:known]).after(values[known:33])
    np.testing.assert_array_equal(pieces.arrays()["values"], values[24:33])
    np.testing.assert_array_equal(edges(pieces, values[33:], member[33:], Relation(), "0.5")[1],
                                  edges(Window.empty(9, 6), values, member, Relation(), "0.5")[1][33:])  # fmt: skip


def test_state_is_small_and_survives_safetensors():
    values, member = panel(9, 30, 50)
    window = Window.empty(20, 50).after(values[:25])
    stored = save(window.arrays())
    assert len(stored) < 20 * 50 * 8 + 200
    again = Window.restore(load(stored))
    for method in METHODS:
        np.testing.assert_array_equal(weights(again, values[25:], member[25:], method)[1], weights(window, values[25:], member[25:], method)[1])


@pytest.mark.parametrize("window", [3, 60, 250])
def test_constant_and_unknown_columns_have_no_edges(window):
    values, member = panel(10, window + 2, 20, missing=0, absent=0)
    values[:, 3] = 0.1
    values[:, 4] = -0.0
    values[::2, 4] = 0.0
    values[-1, 5] = np.nan
    for method in METHODS:
        for sign in SIGNS:
            _, bits = edges(Window.empty(window, 20), values, member, Relation(method, sign), "0.000000001")
            full = Bits(20, bits).block(0, len(values))
            assert not full[:, 3:5].any()
            assert not full[-1, 5].any()
            assert full[-2, 5].any() or sign != "absolute"
        _, rho = weights(Window.empty(window, 20), values, member, method)
        constant = [3 in pair or 4 in pair for pair in combinations(range(20), 2)]
        assert np.isnan(rho[: window - 1]).all()
        assert np.isnan(rho[:, constant]).all()
        assert window == 3 or not np.isnan(rho[window - 1, ~np.array(constant)]).any()


@pytest.mark.parametrize("nodes", [0, 1, 2])
def test_few_assets(nodes):
    values = np.arange(10.0 * nodes).reshape(10, nodes)
    member = np.ones(values.shape, bool)
    for method in METHODS:
        _, bits = edges(Window.empty(3, nodes), values, member, Relation(method), "0.5")
        assert Bits(nodes, bits).block(0, 10).shape == (10, nodes, nodes)
        assert unpack(bits, nodes).sum() == (8 if nodes == 2 else 0)
        _, index, _ = nearest(Window.empty(3, nodes), values, member, Relation(method), 2)
        assert (index >= 0).sum() == (16 if nodes == 2 else 0)


def test_no_sessions_give_no_rows():
    _, bits = edges(Window.empty(3, 4), np.empty((0, 4)), np.empty((0, 4), bool), Relation(), "0.5")
    assert bits.shape == (0, 1)


@pytest.mark.parametrize("nodes", [2, 9, 64, 130])
def test_csr_lists_both_directions_in_order(nodes):
    values, member = panel(11, 20, nodes, missing=0.001)
    _, bits = edges(Window.empty(7, nodes), values, member, Relation(), "0.5")
    dense = Bits(nodes, bits).block(19, 20)[0]
    pointer, index = csr(bits[19], nodes)
    assert [index[pointer[i] : pointer[i + 1]].tolist() for i in range(nodes)] == [np.flatnonzero(row).tolist() for row in dense]


def test_bytes_and_halves_give_the_same_bits(monkeypatch):
    if not ranks.tiles.BYTES:
        pytest.skip("this processor does not multiply bytes (AVX-512 VNNI)")
    values, member = panel(12, 200, 70, missing=0.001)
    run = [edges(Window.empty(60, 70), values, member, Relation(), tau)[1] for tau in ("0.5", "0.33")]
    monkeypatch.setattr(ranks.tiles, "BYTES", False)
    halves = [edges(Window.empty(60, 70), values, member, Relation(), tau)[1] for tau in ("0.5", "0.33")]
    np.testing.assert_array_equal(run, halves)


PORTABLE = """
import hashlib, numpy as np
from riskradar.layers.ranks import Relation, Window, edges, threshold
rng = np.random.default_rng(0)
values, member = np.round(rng.normal(size=(40, 37)) + rng.normal(size=(40, 1)), 1), rng.random((40, 37)) < .95
print(hashlib.sha256(edges(Window.empty(9, 37), values, member, Relation(), "0.5")[1]).hexdigest())
"""


@pytest.mark.parametrize("features", ["", "+sse4.2,+avx,+avx2,+fma"])
def test_a_processor_without_wide_vectors_gives_the_same_bits(features, tmp_path):
    def digest(**environment):
        return subprocess.run([sys.executable, "-c", PORTABLE], capture_output=True, text=True, check=True, env=environment).stdout

    assert digest(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(tmp_path)) == digest()


@pytest.mark.parametrize("text", ["0", "-0.5", "1.01", "0.12345678901"])
def test_thresholds_out_of_range_are_refused(text):
    with pytest.raises(ValueError, match="threshold ="):
        threshold(text)


def test_thresholds_are_read_as_decimals():
    assert threshold(0.35) == Fraction(7, 20)
    assert threshold("1") == 1


@pytest.mark.parametrize("window", [2, 1001])
def test_windows_out_of_range_are_refused(window):
    with pytest.raises(ValueError, match="between 3 and 1000 sessions"):
        Window.empty(window, 4)


@pytest.mark.parametrize("values", [np.zeros((3, 5)), np.zeros((3, 4), np.float32), np.zeros(4)])
def test_sessions_of_another_shape_or_type_are_refused(values):
    with pytest.raises(ValueError, match=r"they must be float64 \[any, 4\]"):
        edges(Window.empty(3, 4), values, np.ones(values.shape, bool), Relation(), "0.5")


def test_what_the_kernels_would_read_past_is_refused():
    values, empty = np.zeros((3, 4)), Window.empty(3, 4)
    for member in (np.ones((3, 5), bool), np.ones((2, 4), bool), np.ones((3, 4))):
        with pytest.raises(ValueError, match=r"it must be bool of shape \(3, 4\)"):
            edges(empty, values, member, Relation(), "0.5")
    with pytest.raises(ValueError, match="at least one neighbour"):
        nearest(empty, values, np.ones((3, 4), bool), Relation(), 0)
    with pytest.raises(ValueError, match="one session of 5 assets"):
        csr(np.zeros(1, np.uint8), 5)
