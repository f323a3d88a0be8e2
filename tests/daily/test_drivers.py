"""What drives each row: the largest terms of its explanation, in the ledger and in the indicator that is given away."""

import numpy as np
import pytest

from riskradar import api, exchange, record
from riskradar.attribution import drivers, explain
from riskradar.reopen import reopen
from tests.daily.workspace import TRAINED


@pytest.mark.parametrize("model", ["vol+breadth", "logistic-vol"])
def test_the_drivers_of_a_run_are_the_largest_terms_of_its_explanations(place, model):
    opened = reopen(record.load(place.home, "latest"))
    found = drivers.of_run(opened, model)
    targets = {target.name: target for target in opened.labels.targets}
    forecast = opened.record.forecasts()[model]
    assert set(found) == {(str(date), name) for date in forecast.dates for name in targets}
    said = [(date, name) for date, name in found if found[date, name]]
    assert len(said) > len(found) / 2
    for date, name in said[:: len(said) // 3]:
        terms = [term for term in explain(opened, model, targets[name], date).terms if term.kind in ("feature", "series")]
        top = sorted(terms, key=lambda term: -abs(term.adds))[: drivers.MOST]
        assert [driver["name"] for driver in found[date, name]] == [term.name for term in top]
        for key in ("adds", "value"):
            np.testing.assert_allclose([driver[key] for driver in found[date, name]], [getattr(term, key) for term in top], rtol=1e-9, atol=1e-12)


def test_each_row_of_the_indicator_that_has_a_probability_says_what_drove_it(place, tmp_path):
    rows = exchange.read(api.report("latest", home=place.home, out=tmp_path / "r.parquet"))
    assert all(bool(row["drivers"]) == (row["probability"] is not None) for row in rows)
    assert sum(bool(row["drivers"]) for row in rows) > 500


def test_without_its_data_a_run_gives_rows_without_drivers(place, tmp_path, caplog):
    place.add(TRAINED - 5, TRAINED - 4, place.evening(TRAINED - 4), place.close * 1.1)
    run = next(place.home.glob("*/run.json"))
    run.write_text(run.read_text().replace('"as_of": "', '"as_of": "2'))
    rows = exchange.read(api.report("latest", home=place.home, out=tmp_path / "r.jsonl"))
    assert not any(row["drivers"] for row in rows)
    assert "no row says what drove it" in caplog.text
