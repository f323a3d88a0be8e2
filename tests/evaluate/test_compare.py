import dataclasses
import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from riskradar.errors import UsageError
from riskradar.evaluate import EvaluateConfig, Report, run
from riskradar.evaluate.alarms import alarms
from riskradar.evaluate.scores import sarlin
from riskradar.tables import Target

CONFIG = EvaluateConfig(draws=40, end=None, split="2002-01-01", min_events=5)


@pytest.fixture(scope="module")
def report(forecasts, labels) -> Report:
    return run(forecasts, labels, CONFIG)


def cell(report: Report, model: str, target: str = "20/5"):
    return next(r for r in report.rows if r.model == model).targets[target]


def test_order_of_models_changes_nothing(report, forecasts, labels) -> None:
    assert run(dict(reversed(forecasts.items())), labels, CONFIG).record() == report.record()


def test_a_model_keeps_its_numbers_when_others_leave(report, forecasts, labels) -> None:
    """The draws are the same for all: they do not depend on who else is in the table."""
    alone = run({k: forecasts[k] for k in ("noise", "vol+breadth")}, labels, CONFIG)
    assert cell(alone, "noise") == cell(report, "noise")


def test_same_scores_have_a_paired_difference_of_exactly_zero(forecasts, labels) -> None:
    twin = dataclasses.replace(forecasts["vol+breadth"], model="twin")
    claim = cell(run({**forecasts, "twin": twin}, labels, CONFIG), "twin").paired["vol+breadth"]
    assert (claim.value, claim.low, claim.high, claim.event_low, claim.event_high, claim.shown) == (0, 0, 0, 0, 0, False)


def test_auroc_is_sklearns_on_the_stated_days(report, forecasts, labels) -> None:
    y = labels.system("20/5")
    days = (labels.dates >= np.datetime64("1998-01-02")) & ~np.isnan(y)
    for model in ("noise", "noisy"):
        score = forecasts[model].score.mean(axis=0)[:, 0, 0]
        assert cell(report, model).auroc.value == pytest.approx(roc_auc_score(y[days], score[days]))
        assert cell(report, model).auroc_onset.value == pytest.approx(roc_auc_score(y[days & labels.onset], score[days & labels.onset]))
        late = days & (labels.dates >= np.datetime64("2002-01-01"))
        assert list(cell(report, model).halves.values())[1].auroc.value == pytest.approx(roc_auc_score(y[late], score[late]))


def test_skill_is_won_from_the_expanding_climatology(report, labels) -> None:
    good = cell(report, "vol+breadth")
    assert good.log_skill.low > 0
    assert good.brier_skill_onset.value > 0
    assert cell(report, "noise").log_skill.reason == "not a probability"
    assert sum(b.days for b in good.reliability) == report.targets[0].sessions


def test_a_worse_model_is_not_shown_and_a_better_one_is(report, forecasts, labels) -> None:
    headline = next(r for r in report.rows if r.model == "noise").headline["vol+breadth"]
    assert headline.high < 0
    assert "not shown" in headline.sentence
    swapped = run(forecasts, labels, CONFIG.model_copy(update={"comparators": ("noise",)}))
    won = next(r for r in swapped.rows if r.model == "vol+breadth").headline["noise"]
    assert won.shown
    assert won.value == pytest.approx(-headline.value)


def test_headline_is_the_mean_of_the_paired_differences(report) -> None:
    row = next(r for r in report.rows if r.model == "noisy")
    mean = np.mean([c.paired["vol+breadth"].value for c in row.targets.values()])
    assert row.headline["vol+breadth"].value == pytest.approx(mean)


def test_seed_spread_stands_apart(report) -> None:
    assert cell(report, "noisy").auroc_seed_sd.value > 0
    assert cell(report, "noise").auroc_seed_sd.reason == "one seed"


def test_too_few_events_print_no_ranking(forecasts, labels) -> None:
    few = run(forecasts, labels, CONFIG.model_copy(update={"min_events": 1000}))
    found = cell(few, "noise")
    for score in (found.auroc, found.auroc_onset, found.auroc_blocks, found.auprc_lift, found.paired["vol+breadth"]):
        assert math.isnan(score.value)
        assert "independent events of 5 %; at least 1000 are needed" in score.reason
    assert few.rows[0].headline["vol+breadth"].reason == "no headline target has enough events"
    assert (found.roc, found.pr) == ((), ())


def test_one_class_names_its_counts(labels, forecasts) -> None:
    calm = np.where(np.isnan(labels.values), np.nan, 0.0)
    found = run(forecasts, dataclasses.replace(labels, values=calm), CONFIG)
    assert cell(found, "noise").auroc.reason == f"one class only: 0 positive, {found.targets[0].sessions} negative"
    assert cell(found, "noise").confusion.recall.reason == "no positive session"


def test_models_share_their_dates_and_a_silent_model_does_not_empty_them(report, forecasts, labels, forecast) -> None:
    late = np.where(np.arange(len(labels.dates)) < 1500, np.nan, forecasts["noise"].score[0, :, 0, 0])
    silent = forecast("silent", labels, np.full(len(labels.dates), np.nan))
    shared = run({**forecasts, "late": forecast("late", labels, late), "silent": silent}, labels, CONFIG)
    assert shared.targets[0].sessions == np.sum(~np.isnan(labels.system("20/5")[1500:]))
    assert shared.targets[0].hash != report.targets[0].hash
    assert dataclasses.replace(cell(shared, "noise"), paired={}) == dataclasses.replace(cell(shared, "late"), paired={})
    assert shared.absent == {"silent": "no score on any evaluated session"}


def test_a_model_without_a_target_is_named_and_keeps_the_others(forecasts, labels) -> None:
    f = forecasts["noise"]
    partial = dataclasses.replace(f, targets=f.targets[:2], score=f.score[..., :2].copy(), probability=f.probability[..., :2].copy())
    found = run({**forecasts, "noise": partial}, labels, CONFIG)
    row = next(r for r in found.rows if r.model == "noise")
    assert list(row.targets) == ["20/5", "20/10"]
    assert found.absent == {"noise on 60/10": "no score for this target"}
    assert "has no score for 60/10" in row.headline["vol+breadth"].reason
    assert row.event.reason == "no score for 60/10"


def test_dates_of_a_forecast_are_matched_by_date(report, forecasts, labels) -> None:
    cut = {name: f.rows(200, len(labels.dates)) for name, f in forecasts.items()}
    assert cell(run(cut, labels, CONFIG), "noise").auroc == cell(report, "noise").auroc


def test_other_kinds_stay_apart_and_claim_nothing(forecasts, labels, forecast) -> None:
    transfer = forecast("transfer", labels, np.arange(len(labels.dates)), kind="transfer")
    with pytest.raises(ValueError, match="refuse to be joined"):
        run({**forecasts, "transfer": transfer}, labels, CONFIG)
    kinds = {name: replace(f, kind="transfer") for name, f in forecasts.items()}
    against_noise = CONFIG.model_copy(update={"comparators": ("noise",)})
    apart, live = run(kinds, labels, against_noise), run(forecasts, labels, against_noise)
    assert (apart.kind, live.kind) == ("transfer", "live")
    claims = [claim for row in apart.rows for claim in row.headline.values()]
    assert any(claim.shown for row in live.rows for claim in row.headline.values()), "a claim that being live allows"
    assert not any(claim.shown for claim in claims)
    assert all("transfer: " in claim.sentence or "reference" in claim.sentence for claim in claims)


def test_wrong_use_is_named(forecasts, labels, build) -> None:
    with pytest.raises(UsageError, match="vix"):
        run(forecasts, labels, CONFIG.model_copy(update={"comparators": ("vix",)}))
    with pytest.raises(UsageError, match=r"evaluate\.start"):
        run(forecasts, labels, EvaluateConfig(start="2050-01-01", end=None))
    continuous = build(labels.level, (Target.parse("log-volatility/20"),))
    with pytest.raises(UsageError, match="yes-or-no"):
        run(forecasts, continuous, CONFIG)


def test_a_span_without_data_says_what_the_data_hold(forecasts, labels) -> None:
    last = labels.dates[-1]
    with pytest.raises(UsageError, match=f"to {last}; nothing was evaluated"):
        run(forecasts, labels, EvaluateConfig(start=(last + 1).item(), end=(last + 9).item()))


def test_base_rates_events_and_definitions_are_printed(report, labels) -> None:
    first = report.targets[0]
    y = labels.system("20/5")
    days = (labels.dates >= np.datetime64("1998-01-02")) & ~np.isnan(y)
    assert first.base_rate == pytest.approx(y[days].mean())
    assert first.base_rate_onset == pytest.approx(y[days & labels.onset].mean())
    assert report.targets[2].events == len(report.events) >= 5
    assert all("{" not in d.text for d in report.definitions)


def test_confusion_counts_alarms_on_onset_days(report, forecasts, labels) -> None:
    score, y = forecasts["vol+breadth"].score[0, :, 0, 0], labels.system("20/5")
    warned = alarms(score, labels, "20/5", 0.1)
    days = (labels.dates >= np.datetime64("1998-01-02")) & ~np.isnan(y) & ~np.isnan(warned.threshold) & labels.onset
    alarm, found = warned.raised, cell(report, "vol+breadth").confusion
    (tn, fp), (fn, tp) = confusion_matrix(y[days], alarm[days])
    assert (found.tp, found.fp, found.tn, found.fn) == (tp, fp, tn, fn)
    assert found.precision.value == pytest.approx(tp / (tp + fp))
    assert found.fpr.value == pytest.approx(fp / (fp + tn))
    assert found.fnr.low < fn / (fn + tp) < found.fnr.high
    assert cell(report, "vol+breadth").usefulness[0].sarlin == pytest.approx(sarlin(tp, fp, tn, fn, 0.5)[0])


def test_confusion_leaves_out_sessions_before_the_first_threshold(forecasts, labels) -> None:
    cut = {name: f.rows(1000, len(labels.dates)) for name, f in forecasts.items()}
    young = run(cut, labels, CONFIG)
    found = cell(young, "noise").confusion
    assert found.tp + found.fp + found.tn + found.fn < young.targets[0].sessions
