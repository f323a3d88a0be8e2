"""How fast and how large a store is, beside Parquet.

    python benchmarks/store.py [MILLIONS]     writes results/benchmarks/store.json

Random walks of prices with two decimals, 5,000 assets, as many sessions as MILLIONS of observations need, in commits of a year. Measured: CPU seconds
of an as-of read of 500 assets by the last 2,500 sessions (or all, where there are fewer), CPU and wall seconds of one more day of 5,000 assets, and
the size of the database over that of the same columns in one zstd Parquet file.
"""

import json
import platform
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from riskradar.store import Store
from riskradar.tables.observations import Name, Observations

ASSETS, READ, WINDOW, YEAR = 5000, 500, 2500, 250
OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "store.json"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = tuple(Name("close", f"N{i:04d}") for i in range(ASSETS))


def days(start, count):
    return np.busday_offset(np.datetime64("1990-01-01"), np.arange(start, start + count), roll="forward").astype("datetime64[D]")


def batch(start, close):
    """Closes [T, N] from session `start` on."""
    T = len(close)
    of = np.tile(np.arange(ASSETS, dtype=np.int32), T)
    return Observations(NAMES, of, np.repeat(days(start, T), ASSETS), np.full(len(of), np.datetime64("NaT", "D")), close.ravel())


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    done = work()
    return done, time.process_time() - cpu, time.perf_counter() - wall


def main(millions):
    """Fill, add a day, read."""
    rng = np.random.default_rng(0)
    sessions = int(millions * 1e6) // ASSETS
    level = 50 * np.exp(rng.standard_normal(ASSETS))
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(f"sqlite:///{folder}/radar.db")
        writer = None
        for start in range(0, sessions, YEAR):
            walk = level * np.exp(np.cumsum(0.02 * rng.standard_normal((min(YEAR, sessions - start), ASSETS)), axis=0))
            level, rows = walk[-1], batch(start, np.round(walk, 2) + 0.01)
            store.append("bench", rows, NOW)
            columns = {"of": rows.of, "date": pa.array(rows.date), "known_at": pa.array(rows.known_at), "value": rows.value}
            table = pa.table(columns)
            writer = writer or pa.parquet.ParquetWriter(f"{folder}/all.parquet", table.schema, compression="zstd")
            writer.write_table(table)
        writer.close()
        _, cpu_day, wall_day = timed(lambda: store.append("bench", batch(sessions, np.round(level, 2)[None] + 0.01), NOW))
        first = days(max(sessions - WINDOW, 0), 1)[0]
        found, cpu_read, wall_read = timed(lambda: store.as_of(NOW).observations({name.asset for name in NAMES[:READ]}, first))
        size = sum(file.stat().st_size for file in Path(folder).glob("radar.db*"))
        ratio = size / Path(folder, "all.parquet").stat().st_size
    about = {
        "date": str(date.today()), "machine": platform.machine(), "observations": sessions * ASSETS, "read": len(found),
        "cpu_read": round(cpu_read, 2), "wall_read": round(wall_read, 2), "cpu_day": round(cpu_day, 3), "wall_day": round(wall_day, 3),
        "size_over_parquet": round(ratio, 2),
    }  # fmt: skip
    print(json.dumps(about))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 40)
