import math

import pytest

from riskradar.html import marks, plane
from riskradar.html.marks import Scale


def test_scale_holds_every_value_and_keeps_order():
    scale = Scale.over([0.2, None, math.nan, 0.9], 0.5)
    assert 0 < scale.at(0.2) < scale.at(0.5) < scale.at(0.9) < 100
    assert scale.at(5.0) == scale.at(scale.high)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.45, 0.08), (0.1, 0.12), (0.0, 400.0)])
def test_ticks_are_inside_and_few(low: float, high: float):
    ticks = Scale(low, high).ticks(5)
    assert 1 <= len(ticks) <= 6
    assert all(low <= t <= high for t in ticks)


def test_scale_of_nothing_can_be_drawn():
    scale = Scale.over([])
    assert scale.low < scale.high
    assert scale.ticks()


def test_labels_are_escaped():
    drawn = marks.strip('"><img>', [marks.dot(Scale(0, 1), 0.5, "own")])
    assert "<img>" not in drawn


def test_curves_are_thinned_but_keep_their_ends():
    line = [(k / 1000, k / 1000) for k in range(1001)]
    thin = plane.thinned(line)
    assert thin[0] == line[0]
    assert thin[-1] == line[-1]
    assert len(thin) < 600


def test_undefined_charts_are_empty():
    assert plane.curves("x", ("a", "b"), {}, "own", None) == ""
    assert plane.reliability("x", [], 0.1) == ""
    assert marks.spark([(0, math.nan), (100, 0.1)], "x") == ""


def test_constant_spark_can_be_drawn():
    assert "polyline" in marks.spark([(0, 0.1), (50, 0.1), (100, 0.1)], "x")


def test_a_gap_breaks_a_spark():
    drawn = marks.spark([(0, 1.0), (20, 2.0), (40, math.nan), (60, 1.0), (100, 3.0)], "x", [(10, 30)], 0.5)
    assert drawn.count('polyline class="curve') == 2
    assert drawn.count('class="fall"') == 1
    assert drawn.count('class="chance"') == 1
