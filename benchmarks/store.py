"""How fast and how large a store is, beside Parquet.

    python benchmarks/store.py [--rows N]     writes results/benchmarks/store.json; 40 million rows take a minute of CPU

Random walks of prices with two decimals, 5,000 assets, as many sessions as N observations need, in commits of a year: memory stays that of one year.
Measured, in CPU and wall seconds: an as-of read of 500 assets by the last 2,500 sessions (or all, where there are fewer); one more day of 5,000
assets, its payload kept; what is stored of the last 60 days, as a fetch reads it before it judges. And the size of the database over that of the
same columns in one zstd Parquet file.
"""

import argparse
import json
import os
import platform
import resource
import sqlite3
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from riskradar.data.sources import Payload
from riskradar.store import Store
from riskradar.tables.observations import Name, Observations

ASSETS, READ, WINDOW, YEAR, ROWS = 5000, 500, 2500, 250, 40_000_000
START = np.datetime64("1990-01-01")
OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "store.json"
NOW = datetime(2100, 1, 1, tzinfo=UTC)  # after the last session of any number of rows that is likely
NAMES = tuple(Name("close", f"N{i:04d}") for i in range(ASSETS))


def days(start, count):
    return np.busday_offset(START, np.arange(start, start + count), roll="forward").astype("datetime64[D]")


def batch(start, close):
    """Closes [T, N] from session `start` on."""
    T = len(close)
    of = np.tile(np.arange(ASSETS, dtype=np.int32), T)
    return Observations(NAMES, of, np.repeat(days(start, T), ASSETS), np.full(len(of), np.datetime64("NaT", "D")), close.ravel())


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, {"cpu": round(time.process_time() - cpu, 3), "wall": round(time.perf_counter() - wall, 3)}


def filled(folder, sessions):
    """A store of `sessions` sessions, a Parquet file of the same rows, and the last closes."""
    rng = np.random.default_rng(0)
    level = 50 * np.exp(rng.standard_normal(ASSETS))
    store = Store.create(f"sqlite:///{folder}/radar.db")
    writer = None
    for start in range(0, sessions, YEAR):
        walk = level * np.exp(np.cumsum(0.02 * rng.standard_normal((min(YEAR, sessions - start), ASSETS)), axis=0))
        level, rows = walk[-1], batch(start, np.round(walk, 2) + 0.01)
        store.append("bench", rows, NOW)
        table = pa.table({"of": rows.of, "date": pa.array(rows.date), "known_at": pa.array(rows.known_at), "value": rows.value})
        writer = writer or pa.parquet.ParquetWriter(f"{folder}/all.parquet", table.schema, compression="zstd")
        writer.write_table(table)
        print(f"{(start + len(walk)) * ASSETS:,} rows", flush=True)
    writer.close()
    return store, level


def main():
    """Fill, add a day, read."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=ROWS)
    sessions = options.parse_args().rows // ASSETS
    with tempfile.TemporaryDirectory() as folder:
        (store, level), fill = timed(lambda: filled(folder, sessions))
        rows = batch(sessions, np.round(level, 2)[None] + 0.01)
        page = Payload("bench", "day", "u", NOW, rows.value.tobytes())
        _, day = timed(lambda: store.append("bench", rows, NOW, payloads=[page]))
        first, last = days(max(sessions + 1 - WINDOW, 0), 1)[0], days(sessions, 1)[0].item()
        found, read = timed(lambda: store.as_of(NOW).observations({name.asset for name in NAMES[:READ]}, first))
        _, recent = timed(lambda: store.newest("bench", last - timedelta(days=60)))
        size = sum(file.stat().st_size for file in Path(folder).glob("radar.db*"))
        ratio = size / Path(folder, "all.parquet").stat().st_size
    about = {
        "date": str(date.today()), "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}",
        "sqlite": sqlite3.sqlite_version, "observations": sessions * ASSETS, "read": len(found),
        "as_of_read": read, "day": day, "newest_60_days": recent, "fill": fill, "bytes": size,
        "size_over_parquet": round(ratio, 2), "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }  # fmt: skip
    print(json.dumps(about))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
