"""One typed Config from TOML: a section is a stage, and each stage owns its settings; this module only composes them."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from riskradar.alert import AlertsConfig
from riskradar.backtest import BacktestConfig
from riskradar.data import DataConfig
from riskradar.data.quality import QualityConfig
from riskradar.data.sources import SourcesConfig
from riskradar.errors import UsageError
from riskradar.evaluate import EvaluateConfig
from riskradar.features import FeaturesConfig
from riskradar.health import DailyConfig
from riskradar.labels import LabelsConfig
from riskradar.layers import LayersConfig
from riskradar.measures import MeasuresConfig
from riskradar.models import ModelsConfig
from riskradar.nodes import NodesConfig
from riskradar.registry import near
from riskradar.split import SplitConfig

PRESETS = ("standard", "wide", "tiny")
REPLICATIONS = ("paper", "paper-text")  # of riskradar.paper: `run` and `show config` know them

EVENINGS = ("sources", "quality", "daily", "alerts")  # sections that decide no number of a run

Settings = TypeVar("Settings", bound=BaseModel)


class Config(BaseModel, frozen=True, extra="forbid"):
    """Everything that decides a run's numbers."""

    preset: str = "standard"
    data: DataConfig = DataConfig()
    sources: SourcesConfig = SourcesConfig()
    quality: QualityConfig = QualityConfig()
    features: FeaturesConfig = FeaturesConfig()
    layers: LayersConfig = LayersConfig()
    measures: MeasuresConfig = MeasuresConfig()
    labels: LabelsConfig = LabelsConfig()
    split: SplitConfig = SplitConfig()
    models: ModelsConfig = ModelsConfig()
    nodes: NodesConfig = NodesConfig()
    backtest: BacktestConfig = BacktestConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    daily: DailyConfig = DailyConfig()
    alerts: AlertsConfig = AlertsConfig()

    def hash(self) -> str:
        """SHA-256 of the settings that decide a run's numbers; who shares the work and where live data come from do not."""
        where = {"store"} | ({"as_of"} if self.data.as_of is None else set())
        settings = self.model_dump(mode="json", exclude={"backtest": {"jobs", "dask"}, "data": where, **dict.fromkeys(EVENINGS, True)})
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def load(preset: str = "standard", file: Path | None = None, settings: Sequence[str] = ()) -> Config:
    """The preset, then the file, then `key.path=value` settings, each over the one before; UsageError in one line on anything else."""
    if preset in REPLICATIONS:
        raise UsageError(f"preset {preset!r} repeats the paper by its own rules: only run and show know it; presets are {', '.join(PRESETS)}")
    if preset not in PRESETS:
        every = (*PRESETS, *REPLICATIONS)
        raise UsageError(f"no preset {preset!r}{near(preset, every)}; presets are {', '.join(every)}")
    return check(merged("riskradar.presets", preset, file, settings), Config)


def merged(package: str, preset: str, file: Path | None, settings: Sequence[str]) -> dict[str, Any]:
    """The preset of `package`, then the file, then the settings, each over the one before."""
    made = _merge({"preset": preset}, tomllib.loads(resources.files(package).joinpath(f"{preset}.toml").read_text("utf-8")))
    if file is not None:
        made = _merge(made, _read(file))
    for setting in settings:
        made = _merge(made, _parse(setting))
    return made


def check(settings: Mapping[str, Any], into: type[Settings]) -> Settings:
    """Checked settings; UsageError names the first key that does not fit, and the nearest one that exists."""
    try:
        return into.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        key = ".".join(path)
        if first["type"] == "extra_forbidden":
            raise UsageError(f"no setting {key!r}{near(path[-1], _fields(path[:-1], into))}; `riskradar show config` lists all of them") from None
        raise UsageError(f"setting {key} = {first['input']!r}: {first['msg'].lower()}; `riskradar show config` shows the default") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no config file {file}; give an existing path with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"config file {file} cannot be read: {error}; mend the line it names") from None


def _parse(setting: str) -> dict[str, Any]:
    key, equals, text = setting.partition("=")
    if not equals or not all(key.strip().split(".")):
        raise UsageError(f"--set {setting!r} is not understood; write --set section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    for part in reversed(key.strip().split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in over.items():
        out[key] = _merge(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


def _fields(path: Sequence[str], model: Any) -> Sequence[str]:
    for part in path:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return list(getattr(model, "model_fields", {}))
