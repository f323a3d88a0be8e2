"""Panel: what it refuses, and what was known on a date."""

from dataclasses import replace

import numpy as np
import pytest

from riskradar.tables import Panel
from tests.markets import bits, panel, walk


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("assets", ("A01", "A00", "A02"), "sorted"),
        ("assets", ("A00", "A00", "A02"), "repeats"),
        ("kind", ("stock", "bond", "stock"), "kind"),
        ("kind", ("stock",), "kind"),
        ("kind", ("stock", "stock", "index"), "index is not a member"),
        ("close", np.zeros((20, 3)), "positive"),
        ("close", np.full((20, 3), -1.0), "positive"),
        ("close", np.full((20, 3), np.inf), "finite"),
        ("close", np.full((20, 3), np.nan), "without a close"),
        ("close", np.ones((19, 3)), "close has shape"),
        ("close", np.ones((20, 3), np.float32), "close is float32"),
        ("level", np.ones(19), "level has shape"),
        ("sector", np.zeros((20, 3), np.int64), "sector is int64"),
        ("member", np.ones((20, 3)), "member is float64"),
        ("volume", np.ones((20, 2)), "volume has shape"),
        ("dates", np.zeros(20, "datetime64[D]"), "increasing"),
    ],
)
def test_a_panel_that_cannot_be(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(panel(walk(20, 3, 0)), **{field: value})


def test_arrays_cannot_be_written(ragged: Panel) -> None:
    for name in ("dates", "close", "member", "sector", "level"):
        assert not getattr(ragged, name).flags.writeable, name


def test_upto_is_what_was_known(ragged: Panel) -> None:
    for t in (0, 1, 100, 329):
        cut = ragged.upto(ragged.dates[t])
        assert cut.dates[-1] == ragged.dates[t]
        assert (bits(cut.close) == bits(ragged.close[: t + 1])).all()
        assert (cut.facts.known_at <= ragged.dates[t]).all()
        assert len(cut.facts.of) == (ragged.facts.known_at <= ragged.dates[t]).sum()
    assert len(ragged.upto("1999-01-01").dates) == 0
    assert len(ragged.upto(ragged.dates[5] + np.timedelta64(1, "D")).dates) in (6, 7)


def test_rows_keep_facts_from_before_their_start(ragged: Panel) -> None:
    assert (bits(ragged.rows(200, 230).facts.view("vix", ragged.dates[200:230])) == bits(ragged.facts.view("vix", ragged.dates)[200:230])).all()


def test_volume_is_cut_with_the_rest() -> None:
    priced = replace(panel(walk(20, 3, 0)), volume=np.arange(60.0).reshape(20, 3))
    cut = priced.rows(3, 7)
    assert cut.volume is not None
    assert cut.volume.tolist() == np.arange(9.0, 21.0).reshape(4, 3).tolist()


def test_a_panel_speaks(ragged: Panel) -> None:
    assert "10 assets, 330 sessions, 2000-01-03 to" in str(ragged)
    assert "empty" in str(ragged.rows(0, 0))
    assert ragged.frame().shape == (330, 10)
    assert "A09" in ragged._repr_html_()
