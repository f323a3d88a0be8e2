"""Plain tables for the terminal: what a run found, in lines that a pipe can read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from riskradar.html.full import counts, tables


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned first column, right-aligned others."""
    lines = [list(header), *(list(row) for row in rows)]
    width = [max(len(line[i]) for line in lines) for i in range(len(header))]
    padded = ([line[0].ljust(width[0]), *(cell.rjust(w) for cell, w in zip(line[1:], width[1:], strict=True))] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def number(score: Mapping[str, Any] | None, signed: bool = False) -> str:
    """Three digits, or `undefined`."""
    value = None if score is None else score["value"]
    return "undefined" if value is None or not math.isfinite(value) else f"{value:+.3f}" if signed else f"{value:.3f}"


def interval(score: Mapping[str, Any] | None, low: str = "low", high: str = "high") -> str:
    """[low, high], or nothing."""
    if score is None or score.get(low) is None or score.get(high) is None:
        return ""
    return f"[{score[low]:+.3f}, {score[high]:+.3f}]"


def leaderboard(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """The short leaderboard: ONSET and all-days AUROC per target, skill, and the headline difference with its interval."""
    targets = [t["name"] for t in evaluation["targets"]]
    comparator = next(iter(evaluation["comparators"]), None)
    header = ["AUROC onset/all days", *targets, "log skill", *([f"vs {comparator}", "90 % interval", "event range"] if comparator else [])]
    order = [name for name in about["models"] if name in {row["model"] for row in evaluation["rows"]}]
    by_name = {row["model"]: row for row in evaluation["rows"]}
    rows = []
    for name in order:
        row = by_name[name]
        cells = [row["targets"].get(t) for t in targets]
        marks = " *" if about["models"][name]["hindsight"] else ""
        claim = row["headline"].get(comparator) if comparator else None
        versus = ["reference", "", ""] if name == comparator else [
            number(claim, signed=True) if claim else "-", interval(claim), interval(claim, "event_low", "event_high"),
        ]  # fmt: skip
        skill = [c["log_skill"]["value"] for c in cells if c is not None and c["log_skill"]["value"] is not None]
        rows.append([
            name + marks,
            *("-" if c is None else f"{_short(c['auroc_onset'])}/{_short(c['auroc'])}" for c in cells),
            f"{sum(skill) / len(skill):+.3f}" if skill else "-",
            *(versus if comparator else []),
        ])  # fmt: skip
    return table(header, rows)


def indicators(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Each classic measure as a score: ONSET AUROC with its interval, all-days AUROC beside it; under .5 the other sign would have ranked better."""
    targets = [t["name"] for t in evaluation["targets"]]
    header = ["measure as it is, AUROC onset [90 %] all days", "sign", *targets]
    return table(header, [(name, m["score"], *(_indicator(m["targets"].get(t)) for t in targets)) for name, m in about["measures"].items()])


def full(found: Mapping[str, Any]) -> str:
    """The four tables of a full protocol, and how the placebos came out."""
    parts = [f"{t.title}: {t.note}\n{table(t.header, t.rows)}" for t in tables(found)]
    return "\n\n".join([*parts, "placebos: " + ", ".join(f"{count} {verdict}" for verdict, count in counts(found).items())])


def _indicator(cell: Mapping[str, Any] | None) -> str:
    if cell is None or cell["auroc_onset"]["value"] is None:
        return "-"
    onset = cell["auroc_onset"]
    span = "" if onset["low"] is None else f" [{onset['low']:.2f} {onset['high']:.2f}]".replace("0.", ".")
    return f"{_short(onset)}{span} {_short(cell['auroc'])}"


def notes(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """What must be read with the table: span, base rates, events, reasons for what is undefined or absent."""
    span = evaluation["span"]
    onset = "ONSET days (index less than 5 % below its 252-session high)"
    lines = [] if evaluation["kind"] == "live" else [f"NOT OUT OF SAMPLE: {evaluation['kind']} forecasts; no row of this table is a claim"]
    lines += [f"evaluated {span['start']} to {span['end']}: {span['sessions']} sessions, {span['onset']} of them {onset}"]
    lines += [
        f"{t['name']}: fall of {100 * t['depth']:g} % within {t['horizon']} sessions; base rate {_share(t['base_rate'])} of all days, "
        f"{_share(t['base_rate_onset'])} of ONSET days; {t['events']} independent events; "
        f"{t['sessions']} sessions that all models share, from {t['start'] or 'none'}"
        for t in evaluation["targets"] if t["depth"]
    ]  # fmt: skip
    if any(model["hindsight"] for name, model in about["models"].items() if name not in evaluation["absent"]):
        lines.append("* chosen after seeing this history")
    starts = {model["history_start"] for name, model in about["models"].items() if model.get("history_start") and name not in evaluation["absent"]}
    if starts:
        lines.append(f"z-scores look back to {', '.join(sorted(starts))} (the start moves ONSET figures by .03-.05)")
    for row in evaluation["rows"]:
        reasons = {cell[kind]["reason"] for cell in row["targets"].values() for kind in ("auroc", "auroc_onset")} - {""}
        lines += [f"undefined: {row['model']}: {reason}" for reason in sorted(reasons)]
    return lines + [f"absent: {name}: {reason}" for name, reason in evaluation["absent"].items()]


def _short(score: Mapping[str, Any]) -> str:
    return "-" if score["value"] is None else f"{score['value']:.3f}".replace("0.", ".", 1)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.1f} %"


def model(found: Mapping[str, Any]) -> Iterable[str]:
    """One model: what it reads, its parameters by part, and what a score costs."""
    yield f"{found['model']}: {found['about']}; refit every {found['refit_years']} y"
    if "parts" not in found:
        return
    for name in ("layers", "inputs", "context", "targets"):
        yield f"{name}: {', '.join(found[name]) or 'none'}"
    yield f"snapshots in a score: {found['sequence']}; sessions read: {found['sessions']}"
    yield ""
    yield table(("parameters", "count"), [(part, f"{count:,}") for part, count in found["parts"].items()] + [("all", f"{found['parameters']:,}")])
    yield ""
    rows = [(f"{c['assets']:,}", f"{c['edges']:,}", f"{c['multiply_adds'] / 1e6:,.2f} M", f"{c['bytes'] / 1e6:,.2f} MB") for c in found["cost"]]
    yield table(("assets", "edges at most", "multiply-adds a score", "memory of a score"), rows)
