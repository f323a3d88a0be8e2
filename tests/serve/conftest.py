"""A server over stored runs whose names are hostile: two small runs made of a generated market, and one that cannot be read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from riskradar import api, record
from riskradar.data.calendar import exchange
from riskradar.record import Record
from riskradar.serve import create_app
from riskradar.serve.security import Limits
from riskradar.serve.start import bound

SEALED, DAMAGED = "20230102-030405-tiny", "20220102-030405-tiny-broken"
TOKEN = "a token that nobody guesses"  # noqa: S105
URL = "http://127.0.0.1:8000"
NAMES = (
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "@SUM(1+1)", "Ünï`${7*7}`", '"><img src=x onerror=alert(1)>', "javascript:alert(1)",
    "A&B", "-B",
)  # fmt: skip
SETTINGS = (
    "models.names=['base-rate','ewma-vol','breadth','vol+breadth','logistic-vol']", "evaluate.draws=20", "evaluate.min_events=1",
    "data.start=2005-01-03", "nodes.names=['har','ridge']", "nodes.years=3",
    "labels.targets=['5/3','20/5']", "split.first=2008-01-02", "evaluate.start=2008-01-02",
)  # fmt: skip


def market(folder: Path) -> tuple[str, ...]:
    """Settings that read eight hostile names and their sectors from files."""
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("2005-01-03")][:1600]
    rng = np.random.default_rng(4)
    wild = np.sin(np.arange(len(days)) / 45) > 0.6
    common = rng.normal(np.where(wild, -0.003, 0.002), np.where(wild, 0.014, 0.006))
    close = 100 * np.exp(np.cumsum(common[:, None] + rng.normal(0, 0.008, (len(days), len(NAMES))), axis=0))
    pd.DataFrame(close, index=[str(d) for d in days], columns=list(NAMES)).to_csv(folder / "prices.csv", index_label="date")
    sectors = [f"<b>{k % 3}</b>" for k in range(len(NAMES))]
    pd.DataFrame({"asset": NAMES, "sector": sectors}).to_csv(folder / "sectors.csv", index=False)
    return (*SETTINGS, f"data.prices={folder / 'prices.csv'}", f"data.sectors={folder / 'sectors.csv'}")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sealed run, a newer one that ends before the sealed half, and an older one that is damaged."""
    folder = tmp_path_factory.mktemp("serve")
    home, settings = folder / "runs", market(folder)
    api.run(preset="tiny", settings=settings, home=home, now=datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC))
    opened = (*settings, "data.end=2009-12-31")
    api.run(preset="tiny", settings=opened, home=home, now=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))
    (home / DAMAGED).mkdir()
    (home / DAMAGED / "run.json").write_text("{")
    return home


@pytest.fixture(scope="session")
def stored(home: Path) -> Record:
    """The newest run."""
    return record.load(home)


@pytest.fixture(scope="session")
def sealed(home: Path) -> Record:
    """The run whose later half is sealed."""
    return record.load(home, SEALED)


@pytest.fixture(scope="session")
def app(home: Path) -> FastAPI:
    return create_app(home, limits=Limits(rate=1e6, burst=10**6))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=URL)


@contextmanager
def listening(app: FastAPI) -> Iterator[int]:
    """A real server on a free port of loopback, until the block ends."""
    place = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", proxy_headers=False, server_header=False))
    thread = threading.Thread(target=server.run, args=([place],))
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
        yield place.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        place.close()


@pytest.fixture(scope="session")
def port(app: FastAPI) -> Iterator[int]:
    with listening(app) as found:
        yield found
