"""Time of many contagion scenarios in one call beside the loop over scenarios that numpy would make of the published formulas.

    python benchmarks/contagion.py     writes results/benchmarks/contagion.json

1,000 scenarios on 500 nodes, one thread. In `mild` scenarios nobody loses everything; in `hard` ones many do. Both sides are run in turn,
CPU seconds, the best of each. Exits with 1 when the linear DebtRank is less than twice as fast, or when two results differ.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

from riskradar.contagion import SETTLED, cascade, debtrank  # noqa: E402

NODES, SCENARIOS, DENSITY, BAR, ROUNDS = 500, 1000, 0.05, 2.0, 3
FORCE = 0.8  # spectral radius of the impacts
SIZES = {"mild": 0.02, "hard": 0.6}


def linear_loop(impact, shocks):
    """Bardoscia et al. (2015), equation 3."""
    out = np.empty_like(shocks)
    for s, start in enumerate(shocks):
        before, now = np.zeros_like(start), start
        while (now - before).max() > SETTLED:
            before, now = now, np.minimum(1, now + impact @ (now - before))
        out[s] = now
    return out


def once_loop(impact, shocks):
    """Battiston et al. (2012)."""
    out = np.empty_like(shocks)
    for s, start in enumerate(shocks):
        loss, distressed, done = start, start > 0, np.zeros(len(start), bool)
        while distressed.any():
            loss = np.minimum(1, loss + impact @ np.where(distressed, loss, 0.0))
            done |= distressed
            distressed = (loss > 0) & ~done
        out[s] = loss
    return out


def cascade_loop(impact, failed):
    """Gai and Kapadia (2010), equation 1."""
    out = np.empty_like(failed)
    for s, start in enumerate(failed):
        now, more = start, start
        while more.any():
            more = (impact @ now >= 1 - 1e-12) & ~now
            now = now | more
        out[s] = now
    return out


def best(work):
    """The result and the fewest CPU seconds of a few runs."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        found = work()
        seconds.append(time.process_time() - start)
    return found, min(seconds)


def compare(fast, slow):
    """Seconds of both, their ratio, and how far the results are apart."""
    (found, quick), (wanted, long) = best(fast), best(slow)
    apart = float(np.abs(np.asarray(found, float) - np.asarray(wanted, float)).max())
    return {"seconds": round(quick, 4), "loop": round(long, 4), "ratio": round(long / quick, 1), "apart": apart}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1], help="where results/benchmarks lies")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    impact = np.where(rng.random((NODES, NODES)) < DENSITY, rng.exponential(1.0, (NODES, NODES)), 0.0)
    np.fill_diagonal(impact, 0.0)
    impact *= FORCE / np.abs(np.linalg.eigvals(impact)).max()
    found = {"machine": platform.processor() or platform.machine(), "nodes": NODES, "scenarios": SCENARIOS, "density": DENSITY, "force": FORCE}
    for name, size in SIZES.items():
        shocks = size * rng.random((SCENARIOS, NODES)) * (rng.random((SCENARIOS, NODES)) < 0.2)
        row = {"losing everything": round(float((debtrank(impact, shocks) == 1).mean()), 3)}
        row["linear"] = compare(lambda: debtrank(impact, shocks), lambda: linear_loop(impact, shocks))  # noqa: B023
        row["2012"] = compare(lambda: debtrank(impact, shocks, "2012"), lambda: once_loop(np.minimum(impact, 1), shocks))  # noqa: B023
        found[name] = row
    failed = rng.random((SCENARIOS, NODES)) < 0.3
    found["cascade"] = {"failed": round(float(cascade(4 * impact, failed).mean()), 3)}
    found["cascade"] |= compare(lambda: cascade(4 * impact, failed), lambda: cascade_loop(4 * impact, failed))
    rows = {"mild linear": found["mild"]["linear"], "hard linear": found["hard"]["linear"]}
    found["misses"] = [f"{name}: {row['ratio']} times, bar {BAR}" for name, row in rows.items() if row["ratio"] < BAR]
    every = {**rows, "mild 2012": found["mild"]["2012"], "hard 2012": found["hard"]["2012"], "cascade": found["cascade"]}
    found["misses"] += [f"{name}: results {row['apart']:.1e} apart" for name, row in every.items() if row["apart"] > 1e-10]
    (chosen.out / "results/benchmarks").mkdir(parents=True, exist_ok=True)
    (chosen.out / "results/benchmarks/contagion.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 1 if found["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
