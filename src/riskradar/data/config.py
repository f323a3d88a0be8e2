"""What the user may say about the data."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from riskradar.errors import UsageError

ALIASES = {
    "date": ("date",), "asset": ("asset", "ticker", "symbol"), "close": ("close", "adj_close", "adj close", "price"), "volume": ("volume",),
    "sector": ("sector",), "kind": ("kind",), "series": ("series",), "value": ("value",), "known_at": ("known_at",),
    "start": ("start",), "end": ("end",),
}  # fmt: skip


File = Annotated[str, Field(min_length=1)]
Files = File | Annotated[tuple[File, ...], Field(min_length=1)]


class DataConfig(BaseModel, frozen=True, extra="forbid"):
    """The `[data]` section: where prices and facts come from, on which sessions, against which index."""

    prices: Files = "sample"  # "sample", or wide or long CSV, CSV.gz or Parquet files, which are joined by name and date
    sectors: Files | Literal[""] = ""
    macro: str = ""
    sentiment: str = ""
    exchange: Files | Literal[""] = ""  # envelopes of SPA and AIMM (see riskradar.data.exchange)
    store: str = ""  # a database URL: prices, volumes, macro and sentiment come from there, and `prices` is not looked at
    as_of: date | None = None  # with a store: what was known at 20:00 New York of this day; now where it is not set
    universe: str = ""
    exclude: tuple[str, ...] = ()  # assets that are never members, such as a firm's second share class; those that no file names are passed over
    columns: dict[str, str] = {}  # our name -> the column in the user's files
    calendar: str = "XNYS"  # an exchange_calendars code, or "observed"
    index: str = "auto"  # an asset, a macro series, "equal-weight", or the first that exists of: index asset, spx, equal weight
    start: date | None = None
    end: date | None = None
    lags: dict[str, Annotated[int, Field(ge=0, le=2600)]] = {}  # sessions; beyond ten years is a typing error
    max_assets: int = Field(5000, ge=1, le=32_000)  # asset codes are int16

    def files(self, setting: Literal["prices", "sectors", "exchange"]) -> tuple[str, ...]:
        """The files of a setting that may name several."""
        named = getattr(self, setting)
        return (named,) if isinstance(named, str) and named else tuple(named)

    @field_validator("store")
    @classmethod
    def _without_password(cls, store: str) -> str:
        if re.match(r"[^/]*//[^/@]*:[^/@]*@", store) or "password=" in store:
            raise UsageError("data.store holds a password, which every run would keep; nothing was opened; put it into PGPASSWORD or ~/.pgpass")
        return store

    @field_validator("columns")
    @classmethod
    def _known_roles(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(columns) - set(ALIASES))
        if unknown:
            raise ValueError(f"data.columns names {unknown}; it may name {sorted(ALIASES)}")
        return columns
