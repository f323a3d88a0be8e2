"""Settings of the property tests, and the markets that several test files share."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from riskradar.tables import Panel
from tests import markets

settings.register_profile("radar", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("radar")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips, since a browser or a server is missing here, fails where nothing may be missing."""
    report = yield
    if report.skipped and os.environ.get("RISKRADAR_SKIP_NOTHING") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def ragged() -> Panel:
    return markets.ragged()


@pytest.fixture(scope="session")
def long() -> Panel:
    """Enough sessions for every z-score."""
    return markets.ragged(860, seed=2)


@pytest.fixture(scope="session")
def line() -> markets.Line:
    """Five years and a half: enough to train every model."""
    return markets.Line.of(markets.ragged(1340, seed=2))
