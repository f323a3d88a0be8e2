"""What one model did on the test rows of one window: counts, rankings with intervals, lead times and the stability of the score."""

from __future__ import annotations

from typing import Any

import numpy as np

from riskradar.evaluate.intervals import Resamples, resample
from riskradar.evaluate.scores import curves, ranking
from riskradar.features import log_returns
from riskradar.paper.config import PaperConfig
from riskradar.paper.learn import NETWORKS, Scored, early
from riskradar.paper.window import INPUTS, Window
from riskradar.tables.arrays import Bool, Float, Int

WEEKDAYS = 261  # rows a year
RULES = {"vol20": "Mean 20-day volatility", "correlation": "Average correlation, 60 days", "always": "Always positive"}
CORRELATION_WINDOW = 60
ALERT_SHARE = 0.2  # of its own past: the share of rows that a real-time threshold would have put in alert
WARM = 20  # rows of its own past before a threshold is set


def confusion(alert: Bool, positive: Bool) -> dict[str, Any]:
    """Counts, and the shares that follow from them; None with a reason where the denominator is empty."""
    tp, fp = int((alert & positive).sum()), int((alert & ~positive).sum())
    tn, fn = int((~alert & ~positive).sum()), int((~alert & positive).sum())
    return {
        "tp": tp, "fp": fp, "tn": tn, "fn": fn,
        "precision": ratio(tp, tp + fp, "no row is flagged"), "recall": ratio(tp, tp + fn, "no positive row"),
        "accuracy": ratio(tp + tn, len(positive), "no row"), "fpr": ratio(fp, fp + tn, "no negative row"),
        "fnr": ratio(fn, tp + fn, "no positive row"),
    }  # fmt: skip


def ratio(part: int, whole: int, otherwise: str) -> dict[str, Any]:
    """A share, or None and why."""
    return {"value": part / whole, "reason": ""} if whole else {"value": None, "reason": otherwise}


def ranked(scores: Float, positive: Bool, sample: Resamples) -> dict[str, dict[str, Any]]:
    """AUROC and average precision of scores [S, n]: the mean over seeds, its spread, and a block-bootstrap interval of that mean."""
    days = np.ones(len(positive), bool)
    base = positive.mean() if len(positive) else np.nan
    auroc, lift = (np.stack(part) for part in zip(*(ranking(s, positive, days, sample.weights) for s in scores), strict=True))
    reason = one_class(positive)
    return {"auroc": _spread(auroc, reason, sample), "auprc": _spread(lift * base, reason, sample)}


def one_class(positive: Bool) -> str:
    """Why a ranking is undefined, or an empty string."""
    if len(positive) and (positive.all() or not positive.any()):
        return f"one class only: {int(positive.sum())} positives of {len(positive)}"
    return "" if len(positive) else "no row"


def _spread(values: Float, reason: str, sample: Resamples) -> dict[str, Any]:
    if reason or np.isnan(values[:, 0]).any():
        return {"value": None, "reason": reason or "no score", "low": None, "high": None, "sd": None, "seeds": []}
    mean = values.mean(axis=0)
    low, high = (None if np.isnan(v) else v for v in sample.interval(mean))
    return {"value": float(mean[0]), "reason": "", "low": low, "high": high, "sd": float(values[:, 0].std()), "seeds": values[:, 0].tolist()}


def rule_scores(window: Window, rows: Int) -> dict[str, Float]:
    """The trivial rules on the same rows: no training, nothing but the day's closes."""
    with np.errstate(invalid="ignore"):
        returns = log_returns(window.panel.close)
    return {
        "vol20": window.means[rows, INPUTS.index("volatility_20")],
        "correlation": np.array([average_correlation(returns[max(t - CORRELATION_WINDOW + 1, 0) : t + 1]) for t in rows]),
        "always": np.ones(len(rows)),
    }


def average_correlation(returns: Float) -> float:
    """Mean Pearson correlation over all pairs of columns of [W, N] that are known and move."""
    with np.errstate(invalid="ignore"):
        use = np.isfinite(returns).all(axis=0) & (returns.max(axis=0) > returns.min(axis=0))
    n = int(use.sum())
    if n < 2:
        return float("nan")
    return float((np.corrcoef(returns[:, use].T).sum() - n) / (n * (n - 1)))


def quartiles(values: Float) -> dict[str, Any]:
    """Median and quartiles of what is known."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {"n": 0, "low": None, "median": None, "high": None}
    low, median, high = (float(q) for q in np.quantile(known, [0.25, 0.5, 0.75]))
    return {"n": len(known), "low": low, "median": median, "high": high}


def real_time_threshold(score: Float) -> Float:
    """For each row the quantile of all rows before it that puts `ALERT_SHARE` of them in alert, [m]; NaN until WARM are known."""
    out = np.full(len(score), np.nan)
    for t in range(WARM, len(score)):
        out[t] = np.quantile(score[:t], 1 - ALERT_SHARE)
    return out


def stability(score: Float, trained: int, step: int, fixed: float) -> dict[str, Any]:
    """Appendix F in numbers, on the test rows of one score [m].

    flips_fixed, flips: changes of the alert a year at the paper's threshold and at the real-time one; lag: autocorrelation over one week;
    drift: how far the real-time threshold moved over the test, in deviations of the score; range: of the score. step: rows of a day between samples.
    """
    test, threshold = score[trained:], real_time_threshold(score)[trained:]
    years, week = len(test) * step / WEEKDAYS, max(5 // step, 1)
    later, earlier = test[week:], test[:-week]
    moves = min(np.ptp(part) if len(part) > 1 else 0.0 for part in (test, later, earlier)) > 0
    defined = moves and bool(np.isfinite(threshold).all())
    return {
        "flips_fixed": float(np.abs(np.diff((test > fixed).astype(int))).sum() / years),
        "flips": float(np.abs(np.diff((test > threshold).astype(int))).sum() / years) if defined else None,
        "lag": float(np.corrcoef(later, earlier)[0, 1]) if moves else None,
        "drift": float((threshold[-1] - threshold[0]) / test.std()) if defined else None,
        "range": [float(test.min()), float(test.max())],
        "alert_share": float((test > threshold).mean()) if defined else None,
    }


def cell(window: Window, scored: Scored, config: PaperConfig, seed: int = 0) -> dict[str, Any]:
    """Everything that is said of one model in one window; the rows of a purged twin and of the rules are the same."""
    usable = np.isfinite(window.y[scored.test])
    rows = scored.test[usable]
    positive = window.y[rows] == 1
    probability, purged = scored.probability[:, scored.trained :][:, usable], scored.purged[:, scored.trained :][:, usable]
    step = config.protocol.stride if scored.model in NETWORKS else 1
    sample = resample(len(rows), [], [], config.intervals.draws, max(config.intervals.block / step, 1.0), config.intervals.level, seed)
    mean, threshold = probability.mean(axis=0), config.protocol.threshold
    alert = mean > threshold
    counts = confusion(alert, positive)
    each = [tuple(list(confusion(p > threshold, positive).values())[:4]) for p in probability]
    days = np.ones(len(rows), bool)
    roc, pr = (c.tolist() for c in curves(mean, positive, days)) if not one_class(positive) else ([], [])
    rules = {name: ranked(s[None], positive, sample)["auroc"] for name, s in rule_scores(window, rows).items()}
    return {
        "n": len(rows), "positives": int(positive.sum()), "prevalence": float(positive.mean()), "trained": scored.trained,
        "train_prevalence": float(np.nanmean(window.y[scored.rows[: scored.trained]])), "step": step,
        "start": str(window.dates[rows[0]]), "end": str(window.dates[rows[-1]]), **counts, **ranked(probability, positive, sample),
        "purged": ranked(purged, positive, sample)["auroc"], "purged_rows": scored.trained - len(early(scored.rows, scored.trained, config)),
        "seeds_alike": each.count(tuple(counts[k] for k in ("tp", "fp", "tn", "fn"))), "seeds": len(each), "rules": rules,
        "lead": quartiles(window.lead[rows][alert & positive]), "lead_always": quartiles(window.lead[rows][positive]),
        "stability": stability(scored.probability.mean(axis=0), scored.trained, step, threshold), "roc": roc, "pr": pr,
        "importance": None if scored.importance is None else scored.importance.tolist(),
    }  # fmt: skip
