"""Proof: edges equal an exact rational oracle on COUNT pair-windows with ties, unknown cells and ragged membership.

    python prove/ranks.py [--count 1000000] [--out proofs/ranks.json]

Budget: about 4 minutes of one core for 1,000,000. Resumable: the file is rewritten after every panel and a later call goes on from it.
Each pair-window is decided for four thresholds and three signs. A pair-window is one pair of assets on one session whose windows are both
fully known; pairs that are undefined are checked too (they must have no edge) and counted apart.
"""

import argparse
import datetime
import json
import math
import subprocess
import sys
import time
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.layers.oracle import doubled_ranks, moments, reaches  # noqa: E402

from riskradar.layers.kernels import tiles  # noqa: E402
from riskradar.layers.ranks import Relation, Window, edges  # noqa: E402

WINDOWS, TAUS, SIGNS = (3, 7, 9, 10, 20, 60, 250), ("0.3", "0.5", "0.6", "0.7"), ("absolute", "positive", "negative")
NODES, SESSIONS, COARSE = 40, 6, (1.0, 4.0, 1e9)  # values rounded to 1, 1/4, or not at all: many, some and no ties


def panel(seed, window):
    rng = np.random.default_rng(seed)
    strength, steps = rng.uniform(-1.5, 1.5, NODES), COARSE[seed % 3]
    shape = (window - 1 + SESSIONS, NODES)
    values = np.round((rng.standard_t(4, (shape[0], 1)) * strength + rng.standard_t(4, shape)) * steps) / steps
    values[rng.random(shape) < 0.15 / window] = np.nan
    return values, rng.random(shape) > 0.05


def check(seed, window):
    """Counts of one panel: pair-windows, undefined, on the threshold, edges, mismatches."""
    values, member = panel(seed, window)
    counts = dict.fromkeys(("pair_windows", "undefined", "on_threshold", "edges", "mismatches"), 0)
    pairs = list(combinations(range(NODES), 2))
    found = {
        (tau, sign): np.unpackbits(edges(Window.empty(window, NODES), values, member, Relation("spearman", sign), tau)[1], axis=1)
        for tau in TAUS
        for sign in SIGNS
    }
    for t in range(window - 1, len(values)):
        cut = values[t - window + 1 : t + 1]
        known = ~np.isnan(cut).any(axis=0) & member[t]
        twice = [doubled_ranks(cut[:, j].tolist()) if known[j] else None for j in range(NODES)]
        for at, (i, j) in enumerate(pairs):
            both = moments(twice[i], twice[j]) if known[i] and known[j] else (0, 0, 0)
            defined = both[1] > 0 and both[2] > 0
            counts["pair_windows" if defined else "undefined"] += 1
            for tau in TAUS:
                ratio = Fraction(tau)
                counts["on_threshold"] += defined and (ratio.denominator * both[0]) ** 2 == ratio.numerator**2 * both[1] * both[2]
                for sign in SIGNS:
                    truth = reaches(both, ratio, sign)
                    counts["edges"] += truth
                    counts["mismatches"] += truth != bool(found[tau, sign][t, at])
    return counts


def commit():
    run = subprocess.run(["git", "rev-parse", "--verify", "-q", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() or None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--count", type=int, default=1_000_000)
    arguments.add_argument("--out", type=Path, default=ROOT / "proofs" / "ranks.json")
    chosen = arguments.parse_args()
    proof = json.loads(chosen.out.read_text()) if chosen.out.exists() else {"panels": 0, "seconds": 0.0, "windows": {}}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    while sum(row["pair_windows"] for row in proof["windows"].values()) < chosen.count:
        began, seed = time.process_time(), proof["panels"]
        window = WINDOWS[seed % len(WINDOWS)]
        row = proof["windows"].setdefault(str(window), {})
        for name, value in check(seed, window).items():
            row[name] = row.get(name, 0) + int(value)
        proof |= {
            "panels": seed + 1, "seconds": round(proof["seconds"] + time.process_time() - began, 1), "date": str(datetime.date.today()),
            "commit": commit(), "thresholds": TAUS, "signs": SIGNS, "lanes": tiles.LANES, "bytes": tiles.BYTES,
            "pair_windows": sum(r["pair_windows"] for r in proof["windows"].values()),
            "mismatches": sum(r["mismatches"] for r in proof["windows"].values()),
        }  # fmt: skip
        chosen.out.write_text(json.dumps(proof, indent=1))
    share = math.fsum(r["on_threshold"] for r in proof["windows"].values()) / (proof["pair_windows"] * len(TAUS))
    print(f"{proof['pair_windows']:,} pair-windows, {share:.2%} of comparisons on the threshold, {proof['mismatches']} mismatches")
    return 1 if proof["mismatches"] else 0


if __name__ == "__main__":
    sys.exit(main())
