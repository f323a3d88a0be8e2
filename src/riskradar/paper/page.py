"""The page of a replication: what holds, the tables side by side, the figures, and what the paper left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskradar.html import marks, words
from riskradar.html.marks import Scale
from riskradar.html.page import environment, policy, read
from riskradar.paper import figures, judge, measure, published, text, verdicts
from riskradar.paper.learn import NETWORKS, TITLES
from riskradar.paper.published import Number

STATES = {"holds": "holds", "fails": "does not hold", "open": "cannot be told"}
COLUMNS = {
    "rows": "“trading days”", "names": "# stocks", "auroc": "AUROC", "precision": "Precision", "recall": "Recall", "accuracy": "Accuracy",
    "tp": "TP", "fp": "FP", "tn": "TN", "fn": "FN", "fpr": "FPR", "fnr": "FNR",
}  # fmt: skip
KINDS = {
    "undefined": "does not exist on these rows", "base rate": "what flagging every row would give",
    "contradicts": "another table of the paper says otherwise",
    "chance": "cannot be told from chance", "misnamed": "counts something else",
}  # fmt: skip
LEAD = Scale(0, 60)


def build(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """One self-contained HTML page from run.json and evaluation.json of a replication: no script, no request, every text inert."""
    windows = {c: w for c, w in evaluation["windows"].items() if c in published.CRISES}
    return (
        environment("riskradar.paper")
        .get_template("paper.html")
        .render(
            about=about,
            evaluation=evaluation,
            style=read("templates/page.css") + read("templates/paper.css", "riskradar.paper"),
            policy=policy([]),
            verdicts=[{"state": v.state, "said": STATES[v.state], "claim": v.claim, "finding": v.finding} for v in verdicts.all_of(evaluation)],
            label=text.label(about),
            tables=[table(name, evaluation) for name in published.TABLES],
            kinds=KINDS,
            crises=[crisis(name, window) for name, window in windows.items()],
            titles=TITLES,
            drawn=figures.DRAWN,
            where="The named crash lies where the models were trained" if verdicts.crash(evaluation).state == "fails" else "Risk over time",
            importance=figures.importance(windows),
            evidence=[evidence(name, window) for name, window in windows.items()],
            rules=measure.RULES,
            lead_axis=marks.axis(LEAD, [(v, str(v)) for v in (0, 20, 40, 60)]),
            share_axis=marks.axis(figures.SHARE, [(0, "0"), (0.5, "0.5"), (1, "1")]),
            settings=sorted(_flat(about["config"])),
        )
    )


def table(name: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """One published table: ours, what was printed, and the mark of what was printed, cell by cell."""
    numbers = published.TABLES[name]
    columns = list(dict.fromkeys(n.column for n in numbers))
    rows: list[dict[str, Any]] = []
    notes: dict[str, str] = {}
    for place in dict.fromkeys((n.crisis, n.model) for n in numbers):
        if place[0] not in evaluation["windows"]:
            continue
        cells = [_cell(next(n for n in numbers if (n.crisis, n.model, n.column) == (*place, c)), evaluation) for c in columns]
        notes |= {c["reason"]: c["kind"] for c in cells if c["kind"]}
        fall = verdicts.named_fall(place[0], evaluation["windows"][place[0]])
        test = f"test from {words.day(evaluation['windows'][place[0]]['split'])}" + (f", low on {words.day(fall['trough'])}" if fall else "")
        first = not rows or rows[-1]["crisis"] != published.CRISES[place[0]]
        rows.append({"crisis": published.CRISES[place[0]], "model": TITLES.get(place[1], ""), "test": test, "first": first, "cells": cells})
    numbered = {reason: k + 1 for k, reason in enumerate(notes)}
    for row in rows:
        for cell in row["cells"]:
            cell["note"] = numbered.get(cell["reason"])
    listed = [(k, notes[reason], reason) for reason, k in numbered.items()]
    return {"title": published.TITLES[name], "columns": [COLUMNS[c] for c in columns], "rows": rows, "notes": listed}


def _cell(number: Number, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    window = evaluation["windows"][number.crisis]
    model = window["models"].get(number.model)
    mark = judge.mark(number, model, window["sessions"])
    own, why = text.own(number, evaluation)
    score = model[number.column] if model and number.column == "auroc" else {}
    spread = f"±{score['sd']:.3f} seeds" if score.get("sd") and model and model["seeds"] > 1 else ""
    band = words.between(score.get("low"), score.get("high"), words.number)
    same = own == number.text or (number.value is not None and not why and f"{float(own.replace(',', '')):.3f}" == f"{number.value:.3f}")
    return {
        "own": own, "why": why, "printed": number.text, "kind": mark.kind if mark else "", "reason": mark.reason if mark else "", "same": same,
        "struck": mark is not None and mark.kind in ("undefined", "contradicts") and number.value is not None, "spread": spread, "band": band,
    }  # fmt: skip


def crisis(name: str, window: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one window."""
    return {
        "name": published.CRISES[name], "window": window, "comparison": figures.comparison(name, window),
        "roc": figures.plane(window, "roc"), "pr": figures.plane(window, "pr"), "leads": figures.leads(window, LEAD),
        "timeline": figures.timeline(window), "assets": figures.assets(window),
        "matrices": [(TITLES[m], figures.matrix(name, m, window["models"][m])) for m in TITLES],
        "undefined": next((c["auroc"]["reason"] for c in window["models"].values() if c["auroc"]["reason"]), ""),
        "ranges": ", ".join(f"{TITLES[m]} {span(window['models'][m]['stability']['range'])}" for m in NETWORKS),
    }  # fmt: skip


def span(ends: Sequence[float]) -> str:
    """Low to high, three digits."""
    return " to ".join(words.number(end, 3) for end in ends)


def evidence(name: str, window: Mapping[str, Any]) -> dict[str, Any]:
    """Purge, seeds, rules and stability of one window."""
    return {"name": published.CRISES[name], "rows": [{"model": TITLES[m], **window["models"][m]} for m in TITLES]}


def _flat(settings: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    out = []
    for key, value in settings.items():
        out += _flat(value, f"{above}{key}.") if isinstance(value, Mapping) and value else [(above + key, str(value))]
    return out
