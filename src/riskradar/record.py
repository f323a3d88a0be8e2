"""Runs on disk: a folder that holds settings, hashes, forecasts, labels, evaluation and report; written whole or not at all."""

import dataclasses
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

import riskradar
from riskradar.errors import StorageError, UsageError
from riskradar.labels import known_on
from riskradar.tables import SYSTEM, Forecast, Labels, LayerSummary, NodeForecasts, Panel, Target

SCHEMA = "riskradar.run/2"
PACKAGES = ("numpy", "scipy", "pandas", "numba", "scikit-learn", "torch", "exchange_calendars", "skfolio")


@dataclass(frozen=True, eq=False)
class Record:
    """A stored run: `about` (run.json), the evaluation, and where the tables lie."""

    folder: Path
    about: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def id(self) -> str:
        """Name of the run's folder."""
        return self.folder.name

    def forecasts(self) -> dict[str, Forecast]:
        """Every model's forecast, in the order of the run."""
        frame = _table(self.folder / "forecasts.parquet")
        return {str(name): Forecast.from_frame(rows) for name, rows in frame.groupby("model", sort=False)}

    def labels(self) -> pd.DataFrame:
        """Date, level, onset and one column per target."""
        return _table(self.folder / "labels.parquet")

    def measures(self) -> pd.DataFrame | None:
        """Dates by measures; None when the run stored none."""
        path = self.folder / "measures.parquet"
        return _table(path) if path.exists() else None

    def falls(self) -> pd.DataFrame | None:
        """Quantiles of the forward falls (see evaluate.distribution.fan); None when the run stored none."""
        path = self.folder / "falls.parquet"
        return _table(path) if path.exists() else None

    def layers(self) -> LayerSummary | None:
        """The layers over time; None when the run stored none."""
        path = self.folder / "layers.parquet"
        return LayerSummary.from_frame(_table(path)) if path.exists() else None

    def nodes(self) -> NodeForecasts | None:
        """Forecasts of single assets beside what came; None when the run stored none."""
        path = self.folder / "nodes.parquet"
        return NodeForecasts.from_frame(_table(path)) if path.exists() else None

    def outcomes(self) -> Labels:
        """The labels of the system as a table."""
        frame = self.labels()
        targets = tuple(Target.parse(name) for name in frame.columns[3:])
        dates = frame["date"].to_numpy("datetime64[D]")
        values = frame[[t.name for t in targets]].to_numpy(float)[:, None, :]
        known = np.stack([known_on(dates, t.horizon) for t in targets], axis=1)
        return Labels(dates, (SYSTEM,), targets, values, known, frame["onset"].to_numpy(bool), frame["level"].to_numpy(float))


def environment() -> dict[str, str]:
    """Versions that can change a number."""
    found = {"riskradar": riskradar.__version__, "python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def panel_hash(panel: Panel) -> str:
    """SHA-256 over the arrays of a panel: the same prices, dates and facts give the same hash."""
    digest = hashlib.sha256("\n".join(panel.assets).encode())
    for part in (panel, panel.facts):
        for field in dataclasses.fields(part):
            value = getattr(part, field.name)
            if isinstance(value, np.ndarray):
                digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


def run_id(created: datetime, preset: str, config_hash: str) -> str:
    """Sorts by time and names what ran."""
    return f"{created:%Y%m%d-%H%M%S}-{preset}-{config_hash[:6]}"


def save(
    home: Path, name: str, about: Mapping[str, Any], forecasts: Mapping[str, Forecast], labels: Labels, evaluation: Mapping[str, Any], page: str,
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({}),
) -> Record:  # fmt: skip
    """Write a run into `home/name`; StorageError when it cannot be written, and then nothing is left behind.

    beside: further tables by the name of their file: measures, layers, falls, nodes.
    """
    target = home / name
    if target.exists():
        raise StorageError(f"run {name} exists already in {home}; nothing was written; wait a second and run again")
    try:
        home.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".writing-", dir=home))
    except OSError as error:
        raise StorageError(f"cannot write into {home}: {error.strerror}; nothing was written; set --home to a folder that you own") from None
    try:
        frames = [forecast.frame() for forecast in forecasts.values()]
        (pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()).to_parquet(work / "forecasts.parquet", compression="zstd")
        labels_frame(labels).to_parquet(work / "labels.parquet", compression="zstd")
        for table, frame in beside.items():
            frame.to_parquet(work / f"{table}.parquet", compression="zstd")
        (work / "report.html").write_text(page, "utf-8")
        _write(work / "evaluation.json", evaluation)
        _write(work / "run.json", {"schema": SCHEMA, "id": name, **about})
        work.chmod(0o777 & ~_umask())
        os.rename(work, target)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise StorageError(f"run {name} could not be written to {home}: {error.strerror}; nothing was kept; free some space and run again") from None
    return load(home, name)


def replaced(run: Record, about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> Record:
    """The run with another evaluation and account in its folder; its tables stay as they are."""
    write_text(run.folder / "evaluation.json", _text(evaluation))
    write_text(run.folder / "run.json", _text(about))
    return load(run.folder.parent, run.id)


def load(home: Path, name: str = "latest") -> Record:
    """A run by its name, by the start of it, or the latest one."""
    names = listing(home)
    if not names:
        raise UsageError(f"no runs in {home}; `riskradar run` makes one")
    found = names[-1:] if name == "latest" else [n for n in names if n == name] or [n for n in names if n.startswith(name)]
    if len(found) != 1:
        what = "no run" if not found else f"{len(found)} runs"
        raise UsageError(f"{what} in {home} for {name!r}; `riskradar show` lists them")
    folder = home / found[0]
    about = _json(folder / "run.json")
    if about.get("schema") != SCHEMA:
        have = about.get("schema")
        raise StorageError(f"run {folder.name} has schema {have!r}, this version reads {SCHEMA}; it was left as it is; use the version that wrote it")
    return Record(folder, about, _json(folder / "evaluation.json"))


def listing(home: Path) -> list[str]:
    """Names of the finished runs, oldest first."""
    return sorted(path.parent.name for path in home.glob("*/run.json") if not path.parent.name.startswith("."))


def labels_frame(labels: Labels) -> pd.DataFrame:
    """Date, level, onset and one column per target of the system."""
    columns: dict[str, Any] = {"date": labels.dates, "level": labels.level, "onset": labels.onset}
    return pd.DataFrame(columns | {t.name: labels.system(t) for t in labels.targets})


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, content: str) -> None:
    """See write_bytes."""
    write_bytes(path, content.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file whole: StorageError when that fails, and then the old one is still there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".writing-", delete=False) as work:
            work.write(content)
        os.chmod(work.name, 0o666 & ~_umask())
        os.replace(work.name, path)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}; what was there before is unchanged; give another place") from None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(_text(content), "utf-8")


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return str(value)


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read ({error}); it was left as it is; run again or delete its folder") from None
    return content


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except Exception as error:  # noqa: BLE001 - pyarrow raises many kinds for a damaged file
        raise StorageError(f"{path} cannot be read ({type(error).__name__}); it was left as it is; run again or delete its folder") from None
