"""Plain tables for the terminal: what a run found, in lines that a pipe can read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from riskradar.protocol import counts, tables
from riskradar.scenario import words
from riskradar.tables import Target

LEAST_SHARE = 0.01  # of a score's variance, for a network to count (design 6)
DEEP = 0.10  # the falls that only a few crises hold
SHOWN_NODES = 20  # of all
SHOWN_PULLBACK = 0.02  # of three; the record holds all


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
    """The short leaderboard: ONSET and all-days AUROC per target, and the mean log-score skill."""
    targets = [t["name"] for t in evaluation["targets"]]
    rows = []
    for name, row in _rows(about, evaluation).items():
        cells = [row["targets"].get(t) for t in targets]
        skill = [c["log_skill"]["value"] for c in cells if c is not None and c["log_skill"]["value"] is not None]
        rows.append([
            name + (" *" if about["models"][name]["hindsight"] else ""),
            *("-" if c is None else f"{_short(c['auroc_onset'])}/{_short(c['auroc'])}" for c in cells),
            f"{sum(skill) / len(skill):+.3f}" if skill else "-",
        ])  # fmt: skip
    return table(["AUROC onset/all days", *targets, "log skill"], rows)


def headline(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """The one headline against each comparator: over the span, with each event left out in turn, and in each half where both are open."""
    rows, blocks = _rows(about, evaluation), []
    for other in evaluation["comparators"]:
        open_halves = list(rows[other]["halves"])
        halves = open_halves if len(open_halves) > 1 else []
        header = [f"headline against {other}", "difference", "90 % interval", "event range", *(cell for years in halves for cell in (years, "90 %"))]
        lines = []
        for name, row in rows.items():
            claim, parts = row["headline"][other], [row["halves"][years][other] for years in halves]
            if name != other and claim["value"] is not None:
                figures = (cell for part in parts for cell in (number(part, signed=True), interval(part)))
                lines.append([name, number(claim, signed=True), interval(claim), interval(claim, "event_low", "event_high"), *figures])
        blocks.append(table(header, lines))
    return "\n\n".join(blocks)


def warnings(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Alarms of each row: false ones, falls with an alarm before the peak and before 5 % were lost (null and p beside), and the pullback test."""
    rows = _rows(about, evaluation)
    scored = {name: row for name, row in rows.items() if not row["event"]["reason"]}
    if not scored:
        return ""
    told = next(iter(scored.values()))["event"]
    caught = (f"before the peak, {told['events']} falls", *(f"before -5 %, {told[k]['events']} falls" for k in ("crossing", "crossing_shallow")))
    header = [f"alarms of {told['target']}", "calm days in alarm", "five years", "a year", "right", *caught, "first -2 % on to -5 %", "to -10 %"]
    return table(header, [(name, *_warning(row)) for name, row in scored.items()])


def _warning(row: Mapping[str, Any]) -> list[str]:
    event, blocks = row["event"], list(row["event"]["realised_blocks"].values())
    two = [p["auroc"] for p in row["pullbacks"] if p["first"] == SHOWN_PULLBACK]
    return [
        f"{_share(event['realised_rate'])} {_bounds(event['realised_low'], event['realised_high'])}" + (" !" if event["disqualified"] else ""),
        _bounds(min(blocks, default=None), max(blocks, default=None)), f"{event['alarms_per_year']:.1f}", _share(event["right"]),
        *(_caught(found) for found in (event, event["crossing"], event["crossing_shallow"])),
        *(f"{_short(score)} {_bounds(score['low'], score['high'])}".rstrip() for score in two),
    ]  # fmt: skip


def _caught(found: Mapping[str, Any]) -> str:
    return "-" if found["recall"] is None else f"{found['recall']:.2f} ({found['null_recall']:.2f}, p {found['p']:.2f})"


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.2f} {high:.2f}]".replace("0.", ".")


def _rows(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The evaluated rows in the order of the settings."""
    by_name = {row["model"]: row for row in evaluation["rows"]}
    return {name: by_name[name] for name in about["models"] if name in by_name}


def protocol(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """Whether the later half is sealed, how many tries opened it, and the reality check over them."""
    told = about.get("protocol")
    if not told:
        return []
    tries = f"{told['tries']} {'try has' if told['tries'] == 1 else 'tries have'} opened it"
    if evaluation["sealed"]:
        return [f"sealed from {evaluation['sealed']} on: choices are made on the years before it; {tries}; --confirm shows it and is logged"]
    if not told["opened"]:
        return []
    why = "" if told["asked"] else f", since nothing before {told['split']} could be evaluated"
    lines = [f"opened from {told['split']} on and logged{why}: {tries} (results/trials.jsonl)"]
    if "measures_until" in told and about.get("measures"):
        lines.append(f"measures as scores and forward falls still end before {told['measures_until']}: run again with --confirm to open them")
    for other, best in told["reality_check"].items():
        told_of = f"{best['rows']} rows of {best['tries']} tries" if best["tries"] > 1 else f"{best['rows']} rows"
        lines.append(f"best of {told_of} against {other}: {best['best']} {best['value']:+.3f}, reality check p = {best['p']:.3f} (White 2000)")
    return lines


def indicators(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Each classic measure as a score: ONSET AUROC with its interval, all-days AUROC beside it; under .5 the other sign would have ranked better."""
    targets = [t["name"] for t in evaluation["targets"]]
    header = ["measure as it is, AUROC onset [90 %] all days", "sign", *targets]
    return table(header, [(name, m["score"], *(_indicator(m["targets"].get(t)) for t in targets)) for name, m in about["measures"].items()])


def depth(evaluation: Mapping[str, Any]) -> list[str]:
    """One line on how deep falls were said to be and were, and one on falls of 10 % and more in the later half; none without a pool."""
    judged = evaluation.get("outlook")
    if not judged:
        return []
    falls, skill = judged["falls"], judged["calibration"]["everywhere"]["mean_log"]
    told = [f"{horizon}: {number(f['crps']['all'], signed=True)} {interval(f['crps']['all'])} and {_share(f['coverage']['repaired']['0.9']['value'])}"
            for horizon, f in falls.items()]  # fmt: skip
    within = f"; CRPS skill of the forward fall and share inside its 90 % quantile by horizon, {', '.join(told)}" if told else ""
    return [f"{judged['model']}: mean log-score skill {number(skill, signed=True)} {interval(skill)}{within}", deep_falls(judged["calibration"])]


def deep_falls(calibration: Mapping[str, Any]) -> str:
    """What may be said of chances of falls of 10 % or more in the second half."""
    later = list(calibration["halves"])[-1]
    deep = {name: score for name, score in calibration["halves"][later]["log"].items() if Target.parse(name).depth >= DEEP}
    known = {name: score for name, score in deep.items() if score["value"] is not None and math.isfinite(score["value"])}
    if not known:
        why = "nothing was judged there" if deep else "no such target"
        return f"Whether chances of falls of 10 % or more have skill {later} cannot be said: {why}."
    shown = [name for name, score in known.items() if score["low"] is not None and score["low"] > 0]
    verdict = f"skill is shown for {', '.join(shown)} alone" if shown else "no skill is shown for falls of 10 % or more"
    verdict = "skill is shown for every fall of 10 % or more" if len(shown) == len(known) else verdict
    figures = ", ".join(f"{name} {number(score, signed=True)} {interval(score)}" for name, score in known.items())
    return f"{later[0].upper()}{later[1:]} on, {verdict}: {figures} (log-score skill over the base rate, 90 % interval)."


def assets(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Forecasts of single assets: percent of squared error that each model gains over another, and what that does not claim."""
    targets, rows = gains(about)
    if not rows:
        return ""
    cells = ((name, *(f"{number(score, signed=True)} {interval(score)}" for score in scores)) for name, scores in rows)
    return table(["forecasts of assets, % of squared error gained [90 %]", *targets], cells) + "\n" + str(about["nodes"]["note"])


def gains(about: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[Mapping[str, Any]]]]]:
    """The gains of asset forecasts as a table: its targets, and in each row who gains over whom, in which half, and a score by target."""
    skill = (about.get("nodes") or {}).get("skill", [])
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for one in skill:
        half = "" if one["half"] == "all" else f", {one['half']} half"
        rows.setdefault(f"{one['model']} over {one['reference']}{half}", []).append(one)
    return list(dict.fromkeys(one["target"] for one in skill)), list(rows.items())


def full(found: Mapping[str, Any]) -> str:
    """The five tables of a full protocol, and how the placebos came out."""
    parts = [f"{t.title}: {t.note}\n{table(t.header, t.rows)}" for t in tables(found)]
    return "\n\n".join([*parts, "placebos: " + ", ".join(f"{count} {verdict}" for verdict, count in counts(found).items())])


def stress(found: Mapping[str, Any]) -> str:
    """A stress test: sentences, the rows, the measures that moved, and what to be careful about."""
    moved = words.changed_measures(found)
    careful = [*found["notes"], *(f"warning: {line}" for line in found["warnings"])]
    parts = ["\n".join(words.sentences(found)), table(words.HEADER, words.rows(found))]
    parts += [table(("measure", "before", "after", ""), moved)] if moved else []
    return "\n\n".join([*parts, *(["\n".join(careful)] if careful else [])])


def pathways(found: Mapping[str, Any]) -> str:
    """The strongest paths from an asset, a few lines a layer."""
    lines = [] if found["layers"] else ["The run has no layer, so no edge."]
    for layer, told in found["layers"].items():
        opening = f"In the {layer} layer of {found['date']}, {found['source']}"
        count = f"{told['neighbours']} asset{'s' * (told['neighbours'] != 1)}"
        lines.append(f"{opening} is joined with {count} and reaches {told['reached']} in all." if told["reached"] else f"{opening} has no edge.")
        for kind, what in (("direct", "strongest edges"), ("onward", "strongest chains")):
            paths = [f"{' > '.join(path['assets'])} ({100 * path['strength']:.2g} %)" for path in told[kind]]
            lines += [f"  {what}: {', '.join(paths)}"] if paths else []
    return "\n".join([*lines, f"({found['meaning']})"])


def importance(found: Mapping[str, Any]) -> str:
    """The assets of one session by what they add, DebtRank and connections, with their ranks."""
    rows = [
        (n["name"], n["sector"], f"{n['adds']:+.3f} ({n['adds_rank']})", f"{100 * n['debtrank']:.2f} % ({n['debtrank_rank']})",
         f"{n['strength']:.2f} ({n['strength_rank']})") for n in found["nodes"][:SHOWN_NODES]
    ]  # fmt: skip
    head = f"{found['model']}, {found['target']}, {found['date']}: {len(rows)} of {len(found['nodes'])} members, by what they add"
    layer = f"along the {found['layer']} layer (market-implied weights, no balance sheet)" if found["layer"] else "nowhere: the run has no layer"
    lost = f"the share of the market that is lost beside the asset when it fails alone and losses travel {layer}"
    foot = f"Ranks in brackets. DebtRank: {lost}. Connections: the sum of its edges there."
    return "\n\n".join([head, table(("asset", "sector", "adds", "DebtRank", "connections"), rows), foot])


def _indicator(cell: Mapping[str, Any] | None) -> str:
    if cell is None or cell["auroc_onset"]["value"] is None:
        return "-"
    onset = cell["auroc_onset"]
    return " ".join(filter(None, (_short(onset), _bounds(onset["low"], onset["high"]), _short(cell["auroc"]))))


def notes(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """What must be read with the table: span, base rates, events, reasons for what is undefined or absent."""
    span = evaluation["span"]
    onset = "ONSET days (index less than 5 % below its 252-session high)"
    lines = [] if evaluation["kind"] == "live" else [f"NOT OUT OF SAMPLE: {evaluation['kind']} forecasts; no row of this table is a claim"]
    lines += protocol(about, evaluation)
    lines += [f"evaluated {span['start']} to {span['end']}: {span['sessions']} sessions, {span['onset']} of them {onset}"]
    if not evaluation["sealed"] and span["end"] < (last := about["panel"]["end"]):
        lines.append(f"the sessions after it, to {last}, were scored and not judged: evaluate.end is {span['end']}; set it to {last}")
    lines += [
        f"{t['name']}: fall of {100 * t['depth']:g} % within {t['horizon']} sessions; base rate {_share(t['base_rate'])} of all days, "
        f"{_share(t['base_rate_onset'])} of ONSET days; {t['events']} independent events; "
        f"{t['sessions']} sessions that all models share, from {t['start'] or 'none'}"
        for t in evaluation["targets"] if t["depth"]
    ]  # fmt: skip
    if any(model["hindsight"] for name, model in about["models"].items() if name not in evaluation["absent"]):
        lines.append("* chosen after seeing this history")
    if any(row["event"]["disqualified"] for row in evaluation["rows"]):
        lines.append("! more than 12 % of calm ONSET days in alarm: what it caught is bought, not earned")
    if not all(row["event"]["reason"] for row in evaluation["rows"]):
        lines.append("before -5 % counts confirmation too: a score that rises because prices fall does well there, and like trend on a first -2 %")
    lines += [shares(name, of) for name, of in about.get("shares", {}).items()]
    lines += depth(evaluation)
    starts = {model["history_start"] for name, model in about["models"].items() if model.get("history_start") and name not in evaluation["absent"]}
    if starts:
        lines.append(f"z-scores look back to {', '.join(sorted(starts))} (the start moves ONSET figures by .03-.05)")
    for row in evaluation["rows"]:
        reasons = {cell[kind]["reason"] for cell in row["targets"].values() for kind in ("auroc", "auroc_onset")} - {""}
        lines += [f"undefined: {row['model']}: {reason}" for reason in sorted(reasons)]
    return lines + [f"absent: {name}: {reason}" for name, reason in evaluation["absent"].items()]


def shares(name: str, of: Mapping[str, float]) -> str:
    """How much of a score is the network's; under 1 % the row is its anchor in all but name."""
    verdict = "; this row is its anchor" if of["network"] < LEAST_SHARE else ""
    return f"{name}: {100 * of['network']:.2f} % of the variance of its score is the network's, {100 * of['graph']:.2f} % the graph's{verdict}"


def _short(score: Mapping[str, Any]) -> str:
    return "-" if score["value"] is None else f"{score['value']:.3f}".replace("0.", ".", 1)


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.1f} %"


def model(found: Mapping[str, Any]) -> Iterable[str]:
    """One model: what it reads, its parameters by part, and what a score costs."""
    yield f"{found['model']}: {found['about']}; refit every {found['refit_years']} y"
    if "parts" not in found:
        return
    for name in ("layers", "inputs", "context", "macro", "targets"):
        if name in found:
            yield f"{'macro nodes' if name == 'macro' else name}: {', '.join(found[name]) or 'none'}"
    yield f"snapshots in a score: {found['sequence']}; sessions read: {found['sessions']}"
    yield ""
    yield table(("parameters", "count"), [(part, f"{count:,}") for part, count in found["parts"].items()] + [("all", f"{found['parameters']:,}")])
    yield ""
    rows = [(f"{c['assets']:,}", f"{c['edges']:,}", f"{c['multiply_adds'] / 1e6:,.2f} M", f"{c['bytes'] / 1e6:,.2f} MB") for c in found["cost"]]
    yield table(("assets", "edges at most", "multiply-adds a score", "memory of a score"), rows)
