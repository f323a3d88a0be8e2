"""Exposure layers: assets that answer alike to the market and to factors, sectors of the panel or series of the user; macro is one of them.

Macro series are no nodes here: nodes of a table are assets with prices. Assets are joined when their sensitivities to credit, rates and volatility
are alike, which is what two assets hanging on the same macro node would say.
"""

import numpy as np
from pydantic import Field

from riskradar.features import lag, log_returns, mean_return
from riskradar.layers.kernels.pairwise import distances
from riskradar.layers.residual import EXPLAINED, sector_returns, without
from riskradar.layers.windows import Drawing, NearestConfig, Refresh, nearest
from riskradar.tables import MARKET, Facts, Layer, Panel
from riskradar.tables.arrays import Bool, Days, Float, Int

LEAST = 0.5  # share of the window's sessions on which every factor must be known


class ExposureConfig(NearestConfig, frozen=True):
    """series: macro series whose changes are the factors; without any, the factors are the mean returns of the sectors."""

    series: tuple[str, ...] = ()

    def reads(self) -> int:
        """See DrawnConfig.reads; a change needs the day before it, and that day must be seen to begin."""
        return super().reads() + 1


class MacroConfig(ExposureConfig, frozen=True):
    """Sensitivities to volatility, credit and rates, on every session."""

    series: tuple[str, ...] = Field(default=("vix", "baa10y", "term_10y_3m"), min_length=1)
    refresh: Refresh = "daily"


def exposure(panel: Panel, config: ExposureConfig) -> Layer | str:
    """The `neighbours` assets with the most similar exposures, weight 1 / (1 + distance), [T, N, k], directed.

    Exposures over the window: the correlation with the market (equal weight of members), and for each factor the correlation of what the market
    leaves of the asset with what it leaves of the factor. Changes of a series count on the day that they speak of, once they are known: row t
    uses closes up to its refresh and facts known by then, in their first vintage.
    """
    missing = [name for name in config.series if name not in panel.facts.series]
    if missing:
        return f"no series {', '.join(missing)} in the macro data; give data.macro, or other series"
    if not config.series and not (panel.sector >= 0).any():
        return "no sector labels; give data.sectors, or series"
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)
    market = mean_return(returns, panel.member)[:, None]
    if config.series:
        pairs = [changes(panel.facts, name, panel.dates) for name in config.series]
        factors, known = np.stack([p[0] for p in pairs], axis=1), np.stack([p[1] for p in pairs], axis=1)
    else:
        factors = sector_returns(returns, panel.member, panel.sector, len(panel.sectors))
        known = np.broadcast_to(np.arange(len(returns))[:, None], factors.shape)

    def similarity(drawing: Drawing) -> Float:
        use = np.isfinite(market[drawing.span, 0]) & (np.isfinite(factors[drawing.span]) & (known[drawing.span] <= drawing.at)).all(axis=1)
        if use.sum() < LEAST * len(use):
            return np.full((len(drawing.columns),) * 2, np.nan)
        points = exposures(drawing.values[use], market[drawing.span][use], factors[drawing.span][use])
        return 1 / (1 + distances(points))

    return nearest(panel, returns, config, similarity)


def exposures(values: Float, market: Float, factors: Float) -> Float:
    """Correlations [M, 1 + K] of columns [W, M] with the market [W, 1] and, market removed from both, with factors [W, K]; 0 if nothing is left."""
    direct = _correlate(values, values, market, market)
    beside = _correlate(values, without(values, market), factors, without(factors, market))
    return np.ascontiguousarray(np.concatenate([direct, beside], axis=1))


def changes(facts: Facts, series: str, dates: Days) -> tuple[Float, Int]:
    """Change of a series on each session that it speaks of, NaN where none, and the row on which it became known, both [T].

    A value dated between sessions speaks of the next one; the first row is never known, as the values before it cannot be told apart.
    """
    rows = np.flatnonzero((facts.of == facts.series.index(series)) & (facts.asset == MARKET)) if series in facts.series else np.empty(0, int)
    rows = rows[np.lexsort((facts.known_at[rows], facts.date[rows]))]
    rows = rows[np.append(True, np.diff(facts.date[rows]) > np.timedelta64(0, "D"))[: len(rows)]]  # the first vintage of each day
    value, known = np.full(len(dates), np.nan), np.zeros(len(dates), np.int64)
    at = np.searchsorted(dates, facts.date[rows])
    rows, at = rows[(at > 0) & (at < len(dates))], at[(at > 0) & (at < len(dates))]
    value[at], known[at] = facts.value[rows], np.searchsorted(dates, facts.known_at[rows])
    return value - lag(value, 1), np.maximum(known, np.append(0, known[:-1])[: len(known)])


def _correlate(values: Float, left: Float, factors: Float, pulls: Float) -> Float:
    """Correlations [M, K] of `left` with `pulls`, each already what something leaves of `values` and `factors`."""
    x, own = _standard(values, left)
    y, moves = _standard(factors, pulls)
    out: Float = np.where(own[:, None] & moves, x.T @ y, 0.0)
    return out


def _standard(values: Float, left: Float) -> tuple[Float, Bool]:
    """Centred columns of norm 1, and whether more than rounding is left of them."""
    centred, whole = left - left.mean(axis=0), values - values.mean(axis=0)
    power: Float = (centred * centred).sum(axis=0)
    kept: Bool = power > EXPLAINED * (whole * whole).sum(axis=0)
    return centred / np.sqrt(np.where(kept, power, 1.0)), kept
