from datetime import date

import numpy as np
import pytest

from riskradar.paper import learn, window
from riskradar.paper.config import LabelConfig, PaperConfig, ProtocolConfig
from riskradar.paper.published import TESTS
from riskradar.paper.window import carried, graph_rows, label, train_count, weekdays
from riskradar.split import CRISES
from tests.markets import panel

PROTOCOL = ProtocolConfig()


@pytest.mark.parametrize(("crisis", "rows"), [("dot-com", 1565), ("gfc", 1565), ("covid", 1045)])
def test_counts_of_the_paper(crisis: str, rows: int) -> None:
    dates = weekdays(*CRISES[crisis])
    assert len(dates) == rows
    graphs = len(graph_rows(rows, PROTOCOL))
    samples = (rows, graphs, graphs - PROTOCOL.sequence + 1)
    assert tuple(n - train_count(n, PROTOCOL) for n in samples) == TESTS[crisis]


def test_six_graphs_do_not_fit_table_4() -> None:
    graphs = len(graph_rows(1045, PROTOCOL)) - 6 + 1
    assert graphs - train_count(graphs, PROTOCOL) == 40


def test_parameters_of_both_widths() -> None:
    assert learn.counts() == {"static 32": 1857, "temporal 32": 7681, "static 64": 4737, "temporal 64": 29697}


def test_weekdays_have_holidays_and_no_weekends() -> None:
    dates = weekdays(date(2006, 1, 1), date(2006, 1, 8))
    assert [str(d) for d in dates] == ["2006-01-02", "2006-01-03", "2006-01-04", "2006-01-05", "2006-01-06"]


def test_a_holiday_repeats_the_session_before_and_invents_nothing() -> None:
    made = panel(np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]]))
    dates = np.array([made.dates[0] - 3, made.dates[0], made.dates[1], made.dates[2], made.dates[2] + 7])
    moved = carried(made, dates)
    np.testing.assert_array_equal(moved.close, [[np.nan, np.nan], [1, np.nan], [2, 5], [3, 6], [3, 6]])
    assert moved.member.sum() == 7


def test_an_index_is_no_node() -> None:
    made = panel(np.ones((3, 2)), kind=("index", "stock"), member=np.array([[False, True]] * 3))
    assert carried(made, made.dates).assets == ("A01",)


def test_label_counts_names_and_reads_the_close_of_the_row() -> None:
    close = np.array([[100.0, 100.0, 100.0], [100.0, 100.0, 95.0], [90.0, 80.0, 95.0], [89.0, 100.0, 95.0], [100.0, 100.0, 95.0]])
    member = np.ones_like(close, bool)
    y, hits, lead = label(close, member, LabelConfig(horizon=2, depth=0.1, names=2))
    np.testing.assert_array_equal(y, [1, 1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(hits[0], [1, 1, 0])  # exactly 10 % counts
    np.testing.assert_array_equal(lead, [2, 1, np.nan, np.nan, np.nan])


def test_a_name_that_is_not_listed_counts_as_zero() -> None:
    close = np.array([[100.0, np.nan], [50.0, np.nan], [50.0, 3.0]])
    y, hits, _ = label(close, np.isfinite(close), LabelConfig(horizon=1, depth=0.1, names=1))
    np.testing.assert_array_equal(y, [1, 0, np.nan])
    np.testing.assert_array_equal(hits[0], [1, 0])


def test_purge_keeps_out_labels_that_read_the_test() -> None:
    rows = np.arange(20, 220, 5)
    kept = learn.early(rows, 32, PaperConfig())
    assert rows[kept].max() + 60 <= rows[32] < rows[kept].max() + 65


def test_the_presets_differ_in_width_and_head_only() -> None:
    from riskradar.paper import load

    figure, text = load("paper"), load("paper-text")
    assert (figure.learners.width, figure.learners.head_hidden) == (64, 0)
    assert (text.learners.width, text.learners.head_hidden) == (32, 16)
    assert figure.model_copy(update={"preset": "", "learners": None}) == text.model_copy(update={"preset": "", "learners": None})


def test_features_are_the_seven_of_the_paper() -> None:
    assert len(window.INPUTS) == 7
