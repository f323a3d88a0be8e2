"""One model on one target: ranking, calibration and alarms on the dates that all models share."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from riskradar.evaluate import scores
from riskradar.evaluate.alarms import alarms
from riskradar.evaluate.intervals import Resamples
from riskradar.evaluate.report import Bin, Cell, Confusion, Half, Point, Score, Usefulness
from riskradar.evaluate.sample import Sample, Track
from riskradar.tables import Labels
from riskradar.tables.arrays import Bool, Float

NO_DATES = "no date on which every model has a score and the outcome is known"
WHOLE = ""  # the period that is no half
Loss = Callable[[Float, Bool], Float]


def evaluate(track: Track, sample: Sample, labels: Labels, plan: Resamples, rate: float) -> tuple[Cell, dict[str, Float]]:
    """The cell without its paired differences, and the ONSET AUROC of every resample [R] from which they are made, WHOLE and by half."""
    score, used, calm = track.score[sample.span], sample.used, sample.used & sample.onset
    probability = track.probability[sample.span]
    _, auroc, lift = _ranking(score, sample, used, plan)
    values, auroc_onset, lift_onset = _ranking(score, sample, calm, plan)
    warned = alarms(np.where(sample.shared, track.score, np.nan), labels, sample.target, rate)
    confusion = _confusion(warned.raised[sample.span], calm & ~np.isnan(warned.threshold[sample.span]), sample, plan, rate)
    counts = (confusion.tp, confusion.fp, confusion.tn, confusion.fn)
    ranked = {years: _ranking(score, sample, calm & part, plan)[:2] for years, part in sample.halves.items()}
    ece, bins = reliability(probability, sample.positive, sample.calibrated, sample.target.depth, plan)
    roc, pr = _curves(score, sample)
    cell = Cell(
        auroc=auroc,
        auroc_onset=auroc_onset,
        auroc_blocks=_within_blocks(score, sample, plan),
        auprc_lift=lift,
        auprc_lift_onset=lift_onset,
        log_skill=_skill(scores.log_loss, probability, sample, used, plan),
        log_skill_onset=_skill(scores.log_loss, probability, sample, calm, plan),
        brier_skill=_skill(scores.brier, probability, sample, used, plan),
        brier_skill_onset=_skill(scores.brier, probability, sample, calm, plan),
        ece=ece,
        auroc_seed_sd=_seed_spread(track, sample),
        halves={years: _half(score, probability, sample, used & part, ranked[years][1], plan) for years, part in sample.halves.items()},
        confusion=confusion,
        usefulness=tuple(Usefulness(w, scores.alessi_detken(*counts, w), *scores.sarlin(*counts, w)) for w in scores.PREFERENCES),
        reliability=bins,
        roc=roc,
        pr=pr,
        paired={},
    )
    return cell, {WHOLE: values, **{years: drawn for years, (drawn, _) in ranked.items()}}


def _unranked(score: Float, sample: Sample, days: Bool) -> str:
    """Why the ranking of these days is not defined, or empty."""
    positive = int(sample.positive[days].sum())
    if sample.withheld:
        return sample.withheld
    if not days.any():
        return NO_DATES
    if positive in (0, days.sum()):
        return f"one class only: {positive} positive, {days.sum() - positive} negative"
    return "constant score: it ranks nothing" if np.ptp(score[days]) == 0 else ""


def _ranking(score: Float, sample: Sample, days: Bool, plan: Resamples) -> tuple[Float, Score, Score]:
    """AUROC in every resample [R], its score, and the score of average precision over the base rate."""
    if reason := _unranked(score, sample, days):
        return np.full(len(plan.weights), np.nan), Score(math.nan, reason), Score(math.nan, reason)
    auroc, lift = scores.ranking(score, sample.positive, days, plan.weights)
    return auroc, plan.score(auroc, sample.target.depth, ""), plan.score(lift, sample.target.depth, "")


def _within_blocks(score: Float, sample: Sample, plan: Resamples) -> Score:
    """Mean AUROC inside the three-year blocks that hold both classes: no credit for knowing which era it is."""
    if reason := _unranked(score, sample, sample.used):
        return Score(math.nan, reason)
    block = sample.blocks
    parts = [sample.used & (block == b) for b in range(block[-1] + 1)]
    values = np.stack([scores.ranking(score, sample.positive, part, plan.weights)[0] for part in parts])
    defined = (~np.isnan(values)).sum(axis=0)
    mean = np.nansum(values, axis=0) / np.where(defined, defined, np.nan)
    return plan.score(mean, sample.target.depth, "no three-year block holds both classes")


def _skill(loss: Loss, probability: Float, sample: Sample, days: Bool, plan: Resamples) -> Score:
    """Skill against the expanding climatology on the days for which all models that give probabilities have one."""
    days = days & sample.calibrated
    if reason := _uncalibrated(probability, days):
        return Score(math.nan, reason)
    values = scores.skill(loss(probability, sample.positive), loss(sample.climatology, sample.positive), days, plan.weights)
    return plan.score(values, sample.target.depth, "")


def _uncalibrated(probability: Float, days: Bool) -> str:
    if not days.any():
        return f"no session with a known outcome on which every model has a probability, and {scores.CLIMATOLOGY_DAYS} matured labels before it"
    return "not a probability" if np.isnan(probability[days]).any() else ""


def _half(score: Float, probability: Float, sample: Sample, days: Bool, auroc_onset: Score, plan: Resamples) -> Half:
    return Half(_ranking(score, sample, days, plan)[1], auroc_onset, _skill(scores.log_loss, probability, sample, days, plan))


def _seed_spread(track: Track, sample: Sample) -> Score:
    """Standard deviation of the all-days AUROC over seeds; beside the scores, never inside their intervals."""
    seeds = track.scores[:, sample.span]
    if len(seeds) == 1:
        return Score(math.nan, "one seed")
    if reason := next(filter(None, (_unranked(seed, sample, sample.used) for seed in seeds)), ""):
        return Score(math.nan, reason)
    once = np.ones((1, seeds.shape[1]))
    return Score(float(np.std([scores.ranking(seed, sample.positive, sample.used, once)[0][0] for seed in seeds], ddof=1)))


def _confusion(alarm: Bool, days: Bool, sample: Sample, plan: Resamples, rate: float) -> Confusion:
    """Alarms against outcomes on the shared ONSET days that have a real-time threshold."""
    y, depth = sample.positive, sample.target.depth

    def part(hit: Bool, whole: Bool, otherwise: str) -> Score:
        reason = otherwise if days.any() else "no shared ONSET day has a real-time threshold"
        return plan.score(scores.share(hit, whole & days, plan.weights), depth, reason)

    return Confusion(
        tp=int((alarm & y & days).sum()),
        fp=int((alarm & ~y & days).sum()),
        tn=int((~alarm & ~y & days).sum()),
        fn=int((~alarm & y & days).sum()),
        precision=part(y, alarm, "no alarm was raised"),
        recall=part(alarm, y, "no positive session"),
        accuracy=part(alarm == y, days, ""),
        fpr=part(alarm, ~y, "no negative session"),
        fnr=part(~alarm, y, "no positive session"),
        threshold=f"adaptive, nominal {100 * rate:g} %, on ONSET days",
    )


def reliability(probability: Float, positive: Bool, days: Bool, depth: float, plan: Resamples) -> tuple[Score, tuple[Bin, ...]]:
    """Expected calibration error of a target of this depth on the chosen days, and the bins that hold any of them."""
    if reason := _uncalibrated(probability, days):
        return Score(math.nan, reason), ()
    count, forecast, outcome = scores.binned(probability, positive, days, plan.weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(forecast - outcome).sum(axis=1) / count.sum(axis=1)
        observed, mean = outcome / count, forecast[0] / count[0]
    edges = scores.BIN_EDGES.tolist()
    bins = tuple(
        Bin(edges[b], edges[b + 1], float(mean[b]), float(observed[0, b]), *plan.interval(observed[:, b]), int(count[0, b]))
        for b in np.flatnonzero(count[0])
    )
    return plan.score(error, depth, ""), bins


def _curves(score: Float, sample: Sample) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """ROC and PR points, empty where the ranking is undefined; rounded, because they are only drawn."""
    if _unranked(score, sample, sample.used):
        return (), ()
    roc, pr = (tuple((round(float(x), 5), round(float(y), 5)) for x, y in curve) for curve in scores.curves(score, sample.positive, sample.used))
    return roc, pr
