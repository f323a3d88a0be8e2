"""Proof: in a market of pure noise no score is better than chance, and the intervals say so.

Each run draws a random-walk market, runs the `tiny` line on it and asks whether the 90 % interval of AUROC covers .5.
    python prove/noise.py [COUNT]     writes proofs/noise.json; runs already in it are not repeated.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from riskradar import config, data, pipeline
from riskradar.data.calendar import exchange

COUNT, BUDGET = 200, "about 8 minutes on 2 cores"
OUT = Path("proofs/noise.json")
SETTINGS = ("data.start=1998-01-02", "evaluate.start=2004-01-02", "evaluate.min_events=1", "backtest.jobs=1")
SESSIONS, NAMES = 4000, 8


def market(seed: int) -> pd.DataFrame:
    """Random walks of constant volatility with one common factor: nothing in the past says anything about the future."""
    rng = np.random.default_rng(seed)
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("1998-01-02")][:SESSIONS]
    steps = 0.010 * rng.standard_normal((SESSIONS, NAMES)) + 0.009 * rng.standard_normal((SESSIONS, 1))
    return pd.DataFrame(50 * np.exp(np.cumsum(steps, axis=0)), index=pd.DatetimeIndex(days), columns=[f"N{i}" for i in range(NAMES)])


def covered(seed: int) -> dict[str, bool]:
    """For each model and target: does the interval of AUROC over all days cover .5."""
    made = config.load("tiny", None, SETTINGS)
    report = pipeline.run(made, data.read_frame(market(seed), made.data), confirm=True).report
    scores = {f"{row.model} {target}": cell.auroc for row in report.rows for target, cell in row.targets.items()}
    return {name: s.low <= 0.5 <= s.high for name, s in scores.items() if np.isfinite(s.value)}


def summary(runs: dict[str, dict[str, bool]]) -> dict[str, float]:
    """Share of runs whose interval covers .5, by model and target."""
    names = sorted({name for run in runs.values() for name in run})
    return {name: round(float(np.mean([run[name] for run in runs.values() if name in run])), 4) for name in names}


def main(count: int) -> None:
    """Run what is missing, write after each run, judge at the end."""
    print(f"{count} pure-noise markets; budget: {BUDGET}")
    runs = json.loads(OUT.read_text())["runs"] if OUT.exists() else {}
    start = time.perf_counter()
    for seed in range(count):
        if str(seed) in runs:
            continue
        runs[str(seed)] = covered(seed)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "count": len(runs), "covered": summary(runs)}
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(about | {"runs": runs}))
    for name, share in summary(runs).items():
        print(f"{name}: covers .5 in {100 * share:.1f} % of {len(runs)} runs")
    print(f"{time.perf_counter() - start:.0f} s")
    rules = [share for name, share in summary(runs).items() if not name.startswith(("base-rate", "logistic"))]
    sys.exit(0 if rules and all(0.82 <= share <= 0.98 for share in rules) else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
