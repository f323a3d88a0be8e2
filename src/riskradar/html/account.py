"""Where the numbers come from: what was read and refused, what is absent, how long it took, what it ran on, and what it cannot say."""

from __future__ import annotations

from collections import Counter
from typing import Any

from riskradar import text
from riskradar.html import words
from riskradar.html.board import headline
from riskradar.html.inputs import Inputs

SHOWN = 20  # refused cells listed by name


def intake(inputs: Inputs) -> dict[str, Any]:
    """Counts by source, and the refused cells: by reason, then the first ones as they were written."""
    told = inputs.about.get("intake", {})
    record = told.get("record", {})
    refused, counts = record.get("refused", []), record.get("counts", [])
    cells = sum(c["cells"] for c in counts)
    title = "What was read"
    if cells:
        lost = f"{words.count(len(refused))} of {words.count(cells)} cells {'was' if len(refused) == 1 else 'were'} refused"
        title = lost if refused else f"None of {words.count(cells)} cells was refused"
    return {
        "title": title,
        "lines": told.get("lines", []),
        "counts": counts,
        "hashes": record.get("hashes", {}),
        "reasons": Counter(str(cell["reason"]).replace("_", " ") for cell in refused).most_common(),
        "refused": refused[:SHOWN],
        "more": max(len(refused) - SHOWN, 0),
    }


def absent(inputs: Inputs) -> list[tuple[str, str, str]]:
    """What was asked for and is not there: kind, name, reason."""
    about = inputs.about
    models = {**inputs.evaluation["absent"], **about.get("absent", {})}
    kinds = [("model", models), *((kind, about.get(f"{kind}s_absent", {})) for kind in ("feature", "layer", "measure"))]
    kinds.append(("model of assets", (about.get("nodes") or {}).get("absent", {})))
    return [(kind, name, reason) for kind, found in kinds for name, reason in found.items()]


def settings(inputs: Inputs) -> list[tuple[str, str]]:
    """The configuration as flat keys."""

    def flat(value: Any, key: str) -> list[tuple[str, str]]:
        if isinstance(value, dict) and value:
            return [pair for name, inner in value.items() for pair in flat(inner, f"{key}.{name}" if key else str(name))]
        return [(key, ", ".join(map(str, value)) if isinstance(value, list) else str(value))]

    return flat(dict(inputs.about.get("config", {})), "")


def limits(inputs: Inputs) -> list[tuple[str, str]]:
    """What this run cannot tell, from what it holds: heading and sentences."""
    about, told = inputs.about, [*protocol(inputs), *forecasts(inputs), few(inputs), survivors(inputs)]
    hindsight = [m for m in inputs.rows if inputs.about_model(m).get("hindsight")]
    if hindsight:
        text = f"{words.listed(hindsight)}: inputs were noticed on the history that they are judged on; take their lead with doubt."
        told.append(("Chosen after the fact", text))
    told += ALWAYS
    if "sector" in about.get("layers", {}) and not about["panel"].get("sectors_dated"):
        told.append(("Today's labels", "Sector labels carry no dates: the graph of an early year joins companies by what they are now."))
    missing = [name for kind, name, _ in absent(inputs) if kind == "model"]
    if missing:
        told.append(("Not compared", f"{words.listed(missing)} could not run on these data; what they would have shown is not known."))
    return told


ALWAYS = (
    ("Both halves were seen", "The rules were studied on this same history, before and after 2010; neither half can test what both have taught."),
    ("No band for one day", "The probability of a single day has no band of its own; the interval beside it is the record of days like it."),
    ("Closes only", "Falls are measured on daily closes of one index. What happened inside a day, or in other markets, is not counted."),
    ("Why, and what next", "A high probability is not a cause and not a date. This page ranks days by risk; it does not explain them."),
)


def protocol(inputs: Inputs) -> list[tuple[str, str]]:
    """Whether the later half is sealed, and how many tries have seen it."""
    lines = text.protocol(inputs.about, inputs.evaluation)
    said = ". ".join(line[0].upper() + line[1:] for line in lines)
    return [("Sealed" if inputs.evaluation.get("sealed") else "Tries", f"{said}.")] if lines else []


def forecasts(inputs: Inputs) -> list[tuple[str, str]]:
    """A warning first when some forecast is not out of sample."""
    kinds = sorted({f.kind for f in inputs.forecasts.values()} - {"live"})
    text = f"This run holds {words.listed(kinds)} forecasts, which learned from later data or follow other rules."
    return [("Not out of sample", text)] if kinds else []


def few(inputs: Inputs) -> tuple[str, str]:
    """How little independent evidence there is."""
    spacing, events = headline(inputs)["spacing"], len(inputs.evaluation["events"])
    apart = f" Two rows closer than about {spacing} in ONSET AUROC cannot be told apart." if spacing else ""
    return "Few falls", f"Everything rests on {events} independent falls of 10{words.THIN}% or more. Thousands of days do not change that.{apart}"


def survivors(inputs: Inputs) -> tuple[str, str]:
    """Who is missing from the prices, as far as the run knows."""
    if inputs.about.get("config", {}).get("data", {}).get("prices") == "sample":
        text = "The stocks of the sample are companies that lived to its end; breadth was calmer for them than for the market."
    else:
        text = "The radar cannot see whether companies that failed are missing from its prices; if they are, breadth looks calmer than it was."
    return "Survivors", text
