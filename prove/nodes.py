"""Proof: on a wide panel a graph improves forecasts of node volatility and drawdown over its no-graph twin, and a shuffled graph does not.

    python prove/nodes.py --prices PATH --sectors PATH [--cohort PATH [--only ragged]] [--seeds 3] [--out FILE] [--results FILE]

Budget: about 10 minutes of one core for three seeds on 319 complete names, and 40 for 750 ragged ones. Resumable: forecasts of each row are kept
beside the proof and made once; with --only the other panel stays as the results hold it. The complete panel holds the stocks that have every
session; the ragged one all stocks and names that failed or were taken over. One share class a firm; funds left out. Closes are carried over at
most two missing sessions (gaps of the source). Exits with 1 when a bar is missed.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from riskradar import backtest, data, nodes  # noqa: E402
from riskradar.evaluate.nodes import HALVES, NodeSkillConfig, explained, losses, skills  # noqa: E402
from riskradar.layers.twins import placebo  # noqa: E402
from riskradar.models.radar import NODE_MODELS  # noqa: E402
from riskradar.models.radar.shrink import slopes  # noqa: E402
from riskradar.nodes import NodesConfig  # noqa: E402
from riskradar.split import SplitConfig, folds  # noqa: E402
from riskradar.tables import Panel  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SAME_FIRM = ("FOX", "GOOG", "NWS")  # the other class of each is in the file
TARGETS = ("log-volatility/5", "log-volatility/20", "log-drawdown/20", "log-drawdown/60")
CONFIG = NodesConfig(names=("har", "ridge", "ridge-graph", "nodes-no-graph", "nodes"), targets=TARGETS)
SPLIT = SplitConfig(first=datetime.date(2002, 1, 2), embargo=0)
ROWS = {"har": "har", "ridge": "ridge", "ridge-graph": "ridge-graph", "twin": "nodes-no-graph", "graph": "nodes", "shuffled": "nodes"}
LEARNED = ("twin", "graph", "shuffled")
PAIRS = [("ridge", "har"), ("ridge-graph", "ridge"), ("twin", "ridge"), ("graph", "har"), ("graph", "ridge"), ("graph", "twin"), ("shuffled", "twin")]
BARS = {"log-volatility/5": 0.4, "log-volatility/20": 0.5, "log-drawdown/20": 0.0, "log-drawdown/60": 0.0}  # percent of MSE over the twin
FALLEN = 0.03  # of its highest close so far: below, an asset is no member (wide study, section 1)
KNOWN, YEAR = 248, 250  # valid closes among the last of these


def frames(chosen):
    """Closes by panel: the complete names, and all of them; or the one that was asked for."""
    prices, sectors = pd.read_parquet(chosen.prices), pd.read_csv(chosen.sectors).set_index("ticker")
    prices.index = pd.DatetimeIndex(prices.index)
    stocks = prices[[name for name in prices if sectors.loc[name, "kind"] == "stock" and name not in SAME_FIRM]]
    out = {"complete": stocks.loc[:, stocks.notna().all()]}
    if chosen.cohort:
        extra = pd.read_parquet(chosen.cohort)
        extra.index = pd.DatetimeIndex(extra.index)
        out["ragged"] = stocks.join(extra.reindex(stocks.index))
    return {name: frame for name, frame in out.items() if chosen.only in (None, name)}


def members(panel):
    """Who is observed, traded in the last year and has not fallen to nothing; read from the past alone."""
    known = np.cumsum(np.isfinite(panel.close), axis=0)
    year = known - np.concatenate([np.zeros_like(known[:YEAR]), known[:-YEAR]])
    highest = np.fmax.accumulate(np.where(np.isfinite(panel.close), panel.close, 0.0), axis=0)
    return panel.member & (year >= KNOWN) & (panel.close > FALLEN * highest)


def tables(frame, ragged):
    """Features, graphs, shuffled graphs and labels of one panel."""
    config = data.DataConfig(index="equal-weight")
    panel: Panel = data.assemble(data.read_frame(frame.ffill(limit=2) if ragged else frame, config), config)[0]
    if ragged:
        panel = replace(panel, member=members(panel))
    built, graphs, outcome = nodes.tables(panel, CONFIG)
    return built, graphs, placebo(graphs, 0), outcome


def forecast(row, made, seeds, store):
    """Forecasts of one row, [S, T, N, K] float32, and their process CPU seconds; made once and kept."""
    if store.exists():
        kept = load_file(store)
        return kept["values"], float(kept["seconds"][0])
    built, graphs, shuffled, outcome = made
    model = NODE_MODELS[ROWS[row]](CONFIG.recipe)
    began = time.process_time()
    plan = folds(outcome, SPLIT, model.refit_years)
    graph = replace(graphs, layers={}) if not model.graphs else shuffled if row == "shuffled" else graphs
    every = tuple(seeds) if model.seeds else (0,)
    scored = np.concatenate([backtest.do(backtest.Job(row, model, every, fold), built, graph, outcome).values[0] for fold in plan], axis=1)
    values, seconds = scored[:, :, 1:].astype(np.float32), time.process_time() - began
    store.parent.mkdir(parents=True, exist_ok=True)
    work = store.with_name(f".writing-{store.name}")
    save_file({"values": np.ascontiguousarray(values), "seconds": np.array([seconds])}, work)
    os.replace(work, store)
    return values, seconds


def judged(values, outcome, config):
    """Skills of every pair, plain and after the shrink, from forecasts [T, N, K] of each row; and R squared of own HAR."""
    first = int(np.searchsorted(outcome.dates, np.datetime64(SPLIT.first)))
    dates, known = outcome.dates[first:], outcome.known[first:]
    truth = outcome.values[first:, 1:].astype(np.float32)
    slope = {name: slopes(values["ridge"], values[name], truth, dates, known, CONFIG.shrink) for name in LEARNED}
    shrunken = nodes.believed(values, truth, dates, known, CONFIG.shrink, LEARNED)
    out = {"slopes_at_the_end": {name: [round(float(v), 3) for v in of[-1]] for name, of in slope.items()}, "skill": {}}
    for kind, rows in (("plain", values), ("shrunk", shrunken)):
        found = losses(rows, truth, outcome.targets, dates, known)
        out["r2_of_har"] = [round(float(v), 4) for v in explained(found["har"], truth, rows["har"])]
        for s in skills(found, PAIRS, outcome.targets, dates, config):
            if kind == "shrunk" or s.half == "all":
                numbers = [None if np.isnan(value) else round(value, 3) for value in (s.skill.value, s.skill.low, s.skill.high)]
                out["skill"][" ".join((kind, s.model, "over", s.reference, s.target, s.part, s.half))] = numbers
    return out


def over_twin(skill, model, target, half="all"):
    """The shrunk forecast of a model over that of the twin, in percent of MSE: value, low, high; NaN where there is no such day."""
    return [np.nan if number is None else number for number in skill[f"shrunk {model} over twin {target} total {half}"]]


def missed(skill):
    """The bars that one panel misses: the graph over its twin, and the shuffled graph, which must not gain."""
    out = []
    for target, bar in BARS.items():
        value, low, high = over_twin(skill, "graph", target)
        if not (value >= bar and low > 0):
            out.append(f"graph on {target}: {value:+.2f} % [{low:+.2f}, {high:+.2f}], bar {bar} % with an interval above 0")
        if not over_twin(skill, "shuffled", target)[1] <= 0:
            out.append(f"shuffled on {target} gains")
    return out


def digest(*pieces):
    """Short SHA-256 of texts and tables."""
    out = hashlib.sha256()
    for piece in pieces:
        out.update(piece.encode() if isinstance(piece, str) else np.ascontiguousarray(piece.to_numpy()).tobytes() + ",".join(piece).encode())
    return out.hexdigest()[:16]


def table(name, frame, seeds, folder):
    """All that is reported of one panel."""
    recipe, graph = (part.model_dump(mode="json") for part in (CONFIG.recipe, CONFIG.residual))
    settings = json.dumps([recipe, graph, SPLIT.model_dump(mode="json"), TARGETS], sort_keys=True)
    inputs = digest(frame)
    made = tables(frame, name == "ragged")
    values, seconds = {}, {}
    for row in ROWS:
        kept = folder / f"{name}-{row}-{digest(settings, inputs, str(seeds))}.safetensors"
        each, seconds[row] = forecast(row, made, seeds, kept)
        values[row] = each.mean(axis=0)
        print(f"{name}: {row}, {seconds[row]:.0f} CPU s for {len(each)} seeds", flush=True)
    found = judged(values, made[3], NodeSkillConfig())
    size = {"assets": frame.shape[1], "sessions": len(frame), "first": str(frame.index[0].date()), "last": str(frame.index[-1].date())}
    return (
        size | {"config": digest(settings), "input": inputs, "seeds": len(seeds), "cpu_seconds": {r: round(s, 1) for r, s in seconds.items()}} | found
    )


def commit():
    run = subprocess.run(["git", "rev-parse", "--verify", "-q", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() or None


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--prices", "--sectors", "--cohort"):
        arguments.add_argument(name, type=Path, required=name != "--cohort")
    arguments.add_argument("--only", choices=("complete", "ragged"))
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--out", type=Path, default=ROOT / "proofs" / "nodes.json")
    arguments.add_argument("--results", type=Path, default=ROOT / "results" / "nodes.json")
    chosen = arguments.parse_args()
    if chosen.only == "ragged" and not chosen.cohort:
        arguments.error("the ragged panel needs --cohort")
    print("budget: about 10 minutes of one core for three seeds on 319 complete names, and 40 for 750 ragged ones")
    found = json.loads(chosen.results.read_text())["panels"] if chosen.only and chosen.results.exists() else {}
    for name, frame in frames(chosen).items():
        found[name] = table(name, frame, tuple(range(chosen.seeds)), chosen.out.parent / "nodes")
    for path, extra in ((chosen.out, {"date": str(datetime.date.today()), "commit": commit()}), (chosen.results, {})):
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(extra | {"span": f"{SPLIT.first} to the end", "panels": found}, indent=1)
        path.write_text(re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda listed: f"[{' '.join(listed[1].split())}]", text) + "\n")
    lines = [f"{name}: {line}" for name, panel in found.items() for line in missed(panel["skill"])]
    for name, panel in found.items():
        for model, target, half in product(("graph", "shuffled"), TARGETS, HALVES):
            value, low, high = over_twin(panel["skill"], model, target, half)
            print(f"{name} {model} over twin, {target}, {half}: {value:+.2f} % [{low:+.2f}, {high:+.2f}]")
    print("\n".join(["bars missed:", *lines]) if lines else "all bars met")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
