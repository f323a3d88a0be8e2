"""Read-only arrays with checked shapes."""

import numpy as np
import pytest

from riskradar.tables.arrays import count_upto, frozen, sessions, unique


def test_frozen_copies_and_locks() -> None:
    mine = np.arange(6.0).reshape(2, 3)
    kept = frozen("x", mine, "float64", (2, None))
    mine[0, 0] = 9
    assert kept[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0] = 1
    assert frozen("x", kept, "float64", (2, 3)) is kept, "a locked array is not copied again"
    assert frozen("x", kept.T, "float64", (3, 2)).flags.c_contiguous


@pytest.mark.parametrize(("values", "dtype", "shape"), [
    (np.zeros(3, np.float32), "float64", (3,)), (np.zeros((3, 2)), "float64", (3,)), (np.zeros(3), "float64", (4,)), ([1, 2], "float64", (2,)),
])  # fmt: skip
def test_frozen_names_what_does_not_fit(values: object, dtype: str, shape: tuple[int]) -> None:
    with pytest.raises(ValueError, match=r"^prices "):
        frozen("prices", values, dtype, shape)


@pytest.mark.parametrize("dates", [["2020-01-02", "2020-01-02"], ["2020-01-03", "2020-01-02"], ["2020-01-02", "NaT"], ["NaT"]])
def test_sessions_are_strictly_increasing(dates: list[str]) -> None:
    with pytest.raises(ValueError, match="dates"):
        sessions("dates", np.array(dates, "datetime64[D]"))


def test_unique_names_the_repeated() -> None:
    assert unique("assets", ["A", "B"]) == ("A", "B")
    with pytest.raises(ValueError, match=r"assets repeats \['B'\]"):
        unique("assets", ["B", "A", "B"])


def test_count_upto_includes_the_day_itself() -> None:
    dates = np.array(["2020-01-02", "2020-01-03", "2020-01-06"], "datetime64[D]")
    assert [count_upto(dates, d) for d in ("2020-01-01", "2020-01-02", "2020-01-05", "2020-01-06", "2021-01-01")] == [0, 1, 2, 3, 3]
