"""Sentiment layer: assets whose news or posts change their tone together, on the sessions on which both have any."""

import numpy as np
from pydantic import Field

from riskradar.layers.kernels.pairwise import correlate_common
from riskradar.layers.windows import Drawing, NearestConfig, nearest
from riskradar.tables import Facts, Layer, Panel
from riskradar.tables.arrays import Days, Float


class SentimentConfig(NearestConfig, frozen=True):
    """series: sentiment of single assets; least: sessions of the window on which two assets must both have a value."""

    window: int = Field(default=120, ge=5, le=1000)
    series: str = "vader_mean"
    least: int = Field(default=20, ge=5)


def sentiment(panel: Panel, config: SentimentConfig) -> Layer | str:
    """The `neighbours` assets whose sentiment correlates most with that of each asset, above 0, over the sessions both have it; [T, N, k], directed.

    A value counts on the session on which it became known, in its first vintage; a day without one is no day for that asset: nothing is filled.
    """
    code = panel.facts.series.index(config.series) if config.series in panel.facts.series else -1
    if not ((panel.facts.of == code) & (panel.facts.asset >= 0)).any():
        return f"no series {config.series} of single assets; give data.sentiment, or layers.sentiment.series"
    values = arrivals(panel.facts, config.series, panel.dates, len(panel.assets))

    def similarity(drawing: Drawing) -> Float:
        rho: Float = correlate_common(drawing.values, config.least)
        return rho

    return nearest(panel, values, config, similarity, config.least)


def arrivals(facts: Facts, series: str, dates: Days, assets: int) -> Float:
    """What was newly known of each asset on each session [T, N], of several the newest day; NaN where nothing, and on the first row."""
    rows = np.flatnonzero((facts.of == facts.series.index(series)) & (facts.asset >= 0))
    rows = rows[np.lexsort((facts.known_at[rows], facts.date[rows], facts.asset[rows]))]
    day, asset = facts.date[rows].astype(np.int64), facts.asset[rows]
    first = np.append(True, (np.diff(day) != 0) | (np.diff(asset) != 0))[: len(rows)]
    rows = rows[first]
    at = np.searchsorted(dates, facts.known_at[rows])
    rows, at = rows[(at > 0) & (at < len(dates))], at[(at > 0) & (at < len(dates))]
    out = np.full((len(dates), assets), np.nan)
    out[at, facts.asset[rows]] = facts.value[rows]  # by asset and day: the newest day is written last
    return out
