"""What stands beside the number on the first page: the terms of the score, what moved since last week, and the state of the data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from riskradar.html import words
from riskradar.models.rules import RULES, Rule
from riskradar.serve import account, lines, scores
from riskradar.serve.answers import Answer, Now, plain
from riskradar.serve.scores import CHANGE, target_of, values
from riskradar.serve.shelf import View
from riskradar.tables import Forecast
from riskradar.tables.arrays import day

EXACT = 1e-9  # terms that miss the score by more are no explanation of it
State = Literal["fresh", "attention", "ended", "absent"]


class Term(BaseModel, frozen=True):
    """One input of a rule and its push on the score, in the score's own unit."""

    name: str
    about: str
    push: float


class Terms(BaseModel, frozen=True):
    """Terms that add up to the score exactly, or none with the reason."""

    total: float | None
    rows: tuple[Term, ...]
    reason: str


class Moved(BaseModel, frozen=True):
    """A figure now and CHANGE sessions before; null: undefined on one of the two. Shares are chances, all else is a measure in its unit.

    unusual: size of the change of a measure over the root mean square of such changes until then.
    """

    name: str
    unit: str
    before: float | None
    now: float | None
    change: float | None
    unusual: float | None = None


class Source(BaseModel, frozen=True):
    """What the run read, or could not have: state and one line of why."""

    name: str
    detail: str
    state: State


class Alarm(BaseModel, frozen=True):
    """A stretch in alarm: its first session and the one after its last; came: whether the fall followed the first, null while not known."""

    first: dt.date
    until: dt.date
    came: bool | None


class Alarms(BaseModel, frozen=True):
    """Alarms of the model by its real-time threshold; reason: why there are none, or from when on they are not told."""

    target: str
    nominal_rate: float | None
    rows: tuple[Alarm, ...]
    open: bool | None
    reason: str


class Overview(Answer, frozen=True):
    """The first page: the outlook, its terms, what moved since `before`, the alarms, and the data."""

    now: Now
    terms: Terms
    before: dt.date | None
    moved: tuple[Moved, ...]
    alarms: Alarms
    sources: tuple[Source, ...]


def overview(view: View, model: str = "", date: dt.date | None = None) -> Overview:
    """The outlook of a model, the anchor unless one is named, on its last session or on an earlier one, and what stands beside it."""
    outlook = scores.now(view, model, date)
    forecast = view.forecast(outlook.model)
    row = int(np.searchsorted(forecast.dates, day(outlook.as_of)))
    first = next((t.target for t in outlook.targets if t.target == view.inputs.targets[0]["name"]), outlook.targets[0].target)
    before = forecast.dates[row - CHANGE] if row >= CHANGE else None
    return Overview(
        **scores.envelope(view, outlook.as_of), now=outlook, terms=terms(view, forecast, first, row), sources=tuple(sources(view)),
        alarms=alarms(view, outlook),
        before=None if before is None else before.astype(object), moved=() if before is None else tuple(moved(view, outlook, before)),
    )  # fmt: skip


def terms(view: View, forecast: Forecast, target: str, row: int) -> Terms:
    """The terms of a rule, read off the rows of the run that are each of its inputs alone; none for a row that is no sum of stored terms."""
    score = plain(values(forecast, target_of(forecast, target), "score")[:, row].mean())
    rule, alone = RULES.get(forecast.model), {r.inputs[0]: name for name, r in RULES.items() if isinstance(r, Rule) and len(r.inputs) == 1}
    if score is None:
        return Terms(total=None, rows=(), reason="no score was given on this session, and only a given score is explained")
    names = [alone.get(name, "") for name in rule.inputs] if isinstance(rule, Rule) else []
    if not names or any(name not in view.inputs.forecasts for name in names):
        return Terms(total=score, rows=(), reason=f"{forecast.model} is not a plain sum of rows that this run holds")
    rows = []
    for name in names:
        part = view.forecast(name)
        at = int(np.searchsorted(part.dates, forecast.dates[row]))
        push = values(part, target_of(part, target), "score")[:, at].mean() / len(names)
        rows.append(Term(name=name, about=RULES[name].about, push=float(push)))
    if not abs(sum(term.push for term in rows) - score) <= EXACT:
        return Terms(total=score, rows=(), reason="the stored terms do not add up to the score")
    return Terms(total=score, rows=tuple(rows), reason="")


def moved(view: View, outlook: Now, before: Any) -> Iterator[Moved]:
    """The chances and then the measures, the most unusual change first, on the session and on the one CHANGE sessions before."""
    for told in outlook.targets:
        p, change = told.probability, told.change.value
        name = f"Chance, {words.depth(target_of(view.forecast(outlook.model), told.target))} in {told.horizon} sessions"
        yield Moved(name=name, unit="share", before=None if p is None or change is None else p - change, now=p, change=change)
    frame = view.inputs.measures
    if frame is None:
        return
    dates = frame.index.to_numpy().astype("datetime64[D]")
    first, last = (int(np.searchsorted(dates, when, side="right")) - 1 for when in (before, day(outlook.as_of)))
    found = []
    for name in frame.columns:
        track = frame[name].to_numpy(float)[: last + 1]
        changes = track[CHANGE:] - track[:-CHANGE]
        usual = float(np.sqrt(np.nanmean(changes**2))) if np.isfinite(changes).any() else 0.0
        was, now = (plain(track[k]) if k >= 0 else None for k in (first, last))
        change = None if was is None or now is None else now - was
        unusual = abs(change) / usual if change is not None and usual > 0 else None
        unit = view.record.about["measures"][name]["unit"]
        found.append(Moved(name=str(name), unit=unit, before=was, now=now, change=change, unusual=unusual))
    yield from sorted(found, key=lambda moved: -(moved.unusual or 0.0))


def alarms(view: View, outlook: Now) -> Alarms:
    """The alarms of a model by the session of its outlook, told before the sealed half only."""
    inputs, row = view.inputs, view.inputs.rows.get(outlook.model)
    reason = "this row was not evaluated" if row is None else str(row["event"]["reason"])
    if row is None or reason:
        return Alarms(target="", nominal_rate=None, rows=(), open=None, reason=reason)
    event, sealed = row["event"], view.record.evaluation.get("sealed")
    came = dict(zip(inputs.dates.tolist(), inputs.labels[event["target"]].tolist(), strict=True))
    found = [(first, until) for first, until in lines.alarms(view, outlook.model) if first <= outlook.as_of]
    rows = tuple(Alarm(first=first, until=until, came=None if came[first] != came[first] else bool(came[first])) for first, until in found)
    closed = sealed is not None and sealed and str(outlook.as_of) >= sealed
    why = f"from {words.day(sealed)} on alarms are not told: that half is sealed" if closed else ""
    ended = bool(rows) and outlook.as_of < rows[-1].until
    return Alarms(target=event["target"], nominal_rate=event["nominal_rate"], rows=rows, open=None if closed else ended, reason=why)


def sources(view: View) -> Iterator[Source]:
    """Each table that was read, then what is absent, by kind."""
    found = account.health(view)
    for count in found.counts:
        refused = sum(count["refused"].values())  # type: ignore[union-attr, arg-type]
        read = f"{PurePath(str(count['source'])).name}: "
        lost = f"{words.count(refused)} of {words.count(int(count['cells']))} cells refused" if refused else ""  # type: ignore[arg-type]
        yield Source(name=f"{count['table']}", detail=read + (lost or f"{words.count(int(count['accepted']))} cells, none refused"),  # type: ignore[arg-type]
                     state="attention" if refused else "fresh")  # fmt: skip
    for kind, names in found.absent.items():
        if names:
            reasons = sorted(set(names.values()))
            yield Source(name=f"{len(names)} {kind}{'s' if len(names) > 1 else ''}", detail="; ".join(reasons[:2]), state="absent")
