"""What one more session costs in a warm process, fetch excluded: `python benchmarks/daily.py [--assets 44] [--sessions 1000 8000]`."""

import argparse
import os
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from riskradar import api
from riskradar.daily import update as evening
from riskradar.daily import workspace
from riskradar.store import Store
from riskradar.tables.observations import Observations

SETTINGS = """
preset = "tiny"

[data]
store = "sqlite:///{folder}/radar.db"
calendar = "observed"
start = 1980-01-01

[models]
names = ["vol+breadth", {more}]

[split]
first = {first}

[evaluate]
start = {first}
draws = 20

[daily]
model = "{model}"
"""

def market(sessions: int, assets: int) -> tuple[np.ndarray, np.ndarray]:
    """Weekdays that end in 2020, and random walks with volatile spells."""
    rng = np.random.default_rng(0)
    wild = np.where(np.sin(np.arange(sessions) / 60) > 0.4, 0.022, 0.009)[:, None]
    close = 50 * np.exp(np.cumsum(wild * (0.6 * rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, assets))), axis=0))
    dates = np.busday_offset(np.datetime64("2020-12-31"), np.arange(1 - sessions, 1), roll="backward").astype("datetime64[D]")
    return dates, close


def added(store: Store, dates: np.ndarray, close: np.ndarray, rows: range) -> None:
    """The closes of some sessions."""
    cells = [("close", f"A{i:03d}", dates[t].item(), float(close[t, i]), None) for t in rows for i in range(close.shape[1])]
    store.append("file", Observations.of_rows(cells), moment(dates[rows[-1]]))


def moment(day: np.datetime64) -> datetime:
    """The early evening of New York."""
    return datetime.fromisoformat(f"{day}T23:00:00+00:00")


def measured(model: str, sessions: int, assets: int, count: int) -> tuple[float, float]:
    """Median milliseconds of CPU and of the clock to read the store, score a new session and write it down, once the process is warm."""
    dates, close = market(sessions + count, assets)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # a run that sees years after 2010 logs a try beside itself
        file, home = Path(folder) / "riskradar.toml", Path(folder) / "runs"
        first = dates[max(sessions - 300, 600)]
        file.write_text(SETTINGS.format(folder=folder, first=first, model=model, more='"pool", "library", "garch", "beta-map"' * (model == "pool")))
        store = Store.create(f"sqlite:///{folder}/radar.db")
        added(store, dates, close, range(sessions))
        api.train(file=file, home=home, now=moment(dates[sessions - 1]))
        made, store = workspace.enter(file)
        desk = evening.Desk(store, evening.speaking(store, home))
        spent = []
        for t in range(sessions, sessions + count):
            added(store, dates, close, range(t, t + 1))
            start, clock = time.process_time(), time.perf_counter()
            desk.evening(made, moment(dates[t]))
            spent.append((time.process_time() - start, time.perf_counter() - clock))
    cpu, wall = (1000 * statistics.median(column) for column in zip(*spent[2:], strict=True))
    return cpu, wall


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=44)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1000, 8000])
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--models", nargs="+", default=["vol+breadth"])
    given = parser.parse_args()
    for model in given.models:
        for sessions in given.sessions:
            cpu, wall = measured(model, sessions, given.assets, given.count)
            print(f"{model}, {given.assets} assets, {sessions} sessions: {cpu:.0f} ms of CPU, {wall:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
