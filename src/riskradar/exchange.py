"""The regime indicator: what the radar gives to other systems (paper 8), one row for each session and target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from riskradar.data.exchange import SpaEvent, SpaFile, SpaRun
from riskradar.errors import InputError, UsageError
from riskradar.evaluate.scores import climatology
from riskradar.patterns import detect
from riskradar.tables import SYSTEM, Forecast, Labels, Panel
from riskradar.tables.arrays import Float

SCHEMA = "riskradar.regime/1"
ENDINGS = (".jsonl", ".parquet")
MEMBERS = ("library", "garch", "beta-map")  # of the pool: their range is the band of its probability
POOLED = ("pool", "equal-pool", "radar")
Drivers = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]  # by date and target: name, what it adds to the score, value
RAISED, HIGH = 1.0, 2.0  # times the base rate: from here on the level is raised, and high


def band(forecasts: Mapping[str, Forecast], model: str) -> tuple[Float, Float]:
    """Lowest and highest probability of the system [T, K]: over the pool's members where the model's chances are the pool's, else over its seeds.

    NaN where there is one value only: a single number has no band.
    """
    own = forecasts[model]
    if model in POOLED and all(name in forecasts for name in MEMBERS):
        each = np.stack([forecasts[name].probability[0, :, 0] for name in MEMBERS])
    else:
        each = own.probability[:, :, 0]
    if len(each) == 1:
        return np.full(each.shape[1:], np.nan), np.full(each.shape[1:], np.nan)
    known = np.isfinite(each).any(axis=0)
    low = np.where(known, np.fmin.reduce(each), np.nan)
    return low, np.where(known, np.fmax.reduce(each), np.nan)


def regime(
    forecasts: Mapping[str, Forecast], labels: Labels, model: str, marks: Mapping[str, str], drivers: Drivers | None = None
) -> list[dict[str, Any]]:
    """Rows of the indicator for each session and yes-or-no target of a live forecast, oldest first.

    date, target, probability and band [low, high] (null where withheld), level (low, raised from the base rate on, high from twice that on,
    withheld), base_rate (share of past days with the label, known on that day), drivers (of the rows that are given), model, the hashes in
    `marks`, and `hash`: SHA-256 of the row's JSON without it. UsageError for a model that is not there or was not live.
    """
    if model not in forecasts:
        raise UsageError(f"no row {model!r} in this run; nothing was written; rows are {', '.join(forecasts)}")
    own = forecasts[model]
    if own.kind != "live":
        raise UsageError(f"{model} is a {own.kind} forecast; nothing was written; only live rows leave the house")
    unit, rows = own.units.index(SYSTEM), np.searchsorted(labels.dates, own.dates)
    probability, (low, high) = own.probability[:, :, unit].mean(axis=0), band(forecasts, model)
    usual = np.stack([climatology(labels, target)[rows] for target in own.targets], axis=1)
    out = []
    for t, date in enumerate(map(str, own.dates)):
        for k, target in enumerate(own.targets):
            if target.binary:
                p, base = probability[t, k], usual[t, k]
                why = [] if np.isnan(p) else list((drivers or {}).get((date, target.name), ()))
                out.append(_signed({
                    "schema": SCHEMA, "date": date, "target": target.name, "probability": _plain(p), "band": [_plain(low[t, k]), _plain(high[t, k])],
                    "level": level(p, base), "base_rate": _plain(base), "drivers": why, "model": model, **marks,
                }))  # fmt: skip
    return out


def level(probability: float, base_rate: float) -> str:
    """low, raised or high beside the base rate; withheld without a probability, unknown without a base rate."""
    if np.isnan(probability):
        return "withheld"
    if np.isnan(base_rate):
        return "unknown"
    return "high" if probability >= HIGH * base_rate else "raised" if probability >= RAISED * base_rate else "low"


def write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """JSON Lines, or Parquet by the ending of the path; UsageError for another ending."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, allow_nan=False) + "\n" for row in rows), "utf-8")
    elif path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist([{**row, "drivers": json.dumps(row["drivers"])} for row in rows]), path)
    else:
        raise UsageError(f"{path} ends neither in .jsonl nor in .parquet; nothing was written; name one of them")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that `write` made; InputError names the first that is not one of them or was changed, UsageError another ending."""
    if path.suffix not in ENDINGS:
        raise UsageError(f"{path} ends neither in .jsonl nor in .parquet; nothing was read; name one of them")
    try:
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        else:
            from pyarrow import parquet

            rows = [{**row, "drivers": json.loads(row["drivers"])} for row in parquet.ParquetFile(path).read().to_pylist()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = f"{path} cannot be read as rows of the regime indicator ({type(error).__name__})"
        raise InputError(f"{told}; nothing was read; ask for the file again") from None
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or row.get("schema") != SCHEMA or not verify(row):
            raise InputError(f"{path}: row {number} is not as it was written ({SCHEMA}); nothing was read; ask for the file again")
    return rows


def verify(row: Mapping[str, Any]) -> bool:
    """Whether a row is as it was written."""
    return bool(_signed({key: value for key, value in row.items() if key != "hash"})["hash"] == row.get("hash"))


def patterns(panel: Panel, asset: str, events: Sequence[SpaEvent] = ()) -> SpaFile:
    """The runs of one asset in the envelope of SPA, from our own detector; UsageError for an unknown asset."""
    if asset not in panel.assets:
        raise UsageError(f"no asset {asset!r} in the panel; nothing was written; assets are {', '.join(panel.assets[:8])} ...")
    found = detect(panel.close[:, panel.assets.index(asset)])
    runs = tuple(
        SpaRun(
            run_id=f"{asset}-{panel.dates[start]}", direction="up" if sign > 0 else "down",
            start=panel.dates[start].item(), end=panel.dates[end].item(),
            duration_bars=int(end - start + 1), pct_change=100 * float(change), max_drawdown_pct=-100 * float(fall),
        )
        for sign, start, end, change, fall in zip(found.sign, found.start, found.end, found.change, found.fall, strict=True)
    )  # fmt: skip
    return SpaFile(ticker=asset, runs=runs, events=tuple(events))


def disagreements(given: SpaFile, panel: Panel, tolerance: float = 0.01) -> list[str]:
    """What a file of SPA says against the closes of the panel, one line a run; changes are in percent, `tolerance` in percent points.

    A run of one session that says 0 is one measured from its first close; the features use the panel's closes in any case.
    """
    own = {run.start: run for run in patterns(panel, given.ticker).runs}
    out = []
    for run in given.runs:
        seen = own.get(run.start)
        if seen is None or (seen.direction, seen.duration_bars) != (run.direction, run.duration_bars):
            out.append(f"{run.run_id}: {run.direction} {run.duration_bars} from {run.start}: the closes have no such run")
        elif abs(seen.pct_change - run.pct_change) > tolerance:
            why = " (measured from its first close)" if run.pct_change == 0 else ""
            out.append(f"{run.run_id}: {run.pct_change:+.2f} %{why}; the closes say {seen.pct_change:+.2f} %")
    return out


def _signed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "hash": hashlib.sha256(json.dumps(row, sort_keys=True, allow_nan=False).encode()).hexdigest()}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
