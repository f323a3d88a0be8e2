"""Shocks in words: what is read, what is refused, and what cannot both happen."""

from fractions import Fraction

import pytest

from riskradar.errors import UsageError
from riskradar.scenario.grammar import Names, Shock, consistent, parse

NAMES = Names(("GE", "XLF", "ge"), ("Consumer Staples", "Financials"), ("hy_oas", "vix"), ("correlation", "sector"))


@pytest.mark.parametrize(("text", "kind", "target", "amount", "relative"), [
    ("Financials returns -15%", "returns", "Financials", Fraction(-15, 100), False),
    ("consumer staples RETURNS +2.5 %", "returns", "Consumer Staples", Fraction(25, 1000), False),
    ("market returns \N{MINUS SIGN}5%", "returns", "market", Fraction(-1, 20), False),
    ("index returns -5%", "returns", "index", Fraction(-1, 20), False),
    ("GE volatility x2", "volatility", "GE", Fraction(2), False),
    ("all volatility x 0.5", "volatility", "all", Fraction(1, 2), False),
    ("hy_oas +300bp", "series", "hy_oas", Fraction(3), False),
    ("vix +20 points", "series", "vix", Fraction(20), False),
    ("VIX -10%", "series", "vix", Fraction(-1, 10), True),
    ("correlation +0.3", "layer", "correlation", Fraction(3, 10), False),
    ("sentiment Financials -2sd", "sentiment", "Financials", Fraction(-2), False),
    ("remove XLF", "remove", "XLF", Fraction(0), False),
    ("delist XLF", "remove", "XLF", Fraction(0), False),
    ("as on 2008-09-15", "as on", "2008-09-15", Fraction(0), False),
])  # fmt: skip
def test_what_is_read(text: str, kind: str, target: str, amount: Fraction, relative: bool) -> None:
    shock = parse(text, NAMES)
    assert (shock.kind, shock.target, shock.amount, shock.relative) == (kind, target, amount, relative)


@pytest.mark.parametrize(("text", "told"), [
    ("Financals returns -15%", "no asset or sector 'Financals' .did you mean 'Financials'.. in the run"),
    ("Financials returns 15%", "is not understood; nothing was computed; write one such as"),
    ("Financials returns -15", "no layer 'Financials returns'"),
    ("Ge returns -1%", "'Ge' may be GE or ge"),
    ("hyoas +300bp", "no macro series 'hyoas' .did you mean 'hy_oas'.*it has hy_oas, vix"),
    ("vix +3", "a macro series takes bp, points or %"),
    ("correlation +30%", "a layer takes no unit"),
    ("correlation +0.123", "finer than thresholds"),
    ("remove Financials", "no asset 'Financials'"),
    ("market volatility x0", "leaves no volatility"),
    ("market returns -5000%", "beyond all measure"),
    ("vix +1e9 points", "is not understood"),
    ("as on yesterday", "'yesterday' is no date"),
    ("as on 2008-02-30", "'2008-02-30' is no date"),
    ("", "is not understood"),
    ("returns", "is not understood"),
])  # fmt: skip
def test_what_is_refused_in_one_line(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as error:
        parse(text, NAMES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("texts", [("remove GE", "GE returns -5%"), ("delist GE", "remove GE"), ("as on 2008-09-15", "as on 2001-09-17")])
def test_contradictions_are_refused(texts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="contradictory"):
        consistent(parse(text, NAMES) for text in texts)


def test_what_can_both_happen_may() -> None:
    consistent([Shock("remove", "XLF", ""), Shock("returns", "Financials", "", Fraction(-1, 10)), Shock("returns", "GE", "", Fraction(1, 10))])
