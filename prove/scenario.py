"""Proof: the short way of a stress test is the whole line, bit for bit, for every feature, layer and measure.

On each random day of the real sample the last session, or the last month, is shocked, and its features, graphs and measures are made from their
declared windows; they must equal those of the whole line built on the shocked panel.
    python prove/scenario.py [COUNT]     writes proofs/scenario.json
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from riskradar import config, data, features, layers
from riskradar.features import FEATURES, FeaturesConfig
from riskradar.layers import LAYERS
from riskradar.measures import MEASURES, values_of
from riskradar.scenario.line import features_after, graphs_after, measures_at
from riskradar.scenario.market import SPELL, Moves, shocked

COUNT, BUDGET = 20, "about 3 minutes on one core"
OUT = Path("proofs/scenario.json")
LAST = 40  # sessions that are compared
SLOW = ("ollivier", "catfin", "delta-covar")  # seconds a session on the whole line


def every(axis):
    """The names of the features of one axis."""
    return tuple(name for name, feature in FEATURES.items() if feature.axis == axis)


def shock(rng, assets, spell):
    """Random returns, and for a spell a random stretch of the last month."""
    still = np.ones(assets)
    stretch = rng.uniform(0.5, 3, assets) if spell else still
    return Moves(rng.uniform(-0.2, 0.2, assets), 0.05, stretch, {}, np.zeros(assets), rng.random(assets) < 0.1, ())


def differences(panel, chosen, settings, t, rng):
    """Names whose short way differs from the whole line on one day, and all that were compared."""
    now = panel.rows(0, t + 1)
    by = shock(rng, len(panel.assets), rng.random() < 0.5)
    then = shocked(now, by, chosen.data)
    whole_features, whole_graphs = features.build(then, settings), layers.build(then, chosen.layers)
    short_features = features_after(features.build(now, settings), then, by.rows)
    short_graphs = graphs_after(layers.build(now, chosen.layers), then, chosen.layers, by.rows, {})
    T, found, compared = len(then.dates), [], []
    for names, a, b in ((whole_features.names, short_features.values, whole_features.values),
                        (whole_features.context_names, short_features.context, whole_features.context)):  # fmt: skip
        found += [name for k, name in enumerate(names) if not np.array_equal(a[-LAST:, ..., k], b[-LAST:, ..., k], equal_nan=True)]
        compared += [f"feature {name}" for name in names]
    for name, layer in whole_graphs.layers.items():
        compared.append(f"layer {name}")
        if not np.array_equal(layer.block(T - LAST, T), short_graphs.layers[name].block(T - LAST, T)):
            found.append(name)
    measured = tuple(name for name, measure in MEASURES.items() if not measure.needs and name not in SLOW)
    for name, value in measures_at(then, short_graphs, chosen.measures, measured).items():
        compared.append(f"measure {name}")
        reads = MEASURES[name].reads(chosen.measures)
        tail = slice(max(T - 2 * reads - SPELL, 0), T) if reads else slice(0, T)
        wanted = values_of(MEASURES[name], then.rows(tail.start, T), whole_graphs.rows(tail.start, T), chosen.measures)[-1]
        if not np.array_equal(value, wanted, equal_nan=True):
            found.append(name)
    return found, compared


def main(count):
    """Every day in turn; any difference fails."""
    print(f"{count} days; budget: {BUDGET}")
    start, rng = time.perf_counter(), np.random.default_rng(0)
    chosen = config.load("standard", None, ["data.start=1998-01-02", f"layers.names={[*LAYERS, 'correlation~shuffled', 'residual~shuffled']}"])
    panel, _ = data.load(chosen.data)
    settings = FeaturesConfig(node=every("node"), context=every("context"))
    days = sorted(rng.choice(np.arange(900, len(panel.dates)), count, replace=False).tolist())
    both = {str(panel.dates[t]): differences(panel, chosen, settings, t, rng) for t in days}
    found, compared = {day: wrong for day, (wrong, _) in both.items()}, sorted({name for _, names in both.values() for name in names})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    OUT.parent.mkdir(exist_ok=True)
    told = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "count": count, "compared": compared, "differences": found}
    OUT.write_text(json.dumps(told, indent=1))
    wrong = sorted({name for names in found.values() for name in names})
    verdict = f"DIFFERENT: {', '.join(wrong)}" if wrong else "all equal"
    print(f"{count} days, {len(compared)} features, layers and measures, {time.perf_counter() - start:.0f} s; {verdict}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
