"""Workspaces and a receiver for the tests of an evening."""

import numpy as np
import pytest

from riskradar import alert
from tests.daily.workspace import SESSIONS, TRAINED, Receiver, copied, made


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A workspace whose store knows the first sessions and whose first run speaks; to be copied, never changed."""
    folder = tmp_path_factory.mktemp("workspace")
    return made(folder)


@pytest.fixture
def place(trained, tmp_path):
    """A copy of the trained workspace."""
    return copied(trained, tmp_path / "copy")


@pytest.fixture
def receiver(monkeypatch):
    """A receiver that the environment names."""
    found = Receiver()
    monkeypatch.setenv(alert.URLS, found.url)
    yield found
    found.close()


@pytest.fixture(scope="session")
def crossing(trained, tmp_path_factory):
    """The position of the first session after the training on which an alarm begins."""
    probe = copied(trained, tmp_path_factory.mktemp("probe") / "copy")
    probe.add(TRAINED, SESSIONS)
    begun = [row["date"] for row in probe.update(SESSIONS - 1).changed if row["state"] == "firing"]
    later = [t for t in np.searchsorted(probe.dates, np.array(begun, "datetime64[D]")) if t > TRAINED + 2]
    return int(later[0])
