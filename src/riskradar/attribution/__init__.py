"""Why a score is what it is: contributions of features, series, layers, edges, assets and days that add up to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.attribution import checks, exact, forest
from riskradar.attribution.atoms import Atoms, Read, joined
from riskradar.attribution.table import REFIT, VIEWS, Explanation, Term, Terms, difference, mean, terms
from riskradar.backtest import score_day
from riskradar.errors import UsageError, Withheld
from riskradar.models import Fitted
from riskradar.models.classic import FittedForest, FittedLogistic, Logistic
from riskradar.models.gcn import FittedNetwork
from riskradar.models.har import FittedHar, Har
from riskradar.models.pool import FittedPool
from riskradar.models.pool.betamap import FittedBetaMap
from riskradar.models.pool.garch import FittedGarch
from riskradar.models.pool.library import FittedLibrary
from riskradar.models.radar.system import FittedRadar
from riskradar.models.rules import FittedConstant, FittedRule, Rule
from riskradar.models.srr.model import FittedSrr
from riskradar.reopen import Opened, session
from riskradar.tables import Target

FIRST = ("radar", "vix+breadth", "vol+breadth")  # what is explained first: the flagship, or the rule that it stands on
HEADLINE = "20/10"
LARGEST_GAP = 1e-3  # beyond it an explanation carries a warning
__all__ = ["EXPLAINED", "VIEWS", "Atoms", "Explanation", "Read", "Term", "ask", "attribute", "chosen", "explain", "explainable", "headline"]


def _radar(fitted: FittedRadar, read: Read) -> Atoms:
    """The anchor exactly, and what the networks add where they have a say."""
    ground = exact.explained(fitted, read, exact.anchored)
    if "mean" not in fitted.learned or not fitted.learned["gate"][0] or not fitted.learned["taught"][read.target]:
        return ground
    from riskradar.attribution import networks

    return joined(ground, networks.radar(fitted, read))


def _gcn(fitted: FittedNetwork, read: Read) -> Atoms:
    from riskradar.attribution import networks

    return networks.gcn(fitted, read)


def _srr(fitted: FittedSrr, read: Read) -> Atoms:
    from riskradar.attribution import networks

    return networks.srr(fitted, read)


def _sum(terms: Callable[..., exact.Sum]) -> Callable[[Any, Read], Atoms]:
    return partial(exact.explained, terms=terms)


EXPLAINED: dict[type, Callable[[Any, Read], Atoms]] = {
    FittedRule: _sum(exact.rule), FittedLogistic: _sum(exact.logistic), FittedHar: _sum(exact.har), FittedForest: forest.explained,
    **dict.fromkeys((FittedPool, FittedLibrary, FittedGarch, FittedBetaMap), _sum(exact.anchored)),
    FittedRadar: _radar, FittedNetwork: _gcn, FittedSrr: _srr,
}  # fmt: skip


def attribute(fitted: Fitted, read: Read) -> Atoms:
    """What each number that a score read adds to it; UsageError for a model of another package, or one that says the same every day."""
    if isinstance(fitted, FittedConstant):
        raise UsageError("a model that says the same on every day has nothing to explain; choose another with --model")
    if type(fitted) not in EXPLAINED:
        raise UsageError(f"{type(fitted).__name__} is no model of riskradar and cannot be explained; choose another with --model")
    return EXPLAINED[type(fitted)](fitted, read)


def ask(opened: Opened, date: Any = None, target: str = "", *, against: Any = None, model: str = "") -> Explanation:
    """`explain` with what is not given filled in: the last session, and what `chosen` says."""
    return explain(opened, *chosen(opened, model, target), date or opened.features.dates[-1], against)


def chosen(opened: Opened, model: str = "", target: str = "") -> tuple[str, Target]:
    """The model and the target that a question is about: what it names, or else the first of FIRST that ran, and HEADLINE or the first target."""
    first = next(name for name in (*FIRST, *opened.names) if name in opened.names)
    return model or first, Target.parse(target) if target else headline(opened)


def headline(opened: Opened) -> Target:
    """HEADLINE, or the first yes-or-no target; UsageError where there is none."""
    have = {t.name: t for t in opened.labels.targets if t.binary}
    if not have:
        raise UsageError(f"{opened.record.id} has no yes-or-no target; nothing was explained; give --target")
    return have.get(HEADLINE) or next(iter(have.values()))


def explainable(model: str, opened: Opened) -> bool:
    """Whether it is a sum of inputs or a rule: what costs nothing to learn again and explain."""
    return isinstance(models.make(model, opened.config.models), Rule | Logistic | Har)


def explain(opened: Opened, model: str, target: Target, date: Any, against: Any = None) -> Explanation:
    """The score of one session (mean over seeds) against its baseline, or its change since another session as the same model sees both.

    What the model learned anew between the two is a term of its own. Withheld where one of the two has no score; UsageError for a session,
    model or target that the run has not.
    """
    days = [str(session(day)) for day in (date, against) if day is not None]
    known_target(opened, target)
    for day in days:
        opened.fold(model, day)  # refuses what was not scored
    seen = [_seen(opened, model, target, days, seed) for seed in opened.seeds(model)]
    score, reference = (float(np.mean([getattr(each, name) for each in seen])) for name in ("score", "reference"))
    shown, first = mean([each.terms for each in seen]), seen[0].atoms
    gap = score - reference - sum(term.adds for term in shown if term.kind in VIEWS["inputs"])
    stable = checks.agreement([each.atoms.by_asset for each in seen])
    return Explanation(
        run=opened.record.id, model=model, target=target, date=days[0], against=days[1] if against is not None else None, score=score,
        reference=reference, probability=float(np.mean([each.probability for each in seen])), baseline=first.baseline, terms=shown, gap=gap,
        steps=max(each.atoms.steps for each in seen), attention=dict(first.attention or {}), stability=stable,
        warnings=tuple(_warnings(gap / len(days), checks.deletion(first), stable)),
    )  # fmt: skip


def known_target(opened: Opened, target: Target) -> None:
    """UsageError for a target that the run has not."""
    if target not in opened.labels.targets:
        have = ", ".join(t.name for t in opened.labels.targets)
        raise UsageError(f"{opened.record.id} has no target {target.name}; nothing was explained; its targets are {have}")


@dataclass(frozen=True, eq=False)
class _Seen:
    """One seed's score, what it is compared with, the terms in between, and the atoms of the session."""

    score: float
    reference: float
    probability: float
    terms: Terms
    atoms: Atoms


def _seen(opened: Opened, model: str, target: Target, days: Sequence[str], seed: int) -> _Seen:
    k, tables = opened.labels.targets.index(target), (opened.panel, opened.features, opened.graphs)
    said = [opened.score(model, day, seed) for day in days]
    scores = [float(each.score[0, k]) for each in said]
    for day, score in zip(days, scores, strict=True):
        if not np.isfinite(score):
            raise Withheld(f"{model} gave no score for {target.name} on {day}: too little was known; nothing was explained; choose a later session")
    fitted, cutoff = opened.fitted(model, days[0], seed), opened.fold(model, days[0]).cutoff
    found = [attribute(fitted, Read.of(tables, opened.row(day), k, cutoff)) for day in days]
    views, probability = [terms(atoms, opened.features.nodes, len(days) == 1) for atoms in found], float(said[0].probability[0, k])
    if len(days) == 1:
        return _Seen(scores[0], found[0].reference, probability, views[0], found[0])
    with threadpool_limits(1):
        again = score_day(fitted, opened.features, opened.graphs, opened.row(days[1])).score[0, k]  # the other day as this model sees it
    refit = Term("refit", REFIT, float(again - scores[1]))
    return _Seen(scores[0], scores[1], probability, difference(*views) | {("refit", REFIT): refit}, found[0])


def _warnings(gap: float, curves: checks.Curves | None, stable: float | None) -> Iterator[str]:
    if abs(gap) > LARGEST_GAP:
        yield f"the contributions miss the score by {abs(gap):.1g}, more than {LARGEST_GAP:g}"
    if curves and curves.chance > checks.CHANCE:
        count = round(len(curves.random) * curves.chance)
        yield f"taking away assets at random moves the score as far as taking away those named, in {count} of {len(curves.random)} tries"
    if stable is not None and stable < checks.AGREED:
        yield f"trained from other random starts, it ranks assets differently (rank correlation {stable:.2f}): do not rely on single names"
