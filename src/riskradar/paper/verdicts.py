"""What holds and what does not, in sentences, from the record of a replication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from riskradar.paper import judge, published
from riskradar.paper.learn import NETWORKS, TITLES

Evaluation = Mapping[str, Any]
ROWS = {"dot-com": 1565, "gfc": 1565, "covid": 1045}
SHORT = {"dot-com": "dot-com", "gfc": "GFC", "covid": "COVID-19"}


@dataclass(frozen=True)
class Verdict:
    """One claim of the paper: whether it holds here, and the figures."""

    state: Literal["holds", "fails", "open"]
    claim: str
    finding: str


def all_of(evaluation: Evaluation) -> list[Verdict]:
    """Every verdict that the run can give, what holds first."""
    judges = (counts, parameters, always, differences, undefined, tables, crash, purge, rules, lead, stable)
    order = ("holds", "fails", "open")
    return sorted((v for judged in judges if (v := judged(evaluation))), key=lambda v: order.index(v.state))


def sentence(evaluation: Evaluation) -> str:
    """The replication in one line."""
    flat = sum(x["tn"] + x["fn"] == 0 for _, _, x in cells(evaluation, NETWORKS))
    networks = len(NETWORKS) * len(evaluation["windows"])
    known = [x["auroc"] for _, _, x in cells(evaluation) if x["auroc"]["low"] is not None]
    chance = sum(a["low"] <= 0.5 <= a["high"] for a in known)
    return (
        f"By the paper's own rules {flat} of {networks} networks flag every test row, "
        f"and {chance} of {len(known)} AUROCs that have an interval cannot be told from chance."
    )


def cells(evaluation: Evaluation, models: Any = TITLES) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Crisis, model and cell."""
    for crisis, window in evaluation["windows"].items():
        for model in models:
            yield crisis, model, window["models"][model]


def counts(evaluation: Evaluation) -> Verdict:
    """Rows of Table 1 and test rows of Tables 2 and 4."""
    same = all(w["rows"] == ROWS.get(c) for c, w in evaluation["windows"].items())
    tests = all(cell["n"] == published.TEST_ROWS.get((c, m)) for c, m, cell in cells(evaluation))
    parts = [(SHORT.get(c, c), w["rows"], [str(w["models"][m]["n"]) for m in TITLES]) for c, w in evaluation["windows"].items()]
    text = "; ".join(f"{name}: {rows:,} rows, tests of {', '.join(n)}" for name, rows, n in parts)
    fits = "They follow only from weekdays, holidays included, a graph on every 5th of them and sequences of 5 graphs."
    return Verdict("holds" if same and tests else "fails", "The counts of rows and test rows", f"{text}. {fits}")


def parameters(evaluation: Evaluation) -> Verdict:
    """4,737 and 29,697 against 1,857 and 7,681."""
    p = evaluation["parameters"]
    same = p["static 64"] == published.PARAMETERS["static"] and p["temporal 64"] == published.PARAMETERS["temporal"]
    text = (
        f"{p['static 64']:,} and {p['temporal 64']:,} (width 64, linear head). "
        f"The words of section 5.8 give {p['static 32']:,} and {p['temporal 32']:,}: another model."
    )
    return Verdict("holds" if same else "fails", "The parameter counts of Figure 4", text)


def always(evaluation: Evaluation) -> Verdict | None:
    """The networks flag everything."""
    found = list(cells(evaluation, NETWORKS))
    flat = [(c, m, x) for c, m, x in found if x["tn"] + x["fn"] == 0]
    exact = [f"{TITLES[m]} {SHORT.get(c, c)} {x['tp']}/{x['fp']}/{x['tn']}/{x['fn']}" for c, m, x in found if equal(c, m, x)]
    text = (
        f"{len(flat)} of {len(found)} networks flag every test row, so precision and accuracy are the base rate and FPR is 1. "
        f"Equal to Table 4 count by count: {', '.join(exact) or 'none'}."
    )
    return Verdict("holds" if len(flat) == len(found) else "fails", "Recall 1.000 of the networks, as a constant would have", text)


def equal(crisis: str, model: str, cell: Mapping[str, Any]) -> bool:
    """The four counts are those of Table 4."""
    printed = [published.find("4", crisis, model, k) for k in published.COUNTS]
    return all(n is not None and n.value == cell[n.column] for n in printed)


def differences(evaluation: Evaluation) -> Verdict | None:
    """No AUROC can be told from 0.5."""
    claim = "Graph models are competitive, different crises favour different models (7.11)"
    known = [x for _, _, x in cells(evaluation) if x["auroc"]["low"] is not None]
    if not known:
        return Verdict("open", claim, "No AUROC of this run has an interval.")
    covers = sum(x["auroc"]["low"] <= 0.5 <= x["auroc"]["high"] for x in known)
    widest = max(x["auroc"]["high"] - x["auroc"]["low"] for x in known)
    sd = max(x["auroc"]["sd"] for x in known)
    inside = [n for n in published.TABLE_2 if n.column == "auroc" and n.value and _inside(evaluation, n)]
    told = sum(n.column == "auroc" and bool(n.value) for n in published.TABLE_2)
    text = (
        f"{covers} of {len(known)} AUROCs have a block interval that holds 0.5, up to {widest:.2f} wide, while seeds differ by at most {sd:.3f}. "
        f"{len(inside)} of the {told} printed AUROCs lie inside the interval of the same row here."
    )
    return Verdict("open", claim, text)


def _inside(evaluation: Evaluation, number: published.Number) -> bool:
    window = evaluation["windows"].get(number.crisis)
    score: Mapping[str, Any] = window["models"][number.model]["auroc"] if window else {"low": None}
    return score["low"] is not None and score["low"] <= (number.value or 0) <= score["high"]


def undefined(evaluation: Evaluation) -> Verdict | None:
    """COVID AUROC 0.000."""
    window = evaluation["windows"].get("covid")
    if not window:
        return None
    here = window["models"]["static"]
    reason = here["auroc"]["reason"] or "both classes occur, with this panel and label"
    text = f"All 41 test graphs of Table 4 are positive: an AUROC does not exist. Here: {reason}. Appendix E explains an artefact."
    return Verdict("fails", "AUROC 0.000 on COVID-19 shows a structural blind spot (7.7, E)", text)


def tables(evaluation: Evaluation) -> Verdict:
    """Tables 2 and 3."""
    parts = []
    for crisis in ("dot-com", "gfc"):
        third = [int(n.value or 0) for c in published.COUNTS if (n := published.find("3", crisis, "forest", c))]
        second = judge.implied(crisis, "forest")[-1]
        parts.append(f"{SHORT[crisis]}: {'/'.join(map(str, third))} in Table 3, {'/'.join(map(str, second))} is what Table 2 implies")
    text = f"TP/FP/TN/FN: {'; '.join(parts)}. Even the positives differ: two different runs."
    return Verdict("fails", "The errors of the random forest (Tables 2 and 3)", text)


def named_fall(crisis: str, window: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The deepest fall of the index that touches the years which the paper gives the crisis; None where it fell less than 10 %."""
    first, last = published.NAMED[crisis]
    falls = [f for f in window["falls"] if f["peak"] <= last and f["trough"] >= first]
    return max(falls, key=lambda f: f["depth"], default=None)


def crash(evaluation: Evaluation) -> Verdict:
    """The named crisis lies in training."""
    parts, tested = [], 0
    for crisis, window in evaluation["windows"].items():
        if deepest := named_fall(crisis, window):
            tested += deepest["in_test"]
            low = f"low of {deepest['trough']} ({100 * deepest['depth']:.0f} % down)"
            parts.append(f"{SHORT.get(crisis, crisis)}: {low}, test from {window['split']}, index {100 * window['test_move']:+.0f} % over it")
    state: Literal["holds", "fails"] = "holds" if parts and tested == len(parts) else "fails"
    text = f"The named crash lies in the training part in {len(parts) - tested} of {len(parts)} windows. {'; '.join(parts)}."
    return Verdict(state, "Early warning of the three crises", text)


def purge(evaluation: Evaluation) -> Verdict | None:
    """The effect of overlapping labels."""
    pairs = [(x["auroc"]["value"], x["purged"]["value"]) for _, _, x in cells(evaluation)]
    moves = [after - before for before, after in pairs if before is not None and after is not None]
    if not moves:
        return None
    rows = max(x["purged_rows"] for _, _, x in cells(evaluation))
    average, most = sum(moves) / len(moves), max(map(abs, moves))
    widths = [x["auroc"]["high"] - x["auroc"]["low"] for _, _, x in cells(evaluation) if x["auroc"]["low"] is not None]
    beside = f", beside intervals at least {min(widths):.2f} wide" if widths else ""
    text = (
        f"They overlap by up to {rows} training rows, whose labels read the test. Keeping these out moves AUROC by {average:+.3f} on average "
        f"and by at most {most:.3f}{beside}: needed for validity, hard to see at one boundary."
    )
    return Verdict("fails", "Training and prediction windows do not overlap (section 10)", text)


def rules(evaluation: Evaluation) -> Verdict | None:
    """Models against volatility on the same rows."""
    pairs = [(x["auroc"], x["rules"]["vol20"]) for _, _, x in cells(evaluation, NETWORKS) if x["auroc"]["value"] is not None]
    pairs = [(a, b) for a, b in pairs if b["value"] is not None]
    if not pairs:
        return None
    gaps = [a["value"] - b["value"] for a, b in pairs]
    apart = sum(a["low"] is not None and a["low"] > b["value"] for a, b in pairs)
    text = (
        f"Networks less mean 20-day volatility on the same rows: AUROC {min(gaps):+.2f} to {max(gaps):+.2f}. "
        f"In {apart} of {len(pairs)} cases volatility lies below the interval of the network."
    )
    return Verdict("holds" if apart == len(pairs) else "open", "Structure adds to features alone (abstract)", text)


def lead(evaluation: Evaluation) -> Verdict:
    """Lead time is set by the label."""
    known = [(x["lead"]["median"], x["lead_always"]["median"]) for _, _, x in cells(evaluation) if x["lead"]["median"] is not None]
    far = max((abs(a - b) for a, b in known), default=0.0)
    span = f"{min(a for a, _ in known):.0f} to {max(a for a, _ in known):.0f}" if known else "no"
    text = f"Medians of {span} rows; an alarm on every row gets the same to within {far:.0f}. The label sets the lead time, not the model."
    return Verdict("fails", "Warnings precede drawdowns by days to weeks (7.8)", text)


def stable(evaluation: Evaluation) -> Verdict | None:
    """Appendix F: COVID is rough, the others smooth."""
    if set(evaluation["windows"]) != set(published.CRISES):
        return None
    lag: dict[str, list[float]] = {c: [] for c in published.CRISES}
    for crisis, _, cell in cells(evaluation, NETWORKS):
        lag[crisis] += [cell["stability"]["lag"]] if cell["stability"]["lag"] is not None else []
    if not all(lag.values()):
        return None
    mean = {c: sum(v) / len(v) for c, v in lag.items()}
    rough = mean["covid"] < min(mean["dot-com"], mean["gfc"])
    text = "Autocorrelation of the networks' scores over a week, mean: " + ", ".join(f"{SHORT[c]} {v:.2f}" for c, v in mean.items()) + "."
    return Verdict("holds" if rough else "fails", "Scores are smooth in dot-com and GFC, rough in COVID-19 (appendix F)", text)
