import math

import numpy as np
import pytest

from riskradar.errors import UsageError
from riskradar.evaluate import events
from riskradar.tables import Target


def path(*legs: tuple[float, int]) -> np.ndarray:
    """Straight lines from 100: (level reached, sessions taken)."""
    level = [100.0]
    for goal, sessions in legs:
        level += np.linspace(level[-1], goal, sessions + 1)[1:].tolist()
    return np.array(level)


def test_one_fall_is_dated_by_peak_crossing_and_trough() -> None:
    level = path((120, 10), (95, 10), (121, 10))
    (event,) = events.find_events(level, 0.10)
    assert (event.peak, event.crossing, event.trough, event.recovery) == (10, 15, 20, 30)
    assert event.depth == pytest.approx(25 / 120)
    assert events.find_events(level, 0.21) == ()


def test_a_second_leg_before_a_new_high_is_the_same_event() -> None:
    level = path((100, 3), (85, 10), (98, 10), (80, 10), (101, 20), (89, 5))
    first, second = events.find_events(level, 0.10)
    assert first.trough == 33
    assert level[second.peak] == 101
    assert second.recovery is None


def test_the_peak_is_the_first_day_of_equal_highs() -> None:
    level = np.array([100.0, 110, 110, 105, 110, 98, 111])
    (event,) = events.find_events(level, 0.10)
    assert event.peak == 1


def test_a_high_is_a_high_of_252_sessions() -> None:
    level = path((60, 300), (75, 150), (66, 30))  # the old high has left the window when the recovery tops out
    peaks = [e.peak for e in events.find_events(level, 0.10)]
    assert peaks == [0, 450]


def test_deeper_events_are_among_the_shallower(labels) -> None:
    shallow = {e.peak for e in events.find_events(labels.level, 0.05)}
    deep = {e.peak for e in events.find_events(labels.level, 0.10)}
    assert deep < shallow


def test_events_of_the_span_need_their_crossing_inside(build) -> None:
    labels = build(path((120, 10), (95, 10), (121, 100)))
    assert len(events.events_within(labels, 0.10, slice(10, 16))) == 1
    assert not events.events_within(labels, 0.10, slice(10, 15))
    assert not events.events_within(labels, 0.10, slice(11, 60))


def test_calm_is_the_longest_horizon_of_the_shallowest_deep_fall() -> None:
    class Some:
        targets = tuple(Target.parse(t) for t in ("20/5", "20/10", "60/10", "60/20", "250/10/fall"))

    assert events.calm_target(Some, Target.parse("20/5")).name == "60/10"  # type: ignore[arg-type]
    Some.targets = Some.targets[:1]
    assert events.calm_target(Some, Target.parse("20/5")).name == "20/5"  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0.1, 0.25])
def test_threshold_is_the_quantile_of_matured_calm_onset_scores(labels, rate: float) -> None:
    score = np.random.default_rng(1).normal(size=len(labels.dates))
    score[::17] = np.nan
    threshold, y = events.real_time_threshold(score, labels, "20/5", rate), labels.system("60/10")
    for t in (400, 600, 1500, 2999):
        u = np.arange(max(0, t - 59))
        calm = score[u][(y[u] == 0) & labels.onset[u] & ~np.isnan(score[u])]
        expected = np.quantile(calm, 1 - rate) if len(calm) >= events.CALM_DAYS else math.nan
        assert threshold[t] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(threshold[:300]).all()
    assert np.isfinite(threshold[-1])


def test_threshold_has_the_prefix_property_at_every_session(build) -> None:
    rng = np.random.default_rng(2)
    labels = build(100 * np.exp(np.cumsum(rng.normal(0.0007, 0.006, 700))))
    score = rng.normal(size=700)
    whole = events.real_time_threshold(score, labels, "20/10", 0.1)
    assert np.isfinite(whole).sum() > 100
    for t in range(700):
        cut = events.real_time_threshold(score[: t + 1], labels.upto(labels.dates[t]), "20/10", 0.1)
        np.testing.assert_array_equal(cut, whole[: t + 1])


def test_threshold_does_not_see_labels_that_are_not_known_yet(labels) -> None:
    score = np.random.default_rng(3).normal(size=len(labels.dates))
    t = 1800
    poisoned = score.copy()
    poisoned[t - 59 :] = 1e9
    np.testing.assert_array_equal(
        events.real_time_threshold(score, labels, "20/5", 0.1)[: t + 1], events.real_time_threshold(poisoned, labels, "20/5", 0.1)[: t + 1]
    )


def test_unknown_target_is_refused(labels) -> None:
    with pytest.raises(UsageError, match="20/5"):
        events.real_time_threshold(np.zeros(len(labels.dates)), labels, "7/7", 0.1)


def whole(labels) -> slice:
    return slice(0, len(labels.dates))


def test_random_alarms_warn_as_often_as_their_shifted_copies(labels) -> None:
    target, p = events.scored_target(labels), []
    for seed in range(12):
        card = events.scorecard(np.random.default_rng(seed).normal(size=len(labels.dates)), labels, target, whole(labels), 0.02, 0)
        p.append(card.p)
        assert abs(card.recall - card.null_recall) < 0.5
    assert 0.15 < np.mean(p) < 0.9
    assert min(p) > 1 / 201


def test_a_score_that_knows_the_peaks_beats_its_shifted_copies(labels) -> None:
    target = events.scored_target(labels)
    score = np.random.default_rng(0).normal(size=len(labels.dates))
    for e in events.find_events(labels.level, 0.10):
        score[e.peak - 10 : e.peak - 5] = 9
    card = events.scorecard(score, labels, target, whole(labels), 0.005, 0)
    assert card.recall == 1
    assert card.share_ahead == 1
    assert card.p < 0.05
    assert card.null_recall < 0.9


def alarmed(labels, days: slice) -> events.EventRecord:
    score = np.zeros(len(labels.dates))
    score += 1e-6 * np.arange(len(score))[::-1]  # falls slowly: today is always below the threshold
    score[days] = 5
    return events.scorecard(score, labels, events.scored_target(labels), whole(labels), 0.1, 0)


def test_lead_is_counted_to_the_peak_and_share_ahead_to_the_trough(build) -> None:
    labels = build(path((200, 600), (160, 40), (201, 60), (210, 80)))
    assert alarmed(labels, slice(590, 592)).each[0].sessions_to_peak == 10
    late = alarmed(labels, slice(620, 625))
    assert (late.recall, late.each[0].sessions_to_peak) == (0, -20)
    assert late.share_ahead == pytest.approx(0.5)
    assert math.isnan(late.lead_median)
    missed = alarmed(labels, slice(650, 655))
    assert (missed.each[0].first_alarm, missed.share_ahead) == ("missed", 0)
    assert math.isnan(missed.each[0].share_ahead)


def test_always_on_is_disqualified(labels) -> None:
    card = events.scorecard(np.ones(len(labels.dates)), labels, events.scored_target(labels), whole(labels), 0.1, 0)
    assert (card.recall, card.null_recall, card.realised_rate, card.disqualified) == (1, 1, 1, True)
    assert card.p == 1


def test_too_young_a_score_is_withheld_with_a_reason(labels) -> None:
    score = np.full(len(labels.dates), np.nan)
    score[-200:] = 1.0
    card = events.scorecard(score, labels, events.scored_target(labels), whole(labels), 0.1, 0)
    assert "calm ONSET" in card.reason
    assert {e.first_alarm for e in card.each} == {"score withheld"}
