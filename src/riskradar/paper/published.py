"""What the paper printed, table by table (arXiv:2512.17185v1)."""

from __future__ import annotations

from dataclasses import dataclass

CRISES = {"dot-com": "Dot-com 1998–2003", "gfc": "GFC 2006–2011", "covid": "COVID-19 2018–2021"}
NAMED = {"dot-com": ("2000-01-01", "2002-12-31"), "gfc": ("2008-01-01", "2010-12-31"), "covid": ("2020-01-01", "2020-12-31")}  # section 7.1
SCORES = ("auroc", "precision", "recall", "accuracy")
COUNTS = ("tp", "fp", "tn", "fn")
PARAMETERS = {"static": 4737, "temporal": 29697}  # Figure 4


@dataclass(frozen=True)
class Number:
    """One printed number; value is None where the paper prints a dash or N/A."""

    table: str
    crisis: str
    model: str
    column: str
    value: float | None
    text: str


def _rows(table: str, columns: tuple[str, ...], rows: dict[tuple[str, str], str]) -> tuple[Number, ...]:
    return tuple(
        Number(table, crisis, model, column, None if text in ("—", "–", "N/A") else float(text.replace(",", "")), text)
        for (crisis, model), line in rows.items()
        for column, text in zip(columns, line.split(), strict=True)
    )


TABLE_1 = _rows("1", ("rows", "names"), {("dot-com", ""): "1,565 44", ("gfc", ""): "1,565 44", ("covid", ""): "1,045 44"})
TABLE_2 = _rows("2", SCORES, {
    ("dot-com", "logistic"): "0.463 0.592 0.438 0.470", ("dot-com", "forest"): "0.291 0.601 0.948 0.581",
    ("dot-com", "static"): "0.412 0.613 1.000 0.613", ("dot-com", "temporal"): "0.589 0.607 1.000 0.607",
    ("gfc", "logistic"): "0.738 0.824 0.977 0.808", ("gfc", "forest"): "0.529 0.827 1.000 0.827",
    ("gfc", "static"): "0.248 0.823 1.000 0.823", ("gfc", "temporal"): "0.232 0.820 1.000 0.820",
    ("covid", "logistic"): "— 1.000 0.823 0.823", ("covid", "forest"): "— 1.000 0.967 0.967",
    ("covid", "static"): "0.000 1.000 1.000 1.000", ("covid", "temporal"): "0.000 1.000 1.000 1.000",
})  # fmt: skip
TABLE_3 = _rows("3", (*COUNTS, "fpr", "fnr"), {("dot-com", "forest"): "164 63 65 21 0.492 0.114", ("gfc", "forest"): "229 23 28 33 0.451 0.126"})
TABLE_4 = _rows("4", (*COUNTS, "fpr"), {
    ("dot-com", "static"): "38 24 0 0 1.0000", ("dot-com", "temporal"): "37 24 0 0 1.0000", ("gfc", "static"): "51 11 0 0 1.0000",
    ("gfc", "temporal"): "50 11 0 0 1.0000", ("covid", "static"): "41 0 0 0 N/A", ("covid", "temporal"): "41 0 0 0 N/A",
})  # fmt: skip
TABLES = {"1": TABLE_1, "2": TABLE_2, "3": TABLE_3, "4": TABLE_4}
TITLES = {
    "1": "Table 1: periods and data", "2": "Table 2 and Figure 4: performance",
    "3": "Table 3: errors of the random forest", "4": "Table 4: false positive rates of the networks",
}  # fmt: skip
TESTS = {"dot-com": (313, 62, 61), "gfc": (313, 62, 61), "covid": (209, 41, 41)}  # days, graphs, sequences: follow from Tables 2 and 4
TEST_ROWS = {
    (crisis, model): n
    for crisis, (days, graphs, sequences) in TESTS.items()
    for model, n in {"logistic": days, "forest": days, "static": graphs, "temporal": sequences}.items()
}


def find(table: str, crisis: str, model: str, column: str) -> Number | None:
    """One printed number, or None."""
    return next((n for n in TABLES[table] if (n.crisis, n.model, n.column) == (crisis, model, column)), None)
