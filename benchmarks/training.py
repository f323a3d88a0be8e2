"""Speed of training beside torch_geometric, as ratios.

    python benchmarks/training.py [--quick]     writes results/benchmarks/training.json

One epoch of the paper's snapshot network (section 5.8: 1,857 parameters) on 313 graphs in batches of 8. Process CPU time of one thread; our time and
the peer's alternate, five times, and the median of the five ratios is printed. The peer is what a user would write: torch_geometric's DataLoader,
GCNConv and Adam; `collated` is the same with its batches put together once and never shuffled again. Exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings
from pathlib import Path
from statistics import median

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
warnings.simplefilter("ignore", DeprecationWarning)  # torch_geometric's import compiles with torch.jit.script

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch_geometric import __version__ as peer_version  # noqa: E402
from torch_geometric.data import Batch, Data  # noqa: E402
from torch_geometric.loader import DataLoader  # noqa: E402
from torch_geometric.nn import GCNConv, global_mean_pool  # noqa: E402

from riskradar.models.dense import Shape, Snapshots, TrainConfig  # noqa: E402
from riskradar.models.networks import Gcn  # noqa: E402
from riskradar.models.train import Samples, train  # noqa: E402

GRAPHS, BATCH, DENSITY, PAIRS, EPOCHS = 313, 8, 0.3, 5, 3
SEEDS = 16
SHAPE = Shape("snapshot", 32, 16)
BARS = {44: 4.0, 200: 12.0, "seeds": 4.0}
OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "training.json"


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = GCNConv(7, 32), GCNConv(32, 32)
        self.head = torch.nn.Sequential(torch.nn.Linear(32, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))

    def forward(self, data):
        h = self.first(data.x, data.edge_index).relu()
        h = self.second(h, data.edge_index).relu()
        return self.head(global_mean_pool(h, data.batch))


def market(nodes):
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random((GRAPHS, nodes, nodes)) < DENSITY, 1)
    a = (upper | upper.transpose(0, 2, 1)).astype(np.float32)
    graphs = Snapshots(rng.normal(size=(GRAPHS, nodes, 7)).astype(np.float32), a, np.ones((GRAPHS, nodes), bool))
    return graphs, (rng.random((GRAPHS, 1)) < 0.5).astype(float)


def as_data(graphs, y):
    rows = zip(torch.tensor(graphs.x), torch.tensor(graphs.a), torch.tensor(y, dtype=torch.float32), strict=True)
    return [Data(x=x, edge_index=a.nonzero().T.contiguous(), y=label[None]) for x, a, label in rows]


def peer(batches):
    """A function that trains one epoch."""
    network = Network()
    adam, loss = torch.optim.Adam(network.parameters(), lr=1e-3), torch.nn.BCEWithLogitsLoss()

    def epoch():
        for batch in batches:
            adam.zero_grad()
            loss(network(batch), batch.y).backward()
            adam.step()

    return epoch


def cpu(call):
    began = time.process_time()
    call()
    return time.process_time() - began


def versus(ours, theirs):
    """Seconds of each, alternating, and the ratios of the pairs."""
    ours(), theirs()
    pairs = [(cpu(ours), cpu(theirs)) for _ in range(PAIRS)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def measure(nodes):
    graphs, y = market(nodes)
    data = as_data(graphs, y)
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    collated = [Batch.from_data_list(data[start : start + BATCH]) for start in range(0, GRAPHS, BATCH)]
    out = {}
    for name, batches in (("loader", loader), ("collated", collated)):
        ours, theirs = versus(lambda: learn(graphs, y, (0,)), peer(batches))
        ratios = [b / (a / EPOCHS) for a, b in zip(ours, theirs, strict=True)]
        out[name] = {"ours_ms": 1e3 * median(ours) / EPOCHS, "peer_ms": 1e3 * median(theirs), "ratios": ratios, "ratio": median(ratios)}
    return out


def learn(graphs, y, seeds):
    train(Gcn(SHAPE), Samples(graphs, np.arange(GRAPHS), (y,)), seeds, TrainConfig(epochs=EPOCHS, batch=BATCH))


def stacked():
    graphs, y = market(44)
    many, one = versus(lambda: learn(graphs, y, tuple(range(SEEDS))), lambda: learn(graphs, y, (0,)))
    ratios = [SEEDS * b / a for a, b in zip(many, one, strict=True)]
    return {"stacked_ms": 1e3 * median(many) / EPOCHS / SEEDS, "alone_ms": 1e3 * median(one) / EPOCHS, "ratios": ratios, "ratio": median(ratios)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="44 assets only; nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    torch.manual_seed(0)
    found = {str(nodes): measure(nodes) for nodes in ((44,) if quick else (44, 200))}
    seeds = stacked()
    print(f"{'':24}{'ours':>10}{'peer':>10}   ratio")
    for nodes, rows in found.items():
        for name, row in rows.items():
            print(f"{nodes + ' assets, ' + name:24}{row['ours_ms']:7.1f} ms{row['peer_ms']:7.1f} ms{row['ratio']:7.1f}x")
    print(f"{f'{SEEDS} seeds, each':24}{seeds['stacked_ms']:7.1f} ms{seeds['alone_ms']:7.1f} ms{seeds['ratio']:7.1f}x")
    missed = [nodes for nodes, rows in found.items() if rows["loader"]["ratio"] < BARS[int(nodes)]]
    missed += ["seeds"] if seeds["ratio"] < BARS["seeds"] else []
    if not quick:
        versions = {"python": platform.python_version(), "torch": torch.__version__, "torch_geometric": peer_version}
        setting = {"graphs": GRAPHS, "batch": BATCH, "density": DENSITY, "pairs": PAIRS, "clock": "process CPU time, one thread"}
        record = {"setting": setting, "versions": versions, "epoch": found, "seeds": seeds, "bars": {str(k): v for k, v in BARS.items()}}
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    if missed:
        sys.exit(f"below its bar: {', '.join(missed)}")


if __name__ == "__main__":
    main()
