"""One short replication of each kind: the package's sample in two windows, and a generated market with hostile names."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from riskradar import api
from riskradar.record import Record
from tests.markets import walk

SETTINGS = (
    "protocol.windows={gfc=[2006-01-02, 2006-12-29], covid=[2018-01-01, 2018-12-31]}", "learners.seeds=2", "learners.trees=5",
    "learners.static_epochs=1", "learners.temporal_epochs=1", "intervals.draws=40", "intervals.block=10",
)  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)></script>'\""


@pytest.fixture(scope="session")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The sample of 20 names in two short windows."""
    return api.run(None, "paper", SETTINGS, home=tmp_path_factory.mktemp("paper"), now=datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a generated market whose first name is a script."""
    dates = pd.bdate_range("2017-01-02", "2019-12-31")
    close = walk(len(dates), 6, seed=3)
    prices = pd.DataFrame(close, dates, [HOSTILE, *(f"A{i}" for i in range(5))])
    settings = (*SETTINGS, "protocol.windows={covid=[2018-01-01, 2018-12-31]}", "data.calendar=observed", "protocol.sequence=6")
    home: Path = tmp_path_factory.mktemp("hostile")
    return (api.run(prices, "paper-text", settings, home=home).folder / "report.html").read_text("utf-8")
