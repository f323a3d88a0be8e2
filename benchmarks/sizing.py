"""What a large job costs, foretold from small ones that are measured here.

    python benchmarks/sizing.py     writes results/benchmarks/sizing.json and docs/sizing.md (about three minutes)

Process CPU time of one thread, the least of REPEATS, on markets of pure noise with SIZES assets and SESSIONS sessions. Cost is taken as
a + b N^p in the number of assets, with a and b from the two sizes before the last and p as stated for each step, and as proportional to the
rows that a step reads: a fold of the walk-forward reads all sessions before it. The last size is the test: what was measured there over what
was foretold is printed beside each step.
"""

import json
import os
import platform
import time
from datetime import date
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar import features, labels, layers, models
from riskradar.backtest import fit_seeds, score_day
from riskradar.data.calendar import exchange
from riskradar.features import FeaturesConfig
from riskradar.labels import LabelsConfig, known_on
from riskradar.layers import LayersConfig
from riskradar.models import ModelsConfig
from riskradar.split import SplitConfig, folds
from riskradar.tables import SYSTEM, Facts, Labels, Panel, Target

SIZES, SESSIONS, SCORED, REPEATS = (100, 200, 400), 1260, 50, 3
EPOCHS = 2  # measured; the standard run has 20, and cost is linear in them
GOALS, YEARS, CONFIGURATIONS = (500, 2000, 5000), 30, 50
WORKERS = (2, 16, 64)
# The power of N that each step is taken to grow with.
STEPS = {"features": 1, "layer correlation, daily": 2, "layer residual, monthly": 2, "labels": 1}
MODELS = {"vol+breadth": 1, "logistic": 1, "forest": 1, "snapshot-gcn": 2, "temporal-gcn": 2}
RULES = 10  # of the standard run; each costs about what vol+breadth does
SEEDS = 3
ROOT = Path(__file__).resolve().parent.parent
OUT, PAGE = ROOT / "results" / "benchmarks" / "sizing.json", ROOT / "docs" / "sizing.md"
TARGETS = ("5/3", "10/5", "20/5", "20/10", "60/10")


def market(assets):
    rng = np.random.default_rng(0)
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("2000-01-03")][:SESSIONS]
    close = np.exp(np.cumsum(0.02 * rng.standard_normal((SESSIONS, assets)) + 0.012 * rng.standard_normal((SESSIONS, 1)), axis=0))
    every = np.ones(close.shape, bool)
    names = tuple(f"A{i:05d}" for i in range(assets))
    codes = np.tile((np.arange(assets) % 11).astype(np.int16), (SESSIONS, 1))
    sectors = tuple(f"S{i:02d}" for i in range(11))
    return Panel(days, names, ("stock",) * assets, close, every, sectors, codes, True, Facts.none(), close.mean(axis=1), "mean")


def timed(work):
    spent = []
    for _ in range(REPEATS):
        start = time.process_time()
        result = work()
        spent.append(time.process_time() - start)
    return result, min(spent)


def measure(assets):
    """CPU seconds of each step on the whole market; of each model, to fit on all but the last year and to score one session."""
    panel, cost = market(assets), {}
    layers.build(panel.rows(0, 100), LayersConfig(names=("correlation", "residual")))  # compiles
    built, cost["features"] = timed(lambda: features.build(panel, FeaturesConfig()))
    graphs, cost["layer correlation, daily"] = timed(lambda: layers.build(panel, LayersConfig(names=("correlation",))))
    _, cost["layer residual, monthly"] = timed(lambda: layers.build(panel, LayersConfig(names=("residual",))))
    known, cost["labels"] = timed(lambda: labels.build(panel, LabelsConfig(targets=TARGETS)))
    (fold,) = folds(known, SplitConfig(method="holdout", train_share=0.8))
    config = ModelsConfig()
    networks = {"snapshot": config.snapshot, "temporal": config.temporal}
    short = {k: of.model_copy(update={"train": of.train.model_copy(update={"epochs": EPOCHS})}) for k, of in networks.items()}
    for name in MODELS:
        model = models.make(name, config.model_copy(update=short))
        seeds = range(SEEDS) if model.graphs else (0,)  # the networks train all seeds at once
        fitted, cost[f"fit {name}"] = timed(lambda model=model, seeds=seeds: fit_seeds(model, built, graphs, known, fold, seeds))
        score_day(fitted[0], built, graphs, fold.start)
        _, spent = timed(lambda fitted=fitted: [score_day(fitted[0], built, graphs, t) for t in range(fold.start, fold.start + SCORED)])
        cost[f"score {name}"] = spent / SCORED
    return cost


def grown(cost, step, power, assets):
    """a + b N^p through the first two sizes; a negative overhead is taken as none."""
    small, large = SIZES[:2]
    b = max((cost[large][step] - cost[small][step]) / (large**power - small**power), 0.0)
    a = max(cost[large][step] - b * large**power, 0.0)
    return a + b * assets**power


def foretold(cost, assets):
    """CPU hours of one configuration of the standard run, and the bytes that a worker maps or makes."""
    days = exchange("XNYS").days
    days = days[days >= np.datetime64("1993-01-04")][: 252 * YEARS]
    T = len(days)
    targets = tuple(Target.parse(t) for t in TARGETS)
    known = np.stack([known_on(days, t.horizon) for t in targets], axis=1)
    none = Labels(days, (SYSTEM,), targets, np.full((T, 1, len(targets)), np.nan), known, np.ones(T, bool), np.ones(T))
    parts = {step: grown(cost, step, power, assets) * T / SESSIONS for step, power in STEPS.items()}
    for name, power in MODELS.items():
        model = models.make(name, ModelsConfig())
        plan = folds(none, SplitConfig(first=date(1998, 1, 2)), model.refit_years)
        rows = sum(fold.start for fold in plan) / (0.8 * SESSIONS)  # training rows, in units of the measured fit
        epochs = ModelsConfig().snapshot.train.epochs / EPOCHS if model.graphs else 1
        scored = sum(fold.stop - fold.start for fold in plan) * (SEEDS if model.seeds else 1)
        rows *= SEEDS if model.seeds and not model.graphs else 1
        spent = grown(cost, f"fit {name}", power, assets) * rows * epochs + grown(cost, f"score {name}", power, assets) * scored
        parts[f"{RULES} rules" if name == "vol+breadth" else name] = spent * (RULES if name == "vol+breadth" else 1)
    shared = T * assets * len(FeaturesConfig().node) * 8 + T * assets * (assets - 1) // 16
    block = 4 * assets**2 * (T // ModelsConfig().snapshot.every)
    return {"hours": {k: v / 3600 for k, v in parts.items()}, "shared_gb": shared / 1e9, "network_gb": block / 1e9}


PROSE = """# Sizing

Generated by `python benchmarks/sizing.py` from `results/benchmarks/sizing.json` ({machine}).

## How work is shared

A job is one fold of one model with the seeds that train together. Jobs run in processes on this machine (`backtest.jobs`, 0 for one a core), or
on a Dask cluster:

```
pip install 'systemic-risk-radar[dask]'
dask scheduler
dask worker tcp://HOST:8786 --nworkers 16 --nthreads 1
riskradar run standard --dask tcp://HOST:8786
```

Workers need one thread each and the same code and versions as the machine that starts the run; anything else is refused in one line. Scores and
hashes are those of one process, bit for bit, on the same kind of processor; elsewhere probabilities agree within 1e-6. Large tables go to local
processes once, as memory that all of them map, and to each worker of a cluster once.

Each finished job is kept in `.unfinished` in the home of the runs until the run is stored. A run that was killed goes on from there when the same
command is given again, as long as the data, the settings and the code are the same. Delete the folder to start over.

## {largest} assets, {years} years, {configurations} configurations

CPU hours of one configuration ({years} years, {targets} targets, yearly and three-yearly refits, {seeds} seeds), extrapolated from {small} and
{large} assets over {sessions} sessions as a + b N^p and in proportion to the rows read, and tested at {test} (for models: their training).

{table}

## What this says

* **Memory decides before time does.** The networks train on dense graphs that are all in memory at once, in every worker that trains one: the last
  row is their size alone. What does not fit a worker cannot be run, however many workers there are; take rules and classic models there, or fewer
  names.
* Days on many workers assume that jobs are many and even. The last folds of a network are the longest, and no split goes below a fold.
* **Graphs are built on one machine, not in chunks of time over workers.** All tables before the models are at most {share:.1f} % of the hours
  above, so chunks would gain nothing that is felt.
* Extrapolated, not measured: everything above the sizes named; at {test} assets a step took up to {worst:.1f} times what was foretold. Caches of
  the processor, memory traffic and the network are not in it.
"""


def page(record):
    """docs/sizing.md: generated, never edited."""
    goals = record["foretold"]
    total = {n: sum(g["hours"].values()) for n, g in goals.items()}
    return PROSE.format(
        machine=record["machine"], largest=f"{GOALS[-1]:,}", years=YEARS, configurations=CONFIGURATIONS, targets=len(TARGETS), seeds=SEEDS,
        small=SIZES[0], large=SIZES[1], test=SIZES[2], sessions=SESSIONS, table=table(record, goals, total),
        worst=max(record["tested"].values()), share=100 * max(sum(g["hours"][s] for s in STEPS) / total[n] for n, g in goals.items()),
    )  # fmt: skip


def table(record, goals, total):
    powers = STEPS | {(f"{RULES} rules" if m == "vol+breadth" else m): p for m, p in MODELS.items()}
    lines = [
        f"| step | p | measured / foretold at {SIZES[-1]} | " + " | ".join(f"{int(n):,} assets" for n in goals) + " |",
        "|---|---|---|" + "---|" * len(goals),
    ]
    for step, p in powers.items():
        key = "fit vol+breadth" if step.endswith(" rules") else step if step in STEPS else f"fit {step}"
        lines.append(row(step, (g["hours"][step] for g in goals.values()), 3, p, f"{record['tested'][key]:.2f}"))
    lines.append(row("**one configuration**", total.values(), 1))
    lines.append(row(f"{CONFIGURATIONS} configurations", (CONFIGURATIONS * t for t in total.values()), 0))
    lines += [row(f"days on {w} workers", (CONFIGURATIONS * t / w / 24 for t in total.values()), 1) for w in WORKERS]
    lines.append(row("shared tables, GB", (g["shared_gb"] for g in goals.values()), 1))
    lines.append(row("graphs of one network, GB a worker", (g["network_gb"] for g in goals.values()), 0))
    return "\n".join(lines)


def row(name, values, digits, power="", measured=""):
    return f"| {name} | {power} | {measured} | " + " | ".join(f"{v:,.{digits}f}" for v in values) + " |"


def main():
    with threadpool_limits(1):
        cost = {n: measure(n) for n in SIZES}
    powers = STEPS | {f"{what} {model}": p for model, p in MODELS.items() for what in ("fit", "score")}
    tested = {step: cost[SIZES[-1]][step] / grown(cost, step, p, SIZES[-1]) for step, p in powers.items()}
    record = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "setting": {"sizes": SIZES, "sessions": SESSIONS, "epochs": EPOCHS, "seeds": SEEDS, "clock": "process CPU time, one thread"},
        "cost": {str(n): each for n, each in cost.items()}, "tested": tested, "foretold": {str(n): foretold(cost, n) for n in GOALS},
    }  # fmt: skip
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    PAGE.write_text(page(record), "utf-8")
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
