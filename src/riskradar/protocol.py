"""What a full protocol found, as tables of words: for the terminal, a page and a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Score = Mapping[str, Any]

LAYER = "ONSET AUROC with the layer less without its edges [90 %]; shown: the interval and the range over left-out falls lie above 0"
VARIANT = (
    "ONSET AUROC [90 %] all days of the full architecture with one thing changed; headline: its mean difference from srr as configured, "
    "all of it exploratory; none where srr is not among models.names"
)
INSIDE = "ONSET AUROC [90 %] all days (falls) inside a crisis"
DIAGONAL = "within one crisis its earlier half teaches and its later half is scored"
PLACEBO = (
    "all-days AUROC [90 %] and log-score skill [90 %] where nothing is to be found; held: the interval covers .5 and that of the skill does not lie "
    "above 0. One interval in ten misses by chance; the rows of a placebo share one draw, so they miss together; volatility clusters in both "
    "directions of time, so its scores keep some rank in reverse"
)


@dataclass(frozen=True)
class Table:
    """A title, what must be read with it, and the cells of its rows under their header."""

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(found: Mapping[str, Any]) -> list[Table]:
    """The five parts of a full protocol (full.json)."""
    targets = tuple(found["targets"])
    few = f"undefined under {found['settings']['min_events_in_a_window']} independent falls in the window"
    never = f"{few}; kind: transfer, learned partly on later data; beside no live row and no claim"
    removed, left_out, transfer, placebo = found["removed"], found["left_out"]["rows"], found["transfer"]["rows"], found["placebos"]
    out, one = ("crisis", "model"), ("learned", "judged", "model")
    everywhere, alone = f"{INSIDE}, learned from everything outside it; {never}", f"{INSIDE}, learned inside one crisis only; {DIAGONAL}; {never}"
    return [
        Table("What a layer adds", LAYER, ("model", "without", "headline", "shown", *targets), tuple(_removed(r, targets) for r in removed)),
        Table("Variants of srr", VARIANT, ("variant", "headline", *targets), tuple(_variant(r, targets) for r in found.get("variants", []))),
        Table("One crisis left out", everywhere, (*out, *targets), tuple(_window(r, out, targets) for r in left_out)),
        Table("From one crisis to another", alone, (*one, *targets), tuple(_window(r, one, targets) for r in transfer)),
        Table("Placebos", PLACEBO, ("placebo", "model", "beats the rule", *targets), tuple(_placebo(r, targets) for r in placebo)),
    ]


def counts(found: Mapping[str, Any]) -> dict[str, int]:
    """How many cells of the placebos came to which verdict."""
    cells = [cell["verdict"] for row in found["placebos"] for cell in row.get("targets", {}).values()]
    said = ["undefined" if verdict.startswith("undefined") else verdict for verdict in cells]
    return {verdict: said.count(verdict) for verdict in sorted(set(said))}


def _removed(row: Mapping[str, Any], targets: Sequence[str]) -> tuple[str, ...]:
    if row["unread"]:
        return (row["model"], row["layer"], "does not read it", "", *("" for _ in targets))
    claims = [row["targets"].get(t) for t in targets]
    headline = row["headline"]
    return (row["model"], row["layer"], _signed(headline), "yes" if headline and headline["shown"] else "no", *(_signed(c) for c in claims))


def _variant(row: Mapping[str, Any], targets: Sequence[str]) -> tuple[str, ...]:
    cells = [row["targets"].get(t) for t in targets]
    ranked = ("-" if c is None else f"{_plain(c['auroc_onset'])} {_digits(c['auroc']['value'])}" for c in cells)
    return (row["variant"], "the reference" if row["headline"] is None else _signed(row["headline"]), *ranked)


def _window(row: Mapping[str, Any], names: Sequence[str], targets: Sequence[str]) -> tuple[str, ...]:
    return (*(row[name] for name in names), *(_ranked(row, t) for t in targets))


def _placebo(row: Mapping[str, Any], targets: Sequence[str]) -> tuple[str, ...]:
    if "reason" in row:
        return (row["placebo"], row["model"], "", *(f"undefined: {row['reason']}" for _ in targets))
    cells = [row["targets"].get(t) for t in targets]
    said = ("-" if c is None else c["verdict"] if c["auroc"]["value"] is None
            else f"{_plain(c['auroc'])} skill {_signed(c['log_skill'])} {c['verdict']}" for c in cells)  # fmt: skip
    return (row["placebo"], row["model"], ", ".join(row["beats"]) or "no", *said)


def _ranked(row: Mapping[str, Any], target: str) -> str:
    if "reason" in row:
        return f"undefined: {row['reason']}"
    cell = row["targets"].get(target)
    if cell is None:
        return "-"
    if cell["auroc_onset"]["value"] is None and cell["auroc"]["value"] is None:
        return f"undefined: {cell['auroc']['reason']}"
    return f"{_plain(cell['auroc_onset'])} {_digits(cell['auroc']['value'])} ({cell['events']})"


def _plain(score: Score) -> str:
    return _digits(score["value"]) + ("" if score["low"] is None else f" [{_digits(score['low'])} {_digits(score['high'])}]")


def _digits(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".replace("0.", ".", 1) if value < 1 else f"{value:.2f}"


def _signed(score: Score | None) -> str:
    if score is None or score["value"] is None:
        return "undefined"
    return f"{score['value']:+.3f}" + ("" if score["low"] is None else f" [{score['low']:+.3f} {score['high']:+.3f}]")
