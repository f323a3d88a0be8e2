"""The track record: scores that were said before their outcome was known, with what came, and whether the ledger is whole."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel

from riskradar.daily.track import Counted, Tally, outcomes
from riskradar.evaluate import Score
from riskradar.serve.alerts import NO_SCORE, NO_WORKSPACE, State
from riskradar.serve.answers import RUN, Estimate, plain, shown
from riskradar.serve.workplace import Ledger, Workplace


class Chain(BaseModel, frozen=True):
    """Whether each row is what was stored and follows the one before; broken: the first that is not, or does not."""

    rows: int
    sound: bool
    broken: str


class Reliable(BaseModel, frozen=True):
    """Days with a chance from low to high: the mean of what was said, and how often the fall came."""

    low: float
    high: float
    mean: float
    observed: float
    observed_low: float | None
    observed_high: float | None
    days: int


class Counts(BaseModel, frozen=True):
    """Days with a known outcome, by whether the chance stood above its usual, and whether the fall came."""

    hits: int
    false: int
    misses: int
    quiet: int


class Tallied(BaseModel, frozen=True):
    """The record of one target: rows said; late (not counted), withheld, open (outcome not known yet) and known; what came, and how well it was said.

    Skills are against the base rate that was said beside each score.
    """

    target: str
    rows: int
    late: int
    withheld: int
    open: int
    known: int
    came: int
    falls: int
    said: float | None
    usual: float | None
    days: Counts
    log_skill: Estimate
    brier_skill: Estimate
    ece: Estimate
    bins: tuple[Reliable, ...]


class Switch(BaseModel, frozen=True):
    """A run that was considered; promoted: it speaks from then on."""

    moment: dt.datetime
    run: str
    model: str
    promoted: bool
    reason: str


class Said(BaseModel, frozen=True):
    """A row of the ledger; counted: it was said in time, and its outcome is known; came: null with the reason."""

    number: int
    date: dt.date
    target: str
    model: str
    run: str
    made_at: dt.datetime
    probability: float | None
    low: float | None
    high: float | None
    base_rate: float | None
    level: str
    counted: bool
    came: bool | None
    reason: str


class Track(BaseModel):
    """The track record, its rows newest first; state: why there is none."""

    state: State
    reason: str
    run: str | None
    model: str | None
    start: dt.date | None
    as_of: dt.date | None
    chain: Chain
    targets: tuple[Tallied, ...]
    switches: tuple[Switch, ...]
    next: str | None
    rows: tuple[Said, ...]

    model_config = shown({
        "state": "live", "reason": "", "run": RUN, "model": "radar", "start": "2020-01-02", "as_of": "2020-02-25",
        "chain": {"rows": 144, "sound": True, "broken": ""}, "targets": [],
        "switches": [{"moment": "2020-01-02T07:00:00Z", "run": RUN, "model": "radar", "promoted": True, "reason": "the first run"}], "next": None,
        "rows": [{
            "number": 144, "date": "2020-02-25", "target": "20/10", "model": "radar", "run": RUN, "made_at": "2020-02-25T23:00:00Z",
            "probability": 0.12, "low": 0.06, "high": 0.21, "base_rate": 0.05, "level": "high", "counted": False, "came": None,
            "reason": "not known yet",
        }],
    })  # fmt: skip


def track(place: Workplace | None, limit: int = 100, cursor: int | None = None) -> Track:
    """The record so far, with the rows before number `cursor` where it is given."""
    if place is None:
        return nothing("no workspace", NO_WORKSPACE, Chain(rows=0, sound=True, broken=""))
    held = place.ledger()
    if held.broken or not held.said:
        chain = Chain(rows=0, sound=not held.broken, broken=held.broken)
        return nothing("damaged" if held.broken else "no score", held.broken or NO_SCORE, chain)
    stop = len(held.said) if cursor is None else min(max(cursor - 1, 0), len(held.said))
    start = max(stop - limit, 0)
    newest = held.said[-1]
    return Track(
        state="live", reason="", run=newest["run"], model=newest["model"], start=held.said[0]["date"], as_of=newest["date"],
        chain=Chain(rows=len(held.said), sound=True, broken=""), targets=tuple(tallied(each) for each in held.tallies),
        switches=tuple(Switch(**{key: row[key] for key in Switch.model_fields}) for row in reversed(held.promotions)),
        next=str(start + 1) if start else None, rows=tuple(reversed(said(held, start, stop))),
    )  # fmt: skip


def nothing(state: State, reason: str, chain: Chain) -> Track:
    """No record, and why."""
    return Track(state=state, reason=reason, run=None, model=None, start=None, as_of=None, chain=chain, targets=(), switches=(), next=None, rows=())


def said(held: Ledger, start: int, stop: int) -> list[Said]:
    """Rows start ... stop-1 of the ledger with what came."""
    rows, out = held.said[start:stop], []
    for number, (row, came) in enumerate(zip(rows, outcomes(rows, held.labels), strict=True), start + 1):
        known, given = came == came, row["state"] == "scored"
        why = row["reason"] or ("made too late to count" if row["late"] else "" if known else "not known yet")
        out.append(Said(
            number=number, **{key: row[key] for key in ("date", "target", "model", "run", "made_at", "probability", "base_rate", "level")},
            low=row["band"][0], high=row["band"][1], counted=known and given and not row["late"], came=bool(came) if known else None, reason=why,
        ))  # fmt: skip
    return out


def tallied(found: Tally) -> Tallied:
    """The record of a target as an answer."""
    names = ("target", "rows", "late", "withheld", "open", "known", "came", "falls")
    bins = tuple(Reliable(**{key: plain(getattr(b, key)) for key in Reliable.model_fields}) for b in found.bins)
    return Tallied(
        **{name: getattr(found, name) for name in names}, said=plain(found.said), usual=plain(found.usual), days=counts(found.days), bins=bins,
        **{name: estimate(getattr(found, name)) for name in ("log_skill", "brier_skill", "ece")},
    )  # fmt: skip


def counts(days: Counted) -> Counts:
    """The four counts as an answer."""
    return Counts(hits=days.hits, false=days.false, misses=days.misses, quiet=days.quiet)


def estimate(score: Score) -> Estimate:
    """A score as an answer."""
    return Estimate(value=plain(score.value), low=plain(score.low), high=plain(score.high), reason=score.reason)
