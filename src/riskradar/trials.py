"""results/trials.jsonl: every configuration that the sealed half was opened for, one line each, written before anything of it is shown."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from riskradar.errors import StorageError
from riskradar.evaluate import reality_check

TRIALS = Path("results/trials.jsonl")
SCHEMA = "riskradar.trial/1"
KEY = ("config_hash", "panel_hash")


def account(about: Mapping[str, Any], evaluation: Mapping[str, Any], split: str, path: Path, *, asked: bool) -> dict[str, Any]:
    """What a run must say about the sealed half, for run.json: whether it saw it, how many tries did, and the reality check over all of them.

    split: the first day of that half; asked: the user asked for it. A run that saw it is logged first. StorageError when that fails.
    """
    if evaluation["sealed"] or evaluation["span"]["end"] < split:
        return {"split": split, "opened": False, "asked": asked, "tries": len(_tries(read(path))), "reality_check": {}}
    mine = trial(about, evaluation)
    every = log(path, mine)
    return {"split": split, "opened": True, "asked": asked, "tries": len(_tries(every)), "reality_check": check(mine, every)}


def trial(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The line of one run: who, on what, and each row's headline against each comparator with its draws."""
    settings = about["config"]["evaluate"]
    block = max(settings["mean_block"], *(t["horizon"] for t in evaluation["targets"]))
    figures = {
        row["model"]: {
            other: {**{k: _rounded(row["headline"][other][k]) for k in ("value", "low", "high")}, "draws": draws}
            for other, draws in row["draws"].items() if draws
        }
        for row in evaluation["rows"]
    }  # fmt: skip
    return {
        "schema": SCHEMA, "date": about["created"], "preset": about["preset"], "config_hash": about["config_hash"],
        "panel_hash": about["panel"]["hash"], "riskradar": about["environment"]["riskradar"], "kind": evaluation["kind"],
        "span": evaluation["span"]["hash"], "targets": evaluation["headline"],
        "resampling": {"draws": settings["draws"], "block": block, "seed": settings["seed"]}, "rows": {m: f for m, f in figures.items() if f},
    }  # fmt: skip


def check(mine: Mapping[str, Any], every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By comparator: the best row of all tries on the span, targets and draws of `mine`, and how likely it is by luck alone (White 2000)."""
    like = [t for t in _tries(every) if all(t[key] == mine[key] for key in ("kind", "span", "targets", "resampling"))]
    out = {}
    for other in dict.fromkeys(other for of in mine["rows"].values() for other in of):
        rows = {(model, of[other]["value"], *of[other]["draws"]): of[other] for t in like for model, of in t["rows"].items() if other in of}
        names, found = [key[0] for key in rows], list(rows.values())
        values, drawn = np.array([f["value"] for f in found], float), np.array([f["draws"] for f in found], float)
        best = int(values.argmax())
        out[other] = {"best": names[best], "value": values[best], "p": reality_check(values, drawn), "rows": len(found), "tries": len(like)}
    return out


def log(path: Path, mine: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Append `mine` and return every line with `mine` in place of an older one of its own; nothing is appended when that one exists.

    A configuration that is new but gives the figures of an older one on the same panel (a setting was added or renamed) is the same try: its line
    says so and holds no figures. The line is on the disk when this returns. One process at a time; a line torn by a kill is
    taken away, because its run never showed anything. StorageError when the file cannot be read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file, _alone(file):
            file.seek(0)
            held = file.read()
            whole = _whole(held)
            trials = _parsed(whole, path)
            if not any(_key(t) == _key(mine) for t in trials):
                twin = next((t for t in trials if t["panel_hash"] == mine["panel_hash"] and mine["rows"] and t["rows"] == mine["rows"]), None)
                line = {**mine, "rows": None, "same_as": twin["config_hash"]} if twin else mine
                file.truncate(min(len(whole), len(held)))
                file.write(whole[len(held) :] + json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
                trials.append(dict(line))
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror}); the later half stays sealed; make it writable or run where it is") from None
    return [dict(mine) if _key(t) == _key(mine) and t["rows"] else t for t in trials]


def read(path: Path) -> list[dict[str, Any]]:
    """Every whole line; none where there is no file. StorageError for a line that is no trial."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}); nothing was changed; make it readable") from None
    return _parsed(_whole(held), path)


def _whole(held: bytes) -> bytes:
    """Whole lines only: a last line without its end is kept where it can be read, and was torn where it cannot."""
    end = held.rfind(b"\n") + 1
    try:
        json.loads(held[end:])
    except ValueError:
        return held[:end]
    return held + b"\n"


def _parsed(lines: bytes, path: Path) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(lines.splitlines(), 1):
        try:
            entry = json.loads(line)
            if entry["schema"] != SCHEMA:
                raise ValueError(f"schema {entry['schema']!r}")
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(
                f"{path} line {number} is no trial ({error}); nothing was added and the later half stays sealed; restore the file"
            ) from None
        found.append(entry)
    return found


def _tries(trials: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Lines with figures of their own."""
    return [t for t in trials if "same_as" not in t]


def _key(trial: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(trial[name] for name in KEY)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


@contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    """Hold the file against other runs until it is closed; where there is no such lock, one write is all there is."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
    yield
