"""Marks: whether a printed number can carry what it is said to show. Arithmetic on counts and rounding, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from riskradar.paper import published
from riskradar.paper.published import COUNTS, Number

Kind = Literal["undefined", "base rate", "contradicts", "chance", "misnamed"]
Confusion = tuple[int, int, int, int]  # TP, FP, TN, FN
HALF = 0.0005 + 1e-9  # three printed digits
NEAR = 0.005  # a precision this close to the share of positives is that share


@dataclass(frozen=True)
class Mark:
    """Why a printed number does not say what it seems to say."""

    kind: Kind
    reason: str


@cache
def solutions(rows: int, precision: float, recall: float, accuracy: float) -> tuple[Confusion, ...]:
    """Every table of whole counts with `rows` rows that rounds to these three printed shares; a share without a denominator never fits."""
    tp, fn = (axis.ravel() for axis in np.indices((rows + 1, rows + 1)))
    fits = (tp + fn > 0) & (tp + fn <= rows)
    tp, fn = tp[fits], fn[fits]
    keep = np.abs(tp / (tp + fn) - recall) <= HALF
    found = []
    for hit, missed in zip(tp[keep].tolist(), fn[keep].tolist(), strict=True):
        fp = np.arange(rows - hit - missed + 1)
        tn = rows - hit - missed - fp
        with np.errstate(invalid="ignore"):
            good = (np.abs(hit / (hit + fp) - precision) <= HALF) & (np.abs((hit + tn) / rows - accuracy) <= HALF)
        found += [(hit, int(a), int(b), missed) for a, b in zip(fp[good], tn[good], strict=True)]
    return tuple(sorted(found))


def implied(crisis: str, model: str) -> tuple[Confusion, ...]:
    """The counts that Table 4 prints, or those that fit Table 2 at the number of rows that the paper tested on."""
    printed = [published.find("4", crisis, model, c) for c in COUNTS]
    if all(n is not None for n in printed):
        tp, fp, tn, fn = (int(n.value or 0) for n in printed if n is not None)
        return ((tp, fp, tn, fn),)
    scores = [published.find("2", crisis, model, c) for c in ("precision", "recall", "accuracy")]
    return solutions(published.TEST_ROWS[crisis, model], *(n.value or 0.0 for n in scores if n is not None))


def one_class(found: tuple[Confusion, ...]) -> bool:
    """Every solution has rows of one class only."""
    return bool(found) and all(fp + tn == 0 or tp + fn == 0 for tp, fp, tn, fn in found)


def constant(found: tuple[Confusion, ...]) -> bool:
    """Every solution flags every row, or all but one negative row."""
    return bool(found) and all((fn == 0 and tn <= 1 and fp > 0) or fp + tn + fn == 0 for _, fp, tn, fn in found)


def mark(number: Number, own: Mapping[str, Any] | None = None, sessions: int | None = None) -> Mark | None:
    """The mark of a printed number; own: the cell of our run, for its interval; sessions: of the exchange in the window."""
    if number.table == "1":
        if number.column == "rows" and sessions is not None and sessions != number.value:
            return Mark("misnamed", f"all weekdays, holidays included; the exchange was open on {sessions:,}")
        return None
    if number.table == "3":
        return _table_3(number)
    found = implied(number.crisis, number.model)
    if number.column == "auroc":
        return _auroc(number, found, own)
    return _share(number, found)


def _table_3(number: Number) -> Mark:
    counts = tuple(int(n.value or 0) for c in COUNTS if (n := published.find("3", number.crisis, "forest", c)) is not None)
    other = implied(number.crisis, "forest")
    positives, others = counts[0] + counts[3], sorted({tp + fn for tp, _, _, fn in other})
    span = f"{others[0]}" if len(others) == 1 else f"{others[0]} or {others[-1]}"
    return Mark("contradicts", f"{positives} positives here, {span} in Table 2 for the same model on the same {sum(counts)} rows: two different runs")


def _auroc(number: Number, found: tuple[Confusion, ...], own: Mapping[str, Any] | None) -> Mark | None:
    if one_class(found):
        said = "printed as 0.000 and explained as a failure (appendix E)" if number.value is not None else "the paper rightly leaves it out"
        return Mark("undefined", f"all {sum(found[0])} test rows are positive, so nothing can be ranked; {said}")
    score = (own or {}).get("auroc") or {}
    if number.value is None or score.get("low") is None:
        return None
    low, high = score["low"], score["high"]
    inside = low <= min(number.value, 0.5) and max(number.value, 0.5) <= high
    return Mark("chance", f"inside the interval of our run, {low:.2f} to {high:.2f}, which also holds 0.5") if inside else None


def _share(number: Number, found: tuple[Confusion, ...]) -> Mark | None:
    if number.crisis in ("dot-com", "gfc") and number.model == "forest" and number.table == "2":
        fit = " or ".join("/".join(map(str, counts)) for counts in found)
        return Mark("contradicts", f"fits only {fit} (TP/FP/TN/FN); Table 3 prints other counts for the same model and rows")
    if number.column == "fpr" and one_class(found):
        return Mark("undefined", "no negative row; the paper rightly prints N/A")
    if one_class(found) and number.column in ("precision", "fp", "tn"):
        return Mark("base rate", "every test row is positive: no alarm can be false")
    tp, fp, _, fn = found[0]
    base = (tp + fn) / sum(found[0])
    if number.column == "precision" and not constant(found) and abs(tp / (tp + fp) - base) < NEAR:
        return Mark("base rate", f"flagging every row gives {base:.3f}")
    if not constant(found):
        return None
    rate = f"{tp + fn} of {sum(found[0])}"
    reasons = {
        "precision": f"the share of positive rows, {rate}: the score of flagging everything", "accuracy": f"the share of positive rows, {rate}",
        "recall": "every row is flagged, so none is missed", "fpr": "every negative row is flagged: the score of a constant",
    }  # fmt: skip
    return Mark("base rate", reasons.get(number.column, "every row is flagged"))
