"""The leaderboard: every row on the same days, with its difference to the simple rule, both halves and the headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from riskradar.evaluate.compare import HEADLINE
from riskradar.html import marks, words
from riskradar.html.inputs import Inputs
from riskradar.html.marks import Scale
from riskradar.tables import Target

Score = Mapping[str, Any]


def board(inputs: Inputs) -> dict[str, Any]:
    """One table a target, all on one pair of scales so that targets can be compared."""
    cells = [cell for row in inputs.rows.values() for cell in row["targets"].values()]
    level = Scale.over((v for c in cells for v in (*ends(c["auroc_onset"]), c["auroc"]["value"])), 0.5)
    apart = Scale.over((v for c in cells for claim in c["paired"].values() for v in ends(claim)), 0.0)
    return {
        "targets": [table(inputs, i, record, level, apart) for i, record in enumerate(inputs.targets)],
        "comparators": inputs.evaluation["comparators"],
        "level_axis": marks.chance_axis(level),
        "apart_axis": marks.signed_axis(apart),
        "definitions": inputs.evaluation["definitions"],
    }


def table(inputs: Inputs, place: int, record: Mapping[str, Any], level: Scale, apart: Scale) -> dict[str, Any]:
    """The rows of one target: the best ranking first, undefined ones last."""
    found = ranked(inputs, record["name"])
    target = Target.parse(record["name"])
    return {
        **record,
        "place": place,
        "title": words.brief(target),
        "depth_words": words.depth(target),
        "rows": [entry(inputs, model, found[model], level, apart) for model in found],
    }


def ranked(inputs: Inputs, target: str) -> dict[str, Mapping[str, Any]]:
    """Cells of one target, the best on calm days first, undefined ones last."""
    found = {model: cell for model in inputs.rows if (cell := inputs.cell(model, target))}
    return dict(sorted(found.items(), key=lambda item: (*descending(item[1]["auroc_onset"]), item[0])))


def descending(score: Score) -> tuple[bool, float]:
    """A sort key: the highest value first, undefined ones last."""
    return score["value"] is None, -(score["value"] or 0.0)


def entry(inputs: Inputs, model: str, cell: Mapping[str, Any], level: Scale, apart: Scale) -> dict[str, Any]:
    """One model on one target."""
    about = inputs.about_model(model)
    onset, everyday = cell["auroc_onset"], cell["auroc"]
    reference = model in inputs.evaluation["comparators"]
    return {
        "model": model,
        "about": about.get("about", ""),
        "since": about.get("history_start", ""),
        "hindsight": about.get("hindsight", False),
        "reference": reference,
        "onset": onset,
        "all": everyday,
        "level": ranking(model, onset, everyday, level, reference),
        "paired": [{"against": other, "own": other == model, **difference(model, claim, apart)} for other, claim in cell["paired"].items()],
        "skill": cell["log_skill"],
    }


def ends(score: Score) -> list[float | None]:
    """Every number that a mark of this score has to reach."""
    return [score[key] for key in ("value", "low", "high", "event_low", "event_high")]


def ranking(model: str, onset: Score, everyday: Score, scale: Scale, reference: bool) -> Markup:
    """Dot with whisker for calm days, ring for all days."""
    if onset["value"] is None:
        return Markup("")
    parts = [marks.line(scale, scale.low, scale.high, "rail"), marks.tick(scale, 0.5, "zero")]
    if onset["low"] is not None:
        parts.append(marks.line(scale, onset["low"], onset["high"], "whisker"))
    if everyday["value"] is not None:
        parts.append(marks.dot(scale, everyday["value"], "ring"))
    parts.append(marks.dot(scale, onset["value"], "reference" if reference else "own"))
    interval = words.between(onset["low"], onset["high"], words.number)
    return marks.strip(f"{model}: ONSET AUROC {words.number(onset['value'])}, 90 % {interval or 'interval undefined'}", parts)


def difference(model: str, claim: Score, scale: Scale) -> dict[str, Any]:
    """A paired difference: thick whisker over resampled sessions, thin one over events left out."""
    if claim["value"] is None:
        return {"claim": claim, "strip": Markup(""), "interval": "", "events": ""}
    hot = " hot" if claim["shown"] else ""
    parts = [marks.line(scale, scale.low, scale.high, "rail"), marks.tick(scale, 0.0, "zero")]
    if claim["low"] is not None:
        parts.append(marks.line(scale, claim["low"], claim["high"], f"whisker{hot}"))
    if claim["event_low"] is not None:
        parts += [marks.tick(scale, claim[key], f"end{hot}", 8) for key in ("event_low", "event_high")]
    parts.append(marks.dot(scale, claim["value"], f"own{hot}"))
    interval = words.between(claim["low"], claim["high"], words.signed)
    events = words.between(claim["event_low"], claim["event_high"], words.signed)
    return {"claim": claim, "strip": marks.strip(claim["sentence"] or model, parts), "interval": interval, "events": events}


def headline(inputs: Inputs) -> dict[str, Any]:
    """Mean paired difference over the headline targets, against each comparator, and the title that these numbers allow."""
    claims = {model: row["headline"] for model, row in inputs.rows.items()}
    scale = Scale.over((v for of in claims.values() for claim in of.values() for v in ends(claim)), 0.0)
    blocks = []
    for other in inputs.evaluation["comparators"]:
        rows = {model: of[other] for model, of in claims.items() if other in of and model != other}
        order = sorted(rows, key=lambda m: (*descending(rows[m]), m))
        entries = [{"model": m, "hindsight": inputs.about_model(m).get("hindsight", False), **difference(m, rows[m], scale)} for m in order]
        blocks.append({"against": other, "rows": entries, "title": verdict(other, rows, [e["model"] for e in entries if e["hindsight"]])})
    return {"blocks": blocks, "axis": marks.signed_axis(scale), "events": event_counts(inputs), "spacing": spacing(claims)}


def verdict(other: str, rows: Mapping[str, Score], hindsight: Sequence[str]) -> str:
    """A finding only where the differences allow one; a row chosen after the fact is said to be one."""
    shown = sorted(model for model, claim in rows.items() if claim["shown"])
    if shown:
        named = [f"{model} (chosen after the fact)" if model in hindsight else model for model in shown]
        return f"{words.listed(named)} {'ranks' if len(shown) == 1 else 'rank'} calm days better than {other}"
    if any(claim["value"] is not None for claim in rows.values()):
        return f"No row has been shown to beat {other}"
    return f"Against {other}"


def event_counts(inputs: Inputs) -> str:
    """How many independent falls stand behind the headline targets, by depth."""
    by_depth = {t["depth"]: t["events"] for t in inputs.targets if t["name"] in HEADLINE}
    return words.listed([f"{count} of {100 * deep:g}{words.THIN}% or more" for deep, count in sorted(by_depth.items(), reverse=True)])


def spacing(claims: Mapping[str, Mapping[str, Score]]) -> str:
    """The typical half-width of a headline interval: what two rows must differ by before it means anything."""
    half = sorted(
        (claim["high"] - claim["low"]) / 2
        for model, of in claims.items() for other, claim in of.items()
        if other != model and claim["low"] is not None
    )  # fmt: skip
    return words.number(half[len(half) // 2]) if half else ""


def halves(inputs: Inputs) -> dict[str, Any]:
    """ONSET AUROC and log-score skill before and after the split, one table a target."""
    parts = [half["auroc_onset"]["value"] for row in inputs.rows.values() for cell in row["targets"].values() for half in cell["halves"].values()]
    scale = Scale.over(parts, 0.5)
    tables = []
    for place, record in enumerate(inputs.targets):
        found = {model: cell["halves"] for model, cell in ranked(inputs, record["name"]).items()}
        names = sorted({years for of in found.values() for years in of})
        rows = [
            {"model": model, "halves": [of.get(n) for n in names], "undefined": reason(of), "strip": slope(model, of, names, scale)}
            for model, of in found.items()
        ]
        title = words.brief(Target.parse(record["name"]))
        tables.append({"place": place, "title": title, "finding": faded(found, names), "names": [words.years(n) for n in names], "rows": rows})
    return {"tables": tables, "axis": marks.chance_axis(scale)}


def reason(of: Mapping[str, Any]) -> str:
    """The one reason why no half is ranked, or empty."""
    reasons = {half["auroc_onset"]["reason"] for half in of.values()}
    return reasons.pop() if len(reasons) == 1 else ""


def slope(model: str, of: Mapping[str, Any], names: list[str], scale: Scale) -> Markup:
    """Ring for the first half, dot for the second."""
    values = [of[n]["auroc_onset"]["value"] if n in of else None for n in names]
    before, after = values if len(values) == 2 else (None, None)
    if before is None or after is None:
        return Markup("")
    parts = [marks.line(scale, scale.low, scale.high, "rail"), marks.tick(scale, 0.5, "zero"), marks.line(scale, before, after, "link")]
    parts += [marks.dot(scale, before, "ring"), marks.dot(scale, after, "own")]
    return marks.strip(f"{model}: {words.number(before)} in {names[0]}, {words.number(after)} in {names[1]}", parts)


def faded(found: Mapping[str, Any], names: list[str]) -> str:
    """How many rows ranked worse in the second half; a neutral title where halves are missing."""
    pairs = [[of[n]["auroc_onset"]["value"] for n in names] for of in found.values() if len(names) == 2 and all(n in of for n in names)]
    known = [p for p in pairs if None not in p]
    worse = sum(after < before for before, after in known)
    if not known:
        return "Both halves"
    if worse == len(known) > 1:
        return "Every row ranked calm days worse in the second half"
    return f"{worse} of {len(known)} rows ranked calm days worse in the second half"
