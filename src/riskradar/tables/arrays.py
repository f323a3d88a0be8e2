"""Read-only arrays with named axes: what every table is made of."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.datetime64]
Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Real = Float | Float32
Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
Code = NDArray[np.int16]
Stride = Literal["day", "week", "month", "quarter", "year"]
MONTHS: dict[Stride, int] = {"month": 1, "quarter": 3, "year": 12}
MONDAY = 3  # 1970-01-01 was a Thursday


def frozen(name: str, values: Any, dtype: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """A contiguous read-only array of exactly `dtype` and `shape` (None: any length); ValueError names what does not fit."""
    array = np.asarray(values)
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} is {array.dtype}; it must be {dtype}")
    if array.ndim != len(shape) or any(want is not None and want != have for want, have in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{name} has shape {array.shape}; it must be {tuple('any' if n is None else n for n in shape)}")
    if not (array.flags.c_contiguous and not array.flags.writeable):
        array = np.array(array, order="C")
        array.flags.writeable = False
    return array


def sessions(name: str, values: Any) -> Days:
    """Strictly increasing dates, [T] of datetime64[D]."""
    dates = frozen(name, values, "datetime64[D]", (None,))
    if np.isnat(dates).any() or (np.diff(dates) <= np.timedelta64(0, "D")).any():
        raise ValueError(f"{name} must be strictly increasing dates without gaps in time (NaT)")
    return dates


def unique(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Names that occur once each."""
    names = tuple(values)
    if len(set(names)) != len(names):
        raise ValueError(f"{name} repeats {sorted({n for n in names if names.count(n) > 1})[:3]}")
    return names


def day(date: Any) -> np.datetime64:
    """One date as datetime64[D]."""
    return np.datetime64(date, "D")


def count_upto(dates: Days, date: Any) -> int:
    """How many of the sorted `dates` are on or before `date`."""
    return int(np.searchsorted(dates, day(date), side="right"))


def period(dates: Days, stride: Stride) -> Int:
    """Number of the day, week (from Monday), month, quarter or year of each session, [T]."""
    if stride in MONTHS:
        return dates.astype("datetime64[M]").astype(np.int64) // MONTHS[stride]
    number = dates.astype(np.int64)
    return number if stride == "day" else (number + MONDAY) // 7


def firsts(dates: Days, stride: Stride) -> Bool:
    """Whether each session is the first of its period, [T]: a matter of its date and the one before; nobody can say it of the first row of all."""
    begins: Bool = np.append(False, np.diff(period(dates, stride)) > 0)[: len(dates)]
    return begins
