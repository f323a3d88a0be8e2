"""An explanation in plain sentences: what the score is, where it comes from, and how far to trust the account of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from riskradar.attribution import Explanation, Term
from riskradar.attribution.checks import AGREED
from riskradar.attribution.table import MARKET
from riskradar.html import words
from riskradar.scenario.words import INPUTS

PLAIN = {
    **{name: told for name, (told, _) in INPUTS.items()},
    "z_vix": "VIX against its own history", "z_index_volatility": "the volatility of the index against its own history",
    "breadth": "how far stocks stand below their highs against their own history",
    "z_credit_change": "the 60-session change of the Baa spread against its own history",
    "z_hy_change": "the 60-session change of the high-yield spread against its own history",
    "return": "returns of the day", "volatility_20": "volatility of assets over 20 sessions",
    "volatility_60": "volatility of assets over 60 sessions", "drawdown_20": "fall of assets from 20-session highs",
    "drawdown_60": "fall of assets from 60-session highs", "momentum_10": "returns of assets over 10 sessions",
    "momentum_30": "returns of assets over 30 sessions", "log index_volatility_5": "the volatility of the index over a week",
    "log index_volatility_22": "the volatility of the index over a month", "log index_volatility_66": "the volatility of the index over a quarter",
}  # fmt: skip
SHOWN = 5  # terms of a sentence
CANCELLED = 1.1  # times the net change that terms may move in all before shares of it mislead
SMALL, PLAINLY = 0.005, 0.05  # of a score: what is named at all, and what is divided into shares


def sentences(found: Explanation) -> list[str]:
    """What a reader needs, most important first; every warning of the explanation is among them."""
    net, day, score = found.score - found.reference, words.day(found.date), words.number(found.score)
    fall = words.fall(found.target)
    fall = f"{fall[0].lower()}{fall[1:]} within {found.target.horizon} sessions"
    if math.isnan(found.probability):
        told = [f"On {day} the score of {found.model}, which ranks days by the risk of {fall}, is {score}."]
    else:
        told = [f"On {day} {found.model} puts the chance of {fall} at {words.share(found.probability)}; its score, which ranks days, is {score}."]
    before = words.number(found.reference)
    if found.against:
        told.append(f"{_moved(net)} since {words.day(found.against)}, when the score was {before}.")
    else:
        told.append(f"That is {words.number(abs(net))} {'above' if net >= 0 else 'below'} what it says {found.baseline} ({before}).")
    account = _Account(net, "change" if found.against else "difference", "before" if found.against else "usually")
    told.append(account.of("", found.of("feature", "series", "layer", "refit"), not found.of("layer")))
    assets = [term for term in found.of("node") if term.name != MARKET]
    if assets:
        single, whole = (sum(term.adds for term in found.of("node") if (term.name == MARKET) is whole) for whole in (False, True))
        told.append(account.of(f"Single assets {_adding(single)}, the market as a whole {_adding(whole, 's')}. ", assets))
    if found.of("edge"):
        told.append(account.of(f"Edges {_adding(sum(t.adds for t in found.of('layer')))}. ", found.of("edge")))
    if len(found.of("day")) > 1:
        told.append(account.of("By session: ", found.of("day")))
    if found.attention:
        weights = words.listed([f"{name} {words.share(weight)}" for name, weight in found.attention.items()])
        told.append(f"Attention over layers, a diagnostic and no attribution: {weights}.")
    exact = "exactly" if not found.steps else f"but for {abs(found.gap):.1g} ({found.steps} steps)"
    agreed = ""
    if found.stability is not None and found.stability >= AGREED:
        agreed = f" Trained from other random starts, it ranks assets alike (rank correlation {words.number(found.stability)})."
    return [*filter(None, told), f"These terms add up to the score {exact}.{agreed}", *(f"Warning: {warning}." for warning in found.warnings)]


def plain(term: Term) -> str:
    """What a term is called."""
    if term.kind == "day":
        return words.day(term.name)
    return {"layer": f"the {term.name} graph", "refit": "what the model learned anew"}.get(term.kind, PLAIN.get(term.name, term.name))


def _moved(net: float) -> str:
    return "It has not moved" if abs(net) < SMALL else f"It has {'risen' if net > 0 else 'fallen'} by {words.number(abs(net))}"


def _adding(amount: float, s: str = "") -> str:
    return f"take{s} {words.number(-amount)}" if amount <= -SMALL else f"add{s} {words.number(max(amount, 0.0))}"


@dataclass(frozen=True)
class _Account:
    """How terms of a net change are told; what: the word for it; then: the word for what a value is compared with."""

    net: float
    what: str
    then: str

    def of(self, opening: str, terms: Sequence[Term], values: bool = False) -> str:
        """Shares of the net where terms hardly cancel, and what each adds or takes where they do."""
        shown = [term for term in terms[:SHOWN] if abs(term.adds) >= SMALL]
        if not shown:
            return f"{opening}No single one moves the score by as much as {SMALL:g}." if opening else ""
        rest, left = sum(term.adds for term in terms) - sum(term.adds for term in shown), len(terms) - len(shown)
        others = f"{words.count(left)} other{'s' * (left > 1)}" if left and abs(rest) >= SMALL else ""
        one_way = all(adds * self.net >= 0 for adds in (*(term.adds for term in shown), rest))
        if one_way and abs(self.net) >= PLAINLY and sum(abs(term.adds) for term in terms) <= CANCELLED * abs(self.net):
            parts = [f"{words.share(term.adds / self.net)} from {plain(term)}{self._values(term, values)}" for term in shown]
            parts += [f"{words.share(rest / self.net)} from {others}"] if others else []
            first, _, more = parts[0].partition(" from ")
            return f"{opening}{first} of that {self.what} comes from {words.listed([more, *parts[1:]])}."
        sides = []
        for verb, sign in (("raised", 1), ("lowered", -1)):
            side = [f"{plain(term)} ({words.signed(term.adds)}{self._values(term, values, '; ')})" for term in shown if sign * term.adds > 0]
            sides += [f"{verb} by {words.listed(side)}"] if side else []
        return f"{opening}The score is {'; '.join([*sides, *([f'{others} {words.signed(rest)} in all'] if others else [])])}."

    def _values(self, term: Term, values: bool, opening: str = " (") -> str:
        if not values or term.value is None or term.usual is None:
            return ""
        return f"{opening}{words.plain(term.value)}, {self.then} {words.plain(term.usual)}{')' if opening == ' (' else ''}"
