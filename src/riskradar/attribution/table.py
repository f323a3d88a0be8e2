"""Explanation: why a score is what it is, in terms that add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from riskradar.attribution.atoms import Atoms
from riskradar.tables import Target

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["feature", "layer", "series", "refit", "node", "edge", "day"]
VIEWS: dict[str, tuple[Kind, ...]] = {  # the terms of each view add up to the same
    "inputs": ("feature", "layer", "series", "refit"), "assets": ("node", "refit"), "days": ("day", "refit"),
}  # fmt: skip
MARKET = "the market as a whole"  # what is no single asset's
REFIT = "trained again in between"


@dataclass(frozen=True)
class Term:
    """What one thing adds to a score; value and usual: of a feature (mean over assets) or series, on the day and in what it is compared with."""

    kind: Kind
    name: str
    adds: float
    value: float | None = None
    usual: float | None = None


Terms = dict[tuple[Kind, str], Term]


@dataclass(frozen=True)
class Explanation:
    """score = reference + the terms of each of VIEWS + gap, in the units of the score (logits for networks and logistic regression).

    reference: the score at the baseline, or on the day `against`; the edges of a layer add up to the layer. steps: of the integral, 0 where terms
    are exact. attention: the weight of each layer as the network reports it, a diagnostic that explains nothing. stability: mean rank correlation of
    what assets add between seeds. warnings: checks that failed.
    """

    run: str
    model: str
    target: Target
    date: str
    against: str | None
    score: float
    reference: float
    probability: float
    baseline: str
    terms: tuple[Term, ...]
    gap: float
    steps: int
    attention: dict[str, float]
    stability: float | None = None
    warnings: tuple[str, ...] = ()

    def of(self, *kinds: Kind) -> tuple[Term, ...]:
        """Terms of some kinds, the largest first."""
        return tuple(sorted((term for term in self.terms if term.kind in kinds), key=lambda term: -abs(term.adds)))

    def frame(self) -> pd.DataFrame:
        """One row a term: kind, name, adds, value, usual."""
        import pandas as pd

        return pd.DataFrame([vars(term) for term in self.terms], columns=[field.name for field in fields(Term)])

    def record(self, edges: int = 100) -> dict[str, Any]:
        """As JSON, with the `edges` edges that add most, and the sum of the others."""
        shown = self.of("edge")[:edges]
        rest = sum(term.adds for term in self.of("edge")[edges:])
        terms = [term for kind in ("feature", "layer", "series", "refit", "node", "day") for term in self.of(kind)] + list(shown)
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        plain |= {"probability": self.probability if self.probability == self.probability else None, "target": self.target.name}
        return plain | {"terms": [vars(term) for term in terms], "other_edges": rest}

    def _repr_html_(self) -> str:
        return str(self.frame()._repr_html_())  # type: ignore[operator]


def terms(atoms: Atoms, nodes: tuple[str, ...], ends: bool = True) -> Terms:
    """Every view of the atoms; ends: name the sessions by their dates, or else by how long ago they were."""
    found: list[Term] = []
    for f, name in enumerate(atoms.features):
        found.append(Term("feature", name, float(atoms.by_node[:, :, f].sum()), atoms.values.get(name), atoms.usual.get(name)))
    for m, name in enumerate(atoms.series):
        kind: Kind = "feature" if name.startswith("mean:") else "series"
        found.append(Term(kind, name.removeprefix("mean:"), float(atoms.market[:, m].sum()), atoms.values.get(name), atoms.usual.get(name)))
    by_day = atoms.by_node.sum(axis=(1, 2)) + atoms.market.sum(axis=1)
    for layer, edges in atoms.edges.items():
        found.append(Term("layer", layer, float(edges.adds.sum())))
        for k in range(len(by_day)):
            by_day[k] += edges.adds[edges.session == k].sum()
        pairs: dict[tuple[int, int], float] = {}
        for i, j, adds in zip(edges.receiver.tolist(), edges.sender.tolist(), edges.adds.tolist(), strict=True):
            pairs[min(i, j), max(i, j)] = pairs.get((min(i, j), max(i, j)), 0.0) + adds
        found += [Term("edge", f"{nodes[i]}\u2013{nodes[j]}, {layer}", adds) for (i, j), adds in pairs.items()]
    found += [Term("node", nodes[i], float(adds)) for i, adds in enumerate(atoms.by_asset) if adds]
    found.append(Term("node", MARKET, float(atoms.market.sum())))
    days = [str(day) if ends else f"snapshot {k + 1} of {len(by_day)}" for k, day in enumerate(atoms.dates)]
    found += [Term("day", name, float(adds)) for name, adds in zip(days, by_day, strict=True)]
    return {(term.kind, term.name): term for term in found}


def difference(now: Terms, before: Terms) -> Terms:
    """What each term has gained; the value of the other day in the place of the usual one."""
    found = {}
    for key in {**now, **before}:
        one, other = now.get(key, Term(*key, 0.0)), before.get(key, Term(*key, 0.0))
        found[key] = Term(*key, one.adds - other.adds, one.value, other.value)
    return found


def mean(each: Sequence[Terms]) -> tuple[Term, ...]:
    """The mean of the same terms as several seeds see them."""
    every = {key: term for view in reversed(each) for key, term in view.items()}
    return tuple(replace(term, adds=sum(view[key].adds for view in each if key in view) / len(each)) for key, term in every.items())
