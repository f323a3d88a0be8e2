"""A small run with macro series, sectors, sentiment and a network, opened once."""


import numpy as np
import pandas as pd
import pytest

import riskradar as rr
from riskradar.data.calendar import exchange
from riskradar.reopen import Opened, reopen
from riskradar.scenario import Day
from tests.markets import walk

SECTORS = dict(zip("ABCDEFGH", ("Financials", "Financials", "Energy", "Energy", "Health Care", "Health Care", "Utilities", "Energy"), strict=True))
DATE = "2004-06-15"
SETTINGS = [
    "data.index=equal-weight", "data.lags.tone=0", "layers.names=['correlation','sector','residual','sentiment']", "layers.correlation.window=20",
    "layers.residual.neighbours=3", "layers.sentiment.refresh=daily", "layers.sentiment.neighbours=3",
    "models.names=['vol+breadth','vix','snapshot-gcn']", "models.seeds=2", "models.snapshot.width=4",
    "models.snapshot.train.epochs=1", "split.first=2001-01-02", "evaluate.start=2001-01-02", "evaluate.draws=30", "evaluate.min_events=1",
    "measures.names=['average-correlation','density','turbulence','ciss']", "labels.targets=['5/3','20/5']",
]  # fmt: skip


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(5)
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("1998-01-02")][:1700]
    close = walk(len(days), len(SECTORS), 5)
    common = np.cumsum(rng.normal(0, 0.006, (len(days), 4)), axis=0)  # what sectors share, so that residual graphs have edges
    close *= np.exp(common[:, [sorted(set(SECTORS.values())).index(sector) for sector in SECTORS.values()]])
    close[:300, 7] = np.nan  # listed late
    index = pd.DatetimeIndex(days, name="date")
    pd.DataFrame(close, index, list(SECTORS)).to_csv(folder / "prices.csv")
    vix, hy = 20 * np.exp(np.cumsum(rng.normal(0, 0.015, len(days)))), 4 + np.cumsum(rng.normal(0, 0.02, len(days)))
    pd.DataFrame({"vix": vix, "hy_oas": hy, "dgs10": 5.0}, index).to_csv(folder / "macro.csv")
    pd.DataFrame({"asset": SECTORS.keys(), "sector": SECTORS.values()}).to_csv(folder / "sectors.csv", index=False)
    tone = [(d, name, rng.normal(), rng.normal()) for d in days[400:] for name in SECTORS if rng.random() < 0.7]
    pd.DataFrame(tone, columns=["date", "asset", "vader_mean", "n_headlines"]).to_csv(folder / "tone.csv", index=False)
    files = [f"data.{name}={folder / name}.csv" for name in ("prices", "macro", "sectors")] + [f"data.sentiment={folder / 'tone.csv'}"]
    return reopen(rr.run(None, "tiny", [*SETTINGS, "data.start=1998-01-02", *files], home=folder))


@pytest.fixture(scope="session")
def day(opened: Opened) -> Day:
    return Day.of(opened, DATE, ("vix", "vol+breadth", "snapshot-gcn"))
