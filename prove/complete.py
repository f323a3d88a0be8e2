"""Proof: every explanation of a stored run adds up to the stored model's own score.

200 sessions, evenly spaced over three years in which every model was trained at most a few times (2018-2020, which hold a crisis), times every model
of the run that can be explained, and `srr` trained on the same tables when the run left it out. The gap is the score that backtest.score_day gives,
less the reference and every contribution, in units of the score; at most 1e-3 is proved. Models are read from the run, or trained again into it.
    python prove/complete.py RUN [--count 200] [--models radar ...]
RUN is the folder of a run; writes results/complete.json, which other models are added to while the run and the dates stay the same.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from riskradar import models
from riskradar.attribution import LARGEST_GAP, Read, attribute, headline
from riskradar.backtest import fit_fold, score_day
from riskradar.models import Fitted
from riskradar.record import load
from riskradar.reopen import Opened, reopen
from riskradar.split import Fold, folds

RESULTS = Path(__file__).resolve().parents[1] / "results" / "complete.json"
FIRST, LAST = "2018-01-02", "2020-12-31"
MORE, CONSTANT = ("srr",), ("base-rate", "always-on")


def fitted(opened: Opened, name: str, dates: list[str]) -> Iterator[tuple[Fitted, Fold, list[str]]]:
    """The model as it was on these dates: once a fold."""
    model = models.make(name, opened.config.models)
    for fold in folds(opened.labels, opened.config.split, model.refit_years):
        inside = [date for date in dates if fold.start <= opened.row(date) < fold.stop]
        if inside and name in opened.names:
            yield opened.fitted(name, inside[0]), fold, inside
        elif inside:
            yield fit_fold(model, opened.features, opened.graphs, opened.labels, fold, 0), fold, inside


def measured(opened: Opened, name: str, dates: list[str]) -> dict[str, float]:
    """Largest gap, how often a score was withheld, the steps of the integral (mean), and CPU seconds an explanation."""
    k, gaps, steps, seconds = opened.labels.targets.index(headline(opened)), [], [], 0.0
    for model, fold, inside in fitted(opened, name, dates):
        for date in inside:
            score = score_day(model, opened.features, opened.graphs, t := opened.row(date)).score[0, k]
            if np.isfinite(score):
                start = time.process_time()
                atoms = attribute(model, Read.of((opened.panel, opened.features, opened.graphs), t, k, fold.cutoff))
                seconds += time.process_time() - start
                gaps.append(abs(score - atoms.reference - atoms.total))
                steps.append(atoms.steps)
    return {
        "explained": len(gaps), "withheld": len(dates) - len(gaps), "gap": float(f"{max(gaps):.2g}"), "steps": round(float(np.mean(steps)), 1),
        "cpu_seconds": round(seconds / len(gaps), 3),
    }  # fmt: skip


def main() -> int:
    """Measure what is missing, write after each model, judge."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", type=Path)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--models", nargs="+")
    chosen = arguments.parse_args()
    print("budget: about 30 minutes of one core, most of it for training again")
    opened = reopen(load(chosen.run.parent, chosen.run.name))
    sessions = opened.features.dates
    inside = sessions[(sessions >= np.datetime64(FIRST)) & (sessions <= np.datetime64(LAST))]
    dates = [str(date) for date in inside[np.linspace(0, len(inside) - 1, chosen.count).round().astype(int)]]
    about = {"run": opened.record.about["config_hash"], "target": headline(opened).name, "dates": len(dates), "first": dates[0], "last": dates[-1]}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = kept["models"] if kept.items() >= about.items() else {}
    names = [name for name in (*opened.names, *MORE) if name not in CONSTANT]
    for name in dict.fromkeys(chosen.models or names):
        if name in found:
            continue
        with threadpool_limits(1):
            found[name] = measured(opened, name, dates)
        print(f"{name}: {found[name]}", flush=True)
        rows = ",\n".join(f"  {json.dumps(model)}: {json.dumps(row)}" for model, row in sorted(found.items()))
        RESULTS.write_text(json.dumps(about, indent=1)[:-2] + f',\n "models": {{\n{rows}\n }}\n}}\n')
    missed = [f"{name}: gap {row['gap']:g}" for name, row in found.items() if row["gap"] > LARGEST_GAP]
    print("\n".join(["bars missed:", *missed]) if missed else "all bars met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
