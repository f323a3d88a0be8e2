"""Known numbers on the real sample inside the installed skfolio package: 20 large caps and the S&P 500, 1990-2022."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from riskradar import labels
from riskradar.features import FEATURES, values_of
from riskradar.labels import LabelsConfig
from riskradar.tables import Facts, Labels, Panel

# AUROC of 20/5 on all and on ONSET days, 1997-2022, computed before this code existed, by other code.
GOLDEN = {"z_index_volatility": (0.726, 0.645), "vol+breadth": (0.743, 0.674)}


@pytest.fixture(scope="module")
def sample() -> Panel:
    spec = importlib.util.find_spec("skfolio")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "datasets" / "data"
    close, index = (pd.read_csv(folder / name, index_col=0, parse_dates=True) for name in ("sp500_dataset.csv.gz", "sp500_index.csv.gz"))
    assert close.index.equals(index.index)
    values = close[sorted(close)].to_numpy(float)
    return Panel(
        dates=close.index.to_numpy("datetime64[D]"), assets=tuple(sorted(close)), kind=("stock",) * 20, close=values, member=np.isfinite(values),
        sectors=(), sector=np.full(values.shape, -1, np.int16), sectors_dated=False, facts=Facts.none(),
        level=index.iloc[:, 0].to_numpy(float), index="SP500",
    )  # fmt: skip


@pytest.fixture(scope="module")
def known(sample: Panel) -> Labels:
    return labels.build(sample, LabelsConfig(targets=("20/5",)))


@pytest.mark.parametrize("rule", GOLDEN)
def test_simple_rules_rank_as_they_are_known_to(rule: str, sample: Panel, known: Labels) -> None:
    volatility = values_of(FEATURES["z_index_volatility"], sample)
    score = volatility if rule == "z_index_volatility" else (volatility + values_of(FEATURES["breadth"], sample)) / 2
    y = known.system("20/5")
    use = (sample.dates >= np.datetime64("1997-01-02")) & np.isfinite(y) & np.isfinite(score)
    assert use.sum() > 6500
    onset = use & known.onset
    found = (roc_auc_score(y[use], score[use]), roc_auc_score(y[onset], score[onset]))
    np.testing.assert_allclose(found, GOLDEN[rule], atol=0.002)
