"""Contagion: the published reference values, fast paths beside naive loops, and files that are refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskradar.contagion import Exposures, cascade, debtrank, exposures, implied, shares
from riskradar.errors import InputError, UsageError

TWO = np.array([[0, 0.5], [0.5, 0]])
THREE = np.array([[0, 20 / 50, 0], [0, 0, 30 / 60], [15 / 40, 0, 0]])
EQUITY = np.array([50.0, 60.0, 40.0])
FILE = "debtor,creditor,amount,equity\nB,A,20,50\nC,B,30,60\nA,C,15,40\n"


def linear_loop(impact: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Equation 3 of Bardoscia et al. (2015), one scenario at a time."""
    before, now = np.zeros_like(start), start.copy()
    while (now - before).max() > 1e-15:
        before, now = now, np.minimum(1, now + impact @ (now - before))
    return now


def once_loop(impact: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The state machine of Battiston et al. (2012): undistressed, distressed, inactive."""
    loss, state = start.copy(), np.where(start > 0, "D", "U")
    while "D" in state:
        given = [j for j in range(len(loss)) if state[j] == "D"]
        loss = np.array([min(1, loss[i] + sum(min(impact[i, j], 1) * loss[j] for j in given)) for i in range(len(loss))])
        state = np.where(state == "D", "I", np.where((state == "U") & (loss > 0), "D", state))
    return loss


def cascade_loop(impact: np.ndarray, failed: np.ndarray, threshold: float) -> np.ndarray:
    """Round by round until nobody else fails."""
    now = {j for j in range(len(failed)) if failed[j]}
    while more := {i for i in range(len(failed)) if i not in now and sum(impact[i, j] for j in now) >= threshold * (1 - 1e-12)}:
        now |= more
    return np.array([i in now for i in range(len(failed))])


def market(nodes: int, density: float, force: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    owed = np.where(rng.random((nodes, nodes)) < density, rng.exponential(1.0, (nodes, nodes)), 0.0)
    np.fill_diagonal(owed, 0.0)
    return force * owed / max(np.abs(np.linalg.eigvals(owed)).max(), 1e-9)


def test_two_banks_as_published() -> None:
    start = np.array([[0.1, 0.0]])
    assert debtrank(TWO, start, "2012")[0] == pytest.approx([0.125, 0.05], abs=1e-12)
    assert debtrank(TWO, start)[0] == pytest.approx([2 / 15, 1 / 15], abs=1e-12)


def test_three_banks_as_published(tmp_path: Path) -> None:
    (tmp_path / "banks.csv").write_text(FILE)
    banks = exposures(tmp_path / "banks.csv")
    assert banks.names == ("A", "B", "C")
    assert np.array_equal(banks.impact, THREE)
    assert banks.value == pytest.approx(EQUITY / 150)
    assert banks.source == "exposures of banks.csv"
    assert np.abs(np.linalg.eigvals(banks.impact)).max() == pytest.approx(0.421716, abs=1e-6)
    start = np.array([[0, 0, 0.2]])
    linear, once = debtrank(banks.impact, start), debtrank(banks.impact, start, "2012")
    assert linear[0] == pytest.approx([0.043243, 0.108108, 0.216216], abs=1e-6)
    assert banks.total(linear - start) == pytest.approx(0.061982, abs=1e-6)
    assert once[0] == pytest.approx([0.04, 0.10, 0.215], abs=1e-12)
    assert banks.total(once - start) == pytest.approx(0.057333, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(nodes=st.integers(1, 12), density=st.floats(0, 1), force=st.floats(0, 2), size=st.floats(0, 1), seed=st.integers(0, 1000))
def test_many_at_once_are_one_by_one(nodes: int, density: float, force: float, size: float, seed: int) -> None:
    impact, rng = market(nodes, density, force, seed), np.random.default_rng(seed)
    start = size * rng.random((7, nodes)) * (rng.random((7, nodes)) < 0.4)
    linear, once = debtrank(impact, start), debtrank(impact, start, "2012")
    for row, first in enumerate(start):
        if force < 0.99 or (linear[row] == 1).all() or not first.any():
            assert linear[row] == pytest.approx(linear_loop(impact, first), abs=1e-9)
        assert once[row] == pytest.approx(once_loop(impact, first), abs=1e-12)
        assert (linear[row] >= once[row] - 1e-9).all()
    failed = rng.random((7, nodes)) < 0.2
    for threshold in (0.3, 1.0):
        assert all((cascade(impact, failed, threshold)[s] == cascade_loop(impact, failed[s], threshold)).all() for s in range(7))


def test_losses_that_grow_end_at_everything() -> None:
    assert debtrank(3 * TWO, np.array([[0.01, 0.0], [0.0, 0.0]])).tolist() == [[1, 1], [0, 0]]
    assert debtrank(2 * TWO, np.array([[0.25, 0.0]])).tolist() == [[1, 1]]  # I - impact has no inverse


def test_who_loses_all_passes_on_no_more() -> None:
    """A node caps at its equity: the other loses what was passed on up to there."""
    impact = np.array([[0, 0.9], [0.2, 0]])
    assert debtrank(impact, np.array([[0.9, 0.5]]))[0] == pytest.approx([1.0, 0.7])


def test_a_small_loss_adds_up() -> None:
    impact, start = market(20, 0.4, 0.7, 3), np.random.default_rng(3).random((2, 20)) * 0.005
    assert debtrank(impact, start.sum(axis=0)[None])[0] == pytest.approx(debtrank(impact, start).sum(axis=0), abs=1e-12)


def test_a_chain_of_thresholds() -> None:
    """Watts: a ring falls at one half and holds above it; Gai and Kapadia: a recovery that leaves equity stops it."""
    ring = shares(np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0))
    first = np.eye(6, dtype=bool)[:1]
    assert cascade(ring, first, 0.5).all()
    assert cascade(ring, first, 0.51).sum() == 1
    owed = np.roll(np.eye(6), 1, axis=0) * 1.2
    assert cascade(owed, first).all()
    assert cascade(owed, first, recovery=0.2).sum() == 1
    thirds = shares(np.ones((4, 4)) - np.eye(4))
    assert cascade(thirds, np.array([[True, True, False, False]]), 2 / 3).all()  # a sum that equals its threshold but for rounding


def test_layers_stand_in_with_their_name() -> None:
    member = np.array([True, True, True, False])
    weights = np.zeros((4, 4), np.float32)
    weights[:3, :3] = 1 - np.eye(3)
    found = implied("ABCD", weights, member, "correlation")
    assert found.impact[0] == pytest.approx([0, 0.25, 0.25, 0])
    assert found.value == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert "market-implied" in found.source
    assert "correlation" in found.source
    assert "no balance sheet" in found.source


@pytest.mark.parametrize(("text", "told"), [
    ("debtor,creditor,amount\nB,A,20\n", "no column 'equity'"),
    ("debtor,creditor,amount,equity\nB,A,much,50\nA,B,0,1\n", "row 1: amount 'much' is no number"),
    ("debtor,creditor,amount,equity\nB,A,-1,50\nA,B,0,1\n", "row 1: amount '-1'"),
    ("debtor,creditor,amount,equity\nB,A,nan,50\nA,B,0,1\n", "row 1: amount 'nan'"),
    ("debtor,creditor,amount,equity\nB,A,1,0\nA,B,0,1\n", "equity '0' is no number above 0"),
    ("debtor,creditor,amount,equity\nB,A,20,50\n", "no equity of 'B'"),
    ("debtor,creditor,amount,equity\nB,A,20,50\nC,A,1,51\n", "equity of 'A' as 50 and 51"),
    ("debtor,creditor,amount,equity\nA,A,20,50\n", "'A' owes itself"),
    ("debtor,creditor,amount,equity\nB,,20,50\n", "row 1: no creditor"),
    ("debtor,creditor,amount,equity\n,A,20,50\n", "amount without a debtor"),
])  # fmt: skip
def test_bad_files_are_refused(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "banks.csv").write_text(text)
    with pytest.raises(InputError, match=told):
        exposures(tmp_path / "banks.csv")


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        exposures(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="between 0 and 1"):
        debtrank(TWO, np.array([[1.1, 0]]))
    with pytest.raises(UsageError, match="threshold"):
        cascade(TWO, np.zeros((1, 2), bool), 0.0)
    with pytest.raises(ValueError, match="diagonal"):
        Exposures(("A", "B"), np.eye(2), np.array([0.5, 0.5]), "")
