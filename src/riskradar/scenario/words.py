"""A stress test in plain sentences, and the tables under them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
MOVED = 0.0005  # of a probability: less is no change in print
INPUTS = {
    "index_return": ("the return of the index on the day", "share"), "index_volatility": ("the daily volatility of the index", "share"),
    "index_volatility_5": ("the volatility of the index over 5 sessions", "share"),
    "index_volatility_22": ("the volatility of the index over 22 sessions", "share"),
    "index_volatility_66": ("the volatility of the index over 66 sessions", "share"),
    "index_below_high": ("the distance of the index from its high of a year", "share"),
    "mean_drawdown": ("the mean fall of stocks from their 60-session high", "share"),
    "share_in_distress": ("the share of stocks in distress", "share"), "breadth": ("breadth (stocks far below their highs, standard score)", "plain"),
    "vix": ("VIX", "plain"), "vix_change": ("the change of VIX over 60 sessions", "plain"), "z_vix": ("VIX (standard score)", "plain"),
    "credit": ("the Baa spread", "plain"), "credit_change": ("the change of the Baa spread over 60 sessions", "plain"),
    "hy": ("the high-yield spread", "plain"), "hy_change": ("the change of the high-yield spread over 60 sessions", "plain"),
    "z_index_volatility": ("the volatility of the index (standard score)", "plain"),
    "z_credit_change": ("the change of the Baa spread (standard score)", "plain"),
    "z_hy_change": ("the change of the high-yield spread (standard score)", "plain"),
    "term_spread": ("the term spread", "plain"), "term_spread_change": ("the change of the term spread over 60 sessions", "plain"),
    "node features": ("what single assets went through", ""), "graphs": ("who moves with whom", ""),
}  # fmt: skip


SERIES = {"vix": "VIX", "hy_oas": "the high-yield spread", "baa10y": "the Baa spread", "term_10y_3m": "the term spread"}


def sentences(found: Record) -> list[str]:
    """The record for a risk committee, one sentence a line."""
    target, row = found["target"], next(row for row in found["rows"] if row["model"] == found["model"])
    cell = row["targets"][target["name"]]
    before, after = cell["before"], cell["after"]
    chance = f"the chance of a fall of {100 * target['depth']:g} % within {target['horizon']} sessions"
    lines = [_chance(found, chance, before, after, row["seeds"])]
    lines += _alert(found, before["score"], after["score"])
    if found["shocks"]:
        lines += [*_alone(found), _losses(found["losses"]), *_structure(found)]
    return [*lines, *_reverse(found)]


def _alone(found: Record) -> list[str]:
    """What each shock does by itself, where there are several or one that does nothing: a model reads some inputs only."""
    alone = [(one["shock"], one["probability"]) for one in found["alone"] if one["probability"] is not None]
    if not alone or (len(alone) == 1 and abs(alone[0][1]) >= MOVED):
        return []
    told = [f"{shock}: {'no move' if abs(step) < MOVED else f'{100 * step:+.1f} points'}" for shock, step in alone]
    why = f" {found['model']} reads some inputs only: what does not move it may still matter." if any(abs(step) < MOVED for _, step in alone) else ""
    return [f"Taken alone, {', '.join(told)}.{why}"]


def _chance(found: Record, chance: str, before: Record, after: Record, seeds: int) -> str:
    opening = f"If {_and([_shock(text) for text in found['shocks']])} on {found['date']}" if found["shocks"] else f"On {found['date']}, with no shock"
    if before["probability"] is None or after["probability"] is None:
        scores = " to ".join(_figure(one["score"]) for one in (before, after))
        return f"{opening}, the score of {found['model']} would go from {scores}; it gives no probability."
    old, new = (_percent(one["probability"]) for one in (before, after))
    step = after["probability"] - before["probability"]
    if not found["shocks"]:
        return f"{opening}, {chance} is {old} (model {found['model']})."
    if abs(step) < MOVED:
        moved = "" if before["score"] == after["score"] else f", while its score would go from {before['score']:.3f} to {after['score']:.3f}"
        return f"{opening}, {chance} would stay at {old} (model {found['model']}){moved}."
    verb = "rise" if step > 0 else "fall"
    spread = f" (restarts of its training: {_percent(after['low'])} to {_percent(after['high'])})" if seeds > 1 else ""
    moved = f"would {verb} from {old} to {new}{spread} (model {found['model']}){_because(found['drivers'], step)}."
    return f"{opening}, {chance} {moved}{_against(before['score'], after['score'], step)}"


def _against(before: float | None, after: float | None, step: float) -> str:
    """A map from scores to chances that was learned from few falls may slope the wrong way; nobody should take that for good news."""
    if before is None or after is None or (after - before) * step >= 0:
        return ""
    verb = "rises" if after > before else "falls"
    return f" Its score {verb} all the same ({before:.3f} to {after:.3f}): the two disagree, so do not rely on the chance."


def _because(drivers: Sequence[Record], step: float) -> str:
    """The inputs that, changed alone, move the probability the same way, the largest first."""
    same = sorted((d for d in drivers if d["probability"] and d["probability"] * step > 0), key=lambda d: -abs(d["probability"]))[:2]
    return f", mostly because {_and([_driver(d) for d in same])}" if same else ""


def _driver(driver: Record) -> str:
    name, form = INPUTS.get(driver["input"], (driver["input"].replace("_", " "), "plain"))
    alone = f"alone {100 * driver['probability']:+.1f} points"
    if driver["before"] is None or driver["after"] is None:
        return f"{name} changed ({alone})"
    old, new = (_percent(v) if form == "share" else f"{v:.2f}" for v in (driver["before"], driver["after"]))
    return f"{name} goes from {old} to {new} ({alone})"


def _alert(found: Record, before: float | None, after: float | None) -> list[str]:
    line = found["alert_line"]
    if line is None or before is None or after is None:
        return ["There is no alert line yet on this day." if line is None else "The score is withheld on this day."]
    where = [f"{'over' if value >= line else 'under'} the alert line" for value in (before, after)]
    both = f"stays {where[0]}" if where[0] == where[1] else f"crosses the alert line and is {where[1].split()[0]} it"
    fall = "" if found["onset"] else " The index is already more than 5 % below its high of a year, where no new alarm begins."
    return [f"The score {both if found['shocks'] else f'is {where[0]}'} (line {line:.3f}, score {before:.3f} to {after:.3f}).{fall}"]


def _losses(losses: Record) -> str:
    if not losses["first"]:
        return "No asset loses value in the shock itself, so there is no loss to spread."
    hit = f" Contagion hits {_and([h['asset'] for h in losses['hit'][:3]])} hardest." if losses["hit"] else ""
    lost = f" {_and(losses['lost'])} would lose everything." if losses["lost"] else ""
    return (
        f"The shock itself takes {_percent(losses['first'])} of the value of {losses['whole']}; contagion would take a further "
        f"{_percent(losses['spread'])}, by {losses['method']} on {losses['network']}.{hit}{lost}"
    )


def _structure(found: Record) -> list[str]:
    changed = [
        f"{name} ({' to '.join(_percent(share) for share in layer['density'])} of all pairs joined: {layer['joined']} new, {layer['parted']} gone)"
        for name, layer in found["layers"].items() if layer["joined"] or layer["parted"]
    ]  # fmt: skip
    nodes = [f"{n['asset']} ({n['feature'].replace('_', ' ')} by {n['deviations']:.1f} standard deviations)" for n in found["nodes"][:3]]
    lines = [f"Layers that change: {', '.join(changed)}."] if changed else []
    return lines + ([f"Most changed assets: {', '.join(nodes)}."] if nodes else [])


def _reverse(found: Record) -> list[str]:
    back = found.get("reverse")
    if back is None:
        return []
    further = "on top of these shocks" if found["shocks"] else "alone"
    opening = f"Reverse stress of {back['kind']} on {back['model']}, {further}"
    if back["reason"]:
        figures = "" if back["line"] is None else f" (score {back['score']:.3f}, line {back['line']:.3f})"
        return [f"{opening}: {back['reason']}{figures}."]
    doubt = "" if back["monotone"] else " The score does not rise steadily with this shock, so a smaller one may do it too."
    return [f"{opening}: {back['shock']} is the smallest shock that lifts the score over its alert line ({back['line']:.3f}).{doubt}"]


HEADER = ("model", "probability before", "after", "score before", "after")


def rows(found: Record) -> list[list[str]]:
    """The rows of the table by model: probability and score before and after, for the target of the sentence."""
    out = []
    for row in found["rows"]:
        before, after = (row["targets"][found["target"]["name"]][side] for side in ("before", "after"))
        spread = [f"[{_percent(one['low'])}, {_percent(one['high'])}]" if one["low"] is not None else "" for one in (before, after)]
        out.append([
            row["model"], *(f"{_percent(one['probability'])} {s}".strip() for one, s in zip((before, after), spread, strict=True)),
            *("withheld" if one["score"] is None else f"{one['score']:.3f}" for one in (before, after)),
        ])  # fmt: skip
    return out


def changed_measures(found: Record) -> list[list[str]]:
    """The measures that moved."""
    moved = {name: measure for name, measure in found["measures"].items() if measure["before"] != measure["after"]}
    return [[name, _figure(measure["before"]), _figure(measure["after"]), measure["unit"]] for name, measure in moved.items()]


def _shock(text: str) -> str:
    """A shock as a clause."""
    if match := re.fullmatch(r"(.+) returns ([+-])([\d.]+) ?%", text):
        return f"{_the(match[1])} {'fell' if match[2] == '-' else 'rose'} {match[3]} % further"
    if match := re.fullmatch(r"(.+) volatility x ?([\d.]+)", text):
        return f"the last month's returns of {_the(match[1])} had been {match[2]} times as wide"
    if match := re.fullmatch(r"sentiment (.+) ([+-])([\d.]+) ?sd", text):
        return f"the sentiment of {_the(match[1])} were {match[3]} standard deviations {'lower' if match[2] == '-' else 'higher'}"
    if match := re.fullmatch(r"(?:remove|delist) (.+)", text):
        return f"{match[1]} were no longer listed"
    if match := re.fullmatch(r"as on (.+)", text):
        return f"the returns and macro changes of {match[1]} had come again"
    if match := re.fullmatch(r"(.+?) ([+-])([\d.]+) ?(bp|points|%)", text):
        return f"{SERIES.get(match[1], match[1])} were {match[3]} {match[4]} {'lower' if match[2] == '-' else 'higher'}"
    layer, _, amount = text.rpartition(" ")
    return f"the {layer} graph were {'lowered' if amount[0] == '-' else 'raised'} by {amount[1:]}"


def _the(name: str) -> str:
    return "the market" if name.lower() in ("market", "all") else "the index" if name.lower() == "index" else name


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "no probability" if value is None else f"{100 * value:.1f} %"
