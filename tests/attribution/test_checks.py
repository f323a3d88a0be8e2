"""The checks of an explanation, on scores made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar.attribution.atoms import Atoms
from riskradar.attribution.checks import CURVE, agreement, deletion

TRUE = np.linspace(2.0, 0.1, 20)


def atoms(adds: np.ndarray, truth: np.ndarray = TRUE) -> Atoms:
    """A score that is the sum of what assets truly add, explained by `adds`."""
    dates = np.array(["2008-09-15"], "datetime64[D]")
    return Atoms(
        0.0, dates, ("f",), adds[None, :, None], (), np.zeros((1, 0)), {}, {}, {}, "nothing", steps=16,
        without=lambda gone: float(truth[~gone].sum()),
    )  # fmt: skip


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("insert", [False, True])
def test_the_true_order_beats_every_random_one(sign: int, insert: bool) -> None:
    found = deletion(atoms(sign * TRUE, sign * TRUE), insert=insert, cuts=CURVE)
    assert found is not None
    assert found.chance == 0
    assert found.advantage > 1
    first = sum(TRUE[: round(cut * 20)].sum() for cut in CURVE) / len(CURVE)
    assert found.named == pytest.approx(first)


def test_an_order_without_sense_does_not() -> None:
    found = deletion(atoms(TRUE[::-1]))
    assert found is not None
    assert found.chance == 1
    assert found.advantage < 0


def test_exact_terms_and_assets_that_add_nothing_have_nothing_to_check() -> None:
    assert deletion(replace(atoms(TRUE), steps=0)) is None
    assert deletion(replace(atoms(TRUE), without=None)) is None
    assert deletion(atoms(0 * TRUE)) is None


def test_seeds_agree_by_rank() -> None:
    assert agreement([TRUE]) is None
    assert agreement([TRUE, 3 * TRUE]) == pytest.approx(1)
    assert agreement([TRUE, -TRUE]) == pytest.approx(-1)
    assert agreement([TRUE, np.zeros(20)]) is None
