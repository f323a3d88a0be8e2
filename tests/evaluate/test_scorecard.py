"""What alarms were worth before the peaks, and whether a score does more than follow prices."""

import math
from itertools import pairwise

import numpy as np
import pytest

from riskradar.evaluate.alarms import alarms
from riskradar.evaluate.events import find_events, find_highs, scored_target
from riskradar.evaluate.intervals import Resamples, resample
from riskradar.evaluate.pullback import _episodes, pullbacks
from riskradar.evaluate.report import EventRecord
from riskradar.evaluate.scorecard import scorecard
from tests.evaluate.test_events import path


def plan_of(labels) -> Resamples:
    return resample(len(labels.dates), [], [], 60, 120, 0.9, 0)


def card_of(score: np.ndarray, labels, rate: float) -> EventRecord:
    return scorecard(score, labels, scored_target(labels), slice(0, len(labels.dates)), rate, plan_of(labels), 0)


def test_random_alarms_warn_as_often_as_their_shifted_copies(labels) -> None:
    p = []
    for seed in range(12):
        card = card_of(np.random.default_rng(seed).normal(size=len(labels.dates)), labels, 0.02)
        p.append(card.p)
        assert abs(card.recall - card.null_recall) < 0.5
    assert 0.15 < np.mean(p) < 0.9
    assert min(p) > 1 / 201


def test_a_score_that_knows_the_peaks_beats_its_shifted_copies(labels) -> None:
    score = np.random.default_rng(0).normal(size=len(labels.dates))
    for e in find_events(labels.level, 0.10):
        score[e.peak - 10 : e.peak - 5] = 9
    card = card_of(score, labels, 0.005)
    assert card.recall == 1
    assert card.share_ahead == 1
    assert card.p < 0.05
    assert card.null_recall < 0.9


def alarmed(labels, days: slice) -> EventRecord:
    score = np.zeros(len(labels.dates))
    score += 1e-6 * np.arange(len(score))[::-1]  # falls slowly: today is always below the threshold
    score[days] = 5
    return card_of(score, labels, 0.1)


def test_lead_is_counted_to_the_peak_and_share_ahead_to_the_trough(build) -> None:
    labels = build(path((200, 600), (160, 40), (201, 60), (210, 80)))
    early = alarmed(labels, slice(590, 592))
    assert early.each[0].sessions_to_peak == 10
    assert (early.recall, early.crossing.recall) == (1, 1)
    late = alarmed(labels, slice(605, 608))  # 2.5 % below the peak
    assert (late.recall, late.each[0].sessions_to_peak) == (0, -5)
    assert late.share_ahead == pytest.approx(35 / 40)
    assert math.isnan(late.lead_median)
    assert (late.crossing.events, late.crossing.recall) == (1, 1), "it confirms before 5 % are lost, and foresees nothing"
    deep = alarmed(labels, slice(620, 625))
    assert (deep.each[0].first_alarm, deep.share_ahead, deep.crossing.recall) == ("missed", 0, 0)
    assert math.isnan(deep.each[0].share_ahead)


def test_rates_count_calm_onset_days_and_alarms(labels) -> None:
    score = np.convolve(np.random.default_rng(4).normal(size=len(labels.dates) + 9), np.ones(10), "valid")
    card, found = card_of(score, labels, 0.1), alarms(score, labels, "60/10", 0.1)
    happened = labels.system("60/10")
    calm = (happened == 0) & labels.onset & ~np.isnan(found.threshold)
    assert card.realised_rate == pytest.approx(found.raised[calm].mean())
    assert card.realised_low < card.realised_rate < card.realised_high
    year = labels.dates.astype("datetime64[Y]").astype(int) + 1970
    assert card.realised_blocks["2000-2004"] == pytest.approx(found.raised[calm & (year >= 2000) & (year < 2005)].mean())
    raised = found.raised[labels.onset & ~np.isnan(found.threshold)]
    first = np.flatnonzero(~np.isnan(found.threshold))[0]
    assert card.alarms_per_year == pytest.approx((raised & ~np.append(False, raised[:-1])).sum() / ((len(score) - first) / 252))
    assert 0 <= card.right <= 1


def test_a_score_that_follows_prices_confirms_and_does_not_foresee(build) -> None:
    """The fall so far as the score: always before the first 5 % are lost, at the peak at its lowest, nearly blind to which pullback goes on."""
    rng = np.random.default_rng(8)
    drift = np.where(np.arange(8000) % 400 >= 370, np.repeat(rng.choice([-0.002, -0.006], 20), 400), 0.0007)
    labels = build(100 * np.exp(np.cumsum(drift + rng.normal(0, 0.004, 8000))))
    high = np.array([labels.level[max(0, t - 251) : t + 1].max() for t in range(8000)])
    fall = 1 - labels.level / high
    card = card_of(fall, labels, 0.1)
    assert card.crossing.recall > 0.8
    assert card.crossing.p < 0.05 < card.p
    span = slice(0, 8000)
    whole = np.floor(100 * fall)  # in whole percents, since by how much a close overshot its mark does tell something
    follows = [p.auroc.value for p in pullbacks(whole, labels.level, span, plan_of(labels)) if not p.auroc.reason]
    assert np.mean(follows) < 0.6
    knows = np.zeros(8000)
    for peak, stop in pairwise([*find_highs(labels.level).tolist(), 8000]):
        knows[peak:stop] = (1 - labels.level[peak:stop] / labels.level[peak]).max()
    told = pullbacks(knows, labels.level, span, plan_of(labels))
    assert all(p.auroc.value == 1 for p in told if not p.auroc.reason)
    assert sum(not p.auroc.reason for p in told) >= 4


def test_pullbacks_are_first_closes_below_each_high() -> None:
    level = path((100, 3), (97.5, 1), (94, 2), (101, 4), (99.5, 1), (102, 2), (98, 1))
    at, deepest, over = _episodes(level, 0.02, slice(0, len(level)))
    assert at.tolist() == [4, len(level) - 1]
    assert deepest == pytest.approx([0.06, 1 - 98 / 102])
    assert over.tolist() == [True, False], "the last one may still go on"
    assert _episodes(level, 0.01, slice(0, len(level)))[0].tolist() == [4, 11, 14]


def test_always_on_is_disqualified(labels) -> None:
    card = card_of(np.ones(len(labels.dates)), labels, 0.1)
    assert (card.recall, card.null_recall, card.realised_rate, card.disqualified) == (1, 1, 1, True)
    assert card.p == 1


def test_too_young_a_score_is_withheld_with_a_reason(labels) -> None:
    score = np.full(len(labels.dates), np.nan)
    score[-200:] = 1.0
    card = card_of(score, labels, 0.1)
    assert "calm ONSET" in card.reason
    assert {e.first_alarm for e in card.each} == {"score withheld"}
