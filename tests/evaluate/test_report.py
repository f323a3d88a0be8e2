import json
import math

import pytest

from riskradar.errors import StorageError
from riskradar.evaluate import EvaluateConfig, Report, run


@pytest.fixture(scope="module")
def report(forecasts, labels) -> Report:
    return run(forecasts, labels, EvaluateConfig(draws=20, end=None), {"radar": "no torch here"})


def test_strict_json_and_back(report: Report) -> None:
    text = json.dumps(report.record(), allow_nan=False)
    assert json.dumps(Report.from_record(json.loads(text)).record(), allow_nan=False) == text


def test_undefined_is_null_with_a_reason(report: Report) -> None:
    row = next(r for r in report.record()["rows"] if r["model"] == "always-on")
    assert row["targets"]["20/5"]["auroc"]["value"] is None
    assert row["targets"]["20/5"]["auroc"]["reason"] == "constant score: it ranks nothing"
    back = next(r for r in Report.from_record(report.record()).rows if r.model == "always-on")
    assert math.isnan(back.targets["20/5"].auroc.value)


@pytest.mark.parametrize("damage", [{"schema": "riskradar.evaluation/9"}, {"rows": [{"model": "x"}]}])
def test_a_damaged_record_is_refused_in_one_line(report: Report, damage: dict[str, object]) -> None:
    with pytest.raises(StorageError, match="run the evaluation again") as error:
        Report.from_record({**report.record(), **damage})
    assert "\n" not in str(error.value)
