"""A market of independent random walks: nobody may look clever on it."""

from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from riskradar.backtest import BacktestConfig, run
from riskradar.split import SplitConfig
from tests.markets import TINY, Line, noise

NAMES = ("ewma-vol", "vix", "breadth", "vix+breadth+credit", "logistic", "forest")
MARKETS = 5


@pytest.fixture(scope="module")
def areas() -> dict[str, list[float]]:
    """Out-of-sample AUROC of 5/3 per model on each market."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    split = SplitConfig(first=date(2004, 1, 2))
    for seed in range(MARKETS):
        line = Line.of(noise(1800, 3, seed), ("5/3",))
        made = run(line.features, line.graphs, line.labels, TINY.model_copy(update={"names": NAMES}), split, BacktestConfig(jobs=1))
        for name, forecast in made.forecasts.items():
            y, score = line.labels.system("5/3")[line.scored(forecast)], forecast.score[0, :, 0, 0]
            use = np.isfinite(y) & np.isfinite(score)
            found[name].append(roc_auc_score(y[use], score[use]))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_model_foresees_noise(name: str, areas: dict[str, list[float]]) -> None:
    """About 750 scored days hold some 60 independent windows a market, so five markets have a standard error near .04."""
    assert len(areas[name]) == MARKETS
    assert np.mean(areas[name]) == pytest.approx(0.5, abs=0.12)
