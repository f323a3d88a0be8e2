"""What lies behind the leaderboard: curves, calibration, warnings before the peak, and what the alarms were worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from riskradar.evaluate.events import Event, find_events
from riskradar.html import marks, plane, words
from riskradar.html.inputs import HEADLINE, Inputs
from riskradar.html.marks import Scale
from riskradar.tables import Target

ALIGNED = Scale(-40.0, 160.0)  # sessions around the peak
WHOLE = Scale(0.0, 1.0)
PULLBACK = (0.02, 0.05)  # a first close 2 % below a high, and whether it goes on to 5 %
SURE = 0.05  # the share of shifted copies under which a recall is called better than chance


def curves(inputs: Inputs) -> list[dict[str, Any]]:
    """ROC, precision against recall and the anchor's reliability, one set a target."""
    return [curve_set(inputs, place, record) for place, record in enumerate(inputs.targets)]


def curve_set(inputs: Inputs, place: int, record: Mapping[str, Any]) -> dict[str, Any]:
    """The three charts of one target, each an empty string with its reason where it is undefined."""
    own, base = inputs.anchor, record["base_rate"]
    title = words.brief(Target.parse(record["name"]))
    cells = {model: cell for model in inputs.rows if (cell := inputs.cell(model, record["name"]))}
    roc, pr = ({m: [(a, b) for a, b in c[kind]] for m, c in cells.items() if c[kind]} for kind in ("roc", "pr"))
    cell = cells.get(own)
    bins = cell["reliability"] if cell else []
    return {
        "place": place, "title": title, "own": own, "bins": bins, "said": said(bins),
        "roc": plane.curves(f"ROC of {len(roc)} rows, {title}", ("False alarms, of days without the fall", "Falls seen, share"), roc, own, None),
        "pr": plane.curves(f"Precision of {len(pr)} rows, {title}", ("Falls seen, share", "Alarms that were right"), pr, own, base),
        "reliability": plane.reliability(f"Reliability of {own}, {title}", bins, base),
        "reason": next((c["auroc"]["reason"] for c in cells.values()), "no row has a score on this target"),
        "unreliable": cell["ece"]["reason"] if cell else "no row gives a probability for this target",
        **{key: cell[key] if cell else None for key in ("ece", "auroc", "auprc_lift")},
    }  # fmt: skip


def said(bins: list[Mapping[str, Any]]) -> str:
    """Whether the intervals hold what was said, counted."""
    known = [b for b in bins if b["observed_low"] is not None]
    held = sum(b["observed_low"] <= b["mean"] <= b["observed_high"] for b in known)
    return f"In {held} of {len(known)} bins the interval covers what was said" if known else "What was said, and what came"


def warnings(inputs: Inputs) -> dict[str, Any]:
    """Recall before the peak and share of the fall still ahead, beside shifted copies of the same alarms."""
    events = {model: row["event"] for model, row in inputs.rows.items() if not row["event"]["reason"]}
    order = sorted(events, key=lambda m: (-events[m]["recall"], m))
    strips = {"recall_strip": ("recall", "null_recall"), "ahead_strip": ("share_ahead", "null_share_ahead")}
    told = {m: next(p["auroc"] for p in inputs.rows[m]["pullbacks"] if (p["first"], p["depth"]) == PULLBACK) for m in order}
    rows = [{"model": m, "pullback": told[m], **events[m], **{name: dumbbell(m, events[m], keys) for name, keys in strips.items()}} for m in order]
    return {
        "title": better(events),
        "rows": rows,
        "target": words.brief(Target.parse(rows[0]["target"])) if rows else "",
        "nominal": rows[0]["nominal_rate"] if rows else None,
        "axis": marks.axis(WHOLE, [(t, words.share(t) if t in (0, 1) else f"{100 * t:.0f}") for t in (0, 0.25, 0.5, 0.75, 1)], minor=("25", "75")),
        "reasons": {m: row["event"]["reason"] for m, row in inputs.rows.items() if row["event"]["reason"]},
    }


def better(events: Mapping[str, Any]) -> str:
    """Which rows warned more often than their shifted copies, without buying it with alarms."""
    sure = sorted(m for m, event in events.items() if event["p"] < SURE and not event["disqualified"])
    if sure:
        return f"{words.listed(sure)} warned before the peak more often than chance"
    return "No row warned before the peak more often than chance would" if events else "Warnings before the peak"


def dumbbell(model: str, event: Mapping[str, Any], keys: tuple[str, str]) -> Markup:
    """Dot for the row, open ring for its shifted copies."""
    value, null = event[keys[0]], event[keys[1]]
    if value is None or null is None:
        return Markup("")
    parts = [marks.line(WHOLE, 0, 1, "rail"), marks.line(WHOLE, value, null, "link"), marks.dot(WHOLE, null, "ring"), marks.dot(WHOLE, value, "own")]
    return marks.strip(f"{model}: {words.share(value)}, shifted copies {words.share(null)}", parts)


def aligned(inputs: Inputs) -> dict[str, Any]:
    """Every independent fall of the alarms' target drawn from its peak, with the anchor's first alarm."""
    row = inputs.rows.get(inputs.anchor)
    event: Mapping[str, Any] = row["event"] if row else {"each": [], "target": HEADLINE, "reason": "no anchor"}
    target = Target.parse(event["target"])
    level = inputs.labels["level"].to_numpy(float)
    known = {str(inputs.dates[e.peak]): e for e in find_events(level, target.depth)} if event["each"] else {}
    labels = [(t, words.signed(t, 0) if t else "peak") for t in (-40, 0, 40, 80, 120, 160)]
    axis = marks.axis(ALIGNED, labels, minor=(labels[0][1], "+40", "+120"))
    rows = [fall(warned, known[warned["peak"]]) for warned in event["each"]]
    return {"title": early(event), "model": inputs.anchor, "rows": rows, "axis": axis, "depth": words.depth(target), "reason": event["reason"]}


def early(event: Mapping[str, Any]) -> str:
    """How many falls had an alarm before the peak, and what chance gives."""
    if event["reason"]:
        return "Aligned at the peak"
    hits, chance = round(event["recall"] * event["events"]), event["null_recall"] * event["events"]
    return f"Aligned at the peak: an alarm came before it in {hits} of {event['events']}, where a shifted copy gets {chance:.1f}"


def fall(warned: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """One fall in sessions from its peak."""
    lead, length = warned["sessions_to_peak"], event.trough - event.peak
    parts = [marks.bar(ALIGNED, 0, length, "fall"), marks.tick(ALIGNED, 0, "peak", 3)]
    parts.append(marks.tick(ALIGNED, event.crossing - event.peak, "crossing", 5))
    if length > ALIGNED.high:
        parts.append(marks.onwards(ALIGNED))
    if lead is not None:
        parts.append(marks.triangle(ALIGNED, -lead))
    said = warned["first_alarm"] if lead is None else f"first alarm {words.signed(-lead, 0)} sessions from the peak"
    label = f"Fall from {words.day(warned['peak'])}, {words.share(event.depth)} deep: {said}"
    after = None if lead is None else -lead
    return {**warned, "depth": event.depth, "after": after, "strip": marks.strip(label, parts)}


def alarm_tables(inputs: Inputs) -> list[dict[str, Any]]:
    """Confusion figures and usefulness by preference, one set a target."""
    out = []
    for place, record in enumerate(inputs.targets):
        cells = {model: cell for model in inputs.rows if (cell := inputs.cell(model, record["name"]))}
        preferences = [u["preference"] for u in next(iter(cells.values()))["usefulness"]] if cells else []
        rows = [{"model": m, **c["confusion"], "usefulness": c["usefulness"]} for m, c in cells.items()]
        title = words.brief(Target.parse(record["name"]))
        out.append({"place": place, "title": title, "finding": worth(cells), "preferences": preferences, "rows": rows})
    return out


def worth(cells: Mapping[str, Any]) -> str:
    """At how many preferences some row is worth more than the best constant policy."""
    gain: dict[float, bool] = {}
    for use in (u for cell in cells.values() for u in cell["usefulness"]):
        gain[use["preference"]] = gain.get(use["preference"], False) or (use["sarlin_relative"] or 0) > 0
    if not any(gain.values()):
        return "No alarm was worth more than the best constant policy" if gain else "Nothing to weigh"
    return f"At {sum(gain.values())} of {len(gain)} preferences some alarm was worth more than the best constant policy"
