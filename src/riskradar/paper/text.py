"""The replication in lines that a terminal or a pipe can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskradar.paper import judge, published, verdicts
from riskradar.paper.learn import TITLES
from riskradar.paper.published import Number
from riskradar.text import table

STATES = {"holds": "HOLDS", "fails": "FAILS", "open": "OPEN "}
LABEL = (
    "Label: at least {names} names close {depth:g} % or more below the row's close within {horizon} weekdays; "
    "inferred, not published: the best fit to the printed test prevalences, not proven"
)


def lines(about: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """Verdicts, then the tables with the published number in brackets and its mark."""
    out = [f"{STATES[v.state]}  {v.claim}: {v.finding}" for v in verdicts.all_of(evaluation)]
    out += ["", label(about)]
    for name, numbers in published.TABLES.items():
        out += ["", f"{published.TITLES[name]}; ours (published), mark of the published number", *grid(numbers, evaluation).splitlines()]
    return out + [f"absent: {reason}" for reason in evaluation["absent"].values()]


def label(about: Mapping[str, Any]) -> str:
    """What is asked of every row, and that it is inferred."""
    settings = about["config"]["label"]
    return LABEL.format(names=settings["names"], depth=100 * settings["depth"], horizon=settings["horizon"])


def grid(numbers: tuple[Number, ...], evaluation: Mapping[str, Any]) -> str:
    """One published table, row by row."""
    columns = list(dict.fromkeys(n.column for n in numbers))
    rows = []
    for crisis, model in dict.fromkeys((n.crisis, n.model) for n in numbers):
        if crisis in evaluation["windows"]:
            inside = [next(n for n in numbers if (n.crisis, n.model, n.column) == (crisis, model, c)) for c in columns]
            rows.append((f"{crisis} {TITLES.get(model, '')}".strip(), *(_cell(n, evaluation) for n in inside)))
    return table(("", *columns), rows)


def own(number: Number, evaluation: Mapping[str, Any]) -> tuple[str, str]:
    """Our number in the place of a published one, as text, and why it is undefined."""
    window = evaluation["windows"][number.crisis]
    if number.table == "1":
        return f"{window[number.column]:,}", ""
    cell = window["models"][number.model]
    if number.column in published.COUNTS:
        return str(cell[number.column]), ""
    score = cell[number.column]
    return ("undefined", score["reason"]) if score["value"] is None else (f"{score['value']:.3f}", "")


def _cell(number: Number, evaluation: Mapping[str, Any]) -> str:
    window = evaluation["windows"][number.crisis]
    mark = judge.mark(number, window["models"].get(number.model), window["sessions"])
    return f"{own(number, evaluation)[0]} ({number.text})" + (f" {mark.kind}" if mark else "")
