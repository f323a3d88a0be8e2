"""Features: columns by name, rows by date."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar import features
from riskradar.features import FeaturesConfig
from riskradar.tables import Features, Panel


@pytest.fixture(scope="module")
def table(ragged: Panel) -> Features:
    return features.build(ragged, FeaturesConfig(node=("return", "drawdown_20"), context=("vix", "credit")))


def test_columns_by_name(table: Features, ragged: Panel) -> None:
    np.testing.assert_array_equal(table.column("drawdown_20"), table.values[:, :, 1])
    np.testing.assert_array_equal(table.column("credit"), table.context[:, 1])
    with pytest.raises(ValueError, match="not in"):
        table.column("nonsense")


def test_rows_and_upto(table: Features) -> None:
    assert table.upto(table.dates[40]).dates[-1] == table.dates[40]
    np.testing.assert_array_equal(table.rows(100, 120).context, table.context[100:120])
    np.testing.assert_array_equal(table.rows(100, 120).member, table.member[100:120])


@pytest.mark.parametrize(("field", "message"), [("values", "values has shape"), ("context", "context has shape"), ("member", "member has shape")])
def test_shapes_are_checked(table: Features, field: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(table, **{field: getattr(table, field)[1:]})
    with pytest.raises(ValueError, match="repeats"):
        replace(table, names=("vix", "return"))


def test_frame_holds_the_context(table: Features) -> None:
    frame = table.frame()
    assert list(frame.columns) == ["vix", "credit"]
    np.testing.assert_array_equal(frame["vix"], table.column("vix"))
    assert "credit" in table._repr_html_()
