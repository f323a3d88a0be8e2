"""Proof: where stress travels along known edges before prices fall, `srr` and `radar` see it with the true graph, and their twins do not.

A market of blocks of 60 sessions. In each block stress takes hold of eight assets one after the other: their returns become three times as volatile.
In half of the blocks it travels, each asset catching it from a neighbour that has it; in the others it strikes anywhere. On the decision day all
eight have it and no price has fallen. Then the index falls by 7 % with a probability of .325 + .225 * strength where stress has travelled, and of
.325 - .225 * strength where it has not. How many assets are stressed, when, and how strongly is the same in both, and every asset has four
neighbours: only who neighbours whom tells the two apart. The label is 20/5 on the decision day: a fall of 5 % from a peak within 20 sessions.

The oracle knows who is stressed and who neighbours whom: its score is the number of edges between stressed assets. Proved is, with 90 % intervals
over the seeds: the oracle's mean AUROC lies between .70 and .80, and the paired differences of `srr` and of `radar` to their twins lie above 0; at
strength 0, where labels are drawn without regard to anything, these differences cover 0 and no row lies above .5.

`radar` reads its layer and inputs here and is trained as long as `srr` is; nothing else of it is changed. Its anchor, volatility and drawdown, knows
nothing of these falls, so that it has to find them against it. `radar-brief` has the epochs of a default run instead, on a third of its samples: a
result without a bar. The gate of each stands beside it.
    python prove/contagion.py [COUNT] [--rows radar ...]
writes proofs/contagion.json, which is gone on with, and its summary into results/contagion.json.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from riskradar import features, labels
from riskradar.backtest import fit_fold, score_day
from riskradar.features import FeaturesConfig
from riskradar.labels import LabelsConfig
from riskradar.layers.twins import placebo, rewired
from riskradar.models.base import Fitted, Model
from riskradar.models.dense import TrainConfig
from riskradar.models.pool import PoolConfig
from riskradar.models.pool.anchor import ANCHOR
from riskradar.models.pool.portfolios import NEEDS
from riskradar.models.radar.system import FittedRadar, Radar, RadarConfig
from riskradar.models.srr.model import Srr, SrrConfig
from riskradar.split import Fold
from riskradar.tables import Bits, Facts, Features, Graphs, Held, Labels, Panel

COUNT, BUDGET = 20, "about 10 minutes on 2 cores for srr, and 5 for radar"
OUT, RESULTS = Path("proofs/contagion.json"), Path("results/contagion.json")
STRENGTHS = (1.0, 0.0)
ASSETS, DEGREE, STRESSED, BLOCK, DECISION, BLOCKS = 32, 4, 8, 60, 40, 800
TRAINED = 500  # blocks
MODEL = SrrConfig(
    layers=("contagion",), inputs=("volatility_20",), context=(), encoder="gatv2", width=16, heads=4, depth=2, sequence=2, every=20,
    train=TrainConfig(epochs=40, batch=32, rate=3e-3),
)  # fmt: skip
RADAR = RadarConfig(layers=("contagion",), inputs=MODEL.inputs, context=(), every=20, train=MODEL.train)
BRIEF = RADAR.model_copy(update={"train": RadarConfig().train})
ROWS: dict[str, Callable[[], Model]] = {
    "srr": lambda: Srr(MODEL),
    "srr-shuffled": lambda: Srr(MODEL.model_copy(update={"layers": ("contagion~shuffled",)})),
    "radar": lambda: Radar(RADAR, PoolConfig(), ""),
    "radar-no-graph": lambda: Radar(RADAR, PoolConfig(), "", "no-graph"),
    "radar-shuffled": lambda: Radar(RADAR, PoolConfig(), "", "shuffled"),
    "radar-brief": lambda: Radar(BRIEF, PoolConfig(), ""),
}
TWINS = [("srr", "srr-shuffled"), ("radar", "radar-shuffled"), ("radar", "radar-no-graph")]


@dataclass(frozen=True, eq=False)
class Market:
    """The tables of one market; decisions: the decision day of each block; oracle: edges between stressed assets on it."""

    features: Features
    graphs: Graphs
    labels: Labels
    decisions: np.ndarray
    oracle: np.ndarray

    @classmethod
    def of(cls, seed: int, strength: float) -> "Market":
        """A random regular graph of the assets, stress on it, prices, and labels on the decision days alone."""
        rng = np.random.default_rng([seed, 11])
        ring = np.abs(np.subtract.outer(np.arange(ASSETS), np.arange(ASSETS)))
        adjacency = rewired((np.minimum(ring, ASSETS - ring) <= DEGREE // 2).astype(np.float32) * (ring > 0), False, seed)
        travels = rng.random(BLOCKS) < 0.5
        order = np.array([_spread(adjacency, travelled, rng) for travelled in travels])
        falls = rng.random(BLOCKS) < 0.325 + 0.225 * strength * np.where(travels, 1, -1)
        panel = _panel(_returns(order, falls, rng))
        stressed = np.zeros((BLOCKS, ASSETS), np.float32)
        np.put_along_axis(stressed, order, 1, axis=1)
        decisions = np.arange(BLOCKS) * BLOCK + DECISION
        known = labels.build(panel, LabelsConfig(targets=("20/5",)))
        silent = np.isin(np.arange(len(panel.dates)), decisions)[:, None, None]
        graph = Held(Bits.of(adjacency[None] > 0), np.zeros(len(panel.dates), np.int64), panel.member)
        graphs = Graphs(panel.dates, panel.assets, {"contagion": graph}, {})
        both = {"contagion": graph, "contagion~shuffled": placebo(graphs, seed).layers["contagion"]}
        return cls(
            features.build(panel, FeaturesConfig(node=MODEL.inputs, context=(*ANCHOR, *NEEDS))), replace(graphs, layers=both),
            replace(known, values=np.where(silent, known.values, np.nan)), decisions,
            np.einsum("bi,ij,bj->b", stressed, adjacency, stressed) / 2,
        )  # fmt: skip


def _spread(adjacency: np.ndarray, travels: bool, rng: np.random.Generator) -> list[int]:
    """The assets that stress takes hold of, in order."""
    taken = [int(rng.integers(ASSETS))]
    while len(taken) < STRESSED:
        near = adjacency[taken].any(axis=0) if travels else np.ones(ASSETS, bool)
        near[taken] = False
        taken.append(int(rng.choice(np.flatnonzero(near))))
    return taken


def _returns(order: np.ndarray, falls: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Log returns: stress from one to eight assets over 16 sessions before the decision day; a fall of 7 % after it, made good 22 sessions later."""
    sessions = (BLOCKS + 1) * BLOCK  # the last label needs sessions after its block
    scale, drift = np.ones((sessions, ASSETS)), np.zeros(sessions)
    for b, taken in enumerate(order):
        day = b * BLOCK + DECISION
        for place, asset in enumerate(taken):
            scale[day - 2 * (STRESSED - place) : day + 5, asset] = 3
        if falls[b]:
            drift[day + 3 : day + 9] -= 0.012
            drift[day + 22 : day + 34] += 0.006
    return 0.01 * scale * rng.standard_normal((sessions, ASSETS)) + drift[:, None]


def _panel(returns: np.ndarray) -> Panel:
    sessions = len(returns)
    dates = np.busday_offset(np.datetime64("1950-01-02"), np.arange(sessions), roll="forward").astype("datetime64[D]")
    close, everyone = 50 * np.exp(np.cumsum(returns, axis=0)), np.ones(returns.shape, bool)
    return Panel(
        dates=dates, assets=tuple(f"N{i:02d}" for i in range(ASSETS)), kind=("stock",) * ASSETS, close=close, member=everyone, sectors=(),
        sectors_dated=True, sector=np.full(close.shape, -1, np.int16), facts=Facts.none(), level=100 * np.exp(np.cumsum(returns.mean(axis=1))),
        index="mean",
    )  # fmt: skip


def judged(model: Model, market: Market, seed: int) -> tuple[float, Fitted]:
    """AUROC of a model on the decision days after those that it was trained on, and what it learned."""
    start = TRAINED * BLOCK
    fold = Fold("late", start, len(market.labels.dates), market.labels.known <= market.labels.dates[start], market.labels.dates[start], "live")
    fitted = fit_fold(model, market.features, market.graphs, market.labels, fold, seed)
    days = market.decisions[TRAINED:]
    scores = [score_day(fitted, market.features, market.graphs, t).score[0, 0] for t in days]
    return float(roc_auc_score(market.labels.values[days, 0, 0], scores)), fitted


def measured(seed: int, strength: float, rows: Sequence[str]) -> dict[str, float]:
    """AUROC of the oracle and of each of the rows, and the gate of those that have one."""
    market = Market.of(seed, strength)
    found = {"oracle": float(roc_auc_score(market.labels.values[market.decisions[TRAINED:], 0, 0], market.oracle[TRAINED:]))}
    for row in rows:
        found[row], fitted = judged(ROWS[row](), market, seed)
        if isinstance(fitted, FittedRadar):
            found[f"gate of {row}"] = float(fitted.learned["gate"][0])
    return found


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 90 % interval over seeds (Student)."""
    mean, half = np.mean(values), student.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return tuple(round(float(x), 4) for x in (mean, mean - half, mean + half))  # type: ignore[return-value]


def summary(runs: dict[str, dict[str, float]], strength: float) -> dict[str, tuple[float, float, float]]:
    """Mean AUROC, gate and paired difference over the seeds of one strength that have them, each with its 90 % interval."""
    of = [run for key, run in runs.items() if key.split("/")[1] == str(strength)]
    found = {name: [run[name] for run in of if name in run] for name in dict.fromkeys(name for run in of for name in run)}
    pairs = {f"{row} over {twin}": [run[row] - run[twin] for run in of if row in run and twin in run] for row, twin in TWINS}
    return {name: interval(values) for name, values in (found | pairs).items() if len(values) > 1}


def missed(found: dict[str, dict[str, tuple[float, float, float]]]) -> list[str]:
    """The bars that the summaries of both strengths miss, of the rows that were measured."""
    planted, none = (found[str(strength)] for strength in STRENGTHS)
    out = [] if 0.7 <= planted["oracle"][0] <= 0.8 else ["the oracle's AUROC lies outside .70 to .80"]
    for pair in (f"{row} over {twin}" for row, twin in TWINS):
        if pair in planted and not planted[pair][1] > 0:
            out.append(f"{pair} is not shown")
        if pair in none and not none[pair][1] <= 0 <= none[pair][2]:
            out.append(f"{pair} is found where nothing was planted")
    return out + [f"{row} finds what was not planted" for row in ROWS if row in none and none[row][1] > 0.5]


def main() -> int:
    """Run what is missing, write after each market, judge at the end."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("count", nargs="?", type=int, default=COUNT)
    arguments.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=tuple(ROWS))
    chosen = arguments.parse_args()
    if chosen.count < 2:
        arguments.error("an interval needs two markets or more")
    print(f"{chosen.count} markets with contagion and {chosen.count} without; budget: {BUDGET}")
    runs = json.loads(OUT.read_text())["runs"] if OUT.exists() else {}
    start, found = time.perf_counter(), {}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    for seed in range(chosen.count):
        for strength in STRENGTHS:
            done = runs.setdefault(f"{seed}/{strength}", {})
            if missing := [row for row in chosen.rows if row not in done]:
                done |= measured(seed, strength, missing)
        found = {str(strength): summary(runs, strength) for strength in STRENGTHS}
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps({"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "summary": found, "runs": runs}))
    for strength, of in found.items():
        print(f"strength {strength}: " + "; ".join(f"{name} {mean:+.3f} [{low:+.3f}, {high:+.3f}]" for name, (mean, low, high) in of.items()))
    print(f"{time.perf_counter() - start:.0f} s")
    lines = missed(found)
    RESULTS.write_text(json.dumps({"seeds": len(runs) // len(STRENGTHS), "missed": lines, "strengths": found}, indent=1) + "\n")
    print("\n".join(["bars missed:", *lines]) if lines else "all bars met")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
