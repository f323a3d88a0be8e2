"""The settings of the paper's own experiment, and its two presets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from pydantic import BaseModel, Field, field_validator

from riskradar import config as configuration
from riskradar.data import DataConfig
from riskradar.layers.correlation import CorrelationConfig
from riskradar.split import CRISES, SplitConfig

PRESETS = configuration.REPLICATIONS


class ProtocolConfig(BaseModel, frozen=True, extra="forbid"):
    """Rows and split (paper 6.3, 7.1); what the paper leaves open follows from its counts.

    windows: first and last day of each; first: rows before the first graph; stride: rows between graphs; sequence: graphs that the
    temporal model reads, 5 by section 6.2 and by Table 4, 6 by the words of section 5.4 (t-k … t); threshold: alert above it;
    purge: rows whose labels are kept out of the training of the purged twins.
    """

    windows: dict[str, tuple[date, date]] = CRISES
    first: int = Field(default=20, ge=0)
    stride: int = Field(default=5, ge=1)
    sequence: int = Field(default=5, ge=5, le=6)
    train_share: float = Field(default=0.8, gt=0, lt=1)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    purge: int = Field(default=60, ge=0)

    @field_validator("windows")
    @classmethod
    def _those_of_the_paper(cls, windows: dict[str, tuple[date, date]]) -> dict[str, tuple[date, date]]:
        if not windows or set(windows) - set(CRISES):
            raise ValueError(f"the paper has results for {', '.join(CRISES)} only")
        return dict(sorted(SplitConfig(crises=windows).crises.items(), key=lambda window: window[1]))


class LabelConfig(BaseModel, frozen=True, extra="forbid"):
    """A row is positive when at least `names` names close `depth` or more below that row's close within `horizon` rows.

    Inferred: the paper publishes neither the rule that turns node labels into one label nor the meaning of its drawdown.
    """

    horizon: int = Field(default=60, ge=1, le=250)
    depth: float = Field(default=0.10, gt=0, lt=1)
    names: int = Field(default=3, ge=1)


class LearnersConfig(BaseModel, frozen=True, extra="forbid"):
    """width, head_hidden (0: a linear head), rate and batch are published; epochs, trees and seeds are not."""

    width: int = Field(default=64, ge=1)
    head_hidden: int = Field(default=0, ge=0)
    static_epochs: int = Field(default=20, ge=1)
    temporal_epochs: int = Field(default=12, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    batch: int = Field(default=8, ge=1)
    trees: int = Field(default=100, ge=1)
    seeds: int = Field(default=10, ge=1, le=100)


class IntervalsConfig(BaseModel, frozen=True, extra="forbid"):
    """draws of a block bootstrap over the test rows; block: mean length in rows of a day, never under the horizon; level: of the interval."""

    draws: int = Field(default=400, ge=20, le=20_000)
    block: int = Field(default=60, ge=1)
    level: float = Field(default=0.95, gt=0, lt=1)


class PaperConfig(BaseModel, frozen=True, extra="forbid"):
    """Everything that decides the numbers of a replication."""

    preset: str = "paper"
    data: DataConfig = DataConfig()
    protocol: ProtocolConfig = ProtocolConfig()
    label: LabelConfig = LabelConfig()
    correlation: CorrelationConfig = CorrelationConfig(window=7, threshold=0.5)
    learners: LearnersConfig = LearnersConfig()
    intervals: IntervalsConfig = IntervalsConfig()

    def hash(self) -> str:
        """SHA-256 of the settings."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def load(preset: str = "paper", file: Path | None = None, settings: Sequence[str] = ()) -> PaperConfig:
    """The preset, then the file, then `key.path=value` settings; UsageError in one line on anything else."""
    return configuration.check(configuration.merged("riskradar.paper", preset, file, settings), PaperConfig)
