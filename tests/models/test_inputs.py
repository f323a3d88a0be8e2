"""What a system-level model reads on a day."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import features
from riskradar.errors import UsageError
from riskradar.features import FeaturesConfig
from riskradar.models.inputs import matrix, missing
from riskradar.tables import Facts
from tests.markets import Line, bits


def test_matrix_holds_context_and_means_over_members(line: Line) -> None:
    x = matrix(line.features, ("vix", "mean:volatility_20"))
    np.testing.assert_array_equal(x[:, 0], line.features.column("vix"))
    node = np.where(line.features.member, line.features.column("volatility_20"), np.nan)
    some = np.isfinite(node).any(axis=1)
    np.testing.assert_allclose(x[some, 1], np.nanmean(node[some], axis=1), rtol=1e-12)
    assert np.isnan(x[~some, 1]).all()


def test_one_day_at_a_time_is_the_same(line: Line) -> None:
    names = ("vix", "mean:volatility_20", "breadth")
    days = [matrix(line.features.rows(t, t + 1), names)[0] for t in range(700, 760)]
    assert (bits(np.array(days)) == bits(matrix(line.features, names)[700:760])).all()


def test_missing_says_why_or_refuses(line: Line) -> None:
    assert missing(line.features, ("vix", "mean:return")) == ""
    without = features.build(replace(line.panel, facts=Facts.none()), FeaturesConfig())
    assert missing(without, ("z_vix", "breadth", "z_credit_change")) == "no series baa10y in the macro data; no series vix in the macro data"
    with pytest.raises(UsageError, match="'nonsense'"):
        missing(line.features, ("nonsense",))


@pytest.mark.parametrize("name", ["return", "mean:vix"])
def test_an_input_on_the_wrong_axis_is_refused(name: str, line: Line) -> None:
    """A node feature is read through its mean, a context feature is not."""
    with pytest.raises(UsageError, match=name):
        missing(line.features, (name,))
