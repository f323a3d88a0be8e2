"""The record of an evaluation: every number with its interval or its reason, and nothing that JSON cannot hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError

from riskradar.errors import StorageError
from riskradar.tables import ForecastKind

Number = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(lambda value: value if math.isfinite(value) else None, return_type=float | None),
]
Point = tuple[Number, Number]


@dataclass(frozen=True)
class Score:
    """A value with its bootstrap interval (low, high) and its range when each event is left out; NaN carries a reason."""

    value: Number
    reason: str = ""
    low: Number = math.nan
    high: Number = math.nan
    event_low: Number = math.nan
    event_high: Number = math.nan


@dataclass(frozen=True)
class Claim(Score):
    """A paired difference; shown: both the interval and the range over left-out events lie above 0."""

    shown: bool = False
    sentence: str = ""


@dataclass(frozen=True)
class Half:
    """One part of the span."""

    auroc: Score
    auroc_onset: Score
    log_skill: Score


@dataclass(frozen=True)
class Confusion:
    """Days with and without an alarm against days with and without the fall."""

    tp: int
    fp: int
    tn: int
    fn: int
    precision: Score
    recall: Score
    accuracy: Score
    fpr: Score
    fnr: Score
    threshold: str


@dataclass(frozen=True)
class Usefulness:
    """What the alarms are worth to a policymaker who weighs a missed fall by `preference`."""

    preference: Number
    alessi_detken: Number
    sarlin: Number
    sarlin_relative: Number


@dataclass(frozen=True)
class Bin:
    """Days whose probability lies in [low, high): the mean forecast and how often the fall came."""

    low: Number
    high: Number
    mean: Number
    observed: Number
    observed_low: Number
    observed_high: Number
    days: int


@dataclass(frozen=True)
class Cell:
    """One model on one target."""

    auroc: Score
    auroc_onset: Score
    auroc_blocks: Score
    auprc_lift: Score
    auprc_lift_onset: Score
    log_skill: Score
    log_skill_onset: Score
    brier_skill: Score
    brier_skill_onset: Score
    ece: Score
    auroc_seed_sd: Score
    halves: dict[str, Half]
    confusion: Confusion
    usefulness: tuple[Usefulness, ...]
    reliability: tuple[Bin, ...]
    roc: tuple[Point, ...]
    pr: tuple[Point, ...]
    paired: dict[str, Claim]


@dataclass(frozen=True)
class Warned:
    """One event: first_alarm is a date, "missed" or "score withheld"; sessions_to_peak is positive before the peak."""

    peak: str
    first_alarm: str
    sessions_to_peak: Number
    share_ahead: Number


@dataclass(frozen=True)
class Caught:
    """Falls with an alarm in their window, beside shifted copies of the same alarms; p: the share of copies that do as well."""

    events: int
    recall: Number = math.nan
    null_recall: Number = math.nan
    p: Number = math.nan


@dataclass(frozen=True)
class Pullback:
    """First closes `first` below a high: how many, how many reached `depth` before a new high, and how well the score tells these apart."""

    first: Number
    depth: Number
    episodes: int
    reached: int
    auroc: Score


@dataclass(frozen=True)
class EventRecord:
    """Alarms of one model against the events, each figure beside that of its alarms shifted among the ONSET days.

    recall: falls with an alarm before the peak; crossing, crossing_shallow: falls of the target's depth, and of 5 %, with an alarm before the
    first 5 % were lost, which a score that rises with falling prices gets without foresight; right: share of alarms after which the fall came;
    realised_rate: share of calm ONSET days in alarm, with its interval and by five years.
    """

    target: str
    reason: str
    events: int
    recall: Number
    null_recall: Number
    p: Number
    lead_median: Number
    null_lead: Number
    share_ahead: Number
    null_share_ahead: Number
    false_alarms_per_year: Number
    alarms_per_year: Number
    realised_rate: Number
    nominal_rate: Number
    disqualified: bool
    each: tuple[Warned, ...]
    right: Number = math.nan
    realised_low: Number = math.nan
    realised_high: Number = math.nan
    realised_blocks: dict[str, Number] = field(default_factory=dict)
    crossing: Caught = Caught(0)
    crossing_shallow: Caught = Caught(0)


@dataclass(frozen=True)
class Row:
    """One model; a target for which it has no score is missing from `targets` and named in `Report.absent`.

    headline: the mean difference against each comparator; halves: the same in each half; draws: the same in every bootstrap draw;
    pullbacks: whether the score tells a pullback that goes on from one that does not.
    """

    model: str
    targets: dict[str, Cell]
    headline: dict[str, Claim]
    event: EventRecord
    halves: dict[str, dict[str, Claim]] = field(default_factory=dict)
    draws: dict[str, tuple[Number, ...]] = field(default_factory=dict)
    pullbacks: tuple[Pullback, ...] = ()


@dataclass(frozen=True)
class Span:
    """The evaluated sessions."""

    start: str
    end: str
    sessions: int
    onset: int
    hash: str


@dataclass(frozen=True)
class Definition:
    """What a word in the table means."""

    term: str
    text: str


@dataclass(frozen=True)
class TargetRecord:
    """One target on the dates that all models share, from `start` on; `hash` names these dates and their outcomes."""

    name: str
    horizon: int
    depth: Number
    kind: str
    base_rate: Number
    base_rate_onset: Number
    positives: int
    events: int
    start: str
    sessions: int
    hash: str


@dataclass(frozen=True)
class EventDates:
    """One independent fall."""

    peak: str
    crossing: str
    trough: str
    depth: Number


@dataclass(frozen=True)
class Skill:
    """Log-score and Brier skill by target, and their means over all targets."""

    log: dict[str, Score]
    brier: dict[str, Score]
    mean_log: Score
    mean_brier: Score


@dataclass(frozen=True)
class Calibration:
    """One model: its skill on all, on ONSET and on each half's sessions, its mean log skill minus that of the reference, and its reliability.

    sessions: shared sessions by target; reliability: by half, then by target; incoherent: sessions on which a longer horizon is less likely
    than a shorter one, or a deeper fall than a shallower one.
    """

    sessions: dict[str, int]
    everywhere: Skill
    onset: Skill
    halves: dict[str, Skill]
    over_reference: Score
    reliability: dict[str, dict[str, tuple[Bin, ...]]]
    incoherent: int


@dataclass(frozen=True)
class FallScores:
    """One model at one horizon, on the sessions that all models share.

    crps: skill over the expanding climatology on all sessions, on ONSET, and by half; pinball: the same by quantile level, as forecast and repaired;
    coverage: share of falls within each quantile, as forecast and repaired; blocks: coverage of the 90 % quantile by block of five years.
    """

    sessions: int
    crps: dict[str, Score]
    pinball: dict[str, dict[str, Score]]
    coverage: dict[str, dict[str, Score]]
    blocks: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Outlook:
    """The model whose chances are shown, judged apart from ranking: its probabilities over all targets, and its forward falls by horizon."""

    model: str
    calibration: Calibration
    falls: dict[str, FallScores]


@dataclass(frozen=True)
class Report:
    """Everything that an evaluation found; rows are in the order of the models' names.

    headline: the targets that the headline is the mean of; sealed: the day from which nothing was looked at, or empty;
    outlook: None without a model that draws paths.
    """

    schema: Literal["riskradar.evaluation/1"]
    kind: ForecastKind
    span: Span
    definitions: tuple[Definition, ...]
    targets: tuple[TargetRecord, ...]
    comparators: tuple[str, ...]
    rows: tuple[Row, ...]
    events: tuple[EventDates, ...]
    absent: dict[str, str]
    headline: tuple[str, ...] = ()
    sealed: str = ""
    outlook: Outlook | None = None

    def record(self) -> dict[str, Any]:
        """The report as strict JSON values; what is undefined is null."""
        record: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Report:
        """The inverse of `record()`; StorageError names the first entry that does not fit."""
        try:
            return _adapter().validate_python(dict(record))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise StorageError(f"evaluation record: {where}: {first['msg']}; nothing was read; run the evaluation again") from None


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
