"""From text to numbers and days, one cell at a time: what happens to a cell depends on that cell alone."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from riskradar.errors import InputError
from riskradar.tables.arrays import Bool, Days, Float

Fates = NDArray[np.int8]


class Fate(IntEnum):
    """What became of a cell; from NOT_A_NUMBER on it was refused."""

    ACCEPTED = 0
    DUPLICATE = 1
    EMPTY = 2
    OUTSIDE = 3
    NOT_A_NUMBER = 4
    NONFINITE = 5
    NONPOSITIVE = 6
    NEGATIVE = 7
    BAD_DATE = 8
    NOT_SESSION = 9
    CONFLICT = 10
    NO_NAME = 11
    NOT_IN_PRICES = 12
    NO_LAG = 13
    KNOWN_BEFORE_DATE = 14
    BAD_KIND = 15
    BAD_PERIOD = 16


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NONFINITE = re.compile(r"[+-]?(nan(\(\w*\))?|inf|infinity)", re.IGNORECASE)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)([T ]00:00(:00(\.0+)?)?)?", re.ASCII)
_LOCAL = re.compile(r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}([T ].*)?|\d{1,2}-\d{1,2}-\d{4}([T ].*)?", re.ASCII)
_MOMENT = time(20, 0)  # the radar's moment, New York
_NEW_YORK = ZoneInfo("America/New_York")


def number(text: str) -> tuple[float, Fate]:
    """One number, strictly: no thousands separators, no percent signs, no words."""
    if not text:
        return math.nan, Fate.EMPTY
    if _NUMBER.fullmatch(text):
        value = float(text)
        return (value, Fate.ACCEPTED) if math.isfinite(value) else (math.nan, Fate.NONFINITE)
    return math.nan, Fate.NONFINITE if _NONFINITE.fullmatch(text) else Fate.NOT_A_NUMBER


def numbers(column: pa.ChunkedArray) -> tuple[Float, Fates]:
    """Values [R] and fates [R] of one column; text is parsed strictly, an empty cell, null or a binary NaN is empty."""
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _judged(pc.cast(column, pa.float64(), safe=False).to_numpy(), nan=Fate.EMPTY)
    text = _text(column)
    try:  # the fast path reads a subset of what `number` reads, to the same bits
        blank = pc.equal(text, "")
        value = pc.cast(pc.if_else(blank, "nan", text), pa.float64()).to_numpy()
        value, fate = _judged(value, nan=Fate.NONFINITE)
        fate[blank.to_numpy()] = Fate.EMPTY
        return value, fate
    except pa.ArrowInvalid:
        codes, distinct = _distinct(text)
        parsed = [number(t) for t in distinct]
        value = np.array([v for v, _ in parsed], float)[codes]
        return value + 0.0, np.array([f for _, f in parsed], np.int8)[codes]


def _judged(value: Float, *, nan: Fate) -> tuple[Float, Fates]:
    fate = np.where(np.isnan(value), np.int8(nan), np.where(np.isinf(value), np.int8(Fate.NONFINITE), np.int8(Fate.ACCEPTED)))
    return np.where(fate == Fate.ACCEPTED, value, np.nan) + 0.0, fate  # + 0.0: one zero, so that equal values are equal bits


def days(column: pa.ChunkedArray, file: str) -> tuple[Days, Bool]:
    """ISO days [R], NaT where empty or unreadable, and which of them are unreadable; InputError for dates such as 01/02/2024."""
    if pa.types.is_timestamp(column.type):
        wall = pc.local_timestamp(column) if column.type.tz else column
        moments = wall.cast(pa.timestamp("ns")).to_numpy()
        day = moments.astype("datetime64[D]")
        bad = ~np.isnat(moments) & (moments != day)
        return np.where(bad, np.datetime64("NaT"), day), bad
    if pa.types.is_date(column.type):
        day = column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
        return day, np.zeros(len(day), bool)
    codes, distinct = _distinct(_text(column))
    local = next((t for t in distinct if _LOCAL.fullmatch(t)), None)
    if local is not None:
        raise InputError(f"{file}: the date {local!r} is ambiguous; nothing of the file was kept; write ISO dates only, such as 2024-01-02")
    day = np.array([iso_day(t) for t in distinct], "datetime64[D]")[codes] if distinct else np.empty(0, "datetime64[D]")
    return day, np.isnat(day) & np.array([bool(t) for t in distinct], bool)[codes]


def iso_day(text: str) -> date | None:
    """The day of an ISO date, None for any other text."""
    match = _ISO.fullmatch(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def moments(column: pa.ChunkedArray, file: str) -> tuple[Days, Bool]:
    """The New York day on which each `known_at` had passed by 20:00, and which cells are unreadable; InputError for a time without its zone."""
    if pa.types.is_date(column.type):
        return days(column, file)
    if pa.types.is_timestamp(column.type) and column.type.tz:
        codes, distinct = _distinct(pc.cast(column, pa.timestamp("us", column.type.tz)))
    elif pa.types.is_timestamp(column.type):
        codes, distinct = _distinct(pc.cast(column, pa.timestamp("us")))
    else:
        codes, distinct = _distinct(_text(column))
    known = [known_day(t, file) for t in distinct]
    day = np.array(known, "datetime64[D]")[codes] if known else np.empty(0, "datetime64[D]")
    return day, np.isnat(day) & np.array([t is not None and t != "" for t in distinct], bool)[codes]


def known_day(stamp: str | datetime | None, file: str) -> date | None:
    """The New York day on which a moment had passed by 20:00, None where empty or unreadable; InputError for a time without its zone."""
    if stamp is None or stamp == "":
        return None
    if isinstance(stamp, str):
        if (day := iso_day(stamp)) is not None:
            return day
        try:
            stamp = datetime.fromisoformat(stamp)
        except ValueError:
            return None
    if stamp.tzinfo is None:
        if stamp.time() == time(0):
            return stamp.date()
        raise InputError(f"{file}: known_at {stamp} has no time zone; nothing of the file was kept; write a date, or add the zone: {stamp}-05:00")
    local = stamp.astimezone(_NEW_YORK)
    return local.date() + timedelta(days=int(local.time() > _MOMENT))


def words(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Codes [R] into the distinct texts of a column; an empty cell is the text ''."""
    return _distinct(_text(column))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pc.utf8_trim_whitespace(pc.fill_null(column.cast(pa.string()), ""))


def _distinct(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[Any]]:
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()
