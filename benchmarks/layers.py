"""Time and memory of all layers and the default measures on real panels.

    python benchmarks/layers.py FOLDER     writes results/benchmarks/layers.json

FOLDER holds prices_us_core44.csv.gz, prices_us_wide.parquet, macro.csv, sectors.csv and sentiment_tweets_ticker_day.csv.gz. Each panel is built in
a fresh process on two cores: process CPU and wall time of every layer and measure, and the peak memory of the process. Kernels are
compiled beforehand, on the sample. Exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from riskradar import config, data, layers, measures  # noqa: E402
from riskradar.layers import LAYERS  # noqa: E402
from riskradar.tables import Graphs  # noqa: E402

PRICES = {"core44": "prices_us_core44.csv.gz", "wide": "prices_us_wide.parquet"}
FACTS = {"macro": "macro.csv", "sectors": "sectors.csv", "sentiment": "sentiment_tweets_ticker_day.csv.gz"}
BARS = {"core44": {"seconds": 60.0}, "wide": {"seconds": 600.0, "gigabytes": 8.0}}
CORES = 2


def timed(work):
    """The result, and its process CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, {"cpu": round(time.process_time() - cpu, 2), "wall": round(time.perf_counter() - wall, 2)}


def built(panel, chosen):
    """Every layer and the default measures of one panel, each timed alone."""
    spent, made, absent = {"layers": {}, "measures": {}}, {}, {}
    for name in LAYERS:
        layer, spent["layers"][name] = timed(lambda: layers.kind_of(name).build(panel, layers.settings_of(name, chosen.layers)))  # noqa: B023
        (absent if isinstance(layer, str) else made)[name] = layer
    graphs = Graphs(panel.dates, panel.assets, made, absent)
    for name in measures.wanted(chosen.measures):
        one = chosen.measures.model_copy(update={"names": (name,)})
        found, spent["measures"][name] = timed(lambda: measures.build(panel, graphs, one))  # noqa: B023
        absent |= found.absent
    return spent | {"absent": absent}


def measure(folder, case):
    """One panel in this process (run as `FOLDER --case CASE`)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    built(data.load(config.load().data)[0].rows(6000, 6600), config.load())
    sources = [f"data.{name}={folder / file}" for name, file in {"prices": PRICES[case], **FACTS}.items()]
    chosen = config.load("standard", None, [*sources, "data.end=2022-12-30"])
    panel = data.load(chosen.data)[0]
    found = {"panel": str(panel), **built(panel, chosen)}
    for clock in ("cpu", "wall"):
        found[clock] = round(sum(row[clock] for part in ("layers", "measures") for row in found[part].values()), 1)
    found["gigabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    print(json.dumps(found))


def misses(found):
    """Bars that were not reached, by CPU time where the machine was not ours alone."""
    for case, bars in BARS.items():
        seconds = min(found[case]["cpu"], found[case]["wall"])
        if seconds > bars["seconds"]:
            yield f"{case}: {seconds:.0f} s, bar {bars['seconds']:.0f} s"
        if found[case]["gigabytes"] > bars.get("gigabytes", float("inf")):
            yield f"{case}: {found[case]['gigabytes']} GB, bar {bars['gigabytes']} GB"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", choices=PRICES, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1], help="where results/benchmarks lies")
    chosen = parser.parse_args()
    if chosen.case:
        return measure(chosen.folder, chosen.case)
    found = {"machine": platform.processor() or platform.machine(), "cores": CORES}
    for case in PRICES:
        run = subprocess.run([sys.executable, __file__, str(chosen.folder), "--case", case], stdout=subprocess.PIPE, text=True, check=True)
        found[case] = json.loads(run.stdout)
    found["misses"] = list(misses(found))
    (chosen.out / "results/benchmarks").mkdir(parents=True, exist_ok=True)
    (chosen.out / "results/benchmarks/layers.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 1 if found["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
