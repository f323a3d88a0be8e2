"""What the sister systems send: pattern runs of SPA and manipulation windows of AIMM, in envelopes with a version (paper 8).

Neither original has an envelope; ours adds the ticker and the schema. A file becomes long rows (asset, series, date, value, known_at), which are read
like any other facts.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from riskradar.data.files import Grid
from riskradar.errors import InputError
from riskradar.patterns import NEAR

COLUMNS = ("asset", "series", "date", "value", "known_at")
MAX_BYTES = 64 << 20
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Annotated[str, Field(min_length=1, max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SpaRun(_Part):
    """A maximal run of daily returns of one sign: percent change from the close before it, worst fall inside it in percent (either sign is read)."""

    run_id: str = Field(max_length=256)
    direction: Literal["up", "down"]
    start: date
    end: date
    duration_bars: int = Field(ge=1, le=10_000)
    pct_change: Finite
    max_drawdown_pct: Finite

    @model_validator(mode="after")
    def _agrees(self) -> SpaRun:
        if self.end < self.start:
            raise ValueError("the run ends before it starts")
        if self.pct_change * (1 if self.direction == "up" else -1) < 0:
            raise ValueError(f"a run {self.direction} cannot have pct_change {self.pct_change}")
        return self


class SpaEvent(_Part):
    """A headline beside a run."""

    date: date
    headline: str = Field(max_length=4096)
    source: str = Field(default="", max_length=4096)
    url: str = Field(default="", max_length=4096)
    summary: str = Field(default="", max_length=65_536)
    ticker: str = Field(default="", max_length=64)


class SpaFile(_Part):
    """Runs and events of one ticker."""

    version: Literal["riskradar.spa/1"] = Field(alias="schema", default="riskradar.spa/1")
    ticker: Word
    runs: tuple[SpaRun, ...] = ()
    events: tuple[SpaEvent, ...] = ()

    def rows(self) -> list[tuple[str, date, float, date]]:
        """A run is known on the day after its last: only the next session can end it."""
        out = []
        for run in self.runs:
            near = sum(abs((event.date - run.start).days) <= NEAR for event in self.events)
            bars = run.duration_bars if run.direction == "up" else -run.duration_bars
            known = run.end + timedelta(days=1)
            out += [("spa_bars", run.end, float(bars), known), ("spa_events", run.end, float(near), known)]
        return out


class AimmWindow(_Part):
    """One evaluation of manipulation risk, between 0 and 1."""

    risk_score: float = Field(ge=0, le=1, allow_inf_nan=False)
    risk_level: Literal["low", "medium", "high"]
    evaluation_date: date
    contributing_signal_types: tuple[Word, ...] = ()


class AimmFile(_Part):
    """Evaluations of one ticker."""

    version: Literal["riskradar.aimm/1"] = Field(alias="schema", default="riskradar.aimm/1")
    ticker: Word
    windows: tuple[AimmWindow, ...] = ()

    def rows(self) -> list[tuple[str, date, float, date]]:
        """An evaluation is used from the day after it on."""
        return [("aimm_risk", w.evaluation_date, w.risk_score, w.evaluation_date + timedelta(days=1)) for w in self.windows]


Envelope = SpaFile | AimmFile
_ANY: TypeAdapter[Envelope] = TypeAdapter(Annotated[Envelope, Field(discriminator="version")])


def read_envelope(path: str | Path) -> Envelope:
    """One file of a sister system; InputError in one line that names the first field that does not fit."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES >> 20} MiB; nothing was kept; split it by ticker")
        content = json.loads(path.read_text("utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({str(error) or type(error).__name__}); nothing was kept; send the envelope again") from None
    return parse_envelope(content, str(path))


def parse_envelope(content: Any, name: str) -> Envelope:
    """A checked envelope from parsed JSON; see read_envelope."""
    try:
        return _ANY.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("riskradar.")) or "schema"
        raise InputError(f"{name}: {where}: {first['msg'].lower()}; nothing was kept; `riskradar.data.exchange` documents the fields") from None


def write_envelope(envelope: Envelope, path: str | Path) -> None:
    """The envelope as JSON; read_envelope gives it back."""
    Path(path).write_text(envelope.model_dump_json(by_alias=True, indent=1), "utf-8")


def envelope_grid(path: str | Path) -> Grid:
    """The facts of one file as a grid of long rows."""
    found = read_envelope(path)
    if not (rows := found.rows()):
        raise InputError(f"{path} holds no {'run' if isinstance(found, SpaFile) else 'window'}; nothing was kept; leave it out of data.exchange")
    series, dates, values, known = zip(*rows, strict=True)
    table = pa.table(dict(zip(COLUMNS, ([found.ticker] * len(rows), series, map(str, dates), map(repr, values), map(str, known)), strict=True)))
    return Grid(Path(path).name, COLUMNS, table, hashlib.sha256(Path(path).read_bytes()).hexdigest())


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
