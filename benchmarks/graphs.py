"""Speed, memory and growth of the price graphs beside what a user could pick instead.

    python benchmarks/graphs.py [--quick]     writes results/benchmarks/graphs.json and docs/graphs.md

Process CPU time of one thread; our time and the peer's alternate, five times, and the median of the five ratios is printed. Peers run on few
sessions and are taken as linear in their number. Writes graphs.json and graphs.md.
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
from statistics import median

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from scipy.linalg.blas import ssyrk  # noqa: E402
from scipy.stats import rankdata, spearmanr  # noqa: E402

from riskradar.layers.kernels import tiles  # noqa: E402
from riskradar.layers.ranks import Relation, Window, edges, nearest, weights  # noqa: E402

try:
    import bottleneck
except ImportError:
    bottleneck = None

TAU = 0.5
SIZES = {(44, 7): (4000, 20), (44, 60): (2000, 20), (500, 60): (200, 4), (2000, 60): (30, 2), (5000, 60): (8, 1)}  # (assets, window): sessions
PAIRS = 5
BARS = {"speed-up over pandas": {(44, 7): 80, (500, 60): 30, (5000, 60): 50}, "latency_ms": {44: 0.1, 500: 1.0, 5000: 40.0}, "roof": 0.6}
MEMORY = {"500 x 6500": 0.6, "5000 x 2500": 12.0}  # GB


def returns(sessions, nodes, seed=0):
    """One-factor t(4) returns with 2 % exact zeros."""
    rng = np.random.default_rng(seed)
    values = rng.standard_t(4, (sessions, nodes)) + rng.standard_t(4, (sessions, 1))
    values[rng.random(values.shape) < 0.02] = 0.0
    return values


def cpu(call):
    began = time.process_time()
    call()
    return time.process_time() - began


def ours(values, window, relation=Relation("spearman")):  # noqa: B008
    """Edges of all sessions but the first window, as one call."""
    member, start = np.ones(values.shape, bool), Window.empty(window, values.shape[1]).after(values[:window])
    rest, known = values[window:], member[window:]
    return lambda: edges(start, rest, known, relation, TAU)


def float32_product(ranks):
    ranks = ranks - ranks.mean(axis=0)
    scaled = (ranks / np.sqrt((ranks * ranks).sum(axis=0))).astype(np.float32)
    return scaled.T @ scaled


PEERS = {
    "pandas .corr(spearman)": lambda cut: pd.DataFrame(cut).corr("spearman").to_numpy(),
    "scipy.spearmanr": lambda cut: spearmanr(cut).statistic,
    "pandas rank + numpy.corrcoef": lambda cut: np.corrcoef(pd.DataFrame(cut).rank().to_numpy(), rowvar=False),
    "scipy.rankdata + float32 product": lambda cut: float32_product(rankdata(cut, axis=0)),
    "bottleneck.rankdata + float32 product": lambda cut: float32_product(bottleneck.rankdata(cut, axis=0)),
}


def loop(peer, values, window, sessions):
    def call():
        for t in range(sessions):
            np.abs(PEERS[peer](values[t + 1 : t + 1 + window])) >= TAU  # noqa: B015

    return call


def compare(size, quick):
    """Microseconds per session of every peer, ours beside it, and the ratios of alternating pairs."""
    nodes, window = size
    many, few = SIZES[size]
    values = returns(many + window, nodes)
    own, rows = ours(values, window), {}
    own()
    for peer in PEERS:
        if (bottleneck is None and peer.startswith("bottleneck")) or (quick and nodes > 500):
            continue
        call = loop(peer, values, window, 1 if peer == "scipy.spearmanr" and nodes > 500 else few)
        sessions = 1 if peer == "scipy.spearmanr" and nodes > 500 else few
        pairs = [(cpu(own) / many, cpu(call) / sessions) for _ in range(2 if peer == "scipy.spearmanr" and nodes > 2000 else PAIRS)]
        ratios = [theirs / mine for mine, theirs in pairs]
        rows[peer] = {
            "us": 1e6 * median(p[1] for p in pairs), "ours_us": 1e6 * median(p[0] for p in pairs), "ratio": median(ratios),
            "range": [min(ratios), max(ratios)], "pairs": len(pairs),
        }  # fmt: skip
    return rows


def roof(nodes, window):
    """Share of the float32 half-product roof: N^2 W operations at the best float32 rate seen here, beside ours, interleaved."""
    values = returns(8 + window, nodes)
    square, flat = np.ones((2048, 2048), np.float32), np.asfortranarray(values[:window].T.astype(np.float32))
    work, own = nodes * nodes * window, ours(values, window)
    runs = []
    for _ in range(PAIRS):
        gemm = 2 * 2048**3 / cpu(lambda: square @ square)
        thin = 2 * work / cpu(lambda: flat @ flat.T.copy())
        half = cpu(lambda: ssyrk(1.0, flat))
        runs.append({"gemm": gemm, "thin": thin, "ssyrk_ms": 1e3 * half, "ours_ms": 1e3 * cpu(own) / 8})
    rate = max(work / (r["ssyrk_ms"] / 1e3) for r in runs)
    rate = max(rate, *(max(r["gemm"], r["thin"]) for r in runs))
    mine = median(r["ours_ms"] for r in runs)
    return {
        "best_gflops": rate / 1e9, "roof_ms": 1e3 * work / rate, "ssyrk_ms": median(r["ssyrk_ms"] for r in runs), "ours_ms": mine,
        "share": 1e3 * work / rate / mine,
    }  # fmt: skip


def growth():
    """Microseconds per session as assets, window or sessions grow; the other two are held."""

    def row(nodes, window, sessions):
        call = ours(returns(sessions + window, nodes), window)
        call()
        return 1e6 * median(cpu(call) for _ in range(3)) / sessions

    return {
        "assets (W=60)": {n: row(n, 60, max(4, 40000 // n)) for n in (44, 125, 250, 500, 1000, 2000, 4000)},
        "window (N=1000)": {w: row(1000, w, 20) for w in (7, 20, 60, 128, 129, 250, 368, 369, 1000)},
        "sessions (N=200, W=60)": {t: row(200, 60, t) for t in (100, 400, 1600, 6400)},
    }


def latency(nodes, window=60):
    """Median milliseconds from a new session to the next window and its edges, wall clock."""
    values = returns(window + 200, nodes)
    member, state, spent = np.ones((1, nodes), bool), Window.empty(window, nodes).after(values[:window]), []
    for t in range(window, window + (200 if nodes < 2000 else 30)):
        began = time.perf_counter()
        state, _ = edges(state, values[t : t + 1], member, Relation(), TAU)
        spent.append(time.perf_counter() - began)
    return 1e3 * median(spent)


def others(nodes=500, window=60):
    """Microseconds per session of the other outputs."""
    values, member = returns(100 + window, nodes), np.ones((100 + window, nodes), bool)
    start, rest, known = Window.empty(window, nodes).after(values[:window]), values[window:], member[window:]
    calls = {
        "edges, pearson": lambda: edges(start, rest, known, Relation("pearson"), TAU),
        "weights, spearman": lambda: weights(start, rest, known, "spearman"),
        "weights, pearson": lambda: weights(start, rest, known, "pearson"),
        "10 nearest, spearman": lambda: nearest(start, rest, known, Relation(), 10),
    }
    return {name: 1e6 * median(cpu(call) for _ in range(4)) / 100 for name, call in calls.items()}


def int8(nodes=5000, window=60):
    """How much the byte product gains over the 16-bit one, whole sessions, interleaved."""
    if not tiles.BYTES:
        return float("nan")
    call, ratios = ours(returns(8 + window, nodes), window), []
    for _ in range(PAIRS):
        fast = cpu(call)
        tiles.BYTES = False
        ratios.append(cpu(call) / fast)
        tiles.BYTES = True
    return median(ratios)


def threads(nodes=500, window=60, sessions=2000):
    """Wall time of one thread over that of two."""
    values = returns(sessions, nodes)
    member, empty, ratios = np.ones(values.shape, bool), Window.empty(window, nodes), []
    for _ in range(PAIRS):
        spent = []
        for count in (1, 2):
            began = time.perf_counter()
            edges(empty, values, member, Relation(), TAU, count)
            spent.append(time.perf_counter() - began)
        ratios.append(spent[0] / spent[1])
    return median(ratios)


def footprint(case):
    """Peak gigabytes of a fresh process that builds one layer (run as `--footprint CASE`)."""
    nodes, sessions = (int(n) for n in case.split(" x "))
    chunk, window = (sessions, Window.empty(60, nodes)) if nodes < 2000 else (50, Window.empty(60, nodes))
    total = 0
    for first in range(0, sessions, chunk):
        part = returns(min(chunk, sessions - first), nodes, first)
        window, bits = edges(window, part, np.ones(part.shape, bool), Relation(), TAU)
        total += int(np.bitwise_count(bits).sum())
    print(json.dumps({"gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "edges": total}))


def peak(case):
    run = subprocess.run([sys.executable, __file__, "--footprint", case], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["gigabytes"]


def table(head, *rows):
    line = "| {} |".format
    return "\n".join(line(" | ".join(map(str, row))) for row in (head, ["---"] * len(head), *rows))


def listing(title, row, digits):
    return f"{title}\n\n" + table(row, [f"{value:,.{digits}f}" for value in row.values()])


def peer_row(peer, sizes):
    cells = [size.get(peer) for size in sizes]
    return [peer, *(f"{c['us']:,.0f} ({c['ratio']:,.0f}x)" if c else "-" for c in cells)]


def page(found):
    sizes = list(found["compare"].values())
    mine = ["this library, exact", *(f"**{median(r['ours_us'] for r in s.values()):,.1f}**" if s else "-" for s in sizes)]
    roofs = [
        [n, f"{r['best_gflops']:.0f}", *(f"{r[k]:.2f}" for k in ("roof_ms", "ssyrk_ms", "ours_ms")), f"{r['share']:.0%}"]
        for n, r in found["roof"].items()
    ]
    return "\n\n".join([
        "<!-- generated by benchmarks/graphs.py -->\n# Price graphs: speed, memory, growth",
        f"{found['machine']}; numba {found['numba']}; {'bytes' if found['bytes'] else '16-bit'} products, {found['lanes']} lanes.",
        "Microseconds of CPU per session, one thread, |Spearman| >= 0.5 (times slower than ours, median of alternating pairs).",
        table(["assets, window", *found["compare"]], mine, *(peer_row(p, sizes) for p in PEERS if any(p in s for s in sizes))),
        "Against the float32 half-product roof: N^2 W operations at the best float32 rate measured between our runs. The product is not\n"
        "float32, so a share may pass 100 %.",
        table(["assets", "GF/s", "roof ms", "ssyrk ms", "ours ms", "share"], *roofs),
        *(listing(f"Growth with {name}, microseconds per session.", row, 1) for name, row in found["growth"].items()),
        listing("One new session, milliseconds (median, wall clock).", found["latency"], 3),
        listing("Other outputs at 500 assets, W=60, microseconds per session.", found["others"], 0),
        listing("Peak memory of a process, GB (5,000 assets streamed in chunks of 50 sessions).", found["peak"], 2),
        listing("Ratios of time.", found["ratios"], 2),
    ]) + "\n"  # fmt: skip


def misses(found):
    """Bars that were not reached."""
    for (nodes, window), bar in BARS["speed-up over pandas"].items():
        row = found["compare"][f"{nodes}, {window}"].get("pandas .corr(spearman)")
        if row and row["ratio"] < bar:
            yield f"{nodes} assets, W={window}: {row['ratio']:.0f}x pandas, bar {bar}x"
    for nodes, bar in BARS["latency_ms"].items():
        if found["latency"][nodes] > bar:
            yield f"{nodes} assets: a session takes {found['latency'][nodes]:.2f} ms, bar {bar} ms"
    for case, bar in MEMORY.items():
        if found["peak"].get(case, 0) > bar:
            yield f"{case}: {found['peak'][case]:.2f} GB, bar {bar} GB"
    if found["roof"][5000]["share"] < BARS["roof"]:
        yield f"{found['roof'][5000]['share']:.0%} of the roof at 5,000, bar {BARS['roof']:.0%}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1], help="where results/benchmarks and docs lie")
    parser.add_argument("--quick", action="store_true", help="no peers above 500 assets")
    parser.add_argument("--footprint", choices=MEMORY, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.footprint:
        return footprint(chosen.footprint)
    import numba

    about = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.split(":")[1].strip() for line in about if "model name" in line), platform.machine())
    found = {"machine": processor, "numba": numba.__version__, "bytes": tiles.BYTES, "lanes": tiles.LANES}
    found["peak"] = {case: peak(case) for case in MEMORY}
    found["compare"] = {f"{n}, {w}": compare((n, w), chosen.quick) for n, w in SIZES}
    found["roof"] = {n: roof(n, 60) for n in (500, 2000, 5000)}
    found["latency"] = {n: latency(n) for n in (44, 500, 5000)}
    found |= {"growth": growth(), "others": others()}
    found["ratios"] = {"16-bit over byte products, 5,000 assets": int8(), "one thread over two, 500 assets": threads()}
    found["misses"] = list(misses(found))
    for folder in ("results/benchmarks", "docs"):
        (chosen.out / folder).mkdir(parents=True, exist_ok=True)
    (chosen.out / "results/benchmarks/graphs.json").write_text(json.dumps(found, indent=1) + "\n")
    (chosen.out / "docs/graphs.md").write_text(page(found))
    print(page(found), *found["misses"], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
