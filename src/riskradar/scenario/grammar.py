"""What a shock says: one line of text, read exactly or refused in one line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

from riskradar.errors import UsageError
from riskradar.registry import near
from riskradar.tables import MARKET, Panel

Kind = Literal["returns", "volatility", "series", "sentiment", "remove", "layer", "as on"]
EVERYTHING = ("market", "all")
INDEX = "index"
NUMBER = r"\d+(?:\.\d+)?"
FORMS: dict[Kind, str] = {
    "as on": r"as on (?P<target>\S+)",
    "remove": r"(?:remove|delist) (?P<target>.+)",
    "sentiment": rf"sentiment (?P<target>.+) (?P<amount>[+-]{NUMBER}) ?(?P<unit>sd)",
    "returns": rf"(?P<target>.+) returns (?P<amount>[+-]{NUMBER}) ?(?P<unit>%)",
    "volatility": rf"(?P<target>.+) volatility (?P<unit>x) ?(?P<amount>{NUMBER})",
    "series": rf"(?P<target>.+?) (?P<amount>[+-]{NUMBER}) ?(?P<unit>bp|points|%)",
    "layer": rf"(?P<target>.+) (?P<amount>[+-]{NUMBER})",
}
EXAMPLES = (
    '"Financials returns -15%", "market volatility x2", "hy_oas +300bp", "vix +20 points", "vix +50%", "correlation +0.3", '
    '"sentiment Technology -2sd", "remove XLF", "as on 2008-09-15"'
)
LARGEST: dict[Kind, Fraction] = {
    "returns": Fraction(10), "volatility": Fraction(20), "series": Fraction(10_000), "sentiment": Fraction(20), "layer": Fraction(1)
}  # fmt: skip


@dataclass(frozen=True)
class Shock:
    """One shock on a `target`, named as the run names it.

    amount: a share of the close (returns), a factor (volatility), points or, where `relative`, a share of the value (series), standard deviations
    (sentiment), or a weight (layer); 0 for what has none.
    """

    kind: Kind
    target: str
    text: str
    amount: Fraction = Fraction(0)
    relative: bool = False


@dataclass(frozen=True)
class Names:
    """What a shock may speak of: the assets, sectors, macro series and layers of a run."""

    assets: tuple[str, ...]
    sectors: tuple[str, ...]
    series: tuple[str, ...]
    layers: tuple[str, ...]

    @classmethod
    def of(cls, panel: Panel, layers: Iterable[str]) -> Names:
        """The names in a panel, and the layers without their shuffled twins."""
        market = {panel.facts.series[code] for code in set(panel.facts.of[panel.facts.asset == MARKET].tolist())}
        return cls(panel.assets, panel.sectors, tuple(sorted(market)), tuple(name for name in layers if "~" not in name))

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """The targets that a kind of shock has."""
        if kind == "series":
            return self.series
        if kind == "layer":
            return self.layers
        groups = (*self.assets, *self.sectors)
        return self.assets if kind == "remove" else (*groups, *EVERYTHING, *(() if kind in ("sentiment", "volatility") else (INDEX,)))


def parse(text: str, names: Names) -> Shock:
    """One shock; UsageError in one line, with the nearest name, for what is not understood, unknown or beyond all measure."""
    plain = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    for kind, form in FORMS.items():
        if match := re.fullmatch(form, plain, re.IGNORECASE):
            found = match.groupdict()
            if kind == "as on":
                return Shock(kind, read_date(found["target"], f"shock {text!r}: "), plain)
            amount, unit = Fraction(found.get("amount", "0")), (found.get("unit") or "").lower()
            amount /= {"%": 100, "bp": 100}.get(unit, 1)
            target = _name(found["target"], kind, names, text)
            if abs(amount) > LARGEST.get(kind, amount):
                raise UsageError(f"shock {text!r} is beyond all measure; nothing was computed; give a size that a market has seen")
            if kind == "layer" and (100 * amount).denominator > 1:
                raise UsageError(f"shock {text!r} is finer than thresholds are; nothing was computed; give two decimals")
            if kind == "volatility" and amount == 0:
                raise UsageError(f"shock {text!r} leaves no volatility at all; nothing was computed; give a factor above 0")
            return Shock(kind, target, plain, amount, kind == "series" and unit == "%")
    raise UsageError(f"shock {text!r} is not understood; nothing was computed; write one such as {EXAMPLES}")


def _name(word: str, kind: Kind, names: Names, text: str) -> str:
    known = names.of_kind(kind)
    if word in known:
        return word
    same = [name for name in known if name.lower() == word.lower()]
    if len(same) == 1:
        return same[0]
    if len(same) > 1:
        raise UsageError(f"shock {text!r}: {word!r} may be {' or '.join(same)}; nothing was computed; write it as the run does")
    what = {"series": "macro series", "layer": "layer", "remove": "asset"}.get(kind, "asset or sector")
    unit = ", and a layer takes no unit" if kind == "series" and word in names.layers else ""
    unit = "; a macro series takes bp, points or %" if kind == "layer" and word in names.series else unit
    have = f"; it has {', '.join(known)}" if kind in ("series", "layer") and known else ""
    raise UsageError(f"shock {text!r}: no {what} {word!r}{near(word, known)} in the run{unit}{have}; nothing was computed")


def read_date(word: str, where: str = "") -> str:
    """A day as YYYY-MM-DD; UsageError for what is none."""
    try:
        return str(date.fromisoformat(word))
    except ValueError:
        raise UsageError(f"{where}{word!r} is no date; nothing was computed; write it as 2008-09-15") from None


def consistent(shocks: Iterable[Shock]) -> None:
    """UsageError where two shocks cannot both happen: an asset that goes and moves or goes twice, two histories, two answers for one market."""
    every = tuple(shocks)
    gone = [shock.target for shock in every if shock.kind == "remove"]
    for name in gone:
        moved = [shock.text for shock in every if shock.target == name and shock.kind != "remove"]
        if moved or gone.count(name) > 1:
            with_what = repr(moved[0]) if moved else "itself"
            raise UsageError(f"contradictory shocks: 'remove {name}' and {with_what}; nothing was computed; drop one of them")
    days = [shock for shock in every if shock.kind == "as on"]
    if len(days) > 1:
        raise UsageError(f"contradictory shocks: {days[0].text!r} and {days[1].text!r}; nothing was computed; a session repeats one day")
