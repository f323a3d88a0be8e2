"""How much of a score comes from a model's network, and how much of it from the graph inside."""

from collections.abc import Mapping

import numpy as np

from riskradar.tables import Forecast, mean_over_seeds

TWINS = {"network": "anchor", "graph": "no-graph"}  # what is taken away, and the row that stands without it


def shares(forecasts: Mapping[str, Forecast]) -> dict[str, dict[str, float]]:
    """Model -> network, graph: the variance of its score less that of its twin NAME-anchor, NAME-no-graph, over the variance of its score.

    The mean over targets, on the dates that both score; only models with both twins, whose scores are logits and move (design 6).
    """
    out = {}
    for name in forecasts:
        twins = {part: f"{name}-{twin}" for part, twin in TWINS.items()}
        found = {part: _share(forecasts[name], forecasts[twin]) for part, twin in twins.items() if twin in forecasts}
        known = {part: share for part, share in found.items() if share is not None}
        if len(known) == len(TWINS):
            out[name] = known
    return out


def _share(whole: Forecast, twin: Forecast) -> float | None:
    _, here, there = np.intersect1d(whole.dates, twin.dates, return_indices=True)
    a, b = (mean_over_seeds(of.score)[rows, 0] for of, rows in ((whole, here), (twin, there)))
    both = np.isfinite(a - b).all(axis=1)
    spread = a[both].var(axis=0) if both.any() else np.zeros(1)
    return float(((a - b)[both].var(axis=0) / spread).mean()) if (spread > 0).all() else None
