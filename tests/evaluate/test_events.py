import numpy as np
import pytest

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
