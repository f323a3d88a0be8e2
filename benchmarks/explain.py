"""How long one day's explanation takes, with the network that reads most: `srr` as it comes, two layers of ten edges a node, 20 snapshots.

    python benchmarks/explain.py [--quick]     writes results/benchmarks/explain.json

CPU seconds on one thread of the integral and of the deletion check that follows it, at 44 and at 500 assets; and the same if the integral had gone on
to its last step, which a network with more kinks may need. What it learned is of no matter here: a few steps on random labels.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar.attribution import Read, attribute, checks, paths
from riskradar.models.dense import TrainConfig
from riskradar.models.srr.model import CONTEXT, NODE, Srr, SrrConfig
from riskradar.tables import Facts, Features, Graphs, Labels, Neighbours, Panel, Target

OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "explain.json"
BARS = {44: 2.0, 500: 20.0}
SESSIONS, EDGES, SEED = 1400, 10, 0
CONFIG = SrrConfig(train=TrainConfig(steps=5, batch=8, rate=1e-2))


def tables(nodes):
    rng = np.random.default_rng(SEED)
    dates = np.datetime64("2000-01-01") + np.arange(SESSIONS)
    names, everyone = tuple(f"N{i:03d}" for i in range(nodes)), np.ones((SESSIONS, nodes), bool)
    features = Features(
        dates, names, NODE, rng.standard_normal((SESSIONS, nodes, len(NODE))), CONTEXT, rng.standard_normal((SESSIONS, len(CONTEXT))), everyone, {},
    )  # fmt: skip
    chosen = (np.arange(nodes)[:, None] + np.sort(rng.choice(np.arange(1, nodes), EDGES, replace=False))).astype(np.int32) % nodes
    layers = {
        name: Neighbours(np.broadcast_to(chosen, (SESSIONS, nodes, EDGES)).copy(), rng.uniform(0.2, 1, (SESSIONS, nodes, EDGES)).astype(np.float32))
        for name in CONFIG.layers
    }
    panel = Panel(
        dates, names, kind=("stock",) * nodes, close=np.ones((SESSIONS, nodes)), member=everyone, sectors=(), sectors_dated=True,
        sector=np.full((SESSIONS, nodes), -1, np.int16), facts=Facts.none(), level=np.ones(SESSIONS), index="none",
    )  # fmt: skip
    falls = (rng.random((SESSIONS, 1, 1)) < 0.3).astype(float)
    labels = Labels(dates, ("system",), (Target(20, 0.1),), falls, dates[:, None] + 20, np.ones(SESSIONS, bool), np.ones(SESSIONS))
    return panel, features, Graphs(dates, names, layers, {}), labels


def measure(nodes):
    panel, features, graphs, labels = tables(nodes)
    fitted = Srr(CONFIG).fit(features, graphs, labels, seed=SEED)
    read = Read.of((panel, features, graphs), SESSIONS - 1, 0, features.dates[-1])
    start = time.process_time()
    atoms = attribute(fitted, read)
    integral = time.process_time() - start
    checks.deletion(atoms)
    whole = time.process_time() - start
    longest = whole + integral * (paths.MOST / atoms.steps - 1)
    edges = sum(len(each.adds) for each in atoms.edges.values())
    return {"seconds": round(whole, 2), "at_most": round(longest, 2), "steps": atoms.steps, "edges": edges, "bar": BARS[nodes]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="44 assets only; nothing is written")
    quick = parser.parse_args().quick
    with threadpool_limits(1):
        found = {str(nodes): measure(nodes) for nodes in ((44,) if quick else BARS)}
    for nodes, row in found.items():
        print(f"{nodes} assets: {row['seconds']} s with {row['steps']} steps, {row['at_most']} s with {paths.MOST}; bar {row['bar']:g} s")
    if not quick:
        OUT.parent.mkdir(parents=True, exist_ok=True)
        about = {"model": "srr", "clock": "process CPU time, one thread", "python": platform.python_version(), "machine": platform.machine()}
        OUT.write_text(json.dumps(about | {"assets": found}, indent=1) + "\n", "utf-8")
    if slow := [nodes for nodes, row in found.items() if row["seconds"] > row["bar"]]:
        sys.exit(f"slower than its bar: {', '.join(slow)}")


if __name__ == "__main__":
    main()
