"""Scores of a stored run as answers: the outlook of one session, a forecast over time, and what came after it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskradar.html import words
from riskradar.html.lead import alike
from riskradar.serve.answers import Answer, Estimate, History, Interval, Now, Outcome, Outcomes, Outlook, Scored, plain
from riskradar.serve.problems import Missing
from riskradar.serve.shelf import View
from riskradar.tables import SYSTEM, Forecast, Target
from riskradar.tables.arrays import Days, Float, day

CHANGE = 5  # scored sessions: a week
WITHHELD = "withheld: too little was known on this session"
UNCALIBRATED = "a score without a probability: too few past falls to learn from"


@dataclass(frozen=True)
class Span:
    """Which rows of a table over time: dates start to end, the last `days` of them, at most `limit`, those after the date `cursor`."""

    start: dt.date | None = None
    end: dt.date | None = None
    days: int | None = None
    limit: int = 250
    cursor: dt.date | None = None

    def cut(self, dates: Days) -> tuple[slice, str | None]:
        """The rows of a page of `dates`, and the cursor of the next page."""
        stop = len(dates) if self.end is None else int(np.searchsorted(dates, day(self.end), side="right"))
        first = 0 if self.start is None else int(np.searchsorted(dates, day(self.start)))
        if self.days is not None:
            first = max(first, stop - self.days)
        if self.cursor is not None:
            first = max(first, int(np.searchsorted(dates, day(self.cursor), side="right")))
        last = max(min(first + self.limit, stop), first)
        return slice(first, last), str(dates[last - 1]) if first < last < stop else None


def envelope(view: View, as_of: Any) -> dict[str, Any]:
    """The fields that every answer carries."""
    about = view.record.about
    return {"run": view.record.id, "as_of": str(as_of)[:10], "config_hash": about["config_hash"], "panel_hash": about["panel"]["hash"]}


def target_of(forecast: Forecast, name: str) -> Target:
    """A target of a forecast by its name; Missing when it has none such."""
    found = next((t for t in forecast.targets if t.name == name), None)
    if found is None or SYSTEM not in forecast.units:
        raise Missing("this model has no forecast of such a target; the run lists its targets, such as 20/5")
    return found


def values(forecast: Forecast, target: Target, table: str) -> Float:
    """Score or probability of the system by seed, [S, T]."""
    found: Float = getattr(forecast, table)[:, :, forecast.units.index(SYSTEM), forecast.targets.index(target)]
    return found


def now(view: View, model: str = "", date: dt.date | None = None) -> Now:
    """The outlook of a model, the anchor unless one is named, on its last session, or on the last one by `date` as it was known then."""
    name = model or view.inputs.anchor
    if not name:
        raise Missing("no model of this run gives a probability")
    forecast = view.forecast(name)
    row = len(forecast.dates) - 1 if date is None else int(np.searchsorted(forecast.dates, day(date), side="right")) - 1
    if row < 0:
        raise Missing("no session was scored by that date; the run says from when on")
    as_of = forecast.dates[row]
    targets = tuple(outlook(view, forecast, t, row) for t in forecast.targets if t.binary)
    first = next((t for t in targets if t.target == view.inputs.targets[0]["name"]), targets[0]) if targets else None
    about = view.inputs.about_model(name)
    return Now(
        **envelope(view, as_of), model=name, about=about.get("about", ""), hindsight=bool(about.get("hindsight")), kind=forecast.kind,
        cutoff=str(forecast.cutoff[row]), replayed=bool(row < len(forecast.dates) - 1), sentence=sentence(first, as_of), targets=targets,
    )  # fmt: skip


def outlook(view: View, forecast: Forecast, target: Target, row: int) -> Outlook:
    """One target on one session; the band is drawn from the whole record and is left away on a replayed day, which could not know it."""
    seeds = values(forecast, target, "probability")
    track = seeds.mean(axis=0)
    p, score = plain(track[row]), plain(values(forecast, target, "score")[:, row].mean())
    reason = "" if p is not None else WITHHELD if score is None else UNCALIBRATED
    replayed = row < len(forecast.dates) - 1
    base = base_rate(view, target, forecast.dates[row] if replayed else None)
    span = view.record.evaluation["span"]
    band = like(view, forecast.model, target, "a replayed day could not know the record that follows it" if replayed else "", p)
    ends = (band.low, band.high) if band.low is not None and band.high is not None else None
    past = track[:row][np.isfinite(track[:row])]
    before = plain(track[row - CHANGE]) if row >= CHANGE else None
    known = p is not None and len(past) > 0
    return Outlook(
        target=target.name, horizon=target.horizon, depth=target.depth, text=f"{words.fall(target)} within {target.horizon} sessions",
        probability=p, score=score, reason=reason,
        word=words.likelihood(p, base.value, ends) if p is not None and base.value is not None else "",
        band=band,
        seeds=spread(seeds[:, row]),
        base_rate=base,
        base_of="sessions whose outcome was known by then" if replayed else f"evaluated sessions, {span['start']} to {span['end']}",
        percentile=Estimate(value=float((past < p).mean())) if known else Estimate(value=None, reason=reason or "no session was scored before"),
        change=Estimate(value=p - before) if None not in (p, before) else Estimate(value=None, reason="one of the two sessions has no probability"),
    )  # fmt: skip


LIKE = "how often the fall came on days with such a probability, 90 %"


def like(view: View, model: str, target: Target, reason: str, probability: float | None) -> Interval:
    """The interval of the reliability bin that holds a probability; none for a reason, or where the record is too short."""
    found = None if reason or probability is None else alike(view.inputs, target.name, probability, model)
    if found is None:
        return Interval(low=None, high=None, what=LIKE, reason=reason or "too few evaluated days with such a probability")
    return Interval(low=found["observed_low"], high=found["observed_high"], what=LIKE)


def spread(seeds: Float) -> Interval:
    """Lowest and highest seed of one session."""
    what = f"lowest and highest of {len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    if len(seeds) == 1 or np.isnan(seeds).any():
        return Interval(low=None, high=None, what=what, reason="withheld" if np.isnan(seeds).any() else "a rule, or one seed: it has no spread")
    return Interval(low=float(seeds.min()), high=float(seeds.max()), what=what)


def base_rate(view: View, target: Target, known_by: Any = None) -> Estimate:
    """How often the target came on the evaluated sessions, or on all those whose outcome was known by a date that is replayed."""
    if known_by is None:
        rate = view.inputs.base_rate(target.name)
        return Estimate(value=rate, reason="" if rate is not None else "nothing was evaluated")
    came = view.outcomes.upto(known_by).system(target.name) if target in view.outcomes.targets else np.array([])
    came = came[np.isfinite(came)]
    return Estimate(value=float(came.mean())) if len(came) else Estimate(value=None, reason="no outcome was known by then")


def sentence(first: Outlook | None, as_of: Any) -> str:
    """The answer in one line."""
    if first is None or first.probability is None:
        return f"No score on {words.day(as_of)}."
    usual = "not known" if first.base_rate.value is None else words.share(first.base_rate.value)
    return f"{first.text}: {words.share(first.probability)} on {words.day(as_of)}, usually {usual}."


def history(view: View, model: str, target: str, span: Span) -> History:
    """A forecast over time."""
    forecast = view.forecast(model)
    of = target_of(forecast, target)
    cut, following = span.cut(forecast.dates)
    seeds, score = values(forecast, of, "probability")[:, cut], values(forecast, of, "score")[:, cut].mean(axis=0)
    mean, several = seeds.mean(axis=0), len(seeds) > 1
    rows = [
        Scored.model_construct(
            date=d, cutoff=c, probability=plain(p), score=plain(s), low=plain(low) if several else None, high=plain(high) if several else None,
            reason="" if p == p else WITHHELD if s != s else UNCALIBRATED,
        )
        for d, c, p, s, low, high in zip(
            forecast.dates[cut].tolist(), forecast.cutoff[cut].tolist(), mean, score, seeds.min(axis=0), seeds.max(axis=0), strict=True)
    ]  # fmt: skip
    head = envelope(view, forecast.dates[-1])
    return History.model_construct(**dated(head), next=following, model=model, target=target, kind=forecast.kind, rows=tuple(rows))


def outcomes(view: View, target: str, span: Span) -> Outcomes:
    """What came after each session; from the sealed half on neither level nor outcome is told."""
    known = view.outcomes
    names = [t.name for t in known.targets]
    if target not in names:
        raise Missing("this run has no labels of such a target; the run lists its targets, such as 20/5")
    cut, following = span.cut(known.dates)
    sealed, came, on = view.inputs.stop, known.system(target), known.known[:, names.index(target)]
    why = f"sealed from {view.record.evaluation.get('sealed')} on"
    rows = [
        Outcome(date=str(known.dates[t]), level=None, onset=None, outcome=None, known=None, reason=why) if t >= sealed else
        Outcome(
            date=str(known.dates[t]), level=plain(known.level[t]), onset=bool(known.onset[t]), outcome=plain(came[t]),
            known=None if np.isnat(on[t]) else str(on[t]), reason="" if came[t] == came[t] else "not known yet",
        )
        for t in range(cut.start, cut.stop)
    ]  # fmt: skip
    return Outcomes(**envelope(view, known.dates[-1]), next=following, target=target, rows=tuple(rows))


def dated(head: dict[str, Any]) -> dict[str, Any]:
    """The envelope as fields that need no check."""
    return Answer(**head).model_dump()
