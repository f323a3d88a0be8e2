"""What the verbs of an evening print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def now(found: Mapping[str, Any]) -> list[str]:
    """What `now` prints."""
    head = f"{found['date']}  {found['model']}  run {found['run']}"
    held = [f"WITHHELD: {found['withheld']}"] if found["withheld"] else []
    return [head, *held, *map(_line, found["targets"]), *_about(found), *_fragile(found["fragile"])]


def _fragile(found: Mapping[str, Any] | None) -> list[str]:
    """The assets with the worst forecasts, one a line."""
    if not found:
        return []
    lines = []
    for row in found["rows"]:
        parts = [f"{title} {_percent(row['expected'][name])}{_rank(row['percentile'][name])}" for name, title in found["titles"].items()]
        lines.append(f"  {row['asset']}{' (' + row['sector'] + ')' if row['sector'] else ''}: {', '.join(parts)}")
    return [f"most fragile of {found['assets']} assets on {found['date']}, by {found['model']}:", *lines, found["note"]]


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.1f}%"


def _rank(percentile: float | None) -> str:
    return "" if percentile is None else f" (higher than {percentile:.0%} of its own before)"


def _line(row: Mapping[str, Any]) -> str:
    """One target: probability, band, usual, percentile, change, level and what drives it."""
    if row["probability"] is None:
        return f"{row['target']:>6}  withheld"
    low, high = row["band"]
    band = "" if low is None else f" ({low:.1%} to {high:.1%})"
    base = "unknown" if row["base_rate"] is None else f"{row['base_rate']:.1%}"
    rank = "" if row["percentile"] is None else f", higher than on {row['percentile']:.0%} of the sessions before"
    change = "" if row["change"] is None else f", {row['change']:+.1%} in five sessions"
    drivers = ", ".join(f"{driver['name']} {driver['adds']:+.2f}" for driver in row["drivers"])
    return f"{row['target']:>6}  {row['probability']:.1%}{band}, usual {base}: {row['level']}{rank}{change}" + (f"; {drivers}" if drivers else "")


def _about(found: Mapping[str, Any]) -> list[str]:
    """Alerts and data."""
    told = [f"alert {row['rule']}: {row['state']} since {row['date']}" + (f" ({row['note']})" if row["note"] else "") for row in found["alerts"]]
    share = found["health"]["coverage"]
    return [*told, f"data: {share:.0%} of the members observed; made {found['health']['made_at']}" if share is not None else "data: a stored run"]


def evening(found: Mapping[str, Any]) -> list[str]:
    """What an update did."""
    days = sorted({row["date"] for row in found["rows"]})
    head = f"{len(days)} sessions scored, {days[0]} to {days[-1]}" if days else "nothing new to score"
    return [head, *(f"alert {row['rule']}: {row['state']} on {row['date']}" for row in found["changed"]), f"{found['delivered']} messages delivered"]


def alerts(found: Mapping[str, Any]) -> list[str]:
    """The log of alarms, and what waits for its receiver."""
    log = [f"{row['id']:>4}  {row['date']}  {row['rule']}  {row['model']}  {row['state']}  {row['note']}".rstrip() for row in found["log"]]
    waiting = [f"waiting: {row['key']} for receiver {row['receiver']}, tried {row['tries']} times" for row in found["waiting"]]
    silenced = ["silenced"] if found["silenced"] else []
    return [*(log or ["no alarm so far"]), *silenced, *waiting]


def alarms(found: Mapping[str, Any]) -> list[str]:
    """What a rule would have done, beside its shifted null."""
    figures = found["figures"]
    head = f"{found['model']} on {found['target']}, {found['start']} to {found['end']}{' (sealed after)' if found['sealed'] else ''}"
    spans = [f"alarm {number}: {span['start']} to {span['end'] or 'today'}" for number, span in enumerate(found["alarms"], 1)]
    if figures["reason"]:
        return [head, *spans, f"no figures: {figures['reason']}"]
    pairs = (("falls with an alarm before the peak", "recall"), ("median sessions to the peak", "lead"), ("share of the fall ahead", "share_ahead"))
    names = {"lead": ("lead_median", "null_lead")}
    told = []
    for what, name in pairs:
        own, null = (figures[key] for key in names.get(name, (name, f"null_{name}")))
        told.append(f"{what}: {_figure(own)}; the same alarms moved in time at random: {_figure(null)}")
    rate = f"calm days in alarm: {_figure(figures['realised_rate'])} (nominal {figures['nominal_rate']:.2f})"
    return [head, *spans, *told, f"false alarms a year: {_figure(figures['false_alarms_per_year'])}", rate]


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
