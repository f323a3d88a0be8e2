"""The sealed half: choices are made on the years before the split, and what came after is looked at on purpose or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np

from riskradar.evaluate.compare import SPLIT, EvaluateConfig
from riskradar.evaluate.sample import align
from riskradar.tables import Forecast, Labels
from riskradar.tables.arrays import day


def seal(forecasts: Mapping[str, Forecast], labels: Labels, config: EvaluateConfig, *, confirm: bool) -> dt.date | None:
    """The day from which the evaluation stays closed; None when all of it is open.

    Open: `confirm` says so, the labels end before that day, or no session before it has a score with a known outcome, so that nothing could be
    chosen on it. A later `evaluate.split` opens nothing more.
    """
    first = sealed_day(config)
    if confirm or not len(labels.dates) or labels.dates[-1] < day(first):
        return None
    past = labels.upto(day(first) - 1)
    span = slice(int(np.searchsorted(past.dates, day(config.start))), len(past.dates))
    tracks, _ = align(forecasts, past, [t for t in past.targets if t.binary], span)
    judged = (np.isfinite(track.score + past.system(target))[span] for of in tracks.values() for target, track in of.items())
    return first if any(days.any() for days in judged) else None


def sealed_day(config: EvaluateConfig) -> dt.date:
    """The first day of the half that `--confirm` opens."""
    return min(config.split, SPLIT)
