"""A measure as a score: the figures of the leaderboard's own machinery, the sign stated, undefined with a reason."""

import numpy as np

from riskradar import evaluate
from riskradar.evaluate import EvaluateConfig, measures_as_scores
from riskradar.tables import Labels, Measures
from tests.evaluate.conftest import make_forecast

CONFIG = EvaluateConfig(draws=40, end=None)


def measured(labels: Labels) -> Measures:
    rng = np.random.default_rng(0)
    good = np.nan_to_num(labels.values[:, 0, 0]) + rng.normal(size=len(labels.dates))
    return Measures(labels.dates, ("good", "bad", "flat", "none"), np.stack([good, -good, 0 * good, good * np.nan], axis=1), {})


def test_measure_is_ranked_as_a_model_would_be(labels: Labels) -> None:
    table = measured(labels)
    found = measures_as_scores(table, labels, {"good": True, "bad": False, "flat": True, "none": True}, CONFIG)
    name = labels.targets[0].name
    row = evaluate.run({"good": make_forecast("good", labels, table.column("good"))}, labels, CONFIG.model_copy(update={"comparators": ()})).rows[0]
    for kind in ("auroc", "auroc_onset"):
        score, expected = found["good"]["targets"][name][kind], getattr(row.targets[name], kind)
        assert (score["value"], score["low"], score["high"]) == (expected.value, expected.low, expected.high)
        assert score["reverse"] == 1 - score["value"]
    assert found["good"]["targets"] == found["bad"]["targets"]
    assert (found["good"]["score"], found["bad"]["score"]) == ("+", "-")
    flat = found["flat"]["targets"][name]["auroc"]
    assert flat["value"] is None
    assert "constant" in flat["reason"]
    assert "no score" in found["none"]["reason"]
