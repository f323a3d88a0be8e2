"""Proof: of any batch of cells, every one is accepted as written, refused with a rule, a duplicate or empty, in whatever order they come.

    python prove/quality.py [--count N] [--prices FILE]     writes proofs/quality.json

No market-wide fall on the worst days of 1987, 2008 and 2020, however deep, is refused. FILE is a wide table of real closes, dates by names: what is
refused of it is printed, by rule and by name.
"""

import argparse
import json
import random
import subprocess
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from riskradar.data.calendar import exchange
from riskradar.data.files import open_file
from riskradar.data.quality import QualityConfig, judge
from riskradar.data.sources import Cell

COUNT, BUDGET = 10_000, "about a minute on 1 core"
OUT = Path("proofs/quality.json")
MOMENT = datetime(2026, 3, 6, 23, tzinfo=UTC)
XNYS = exchange("XNYS")
BLACK_DAYS = ("1987-10-19", "1987-10-26", "2008-09-29", "2008-10-15", "2008-12-01", "2020-03-09", "2020-03-12", "2020-03-16")
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07", "2026-02-30", "2031-01-02", "")
TEXTS = ("", "1", "1.0", "2", "0", "-3", "nan", "inf", "1e400", "x", "250", "0.01", "100", "1,5", " 7 ", "7")
KNOWN = (None, None, None, date(2026, 3, 5), date(2026, 2, 20), date(2030, 1, 1))
NAMES = ("", "AAA", "BBB", "CCC", "\u0410AA")
SERIES = ("close", "close", "volume", "vix", "split", "\u202e")


def batch(chance: random.Random) -> list[Cell]:
    """Up to 60 cells, many of them bad, some twice."""
    cells = [Cell(*(chance.choice(of) for of in (SERIES, NAMES, DAYS, TEXTS, KNOWN))) for _ in range(chance.randrange(60))]
    return cells + chance.choices(cells, k=chance.randrange(5)) if cells else cells


def conserved(seed: int) -> int:
    """How many cells the batch of this seed has; AssertionError where one is lost, made or altered."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible batch, no secret
    cells, own = batch(chance), {("close", "AAA"): {date(2026, 3, 2): 1.0, date(2026, 3, 3): chance.choice((1.0, 4.0))}}
    found = judge(cells, MOMENT, XNYS, own, {}, QualityConfig())
    written = Counter((c.series, c.asset, c.day, float(c.value)) for c in cells if c.value.strip() and c.value.strip() not in ("x", "1,5"))
    assert all(written[v.series, v.asset, v.day.isoformat(), v.value] for v in found.accepted)  # noqa: S101
    assert not Counter(r.cell for r in found.refused) - Counter(cells)  # noqa: S101
    assert len(cells) == len(found.accepted) + len(found.refused) + found.duplicates + found.empty  # noqa: S101
    chance.shuffle(cells)
    again = judge(cells, MOMENT, XNYS, own, {}, QualityConfig())
    assert (again.accepted, again.refused, again.doubts) == (found.accepted, found.refused, found.doubts)  # noqa: S101
    return len(cells)


def crashed(seed: int) -> int:
    """How many cells the market-wide crash of this seed has, on one of the worst days there were; AssertionError where one is refused."""
    chance = random.Random(seed)  # noqa: S311
    day = np.datetime64(chance.choice(BLACK_DAYS))
    before, after = (XNYS.days[np.searchsorted(XNYS.days, day) + step] for step in (-1, 1))
    cells = []
    for n in range(chance.randrange(5, 40)):
        fallen = 64.0 * chance.uniform(0.02, 0.96)
        closes = ((before, 64.0), (day, fallen), (after, fallen * chance.uniform(0.75, 1.25)))
        cells += [Cell("close", f"A{n}", str(d), repr(close)) for d, close in closes]
    assert not judge(cells, MOMENT, XNYS, {}, {}, QualityConfig()).refused  # noqa: S101
    return len(cells)


def real(file: str) -> dict[str, object]:
    """What is refused and told of a table of real closes."""
    grid = open_file(file, "--prices").grid()
    columns = {name: grid.data.column(i).to_pylist() for i, name in enumerate(grid.columns)}
    days = columns.pop("date")
    cells = [
        Cell("close", name, str(day)[:10], str(close))
        for name, column in columns.items() for day, close in zip(days, column, strict=True) if close == close and close
    ]  # fmt: skip
    found = judge(cells, MOMENT, XNYS, {}, {}, QualityConfig())
    told = Counter(doubt.rule for doubt in found.doubts)
    return {"cells": len(cells), "refused": dict(Counter(f"{r.rule} {r.cell.asset}" for r in found.refused)), "told": dict(told)}


def main() -> None:
    """Judge what is asked, print and write it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=COUNT)
    options.add_argument("--prices", default="")
    asked = options.parse_args()
    print(f"{asked.count} batches of cells; budget: {BUDGET}")
    start = time.process_time()
    cells = sum(conserved(seed) for seed in range(asked.count))
    fallen = sum(crashed(seed) for seed in range(asked.count))
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "batches": asked.count, "cells": cells, "lost": 0, "crashes": fallen}
    about |= {"real": real(asked.prices)} if asked.prices else {}
    print(f"{cells:,} cells in {asked.count:,} batches: none lost, made or altered; {time.process_time() - start:.0f} s of CPU")
    print(f"{fallen:,} cells around {asked.count:,} generated crashes on the worst days of 1987, 2008 and 2020: none refused")
    print(json.dumps(about.get("real", {})))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(about))


if __name__ == "__main__":
    main()
