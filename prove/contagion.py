"""Proof: where stress travels along known edges before prices fall, `srr` sees it with the true graph and not with its shuffled twin.

A market of blocks of 60 sessions. In each block stress takes hold of eight assets one after the other: their returns become three times as volatile.
In half of the blocks it travels, each asset catching it from a neighbour that has it; in the others it strikes anywhere. On the decision day all
eight have it and no price has fallen. Then the index falls by 7 % with a probability of .325 + .225 * strength where stress has travelled, and of
.325 - .225 * strength where it has not. How many assets are stressed, when, and how strongly is the same in both, and every asset has four
neighbours: only who neighbours whom tells the two apart. The label is 20/5 on the decision day: a fall of 5 % from a peak within 20 sessions.

The oracle knows who is stressed and who neighbours whom: its score is the number of edges between stressed assets. Proved is, with 90 % intervals
over the seeds: the oracle's mean AUROC lies between .70 and .80, and the paired difference of `srr` and its twin lies above 0; at strength 0, where
labels are drawn without regard to anything, that difference covers 0 and neither of the two lies above .5.
    python prove/contagion.py [COUNT]     writes proofs/contagion.json; runs already in it are not repeated.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
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
from riskradar.models.dense import TrainConfig
from riskradar.models.srr.model import Srr, SrrConfig
from riskradar.split import Fold
from riskradar.tables import Bits, Facts, Features, Graphs, Held, Labels, Panel

COUNT, BUDGET = 20, "about 10 minutes on 2 cores"
OUT = Path("proofs/contagion.json")
STRENGTHS = (1.0, 0.0)
ASSETS, DEGREE, STRESSED, BLOCK, DECISION, BLOCKS = 32, 4, 8, 60, 40, 800
TRAINED = 500  # blocks
MODEL = SrrConfig(
    layers=("contagion",), inputs=("volatility_20",), context=(), encoder="gatv2", width=16, heads=4, depth=2, sequence=2, every=20,
    train=TrainConfig(epochs=40, batch=32, rate=3e-3),
)  # fmt: skip


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
        return cls(
            features.build(panel, FeaturesConfig(node=MODEL.inputs, context=())), Graphs(panel.dates, panel.assets, {"contagion": graph}, {}),
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


def area(market: Market, graphs: Graphs, seed: int) -> float:
    """AUROC of `srr` on the decision days after those that it was trained on."""
    start = TRAINED * BLOCK
    fold = Fold("late", start, len(market.labels.dates), market.labels.known <= market.labels.dates[start], market.labels.dates[start], "live")
    fitted = fit_fold(Srr(MODEL), market.features, graphs, market.labels, fold, seed)
    days = market.decisions[TRAINED:]
    return float(roc_auc_score(market.labels.values[days, 0, 0], [score_day(fitted, market.features, graphs, t).score[0, 0] for t in days]))


def measured(seed: int, strength: float) -> dict[str, float]:
    """AUROC of the oracle, of `srr` with the true graph and of `srr` with its shuffled twin."""
    market = Market.of(seed, strength)
    oracle = roc_auc_score(market.labels.values[market.decisions[TRAINED:], 0, 0], market.oracle[TRAINED:])
    return {"oracle": float(oracle), "true": area(market, market.graphs, seed), "twin": area(market, placebo(market.graphs, seed), seed)}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 90 % interval over seeds (Student)."""
    mean, half = np.mean(values), student.ppf(0.95, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return tuple(round(float(x), 4) for x in (mean, mean - half, mean + half))  # type: ignore[return-value]


def summary(runs: dict[str, dict[str, float]], strength: float) -> dict[str, tuple[float, float, float]]:
    """Mean AUROC and paired difference over the seeds of one strength, each with its 90 % interval."""
    of = [run for key, run in runs.items() if key.split("/")[1] == str(strength)]
    found = {name: [run[name] for run in of] for name in ("oracle", "true", "twin")}
    return {name: interval(values) for name, values in found.items()} | {"difference": interval([run["true"] - run["twin"] for run in of])}


def main(count: int) -> None:
    """Run what is missing, write after each run, judge at the end."""
    print(f"{count} markets with contagion and {count} without; budget: {BUDGET}")
    runs = json.loads(OUT.read_text())["runs"] if OUT.exists() else {}
    start = time.perf_counter()
    for seed in range(count):
        for strength in STRENGTHS:
            if (key := f"{seed}/{strength}") not in runs:
                runs[key] = measured(seed, strength)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "count": len(runs) // len(STRENGTHS)}
        found = {str(strength): summary(runs, strength) for strength in STRENGTHS} if len(runs) > len(STRENGTHS) else {}
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(about | {"summary": found, "runs": runs}))
    for strength, found in json.loads(OUT.read_text())["summary"].items():
        print(f"strength {strength}: " + "; ".join(f"{name} {mean:+.3f} [{low:+.3f}, {high:+.3f}]" for name, (mean, low, high) in found.items()))
    print(f"{time.perf_counter() - start:.0f} s")
    planted, none = (summary(runs, strength) for strength in STRENGTHS)
    seen = 0.7 <= planted["oracle"][0] <= 0.8 and planted["difference"][1] > 0
    nothing = none["difference"][1] <= 0 <= none["difference"][2] and all(none[name][1] <= 0.5 for name in ("true", "twin"))
    sys.exit(0 if seen and nothing else 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
