"""The later half stays closed until it is opened on purpose."""

import datetime as dt

import numpy as np
import pytest

from riskradar.evaluate import EvaluateConfig, reality_check, run, seal, sealed_day

SPLIT = dt.date(2002, 1, 1)
CONFIG = EvaluateConfig(draws=40, end=None, split=SPLIT, min_events=1000)


def test_the_half_after_the_split_is_closed_unless_confirmed(forecasts, labels) -> None:
    assert seal(forecasts, labels, CONFIG, confirm=False) == SPLIT
    assert seal(forecasts, labels, CONFIG, confirm=True) is None


def test_a_later_split_opens_nothing_more() -> None:
    assert sealed_day(CONFIG.model_copy(update={"split": dt.date(2020, 1, 1)})) == dt.date(2010, 1, 1)


def test_nothing_is_closed_where_nothing_could_be_chosen_or_nothing_comes_after(forecasts, labels) -> None:
    late = {name: f.rows(2600, len(labels.dates)) for name, f in forecasts.items()}
    assert late["noise"].dates[0] > np.datetime64(SPLIT)
    assert seal(late, labels, CONFIG, confirm=False) is None
    assert seal({}, labels, CONFIG, confirm=False) is None
    assert seal(forecasts, labels.upto("2001-12-31"), CONFIG, confirm=False) is None


def test_a_closed_evaluation_is_that_of_the_day_before(forecasts, labels) -> None:
    """Nothing after the split can reach it: not a score, not a close, not an outcome that was still open on the last day."""
    closed = run(forecasts, labels, CONFIG, sealed=SPLIT)
    cut = int(np.searchsorted(labels.dates, np.datetime64(SPLIT)))
    past = labels.upto(labels.dates[cut - 1])
    short = {name: f.rows(0, cut) for name, f in forecasts.items()}
    assert closed.record() == run(short, past, CONFIG, sealed=SPLIT).record()
    assert closed.span.end == str(labels.dates[cut - 1])
    assert closed.targets[-1].sessions == cut - int(np.searchsorted(labels.dates, np.datetime64("1998-01-02"))) - 60
    assert closed.sealed == str(SPLIT)


def test_a_closed_half_ranks_without_a_least_number_of_falls_and_claims_nothing(forecasts, labels) -> None:
    closed = run(forecasts, labels, CONFIG.model_copy(update={"comparators": ("noise",)}), sealed=SPLIT)
    won = next(r for r in closed.rows if r.model == "vol+breadth").headline["noise"]
    assert won.low > 0
    assert not won.shown
    assert won.sentence.startswith("first half only: ")


def test_the_headline_of_each_half_and_of_each_draw(forecasts, labels) -> None:
    report = run(forecasts, labels, CONFIG.model_copy(update={"min_events": 5}))
    row = next(r for r in report.rows if r.model == "noise")
    assert report.headline == ("20/5", "20/10", "60/10")
    assert list(row.halves) == ["1998-2001", "2002-2006"]
    for years, claims in row.halves.items():
        ranked = {r.model: [r.targets[t].halves[years].auroc_onset.value for t in report.headline] for r in report.rows}
        assert claims["vol+breadth"].value == pytest.approx(np.mean(ranked["noise"]) - np.mean(ranked["vol+breadth"]))
        assert not claims["vol+breadth"].shown
    draws = row.draws["vol+breadth"]
    assert len(draws) == CONFIG.draws
    low, high = np.quantile(draws, [0.05, 0.95])
    assert (low, high) == pytest.approx((row.headline["vol+breadth"].low, row.headline["vol+breadth"].high), abs=1e-4)


def test_reality_check_sees_luck_and_merit() -> None:
    """Twenty rows without merit: the best looks good alone, and not among twenty; one real difference stays."""
    rng = np.random.default_rng(0)
    p = []
    for _ in range(200):
        noise = rng.normal(0, 0.02, 20)
        p.append(reality_check(noise, noise[:, None] + rng.normal(0, 0.02, (20, 300))))
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.1, abs=0.06)
    values = np.append(rng.normal(0, 0.02, 19), 0.12)
    assert reality_check(values, values[:, None] + rng.normal(0, 0.02, (20, 300))) < 0.02
    assert reality_check(values[-1:], values[-1:, None] + rng.normal(0, 0.02, (1, 300))) < 0.02
    assert np.isnan(reality_check(np.empty(0), np.empty((0, 300))))
