"""Folds: whatever the calendar, nothing is learned from a label that was not known."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from riskradar.errors import UsageError
from riskradar.labels import known_on
from riskradar.split import Fold, SplitConfig, folds
from riskradar.tables import SYSTEM, Labels, Target


def labels_on(dates: np.ndarray, horizons: tuple[int, ...]) -> Labels:
    T, targets = len(dates), tuple(Target(h, 0.05) for h in horizons)
    known = np.stack([known_on(dates, h) for h in horizons], axis=1)
    values = np.where(np.isnat(known), np.nan, 0.0)[:, None, :]
    return Labels(dates, (SYSTEM,), targets, values, known, np.ones(T, bool), np.ones(T))


@st.composite
def calendars(draw: st.DrawFn) -> np.ndarray:
    """1 to 1200 sessions with gaps of days, weeks and years."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps = rng.choice([1, 1, 1, 1, 3, 3, 9, 40, draw(st.sampled_from([2, 400]))], draw(st.integers(1, 1200)), p=[*[0.15] * 6, 0.06, 0.03, 0.01])
    return np.datetime64("1990-01-01", "D") + np.cumsum(gaps)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Labels, SplitConfig, int]:
    dates = draw(calendars())
    horizons = tuple(sorted(draw(st.sets(st.sampled_from([1, 5, 20, 60, 300]), min_size=1, max_size=3))))
    span = int((dates[-1] - dates[0]).astype(int))
    first = dates[0].item() + timedelta(days=draw(st.integers(0, span)))
    begin = dates[0].item() + timedelta(days=draw(st.integers(0, span)))
    config = SplitConfig(
        first=first, train_share=draw(st.floats(0.05, 0.95)), embargo=draw(st.sampled_from([0, 1, 5, 60, 900])),
        crises={"one": (begin, begin + timedelta(days=draw(st.integers(0, 500))))},
    )  # fmt: skip
    return labels_on(dates, horizons), config, draw(st.integers(1, 4))


def check_past(labels: Labels, config: SplitConfig, fold: Fold) -> None:
    """Everything that was known `embargo` sessions before the first test session, and nothing else."""
    assert fold.kind == "live"
    assert fold.cutoff <= labels.dates[fold.start]
    last = max(fold.start - config.embargo, 0)
    assert fold.cutoff == labels.dates[last]
    rows = np.arange(len(labels.dates))
    for k, target in enumerate(labels.targets):
        assert (fold.train[:, k] == (rows + target.horizon <= last)).all(), "sessions from the label to the cut-off"
        if fold.train[:, k].any():
            assert labels.known[fold.train[:, k], k].max() <= fold.cutoff


@given(cases())
def test_walk_forward(case: tuple[Labels, SplitConfig, int]) -> None:
    labels, config, years = case
    made = folds(labels, config, years)
    first = int(np.searchsorted(labels.dates, np.datetime64(config.first)))
    assert np.concatenate([np.arange(f.start, f.stop) for f in made]).tolist() == list(range(first, len(labels.dates))), "each session once"
    year = labels.dates.astype("datetime64[Y]").astype(int)
    for fold in made:
        check_past(labels, config, fold)
        if fold.start > first:
            assert year[fold.start] > year[fold.start - 1]
            age = year[fold.start] - year[first]
            assert age < years or age % years == 0, "yearly at first, then every `years`"
        turns = [t for t in range(fold.start + 1, fold.stop) if year[t] != year[t - 1] and (year[t] - year[first]) % years == 0]
        assert not turns, "a refit was left out"
    assert len({f.name for f in made}) == len(made)


@given(cases())
def test_holdout(case: tuple[Labels, SplitConfig, int]) -> None:
    labels, config, years = case
    config = config.model_copy(update={"method": "holdout"})
    (fold,) = folds(labels, config, years)
    assert fold.stop == len(labels.dates)
    assert fold.start == int(len(labels.dates) * config.train_share)
    check_past(labels, config, fold)


@given(cases())
def test_leave_one_crisis_out(case: tuple[Labels, SplitConfig, int]) -> None:
    labels, config, years = case
    try:
        made = folds(labels, config.model_copy(update={"method": "leave-one-crisis-out"}), years)
    except UsageError:
        return
    rows = np.arange(len(labels.dates))
    begin, end = (np.datetime64(day) for day in config.crises["one"])
    for fold in made:
        assert fold.kind == "transfer"
        assert ((labels.dates >= begin) & (labels.dates <= end)).nonzero()[0].tolist() == list(range(fold.start, fold.stop))
        for k, target in enumerate(labels.targets):
            used = rows[fold.train[:, k]]
            before, after = used[used < fold.start], used[used >= fold.start]
            assert (before + target.horizon < max(fold.start - config.embargo, 0)).all(), "a label's span touches the test window"
            assert (after >= fold.stop + config.embargo).all()
            assert (used + target.horizon < len(rows)).all()
            assert len(before) == max(max(fold.start - config.embargo, 0) - target.horizon, 0), "usable days were left out"
        assert fold.cutoff == labels.known[fold.train].max()


@given(cases(), st.sampled_from(["one", "two"]), st.sampled_from(["one", "two"]))
def test_transfer(case: tuple[Labels, SplitConfig, int], learn: str, judge: str) -> None:
    labels, config, years = case
    (begin, end), = config.crises.values()
    crises = {"one": (begin, end), "two": (end + timedelta(days=1), end + timedelta(days=300))}
    config = config.model_copy(update={"method": "transfer", "crises": crises, "learn": learn, "judge": judge})
    try:
        (fold,) = folds(labels, config, years)
    except UsageError:
        return
    rows = np.arange(len(labels.dates))
    inside = {name: rows[(labels.dates >= np.datetime64(a)) & (labels.dates <= np.datetime64(b))] for name, (a, b) in crises.items()}
    scored, taught = np.arange(fold.start, fold.stop), inside[learn]
    if learn == judge:
        half = len(taught) // 2
        assert (scored == taught[half:]).all(), "the later half is scored"
        taught = taught[:half]
    else:
        assert (scored == inside[judge]).all()
    assert fold.kind == "transfer"
    assert fold.cutoff == labels.known[fold.train].max()
    gap = [config.embargo if learn == "two" > judge else 0, 0 if learn == "two" > judge else config.embargo]
    for k, target in enumerate(labels.targets):
        used = rows[fold.train[:, k]]
        assert (used >= taught[0] + gap[0]).all()
        assert (used + target.horizon <= taught[-1] - gap[1]).all(), "a label ends outside the window that teaches"
        assert len(used) == max(len(taught) - target.horizon - sum(gap), 0), "usable days were left out"


def test_a_window_that_is_none_is_named() -> None:
    labels = labels_on(np.arange("2000-01-03", "2000-03-01", dtype="datetime64[D]"), (5,))
    with pytest.raises(UsageError, match=r"'lehman' is no crisis window; .*dot-com, gfc, covid"):
        folds(labels, SplitConfig(method="transfer", learn="gfc", judge="lehman"))


def test_nothing_to_score_says_what_to_set() -> None:
    labels = labels_on(np.arange("2000-01-03", "2000-03-01", dtype="datetime64[D]"), (5,))
    for config in (SplitConfig(first=date(2001, 1, 1)), SplitConfig(method="leave-one-crisis-out")):
        with pytest.raises(UsageError, match=r"leaves nothing to score .*2000-01-03 to 2000-02-29.* set split"):
            folds(labels, config)
    with pytest.raises(UsageError, match="no session"):
        folds(labels_on(np.empty(0, "datetime64[D]"), (5,)), SplitConfig())


def test_a_window_before_the_panel_is_no_crisis_of_it() -> None:
    dates = np.arange("2005-01-03", "2012-12-31", dtype="datetime64[D]")
    made = folds(labels_on(dates, (20,)), SplitConfig(method="leave-one-crisis-out"))
    assert [f.name for f in made] == ["gfc"]


@pytest.mark.parametrize("wrong", [
    {"train_share": 0}, {"train_share": 1}, {"embargo": -1}, {"method": "k-fold"}, {"folds": 5},
    {"crises": {"x": (date(2001, 1, 1), date(2000, 1, 1))}},
    {"crises": {"x": (date(2000, 1, 1), date(2001, 1, 1)), "y": (date(2000, 6, 1), date(2002, 1, 1))}},
    {"crises": {"x": (date(2000, 1, 1), date(2001, 1, 1)), "y": (date(2001, 1, 1), date(2002, 1, 1))}},
])  # fmt: skip
def test_settings_that_cannot_be_used(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SplitConfig(**wrong)
