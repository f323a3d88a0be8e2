"""Speed of the full network: training beside torch_geometric, a large market, and one day's score.

    python benchmarks/srr.py [--quick]     writes results/benchmarks/srr.json

Process CPU time of one thread. The peer is the same network made of GATv2Conv, nn.GRU and Adam, with the same first weights and the same
batches; ours and the peer's epochs alternate, and the median of the ratios is printed with the largest difference of the losses of the first
epoch. `windows`: the peer encodes the snapshots of every window, as one writes it (two steps only); `distinct`: it is given our way of encoding
each snapshot of a step once.
Exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import platform
import resource
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
from torch_geometric.nn import GATv2Conv, global_mean_pool  # noqa: E402

from riskradar.models.srr.architecture import Architecture  # noqa: E402
from riskradar.models.srr.heads import ordered  # noqa: E402
from riskradar.models.srr.market import Dense, Layer, Market, Near  # noqa: E402
from riskradar.models.srr.network import SrrNetwork  # noqa: E402
from riskradar.tables import Target  # noqa: E402

TARGETS = tuple(Target.parse(name) for name in ("5/3", "10/5", "20/5", "20/10", "60/10"))
LAYERS, FEATURES, DENSITY, NEIGHBOURS = ("a", "b", "c"), 7, 0.3, 10
SESSIONS, BATCH, PAIRS, RATE = 400, 64, 3, 1e-3
BARS = {"ratio": 5.0, "losses": 1e-4, "epoch_s": 60.0, "epoch_mb": 8192.0, "score_ms": {"44": 2.0, "500": 20.0, "5000": 300.0}}
OUT = Path(__file__).resolve().parent.parent / "results" / "benchmarks" / "srr.json"


def market(nodes, sessions, neighbours=0):
    """Three layers drawn daily: dense ones of weight one, or k nearest neighbours with weights."""
    rng, layers = np.random.default_rng(0), []
    for _ in LAYERS:
        if neighbours:
            step = rng.integers(1, (nodes - 1) // neighbours, (sessions, nodes, neighbours)).cumsum(axis=2)
            index = ((np.arange(nodes)[:, None] + step) % nodes).astype(np.int32)
            drawn = Near(index, rng.uniform(0.2, 1, index.shape).astype(np.float32))
        else:
            upper = np.triu(rng.random((sessions, nodes, nodes)) < DENSITY, 1)
            drawn = Dense((upper | upper.transpose(0, 2, 1)).astype(np.float32))
        layers.append(Layer(drawn, np.arange(sessions)))
    x = rng.normal(size=(sessions, nodes, FEATURES)).astype(np.float32)
    return Market(x, np.zeros((sessions, 0), np.float32), np.ones((sessions, nodes), bool), tuple(layers))


def first(settings):
    return {name: torch.from_numpy(array[None].astype("float32")) for name, array in settings.initial(0).items()}


def batches(settings, sessions):
    rng = np.random.default_rng(1)
    rows = rng.permutation(np.arange(settings.sequence - 1, sessions))
    y = (rng.random((sessions, len(TARGETS))) < 0.3).astype("float32")
    return [(part, torch.from_numpy(y[part])) for part in np.array_split(rows, range(BATCH, len(rows), BATCH))]


def ours(settings, graph):
    """A function that trains one epoch and returns its losses."""
    network = SrrNetwork(settings)
    weights = {name: w.requires_grad_() for name, w in first(settings).items()}
    adam, block = torch.optim.Adam(weights.values(), lr=RATE), network.prepare(graph, "float32")

    def epoch(samples):
        losses = []
        for rows, y in samples:
            adam.zero_grad()
            total, count = network.loss(weights, block, rows[None], (y[None],))
            loss = (total / count).sum()
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return np.array(losses)

    return epoch


class Layered(Data):
    """Edges of every layer are counted on when graphs are put together."""

    def __inc__(self, key, value, *args, **kwargs):
        return self.num_nodes if key.startswith("edges_") else super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key, value, *args, **kwargs):
        return 1 if key.startswith("edges_") else super().__cat_dim__(key, value, *args, **kwargs)


class Peer(torch.nn.Module):
    def __init__(self, settings):
        super().__init__()
        H, heads, given = settings.width, settings.heads, {name: w[0] for name, w in first(settings).items()}
        self.settings = settings
        self.entrance, self.fusion = torch.nn.Linear(FEATURES, H), torch.nn.Linear(H, H)
        self.query = torch.nn.Parameter(given["fusion.query"].clone())
        names = [f"{name}.{step}" for name in LAYERS for step in range(settings.depth)]
        self.convolutions = torch.nn.ModuleList(GATv2Conv(H, H // heads, heads) for _ in names)
        self.gru, self.head = torch.nn.GRU(H, H, batch_first=True), torch.nn.Linear(H, len(TARGETS))
        for module, name in ((self.entrance, "input"), (self.fusion, "fusion"), (self.head, "head")):
            module.load_state_dict({"weight": given[name].T, "bias": given[f"{name}.bias"]})
        for module, name in zip(self.convolutions, names, strict=True):
            left, right = given[f"{name}.project"].split(H, dim=1)
            lb, rb = given[f"{name}.project.bias"].split(H)
            state = {"lin_l.weight": left.T, "lin_l.bias": lb, "lin_r.weight": right.T, "lin_r.bias": rb, "bias": given[f"{name}.bias"]}
            module.load_state_dict(state | {"att": given[f"{name}.attention"].view(1, heads, -1)})
        gates = {f"weight_{short}_l0": given[f"gru.{name}"].T for short, name in (("ih", "input"), ("hh", "hidden"))}
        self.gru.load_state_dict(gates | {f"bias_{short}_l0": given[f"gru.{name}.bias"] for short, name in (("ih", "input"), ("hh", "hidden"))})

    def encode(self, batch):
        start, z = self.entrance(batch.x).relu(), []
        for m in range(len(LAYERS)):
            h = start
            for step in range(self.settings.depth):
                h = self.convolutions[m * self.settings.depth + step](h, batch[f"edges_{m}"]).relu()
            z.append(h)
        score = torch.stack([global_mean_pool(torch.tanh(self.fusion(h)) @ self.query, batch.batch) for h in z], dim=1)
        share = torch.softmax(score, dim=1)[batch.batch]
        return global_mean_pool(start + sum(share[:, m, None] * h for m, h in enumerate(z)), batch.batch)

    def forward(self, data, rows, distinct):
        windows = rows[:, None] + np.arange(1 - self.settings.sequence, 1)
        index, place = np.unique(windows, return_inverse=True) if distinct else (windows.ravel(), np.arange(windows.size))
        z = self.encode(Batch.from_data_list([data[g] for g in index]))
        state = self.gru(z[torch.from_numpy(place.reshape(windows.shape))])[1][0]
        return ordered(self.settings, self.head(state), TARGETS)


def theirs(settings, graph, distinct):
    """The same epoch of the peer."""
    blocks, data = [], []
    for layer in graph.layers:
        a = np.zeros((len(graph.x), *[graph.x.shape[1]] * 2), bool)
        r, i = layer.drawn.ends()
        a[r, i, layer.drawn.index] = True
        blocks.append(torch.from_numpy(a))
    for g, x in enumerate(torch.tensor(graph.x)):
        edges = {f"edges_{m}": a[g].nonzero().T.flip(0).contiguous() for m, a in enumerate(blocks)}
        data.append(Layered(x=x, **edges))
    network = Peer(settings)
    adam, mean = torch.optim.Adam(network.parameters(), lr=RATE), torch.nn.BCEWithLogitsLoss()

    def epoch(samples):
        losses = []
        for rows, y in samples:
            adam.zero_grad()
            loss = mean(network(data, rows, distinct), y)
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return np.array(losses)

    return epoch


def cpu(call, *arguments):
    began = time.process_time()
    out = call(*arguments)
    return time.process_time() - began, out


def training(pairs):
    settings, graph = Architecture(LAYERS, FEATURES, TARGETS), market(44, SESSIONS)
    samples, out = batches(settings, SESSIONS), {}
    ours(settings, graph)(samples[:1])  # compile
    for name in ("distinct", "windows"):
        mine, peer = ours(settings, graph), theirs(settings, graph, name == "distinct")
        some = samples if name == "distinct" else samples[:2]
        runs = [(cpu(mine, some), cpu(peer, some)) for _ in range(pairs if name == "distinct" else 1)]
        a, b = ([run[k][0] for run in runs] for k in (0, 1))
        ratios = [there / here for here, there in zip(a, b, strict=True)]
        gap = float(np.abs(runs[0][0][1] - runs[0][1][1]).max())
        out[name] = {"steps": len(some), "ours_s": median(a), "peer_s": median(b), "ratios": ratios, "ratio": median(ratios), "losses": gap}
    return out


def large():
    """One epoch of 1,300 sessions of 500 assets; the largest memory of the process."""
    settings = Architecture(LAYERS, FEATURES, TARGETS, sequence=40)
    epoch, samples = ours(settings, market(500, 1300, NEIGHBOURS)), batches(settings, 1300)
    wall = time.perf_counter()
    seconds, _ = cpu(epoch, samples)
    return {"cpu_s": seconds, "wall_s": time.perf_counter() - wall, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def score(nodes):
    """Milliseconds of one day's score: a prepared market of 20 snapshots, all of them encoded."""
    settings = Architecture(LAYERS, FEATURES, TARGETS)
    network, graph, given = SrrNetwork(settings), market(nodes, settings.sequence, NEIGHBOURS if nodes > 44 else 0), first(settings)
    last = np.array([[settings.sequence - 1]])
    with torch.inference_mode():
        network.forward(given, network.prepare(graph, "float32"), last)
        return 1e3 * median(cpu(lambda: network.forward(given, network.prepare(graph, "float32"), last))[0] for _ in range(15))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one pair and no large market; nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    scores = {str(nodes): score(nodes) for nodes in (44, 500, 5000)}
    epoch = {} if quick else large()
    train = training(1 if quick else PAIRS)
    for nodes, ms in scores.items():
        print(f"one score, {nodes:>5} assets{ms:12.2f} ms")
    for name, row in train.items():
        print(f"training, peer {name:10}{row['ours_s']:9.2f} s{row['peer_s']:9.2f} s{row['ratio']:8.1f}x   losses differ by {row['losses']:.1e}")
    missed = [nodes for nodes, ms in scores.items() if ms > BARS["score_ms"][nodes]]
    missed += [name for name, row in train.items() if row["ratio"] < BARS["ratio"] or row["losses"] > BARS["losses"]]
    if not quick:
        print(f"epoch of 500 assets {epoch['cpu_s']:8.1f} s CPU, one thread {epoch['wall_s']:8.1f} s wall {epoch['peak_mb']:8.0f} MB")
        missed += ["epoch"] if epoch["cpu_s"] > BARS["epoch_s"] or epoch["peak_mb"] > BARS["epoch_mb"] else []
        versions = {"python": platform.python_version(), "torch": torch.__version__, "torch_geometric": peer_version}
        setting = {"sessions": SESSIONS, "batch": BATCH, "density": DENSITY, "neighbours": NEIGHBOURS, "clock": "process CPU time, one thread"}
        record = {"setting": setting, "versions": versions, "training": train, "large": epoch, "score_ms": scores, "bars": BARS}
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    if missed:
        sys.exit(f"misses its bar: {', '.join(missed)}")


if __name__ == "__main__":
    main()
