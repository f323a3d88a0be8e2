"""Labels: nothing is known before its day; targets are read and named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskradar import labels
from riskradar.errors import UsageError
from riskradar.labels import LabelsConfig
from riskradar.tables import Labels, Panel, Target


@pytest.fixture(scope="module")
def table(ragged: Panel) -> Labels:
    return labels.build(ragged, LabelsConfig(targets=("5/3", "20/5", "log-volatility/20"), units="nodes"))


def test_upto_forgets_what_was_not_known(table: Labels) -> None:
    for t in (0, 4, 5, 19, 20, 150, 329):
        cut = table.upto(table.dates[t])
        assert len(cut.dates) == t + 1
        for k, target in enumerate(table.targets):
            known = np.arange(t + 1) + target.horizon <= t
            assert np.isnan(cut.values[~known, :, k]).all()
            np.testing.assert_array_equal(cut.values[known, :, k], table.values[: t + 1][known, :, k])
    assert table.upto("1999-01-01").values.shape == (0, 11, 3)
    again = table.upto(table.dates[200]).upto(table.dates[100])
    np.testing.assert_array_equal(again.values, table.upto(table.dates[100]).values)


def test_upto_between_sessions_is_the_session_before(table: Labels) -> None:
    t = int(np.argmax(np.diff(table.dates)))
    np.testing.assert_array_equal(table.upto(table.dates[t] + np.timedelta64(2, "D")).values, table.upto(table.dates[t]).values)


def test_a_value_without_a_known_day_is_refused(table: Labels) -> None:
    values = table.values.copy()
    values[-1, 0, 0] = 0.0
    with pytest.raises(ValueError, match="must say when"):
        replace(table, values=values)


@pytest.mark.parametrize(("field", "message"), [("values", "values has shape"), ("known", "known has shape"), ("onset", "onset"), ("level", "level")])
def test_shapes_are_checked(table: Labels, field: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(table, **{field: getattr(table, field)[1:]})
    with pytest.raises(ValueError, match="repeats"):
        replace(table, targets=(Target(5, 0.03),) * 3)
    with pytest.raises(ValueError, match="repeats"):
        replace(table, units=("system",) * 11)


def test_system_by_name_or_target(table: Labels) -> None:
    np.testing.assert_array_equal(table.system("20/5"), table.values[:, 0, 1])
    np.testing.assert_array_equal(table.system(Target(5, 0.03)), table.values[:, 0, 0])


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("20/5", Target(20, 0.05)), ("5/3", Target(5, 0.03)), ("60/10", Target(60, 0.10)), ("10/7.5/fall", Target(10, 0.075, "fall")),
        ("20/10/share25", Target(20, 0.10, "share", 0.25)), ("log-volatility/20", Target(20, 0.0, "log-volatility")),
        ("log-drawdown/60", Target(60, 0.0, "log-drawdown")),
    ],
)  # fmt: skip
def test_targets_are_read_and_named(text: str, target: Target) -> None:
    assert Target.parse(text) == target
    assert target.name == text
    assert target.binary is not text.startswith("log-")


@given(st.integers(1, 1000), st.integers(1, 99), st.sampled_from(["", "/fall", "/share7", "/share33"]))
def test_every_name_is_read_back(horizon: int, percent: int, kind: str) -> None:
    target = Target.parse(f"{horizon}/{percent}{kind}")
    assert Target.parse(target.name) == target
    assert target.depth == percent / 100


@pytest.mark.parametrize(
    "text", [
        "", "20", "20/", "/5", "20/5/", "0/5", "1001/5", "20/0", "20/100", "20/-5", "-5/3", "20/5/rise", "20/5/share101", "20/5/share",
        "log-volatility/0", "log-return/20", "20/5 ", "20/1e1", "20/nan",
    ],
)  # fmt: skip
def test_targets_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError, match=r"target .*(not understood|out of range)"):
        Target.parse(text)
