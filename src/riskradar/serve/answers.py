"""What the API answers with: every answer names its run, its day and the hashes of its settings and data; undefined is null with a reason."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Share = Annotated[float, Field(ge=0, le=1)]
RUN = "20260105-070000-standard-068ccf"
HEAD: dict[str, JsonValue] = {"run": RUN, "as_of": "2022-12-28", "config_hash": "068ccf6f", "panel_hash": "2433a475"}


def shown(example: dict[str, JsonValue]) -> ConfigDict:
    """The settings of an answer with an example."""
    return ConfigDict(frozen=True, json_schema_extra={"examples": [example]})


class Answer(BaseModel, frozen=True):
    """What every answer carries: the run, the session that it speaks of, and SHA-256 of its settings and of its data."""

    run: str
    as_of: dt.date
    config_hash: str
    panel_hash: str


class Paged(Answer, frozen=True):
    """A page of a longer table; `next` is the cursor of the page after it, null on the last one."""

    next: str | None


class Interval(BaseModel, frozen=True):
    """Two ends, null with a reason where there are none; `what` says between which two."""

    low: float | None
    high: float | None
    what: str
    reason: str = ""


class Estimate(BaseModel, frozen=True):
    """A figure with its interval and, where it is undefined, why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


class Outlook(BaseModel, frozen=True):
    """One target on one session: never a number alone.

    band: how often the fall came on days with such a probability; seeds: lowest and highest seed; base_rate: share of sessions with the fall, of
    those that `base_of` names; percentile: share of earlier scored sessions with a lower probability; change: against five scored sessions before.
    """

    target: str
    horizon: int
    depth: float
    text: str
    probability: Share | None
    score: float | None
    reason: str
    word: str
    band: Interval
    seeds: Interval
    base_rate: Estimate
    base_of: str
    percentile: Estimate
    change: Estimate


class Now(Answer, frozen=True):
    """The chance of each fall on one session; cutoff: the last date that the model had learned from; replayed: an earlier session was asked for."""

    model: str
    about: str
    hindsight: bool
    kind: str
    cutoff: dt.date
    replayed: bool
    sentence: str
    targets: tuple[Outlook, ...]


class Scored(BaseModel, frozen=True):
    """One session of a forecast, averaged over seeds; low and high: the lowest and highest seed, null with one seed."""

    date: dt.date
    cutoff: dt.date
    probability: Share | None
    score: float | None
    low: Share | None
    high: Share | None
    reason: str


class History(Paged):
    """A model's forecast of one target over time."""

    model: str
    target: str
    kind: str
    rows: tuple[Scored, ...]

    model_config = shown({
        **HEAD, "next": "2022-12-28", "model": "vol+breadth", "target": "20/5", "kind": "live",
        "rows": [{"date": "2022-12-28", "cutoff": "2021-12-31", "probability": 0.24, "score": 0.51, "low": None, "high": None, "reason": ""}],
    })  # fmt: skip


class Outcome(BaseModel, frozen=True):
    """What came after a session: 1 or 0, or null with the reason; `known` is the session on which it became known."""

    date: dt.date
    level: float | None
    onset: bool | None
    outcome: float | None
    known: dt.date | None
    reason: str


class Outcomes(Paged, frozen=True):
    """The labels of one target, with the system index; ONSET: less than 5 % below its highest close of 252 sessions."""

    target: str
    rows: tuple[Outcome, ...]


class Event(BaseModel, frozen=True):
    """An independent fall of 10 % or more from a 252-session high."""

    peak: dt.date
    crossing: dt.date | None
    trough: dt.date
    depth: float


class Events(Answer, frozen=True):
    """The independent falls of the evaluated sessions; sealed: the date from which outcomes are withheld, or empty."""

    sealed: str
    rows: tuple[Event, ...]


class LeaderRow(BaseModel, frozen=True):
    """One model on one target; `claim`: its mean difference of ONSET AUROC to the comparator over the headline targets."""

    model: str
    about: str
    hindsight: bool
    target: str
    auroc_onset: Estimate
    auroc: Estimate
    auprc_lift: Estimate
    log_skill: Estimate
    brier_skill: Estimate
    ece: Estimate
    claim: Estimate


class Leaderboard(Answer, frozen=True):
    """Every model on every target, with intervals; comparator: what the claims are made against; absent: models that could not run, and why."""

    comparator: str
    headline: tuple[str, ...]
    sealed: str
    protocol: tuple[str, ...]
    targets: list[dict[str, JsonValue]]
    rows: tuple[LeaderRow, ...]
    absent: dict[str, str]


class Evaluation(Answer, frozen=True):
    """The stored evaluation (schema riskradar.evaluation/1), of all models without curves and draws, or of one with its curves."""

    evaluation: dict[str, JsonValue]


class RunAbout(BaseModel, frozen=True):
    """A stored run in one line; reason: why nothing is known of it but its name."""

    run: str
    created: str
    preset: str
    kind: str
    config_hash: str
    panel_hash: str
    panel: str
    sealed: str
    reason: str = ""


class Runs(BaseModel):
    """The stored runs, newest first."""

    next: str | None
    rows: tuple[RunAbout, ...]

    model_config = shown({"next": None, "rows": [{
        "run": RUN, "created": "2026-01-05T07:00:00+00:00", "preset": "standard", "kind": "live", "config_hash": "068ccf6f", "panel_hash": "2433a475",
        "panel": "21 assets, 8313 sessions, 1990-01-02 to 2022-12-28; system index: asset SP500", "sealed": "2010-01-01", "reason": "",
    }]})  # fmt: skip


class Run(Answer, frozen=True):
    """A stored run: what it holds and what it ran on."""

    created: str
    preset: str
    kind: str
    sealed: str
    sentence: str
    panel: dict[str, JsonValue]
    models: tuple[str, ...]
    anchor: str
    targets: tuple[str, ...]
    layers: tuple[str, ...]
    measures: tuple[str, ...]
    scored: tuple[dt.date, dt.date] | None
    environment: dict[str, str]
    seconds: dict[str, float]


class Settings(Answer, frozen=True):
    """The configuration of a run."""

    config: dict[str, JsonValue]


class Change(BaseModel, frozen=True):
    """One setting that differs; null: it does not exist there."""

    key: str
    first: JsonValue
    second: JsonValue


class Difference(Answer, frozen=True):
    """What differs between the settings and data of two runs; the envelope is that of the first."""

    other: str
    same_data: bool
    rows: tuple[Change, ...]


class Health(Answer, frozen=True):
    """What was read and refused, and what is absent with the reason; refused: the first cells, of `refused_count`."""

    start: dt.date
    end: dt.date
    lines: tuple[str, ...]
    counts: list[dict[str, JsonValue]]
    hashes: dict[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    refused_count: int
    refused: list[dict[str, JsonValue]]
    absent: dict[str, dict[str, str]]


class ModelAbout(BaseModel, frozen=True):
    """A model: what it is, how often it learns anew, where its z-scores begin, and why it is absent."""

    model: str
    about: str
    hindsight: bool
    refit_years: int | None
    history_start: str | None
    absent: str


class Limit(BaseModel, frozen=True):
    """Something that the run cannot tell."""

    title: str
    text: str


class Card(Answer, frozen=True):
    """The model card of a run: what it is for, its models, its record in words, and its limits."""

    sentence: str
    use: str
    models: tuple[ModelAbout, ...]
    protocol: tuple[str, ...]
    shares: dict[str, dict[str, float]]
    limits: tuple[Limit, ...]


def plain(value: Any) -> Any:
    """A number that JSON can hold: NaN and infinities are null."""
    number = float(value)
    return number if number - number == 0 else None
