"""Proof: the probabilities of the pool beat an expanding climatology on a wide panel with VIX, and are coherent on every day.

    python prove/pool.py PRICES --sectors SECTORS --macro MACRO [--jobs 2]

PRICES is a wide table of closes, MACRO holds vix and spx. The market is judged twice: with the large caps and the index of the skfolio package
in front of the prices, and from their own first session on. Budget: about 6 minutes of CPU time. Writes proofs/pool.json and the short
results/pool.json; ends with 1 where the mean log-score skill of the pool over the headline targets is under .16 or a day is incoherent.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from riskradar import backtest, data, features, labels, layers
from riskradar.config import Config
from riskradar.data import DataConfig
from riskradar.evaluate.calibration import calibrate
from riskradar.evaluate.distribution import evaluate_falls
from riskradar.evaluate.events import events_within
from riskradar.evaluate.intervals import resample, stretch
from riskradar.features import FeaturesConfig
from riskradar.layers import LayersConfig
from riskradar.models import POOLS, ModelsConfig
from riskradar.split import SplitConfig
from riskradar.tables.arrays import day
from riskradar.text import deep_falls

BAR = 0.16
FIRST, LAST, SPLIT = "1998-01-02", "2022-12-30", "2010-01-01"
NAMES, RULE, SIMULATED, HORIZONS = (*POOLS, "equal-pool"), "vix+breadth", ("library", "garch", "pool"), (5, 10, 20, 60)
INDEX = "SP500"
HINDSIGHT = "The weights .4 .3 .3 and the recipe were chosen with hindsight by a study that saw both halves; the equal pool stands beside them."


def with_past(prices):
    """The prices with the sample's earlier sessions in front, each name scaled to meet its own first close, and the sample's index."""
    folder = Path(importlib.util.find_spec("skfolio").origin).parent / "datasets" / "data"
    stocks, index = (pd.read_csv(folder / name, index_col=0, parse_dates=True) for name in ("sp500_dataset.csv.gz", "sp500_index.csv.gz"))
    first = prices.index[0]
    names = [name for name in stocks if name in prices and np.isfinite(prices.at[first, name])]
    past = stocks.loc[stocks.index < first, names] * (prices.loc[first, names] / stocks.loc[first, names])
    whole = pd.concat([past.reindex(columns=prices.columns), prices])
    return whole.assign(**{INDEX: index.iloc[:, 0].reindex(whole.index)})


class Market:
    """One panel of closes, its tables and the forecasts of every pool member on it."""

    def __init__(self, prices, settings, jobs):
        panel, _ = data.assemble(data.read_frame(prices, settings), settings)
        self.about = str(panel)
        built, graphs = features.build(panel, FeaturesConfig()), layers.build(panel, LayersConfig(names=()))
        self.labels = labels.build(panel, Config().labels)
        chosen, split = ModelsConfig(names=(*NAMES, RULE)), SplitConfig(first=FIRST)
        ran = backtest.run(built, graphs, self.labels, chosen, split, backtest.BacktestConfig(jobs=jobs))
        if ran.absent:
            sys.exit(f"models that cannot run: {ran.absent}")
        self.forecasts, self.falls = ran.forecasts, ran.falls


def resamples(known, span):
    events = events_within(known, min(t.depth for t in known.targets), span)
    masks = [stretch(event, span.start, span.stop - span.start, max(HORIZONS)) for event in events]
    return resample(span.stop - span.start, masks, [e.depth for e in events], 500, 120, 0.90, 0)


def text(score):
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


def show_skill(found):
    targets = list(next(iter(found.values())).sessions)
    print(f"\nlog-score skill over the expanding climatology, 90 % interval; {next(iter(found.values())).sessions}")
    for name, one in found.items():
        print(f"{name:24} mean {text(one.everywhere.mean_log)}  Brier {text(one.everywhere.mean_brier)}  ONSET {text(one.onset.mean_log)}")
        print(f"{'':24} minus pool: {text(one.over_reference)}; incoherent days: {one.incoherent}")
        for part, half in one.halves.items():
            print(f"{'':24} {part}: mean {text(half.mean_log)}; " + "; ".join(f"{t} {text(half.log[t])}" for t in targets))


def show_reliability(one):
    for part, of in one.reliability.items():
        print(f"\nreliability of the pool {part}: forecast -> observed [90 %] (sessions)")
        for target, bins in of.items():
            cells = "  ".join(f"{b.mean:.3f} -> {b.observed:.3f} [{b.observed_low:.2f}, {b.observed_high:.2f}] ({b.days})" for b in bins)
            print(f"{target:>6}  {cells}")


def show_falls(found):
    for name, of in found.items():
        for horizon, one in of.items():
            skill = "; ".join(f"{part} {text(score)}" for part, score in one.crps.items())
            print(f"\n{name} over {horizon} sessions ({one.sessions}): CRPS skill {skill}")
            for how, levels in one.coverage.items():
                pinball = ", ".join(f"{level} {score.value:+.3f}" for level, score in one.pinball[how].items())
                share = ", ".join(f"{level} {score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" for level, score in levels.items())
                print(f"  {how}: covered {share}; pinball skill {pinball}; 90 % by five years {one.blocks[how]}")


def short(found):
    return {
        name: {
            "log_skill": round(one.everywhere.mean_log.value, 4), "low": round(one.everywhere.mean_log.low, 4),
            "high": round(one.everywhere.mean_log.high, 4), "brier_skill": round(one.everywhere.mean_brier.value, 4),
            "onset": round(one.onset.mean_log.value, 4), "halves": {part: round(half.mean_log.value, 4) for part, half in one.halves.items()},
            "by_target": {t: round(s.value, 4) for t, s in one.everywhere.log.items()}, "incoherent_days": one.incoherent,
        } for name, one in found.items()
    }  # fmt: skip


def _strict(content):
    """What JSON can hold: undefined numbers become null."""
    if isinstance(content, dict):
        return {str(key): _strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_strict(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(_strict(content), indent=1) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("prices")
    arguments.add_argument("--sectors", required=True)
    arguments.add_argument("--macro", required=True)
    arguments.add_argument("--jobs", type=int, default=2)
    given = arguments.parse_args()
    print(__doc__.splitlines()[0], "Budget: about 6 minutes of CPU time.")
    start = time.perf_counter()
    prices = pd.read_parquet(given.prices) if given.prices.endswith(".parquet") else pd.read_csv(given.prices, index_col=0, parse_dates=True)
    settings = DataConfig(prices=given.prices, sectors=given.sectors, macro=given.macro)
    long = Market(with_past(prices), settings.model_copy(update={"index": INDEX}), given.jobs)
    own = Market(prices, settings, given.jobs)
    known = long.labels
    span = slice(int(np.searchsorted(known.dates, day(FIRST))), int(np.searchsorted(known.dates, day(LAST), side="right")))
    plan = resamples(known, span)
    found = calibrate({name: long.forecasts[name] for name in NAMES}, known, span, plan, day(SPLIT), "pool")
    rule = calibrate({name: long.forecasts[name] for name in ("pool", RULE)}, known, span, plan, day(SPLIT), "pool")
    starts = {name: long.forecasts[name] for name in NAMES} | {f"{name}, own start": own.forecasts[name] for name in NAMES}
    both = calibrate(starts, known, span, plan, day(SPLIT), "pool")
    falls = evaluate_falls({name: long.falls[name] for name in SIMULATED}, known, span, plan, day(SPLIT))
    print(long.about, own.about, HINDSIGHT, sep="\n")
    show_skill(found)
    show_reliability(found["pool"])
    print("\nBeside the rule with a Platt map refitted yearly, on the sessions that both have:")
    show_skill(rule)
    print("\nThe same with the shorter history, on the sessions that all share and against the climatology of the longer one:")
    show_skill(both)
    show_falls(falls)
    pool = found["pool"]
    passed = pool.everywhere.mean_log.value >= BAR and not any(one.incoherent for one in found.values())
    print(f"\n{deep_falls(asdict(pool))}\n{HINDSIGHT}\npool {text(pool.everywhere.mean_log)}; bar {BAR}: {'met' if passed else 'missed'};"
          f" {time.perf_counter() - start:.0f} s")  # fmt: skip
    run = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": run.stdout.strip(), "panels": [long.about, own.about], "bar": BAR, "passed": passed,
             "hindsight": HINDSIGHT, "since_2010": deep_falls(asdict(pool))}  # fmt: skip
    whole = {"calibration": {n: asdict(c) for n, c in found.items()}, "rule": {n: asdict(c) for n, c in rule.items()},
             "starts": {n: asdict(c) for n, c in both.items()},
             "falls": {n: {h: asdict(s) for h, s in of.items()} for n, of in falls.items()}}  # fmt: skip
    write(Path("proofs/pool.json"), about | whole)
    crps = {n: {h: round(s.crps["all"].value, 4) for h, s in of.items()} for n, of in falls.items()}
    covered = {h: {how: round(c["0.9"].value, 4) for how, c in s.coverage.items()} for h, s in falls["pool"].items()}
    write(
        Path("results/pool.json"),
        about | {"models": short(found), "beside_the_rule": short(rule), "starts": short(both), "crps_skill": crps, "pool_covers_90": covered},
    )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
