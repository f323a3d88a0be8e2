"""Marks and sentences of the pages Alerts and Track record: a score against its threshold, what the rule would have done, what was said and came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from riskradar.alert import FIRING, Watched
from riskradar.daily.standing import Standing
from riskradar.html import marks, plane, words
from riskradar.html.evidence import WHOLE, dumbbell
from riskradar.html.marks import Scale
from riskradar.serve.alerts import Alerts, Rehearsal, Stand
from riskradar.serve.track import Tallied, Track
from riskradar.tables import Target

FIGURES = (("Falls with an alarm before the peak", "recall", "null_recall"), ("Share of the fall still ahead", "share_ahead", "null_share_ahead"))


def watched(found: Alerts) -> Stand | None:
    """The target whose alarms are told."""
    return next((stand for stand in found.targets if stand.watched), None)


def margin(stand: Stand, days: Sequence[Watched]) -> Markup:
    """The score of the newest session on the range of its past year, with the threshold as a stroke."""
    if stand.score is None or stand.threshold is None:
        return Markup("")
    known = [day.score for day in days if not math.isnan(day.score)]
    scale = Scale.over(known, stand.threshold)
    dot = marks.dot(scale, stand.score, "own hot" if stand.score >= stand.threshold else "own")
    parts = [marks.line(scale, min(known), max(known), "rail"), marks.tick(scale, stand.threshold, "alarm-line", 3), dot]
    return marks.strip(f"{stand.target}: score {words.number(stand.score)}, threshold {words.number(stand.threshold)}", parts)


def year(found: Standing) -> dict[str, Any]:
    """The score of the past year as a line, its threshold as a dashed one, and a strip at the foot while in alarm."""
    days = found.days
    scores, thresholds = ([getattr(day, name) for day in days] for name in ("score", "threshold"))
    known = [value for value in (*scores, *thresholds) if not math.isnan(value)]
    if len(known) < 2:
        return {}
    low, high, last = min(known), max(known), max(len(days) - 1, 1)
    reach = high - low or 1.0

    def drawn(values: Sequence[float], kind: str) -> list[Markup]:
        points = [(100 * t / last, 20 - 18 * (value - low) / reach) for t, value in enumerate(values)]
        parts = groupby(points, lambda point: not math.isnan(point[1]))
        return [marks.polyline(list(part), kind) for whole, part in parts if whole]

    box = Markup('<rect class="alarm" x="{:.2f}" y="21.6" width="{:.2f}" height="2.4"/>')
    stretches = [[t for t, _ in part] for state, part in groupby(enumerate(days), lambda pair: pair[1].state) if state == FIRING]
    fires = [box.format(100 * part[0] / last, max(100 * (part[-1] - part[0]) / last, 0.3)) for part in stretches]
    label = f"Score for {found.target} from {words.day(days[0].date)} to {words.day(days[-1].date)}, with its threshold"
    body = Markup("").join([*fires, *drawn(thresholds, "chance"), *drawn(scores, "curve own thin")])
    svg = Markup('<svg class="spark watch" role="img" aria-label="{}" viewBox="0 0 100 24" preserveAspectRatio="none">{}</svg>').format(label, body)
    return {"svg": svg, "start": days[0].date, "end": days[-1].date}


def worth(found: Rehearsal) -> str:
    """What the rehearsed alarms were worth, as a title that is true of the figures."""
    figures: Any = found.figures
    if figures is None:
        return "What the rule would have done"
    if not figures["events"]:
        return "What the rule would have done: no independent fall to judge it by"
    hits, chance = round(figures["recall"] * figures["events"]), figures["null_recall"] * figures["events"]
    return f"An alarm came before {hits} of {figures['events']} falls; the same alarms, shifted in time, get {chance:.1f}"


def rehearsed(found: Rehearsal) -> dict[str, Any]:
    """The figures of a rehearsal beside those of the shifted alarms."""
    figures: Any = found.figures
    if figures is None:
        return {"title": worth(found), "figures": [], "facts": [], "axis": ""}
    rows = [
        {"name": name, "own": figures[own], "null": figures[null], "strip": dumbbell(found.model, figures, (own, null))}
        for name, own, null in FIGURES if figures[own] is not None and figures[null] is not None
    ]  # fmt: skip
    facts = [(words.share(figures["realised_rate"]), f"of calm days in alarm; {words.share(figures['nominal_rate'])} was asked for")]
    if figures["false_alarms_per_year"] is not None:
        facts.append((words.number(figures["false_alarms_per_year"], 1), "false alarms a year"))
    if figures["lead_median"] is not None:
        shifted = "" if figures["null_lead"] is None else f"; shifted alarms get {words.number(figures['null_lead'], 0)}"
        facts.append((words.number(figures["lead_median"], 0), f"sessions from the first alarm to the peak, median of the falls warned of{shifted}"))
    if figures["p"] is not None:
        facts.append((words.number(figures["p"]), "share of the shifted copies that warned of at least as many falls"))
    axis = marks.axis(WHOLE, [(t, words.share(t) if t in (0, 1) else f"{100 * t:.0f}") for t in (0, 0.5, 1)])
    return {"title": worth(found), "figures": rows, "facts": facts, "axis": axis}


def record(found: Track) -> dict[str, Any]:
    """The sentence over the track record, and the target that it speaks of: the deepest with a known outcome, the soonest among equals."""
    if found.state != "live":
        return {"first": None, "title": ""}
    known = [(Target.parse(each.target), each) for each in found.targets if each.known]
    if not known:
        return {"first": None, "title": f"{words.count(found.chain.rows)} scores were said; no outcome is known yet"}
    target, first = max(known, key=lambda pair: (pair[0].depth, -pair[0].horizon))
    what, days = f"{words.fall(target)} within {target.horizon} sessions", words.count(first.known)
    if not first.came:
        return {"first": first, "title": f"{what} followed none of the {days} days that can be judged so far"}
    return {"first": first, "title": f"{what} followed {words.count(first.came)} of the {days} days that can be judged so far"}


def calibration(found: Tallied) -> Markup:
    """What was said of a target against what came."""
    return plane.reliability(f"Said and came, {words.brief(Target.parse(found.target))}", [b.model_dump() for b in found.bins], found.usual)
