"""The profile of a crisis in plain sentences, with a table by year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskradar import text
from riskradar.html import words
from riskradar.html.reasons import PLAIN
from riskradar.tables import Target

Record = Mapping[str, Any]
SHOWN, LITTLE = 6, 0.01  # inputs that are named, and the share under which one is not


def profile(found: Record) -> str:
    """What the scores of a crisis were made of, by size and by year, and when the lead changed."""
    target = Target.parse(found["target"])
    fall = words.fall(target)
    head = (
        f"{found['crisis']}, {words.day(found['start'])} to {words.day(found['end'])}: what {found['model']} made its scores of, "
        f"for {fall[0].lower()}{fall[1:]} within {target.horizon} sessions "
        f"({words.count(found['explained'])} of {words.count(found['sessions'])} sessions, every {found['every']}th)."
    )
    families = words.listed([f"{name} {words.share(share)}" for name, share in sorted(found["families"].items(), key=lambda f: -f[1]) if share])
    first = sorted(found["inputs"].items(), key=lambda each: -each[1]["share"])
    inputs = words.listed([f"{_plain(name)} {words.share(of['share'])}" for name, of in first[:SHOWN] if of["share"] >= LITTLE])
    lines = [
        head, f"By size of all contributions, whatever their sign: {families}.", f"By input: {inputs}.",
        f"On a usual day they are as spread out as {words.number(found['spread'], 1)} equal inputs would be.",
        *(_leads(found, what) for what in found["leads"]), *_doubt(found),
        f"Cost: {found['cpu_seconds']:.1f} CPU seconds.", *(f"Warning: {w}." for w in found["warnings"]),
    ]  # fmt: skip
    return "\n".join(lines) + "\n\n" + _years(found, [name for name, of in first[:SHOWN] if of["share"] >= LITTLE])


def _leads(found: Record, what: str) -> str:
    led = found["leads"][what]
    names = [f"{_plain(name)} on {words.share(share)} of these days" for name, share in list(led["shares"].items())[:3]]
    if not led["changes"]:
        return f"The leading {what} was {_plain(led['at_highest'])} on every one of these days."
    highest = max(found["days"], key=lambda each: each["score"])
    before = [change for change in led["changes"] if change["date"] <= highest["date"]]
    since = f", which had led since {words.day(before[-1]['date'])}" if before else ", which had led from the first day on"
    times = "once" if len(led["changes"]) == 1 else f"{words.count(len(led['changes']))} times (each date is in --json)"
    return (
        f"Leading {what}: {words.listed(names)}. The lead changed {times}; at the highest score, {words.number(highest['score'])} on "
        f"{words.day(highest['date'])}, it lay with {_plain(led['at_highest'])}{since}."
    )


def _doubt(found: Record) -> list[str]:
    """What a reader must know before he makes much of layers."""
    if "layer" not in found["leads"]:
        return [f"{found['model']} reads no graph."]
    share = found["families"]["graph layers"]
    return [f"Graphs make up only {words.share(share)} of the score: which of them leads means little."] if share < LITTLE else []


def _years(found: Record, names: list[str]) -> str:
    """Mean contribution of each input by year."""
    rows = []
    for year in sorted({each["date"][:4] for each in found["days"]}):
        days = [each for each in found["days"] if each["date"][:4] == year]
        mean = [sum(each["adds"].get(name, 0.0) for each in days) / len(days) for name in names]
        scores = [each["score"] for each in days]
        rows.append((year, words.number(sum(scores) / len(scores)), words.number(max(scores)), *(words.signed(value) for value in mean)))
    return text.table(("year", "mean score", "highest", *names), rows)


def _plain(name: str) -> str:
    return f"the {name}" if name.endswith(" graph") else PLAIN.get(name, name)
