"""How deep it could be: the one model whose chances and forward falls a run shows, judged by calibration alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskradar.evaluate.calibration import calibrate
from riskradar.evaluate.compare import EvaluateConfig, judged, resamples
from riskradar.evaluate.distribution import evaluate_falls, fan
from riskradar.evaluate.report import Outlook
from riskradar.tables import Distribution, Forecast, Labels
from riskradar.tables.arrays import day

MODEL = "pool"


def outlook(
    forecasts: Mapping[str, Forecast], falls: Mapping[str, Distribution], labels: Labels, config: EvaluateConfig, sealed: dt.date | None = None
) -> Outlook | None:
    """Calibration of the pool over all targets and, where `falls` holds its distribution, of its forward falls; None when it gives no probability.

    sealed: as in compare.run.
    """
    if MODEL not in forecasts or not np.isfinite(forecasts[MODEL].probability).any():
        return None
    if sealed is not None:
        labels = labels.upto(day(sealed) - 1)
    span, split = judged(labels, config), day(config.split)
    plan = resamples(labels, [t for t in labels.targets if t.binary], span, config)
    calibration = calibrate({MODEL: forecasts[MODEL]}, labels, span, plan, split, MODEL)[MODEL]
    scored = evaluate_falls({MODEL: falls[MODEL]}, labels, span, plan, split)[MODEL] if MODEL in falls else {}
    return Outlook(MODEL, calibration, {str(horizon): scores for horizon, scores in scored.items()})


def shown(falls: Mapping[str, Distribution], labels: Labels) -> pd.DataFrame | None:
    """Quantiles of the pool's forward falls on every scored session (see fan); None where there is no such distribution."""
    return fan(falls[MODEL], labels) if MODEL in falls else None
