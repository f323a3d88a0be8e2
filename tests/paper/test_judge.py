import math

import numpy as np
import pytest

from riskradar.evaluate.intervals import resample
from riskradar.paper import judge, published
from riskradar.paper.measure import average_correlation, confusion, quartiles, ranked, real_time_threshold, stability
from riskradar.paper.published import TABLE_1, TABLE_2, TABLE_3, TABLE_4, find


def kind(table: str, crisis: str, model: str, column: str) -> str:
    number = find(table, crisis, model, column)
    assert number is not None
    mark = judge.mark(number)
    return mark.kind if mark else ""


def test_table_2_has_few_whole_number_solutions() -> None:
    assert judge.implied("dot-com", "logistic") == ((84, 58, 63, 108),)
    assert judge.implied("dot-com", "forest") == ((182, 121, 0, 10),)
    assert judge.implied("gfc", "forest") == ((258, 54, 1, 0), (259, 54, 0, 0))
    assert judge.implied("covid", "logistic") == ((172, 0, 0, 37),)
    assert judge.implied("covid", "forest") == ((202, 0, 0, 7),)


def test_rounding_is_all_that_a_solution_may_differ_by() -> None:
    for tp, fp, tn, fn in judge.solutions(313, 0.824, 0.977, 0.808):
        assert math.isclose(tp / (tp + fp), 0.824, abs_tol=0.0006)
        assert math.isclose((tp + tn) / (tp + fp + tn + fn), 0.808, abs_tol=0.0006)
    assert judge.solutions(313, 0.1, 0.9, 0.95) == ()


@pytest.mark.parametrize("number", [n for n in TABLE_4 if n.column == "fpr"], ids=str)
def test_table_4_rates_follow_from_its_counts(number: published.Number) -> None:
    ((_, fp, tn, _),) = judge.implied(number.crisis, number.model)
    assert number.value == (None if fp + tn == 0 else fp / (fp + tn))


def test_an_auroc_on_one_class_is_undefined_whatever_was_printed() -> None:
    for model in ("logistic", "forest", "static", "temporal"):
        assert kind("2", "covid", model, "auroc") == "undefined"
    assert kind("4", "covid", "static", "fpr") == "undefined"


def test_always_positive_is_the_base_rate() -> None:
    for crisis, model in (("dot-com", "static"), ("gfc", "temporal")):
        for column in ("precision", "recall", "accuracy"):
            assert kind("2", crisis, model, column) == "base rate"
        assert kind("4", crisis, model, "fpr") == "base rate"
    assert kind("2", "dot-com", "logistic", "precision") == ""


def test_the_two_forests_contradict_each_other() -> None:
    assert {kind("3", n.crisis, n.model, n.column) for n in TABLE_3} == {"contradicts"}
    assert kind("2", "gfc", "forest", "accuracy") == "contradicts"


def test_an_auroc_is_chance_only_inside_an_interval_that_holds_a_half() -> None:
    number = find("2", "gfc", "static", "auroc")
    assert number is not None
    marks = [judge.mark(number, {"auroc": {"low": low, "high": high}}) for low, high in ((0.2, 0.8), (0.2, 0.4), (0.3, 0.8), (None, None))]
    assert [m.kind if m else "" for m in marks] == ["chance", "", "", ""]


def test_weekdays_are_misnamed_trading_days() -> None:
    marks = [judge.mark(n, None, 1508) for n in TABLE_1]
    assert [m.kind if m else "" for m in marks] == ["misnamed", "", "misnamed", "", "misnamed", ""]


def test_every_table_is_whole() -> None:
    assert (len(TABLE_1), len(TABLE_2), len(TABLE_3), len(TABLE_4)) == (6, 48, 12, 30)


def test_confusion_says_why_a_share_is_missing() -> None:
    counts = confusion(np.array([True, True]), np.array([True, True]))
    assert (counts["tp"], counts["fp"], counts["tn"], counts["fn"]) == (2, 0, 0, 0)
    assert counts["fpr"] == {"value": None, "reason": "no negative row"}


def test_ranking_of_one_class_has_a_reason_and_no_number() -> None:
    sample = resample(4, [], [], 20, 2.0, 0.95, 0)
    assert ranked(np.array([[0.1, 0.2, 0.3, 0.4]]), np.ones(4, bool), sample)["auroc"]["value"] is None
    found = ranked(np.array([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]), np.array([False, False, True, True]), sample)["auroc"]
    assert (found["value"], found["sd"], found["seeds"]) == (0.5, 0.5, [1.0, 0.0])


def test_average_correlation_by_hand() -> None:
    x = np.array([1.0, -1.0, 2.0, 0.5])
    assert average_correlation(np.column_stack([x, 2 * x, np.full(4, 3.0)])) == pytest.approx(1.0)
    assert average_correlation(np.column_stack([x, -x])) == pytest.approx(-1.0)
    assert np.isnan(average_correlation(x[:, None]))


def test_real_time_threshold_reads_the_past_only() -> None:
    score = np.random.default_rng(0).random(80)
    changed = score.copy()
    changed[50:] = 9.0
    np.testing.assert_array_equal(real_time_threshold(score)[:51], real_time_threshold(changed)[:51])


def test_stability_of_a_flat_and_of_a_flipping_score() -> None:
    flat = stability(np.full(120, 0.7), 60, 1, 0.5)
    assert (flat["flips_fixed"], flat["lag"], flat["drift"]) == (0.0, None, None)
    flipping = stability(np.tile([0.2, 0.8], 60).astype(float), 60, 5, 0.5)
    assert flipping["flips_fixed"] == pytest.approx(59 / (60 * 5 / 261))
    assert flipping["lag"] == pytest.approx(-1.0)


def test_quartiles_of_nothing() -> None:
    assert quartiles(np.array([np.nan])) == {"n": 0, "low": None, "median": None, "high": None}
