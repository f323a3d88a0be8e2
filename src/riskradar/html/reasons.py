"""An explanation in plain sentences: what the score is, where it comes from, and how far to trust the account of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from riskradar.attribution import Explanation, Term
from riskradar.attribution.table import MARKET
from riskradar.html import words

PLAIN = {
    "z_vix": "VIX against its own history", "z_index_volatility": "volatility of the index against its own history",
    "breadth": "how far stocks stand below their highs, against history", "index_below_high": "distance of the index from its high",
    "z_credit_change": "60-session change of the Baa spread, against history", "vix": "VIX", "term_spread": "the Treasury term spread",
    "z_hy_change": "60-session change of the high-yield spread, against history", "mean_drawdown": "mean fall of stocks from their highs",
    "credit": "the Baa credit spread",
    "index_volatility": "volatility of the index", "return": "returns of the day", "volatility_20": "volatility of assets over 20 sessions",
    "volatility_60": "volatility of assets over 60 sessions", "drawdown_20": "fall of assets from 20-session highs",
    "drawdown_60": "fall of assets from 60-session highs", "momentum_10": "returns of assets over 10 sessions",
    "momentum_30": "returns of assets over 30 sessions", "log index_volatility_5": "volatility of the index over a week",
    "log index_volatility_22": "volatility of the index over a month", "log index_volatility_66": "volatility of the index over a quarter",
}  # fmt: skip
SHOWN = 5  # terms of a sentence
CANCELLED = 2.0  # times the net change that terms may move in all before shares of it mislead
SMALL = 0.005


def sentences(found: Explanation) -> list[str]:
    """What a reader needs, most important first; every warning of the explanation is among them."""
    net, day, score = found.score - found.reference, words.day(found.date), words.number(found.score)
    fall = words.fall(found.target)
    fall = f"{fall[0].lower()}{fall[1:]} within {found.target.horizon} sessions"
    if math.isnan(found.probability):
        told = [f"On {day} the score of {found.model}, which ranks days by the risk of {fall}, is {score}."]
    else:
        told = [f"On {day} {found.model} puts the chance of {fall} at {words.share(found.probability)}; its score is {score}."]
    before = words.number(found.reference)
    if found.against:
        told.append(f"{_moved(net)} since {words.day(found.against)}, when it was {before}.")
    else:
        told.append(f"That is {words.number(abs(net))} {'above' if net >= 0 else 'below'} what it says {found.baseline} ({before}).")
    account = _Account(net, "usually" if not found.against else "before")
    told.append(account.of("", found.of("feature", "series", "layer", "refit"), not found.of("layer")))
    assets = [term for term in found.of("node") if term.name != MARKET]
    if assets:
        sums = [words.signed(sum(term.adds for term in found.of("node") if (term.name == MARKET) is whole)) for whole in (False, True)]
        told.append(account.of(f"Assets add {sums[0]}, the market as a whole {sums[1]}. ", assets))
    if found.of("edge"):
        told.append(account.of(f"Edges add {words.signed(sum(t.adds for t in found.of('layer')))}. ", found.of("edge")))
    if len(found.of("day")) > 1:
        told.append(account.of("By session: ", found.of("day")))
    if found.attention:
        weights = words.listed([f"{name} {words.share(weight)}" for name, weight in found.attention.items()])
        told.append(f"Attention over layers, a diagnostic and no attribution: {weights}.")
    exact = "exactly" if not found.steps else f"but for {abs(found.gap):.1g} ({found.steps} steps)"
    agreed = "" if found.stability is None else f" Seeds rank assets alike with a correlation of {words.number(found.stability)}."
    return [*filter(None, told), f"These terms add up to the score {exact}.{agreed}", *(f"Warning: {warning}." for warning in found.warnings)]


def plain(term: Term) -> str:
    """What a term is called."""
    return {"layer": f"the {term.name} graph", "refit": "what the model learned anew"}.get(term.kind, PLAIN.get(term.name, term.name))


def _moved(net: float) -> str:
    return "It has not moved" if abs(net) < SMALL else f"It has {'risen' if net > 0 else 'fallen'} by {words.number(abs(net))}"


@dataclass(frozen=True)
class _Account:
    """How terms of a net change are told; then: the word for what a value is compared with."""

    net: float
    then: str

    def of(self, opening: str, terms: Sequence[Term], values: bool = False) -> str:
        """Shares of the net where terms hardly cancel, and what each adds or takes where they do."""
        shown = [term for term in terms[:SHOWN] if abs(term.adds) >= SMALL]
        if not shown:
            return f"{opening}No single one moves the score by as much as {SMALL:g}." if opening else ""
        shares = abs(self.net) >= SMALL and sum(abs(term.adds) for term in terms) <= CANCELLED * abs(self.net)
        parts = [f"{self._much(term.adds, shares)} from {plain(term)}{self._values(term) if values else ''}" for term in shown]
        rest = sum(term.adds for term in terms) - sum(term.adds for term in shown)
        if len(terms) > len(shown) and abs(rest) >= SMALL:
            parts.append(f"{self._much(rest, shares)} from {words.count(len(terms) - len(shown))} other{'s' * (len(terms) - len(shown) > 1)}")
        of = f" of the {'rise' if self.net > 0 else 'fall'}" if shares else ""
        first, _, others = parts[0].partition(" from ")
        return f"{opening}{first}{of} comes from {words.listed([others, *parts[1:]])}."

    def _much(self, adds: float, shares: bool) -> str:
        return words.share(adds / self.net) if shares else words.signed(adds)

    def _values(self, term: Term) -> str:
        known = term.value is not None and term.usual is not None
        return f" ({words.plain(term.value)}, {self.then} {words.plain(term.usual)})" if known else ""  # type: ignore[arg-type]
