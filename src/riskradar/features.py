"""Panel -> Features: one small function per feature; row t reads closes, levels and facts known on t, never later.

Windows are summed one shifted array at a time, so that each number depends on its own column and window only:
the bits are the same one day at a time or all at once, whatever other columns are present.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
from pydantic import BaseModel

from riskradar.errors import UsageError
from riskradar.patterns import LONGEST, STALE, by_asset, run_change, running, spa_change
from riskradar.registry import Registry
from riskradar.tables import Features, Panel
from riskradar.tables.arrays import Bool, Float

DECAY = 0.94  # RiskMetrics (1996), daily
YEAR = 252  # sessions
HISTORY = 504  # least sessions behind a z-score (design 5)
DEEP = 0.20  # a stock this far below its 60-session high is in distress (science 2)
CLIP = 0.4  # largest log return of a session that counts (wide study, section 1)
FLOOR = 0.01  # of a yearly volatility: keeps the logarithms of calm windows finite (wide study, section 1)
CALM, CALM_DAY = 1e-3, 3e-3  # the same for a daily volatility, and for the size of one return (wide study, section 5)
STEEPEST = 3.0  # largest beta (wide study, section 5)
BETA = 250  # sessions behind a beta (wide study, section 5)
MANY = 50  # from this many stocks on, breadth is the share in distress; below it, the mean drawdown (design 5)


@dataclass(frozen=True)
class Feature:
    """One entry of FEATURES: `build(panel, window)` gives [T, N] for a node feature, [T] for a context feature.

    reads: sessions of the panel that row t depends on, itself included; 0 means all since the first one.
    needs: series of facts without which the feature is absent.
    """

    build: Callable[[Panel, int], Float]
    window: int
    reads: int
    about: str
    axis: Literal["node", "context"] = "node"
    needs: tuple[str, ...] = ()


class FeaturesConfig(BaseModel, frozen=True, extra="forbid"):
    """Which entries of FEATURES are built."""

    node: tuple[str, ...] = (
        "return", "volatility_20", "volatility_60", "drawdown_20", "drawdown_60", "momentum_10", "momentum_30", "ewma_volatility", "below_high",
        "sector",
    )  # fmt: skip
    context: tuple[str, ...] = (
        "index_return", "index_volatility", "index_volatility_5", "index_volatility_22", "index_volatility_66",
        "index_below_high", "mean_drawdown", "share_in_distress", "breadth", "vix", "vix_change", "term_spread",
        "term_spread_change", "credit", "credit_change", "hy", "hy_change", "z_index_volatility", "z_vix", "z_credit_change",
        "z_hy_change",
    )  # fmt: skip


def lag(x: Float, sessions: int) -> Float:
    """`x` as it was `sessions` rows earlier; NaN before the first row."""
    out = np.full_like(x, np.nan)
    out[sessions:] = x[: max(len(x) - sessions, 0)]
    return out


def log_returns(close: Float) -> Float:
    """Log return of each session, same shape; row t uses closes t-1 and t."""
    growth = close / lag(close, 1)
    out: Float = np.log(growth)
    return out


def highest(close: Float, window: int) -> Float:
    """Highest close of the last `window` sessions; NaN when one of them is not known."""
    out, span = close.copy(), 1
    while 2 * span <= window:
        out = np.maximum(out, lag(out, span))
        span *= 2
    return np.maximum(out, lag(out, window - span))


@numba.njit(cache=True)
def _sums(x: Float, window: int, centre: Float) -> Float:
    """Sums of (x - centre)^2 where `centre` has rows, else of x, newest session first; NaN when one of them is not known."""
    out = np.full_like(x, np.nan)
    for t in range(window - 1, len(x)):
        out[t] = 0.0
        for k in range(window):
            for i in range(x.shape[1]):
                value = x[t - k, i]
                if len(centre):
                    value = (value - centre[t, i]) * (value - centre[t, i])
                out[t, i] += value
    return out


def rolling_mean(x: Float, window: int) -> Float:
    """Mean of the last `window` rows of [T] or [T, N]; NaN when one of them is not known."""
    columns = np.ascontiguousarray(x if x.ndim == 2 else x[:, None])
    mean: Float = _sums(columns, window, columns[:0]).reshape(x.shape) / window
    return mean


def deviation(x: Float, window: int) -> Float:
    """Sample standard deviation of the last `window` rows, two passes; NaN when one of them is not known."""
    columns = np.ascontiguousarray(x if x.ndim == 2 else x[:, None])
    squares = _sums(columns, window, rolling_mean(columns, window)).reshape(x.shape)
    out: Float = np.sqrt(squares / (window - 1))
    return out


@numba.njit(cache=True)
def _ewma(returns: Float, decay: float, last: Float) -> Float:
    out = np.full_like(returns, np.nan)
    for i in range(returns.shape[1]):
        variance = last[i]
        for t in range(returns.shape[0]):
            r = returns[t, i]
            if not np.isnan(r):
                variance = r * r if np.isnan(variance) else decay * variance + (1 - decay) * r * r
            out[t, i] = np.sqrt(variance)
        last[i] = variance
    return out


def ewma_volatility(returns: Float, last: Float | None = None) -> Float:
    """Daily volatility by exponential weights (RiskMetrics 1996, decay .94) of [T, N] returns; a missing return leaves it as it was.

    last: variances [N] of the session before, NaN where there is none; they become those of the last session.
    """
    memory = np.full(returns.shape[1], np.nan) if last is None else last
    out: Float = _ewma(np.ascontiguousarray(returns), DECAY, memory)
    return out


def z_score(x: Float, history: int = HISTORY) -> Float:
    """Standard score against all values so far, [T]; NaN until `history` of them are known or while they are constant."""
    known = np.isfinite(x)
    if not known.any():
        return np.full_like(x, np.nan)
    centred = np.where(known, x - x[np.argmax(known)], 0.0)
    count = np.cumsum(known)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.cumsum(centred) / count
        variance = (np.cumsum(centred**2) - count * mean**2) / (count - 1)
        z = (centred - mean) / np.sqrt(np.maximum(variance, 0.0))
    return np.where(known & (count >= history) & np.isfinite(z), z, np.nan)


def over_members(values: Float, member: Bool) -> Float:
    """Mean over the members that have a value, [T, N] -> [T]; summed in canonical order, so that no other column touches a bit."""
    use = member & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        mean: Float = _sum(np.ascontiguousarray(values), use) / use.sum(axis=1)
    return mean


@numba.njit(cache=True)
def _sum(values: Float, use: Bool) -> Float:
    out = np.zeros(values.shape[0])
    for t in range(values.shape[0]):
        for i in range(values.shape[1]):
            if use[t, i]:
                out[t] += values[t, i]
    return out


def mean_return(returns: Float, use: Bool) -> Float:
    """Mean over the columns in `use` [T, N] of each session, NaN where none; summed by size, so that no order of the columns moves a bit."""
    known = use & np.isfinite(returns)
    ordered = np.sort(np.where(known, returns, np.inf), axis=1)
    total, count = np.zeros(len(returns)), known.sum(axis=1)
    for i in range(returns.shape[1]):
        total = np.where(i < count, total + ordered[:, i], total)
    with np.errstate(invalid="ignore"):
        mean: Float = total / count
    return mean


def _drawdown(close: Float, window: int) -> Float:
    return 1 - close / highest(close, window)


def _momentum(panel: Panel, window: int) -> Float:
    growth = panel.close / lag(panel.close, window)
    out: Float = np.log(growth)
    return out


def clipped_returns(close: Float) -> Float:
    """Log returns within +-CLIP, so that one bad quote does not make a year of volatility (wide study, section 1)."""
    out: Float = np.clip(log_returns(close), -CLIP, CLIP)
    return out


def realised_volatility(close: Float, window: int) -> Float:
    """Root mean square of the last `window` clipped log returns, a year's worth (times sqrt(252))."""
    out: Float = np.sqrt(rolling_mean(clipped_returns(close) ** 2, window) * YEAR)
    return out


def _log_volatility(panel: Panel, window: int) -> Float:
    return np.log(deviation(clipped_returns(panel.close), window) + CALM)


def _log_size(panel: Panel, window: int) -> Float:
    return np.log(np.sqrt(rolling_mean(clipped_returns(panel.close) ** 2, window)) + (CALM_DAY if window == 1 else CALM))


def _log_downside(panel: Panel, window: int) -> Float:
    return np.log(np.sqrt(rolling_mean(np.minimum(clipped_returns(panel.close), 0.0) ** 2, window)) + CALM)


def _log_largest(panel: Panel, window: int) -> Float:
    return np.log(highest(np.abs(clipped_returns(panel.close)), window) + CALM_DAY)


def _log_realised(panel: Panel, window: int) -> Float:
    return np.log(realised_volatility(panel.close, window) + FLOOR)


def _market_beta(panel: Panel) -> tuple[Float, Float, Float]:
    """Clipped returns [T, N], those of the equal-weight market [T, 1], and beta over BETA sessions within 0 and 3 [T, N]."""
    returns = clipped_returns(panel.close)
    market = np.nan_to_num(mean_return(returns, panel.member))[:, None]  # what nobody knows moves nobody
    centre = rolling_mean(market, BETA)
    together = rolling_mean(returns * market, BETA) - rolling_mean(returns, BETA) * centre
    own = rolling_mean(market * market, BETA) - centre * centre
    beta = np.clip(np.where(own > 0, together / own, 0.0), 0.0, STEEPEST)
    return returns, market, np.where(np.isnan(together), np.nan, beta)


def _beta(panel: Panel, window: int) -> Float:
    return _market_beta(panel)[2]


def _log_residual(panel: Panel, window: int) -> Float:
    returns, market, beta = _market_beta(panel)
    square = rolling_mean(returns * returns, window) - 2 * beta * rolling_mean(returns * market, window)
    square = square + beta * beta * rolling_mean(market * market, window)
    return np.log(np.sqrt(np.maximum(square, 0.0)) + (CALM_DAY if window == 1 else CALM))


def _stocks(panel: Panel) -> Bool:
    stocks: Bool = panel.member & np.array([kind == "stock" for kind in panel.kind], bool)
    return stocks


def _mean_drawdown(panel: Panel, window: int) -> Float:
    return over_members(_drawdown(panel.close, window), _stocks(panel))


def _share_in_distress(panel: Panel, window: int) -> Float:
    drawdown = _drawdown(panel.close, window)
    return over_members(np.where(np.isnan(drawdown), np.nan, drawdown > DEEP), _stocks(panel))


def _breadth(panel: Panel, window: int) -> Float:
    known = _stocks(panel) & np.isfinite(_drawdown(panel.close, window))
    return np.where(known.sum(axis=1) >= MANY, z_score(_share_in_distress(panel, window)), z_score(_mean_drawdown(panel, window)))


def _sector(panel: Panel, window: int) -> Float:
    return np.where(_stocks(panel), panel.sector, -1.0)


def _node_volatility(panel: Panel, window: int) -> Float:
    return ewma_volatility(log_returns(panel.close))


def _index_volatility(panel: Panel, window: int) -> Float:
    return ewma_volatility(log_returns(panel.level)[:, None])[:, 0]


def _realised_volatility(panel: Panel, window: int) -> Float:
    squares = log_returns(panel.level) ** 2
    total = squares.copy()
    for k in range(1, window):
        total = total + lag(squares, k)
    out: Float = np.sqrt(total / window * YEAR)
    return out


def _series(name: str) -> Callable[[Panel, int], Float]:
    return lambda panel, window: panel.facts.view(name, panel.dates)


def _change(name: str) -> Callable[[Panel, int], Float]:
    def change(panel: Panel, window: int) -> Float:
        now = panel.facts.view(name, panel.dates)
        return now - lag(now, window)

    return change


def _standard(name: str, plain: Feature) -> Feature:
    about = f"z-score of {name} over all sessions so far, at least {HISTORY}"
    return Feature(lambda panel, window: z_score(plain.build(panel, window)), plain.window, 0, about, "context", plain.needs)


_PLAIN: dict[str, Feature] = {
    "return": Feature(lambda panel, window: log_returns(panel.close), 1, 2, "log return of the session (paper 6.1)"),
    "volatility_20": Feature(lambda panel, window: deviation(log_returns(panel.close), window), 20, 21, "deviation of 20 log returns (paper 6.1)"),
    "volatility_60": Feature(lambda panel, window: deviation(log_returns(panel.close), window), 60, 61, "deviation of 60 log returns (paper 6.1)"),
    "drawdown_20": Feature(lambda panel, window: _drawdown(panel.close, window), 20, 20, "fall from the highest of 20 closes (paper 6.1)"),
    "drawdown_60": Feature(lambda panel, window: _drawdown(panel.close, window), 60, 60, "fall from the highest of 60 closes (paper 6.1)"),
    "momentum_10": Feature(_momentum, 10, 11, "log return over 10 sessions (paper 6.1)"),
    "momentum_30": Feature(_momentum, 30, 31, "log return over 30 sessions (paper 6.1)"),
    "ewma_volatility": Feature(_node_volatility, 0, 0, "daily volatility by exponential weights, decay .94"),
    "below_high": Feature(lambda panel, window: _drawdown(panel.close, window), YEAR, YEAR, "fall from the highest of 252 closes"),
    "run_length": Feature(lambda panel, window: running(panel.close, window), 20, 21, "sessions of the running rise (or fall, negative), 20 at most"),
    "run_change": Feature(run_change, 20, 21, "log return of the running rise or fall, from the close before it"),
    "spa_bars": Feature(by_asset("spa_bars"), 1, 1, "sessions of the newest run that SPA reports, negative if it fell", needs=("spa_bars",)),
    "spa_change": Feature(spa_change, LONGEST, LONGEST + STALE + 1, "log return of that run on the panel's closes", needs=("spa_bars",)),
    "spa_events": Feature(by_asset("spa_events"), 1, 1, "events within 2 days of its start", needs=("spa_events",)),
    "sector": Feature(_sector, 1, 1, "code of a stock's sector, -1 for none (Panel.sector)"),
    "index_return": Feature(lambda panel, window: log_returns(panel.level), 1, 2, "log return of the system index", "context"),
    **{
        f"log_volatility_{w}": Feature(_log_volatility, w, w + 1, f"log of .001 and the deviation of {w} log returns") for w in (5, 20, 60, 250)
    },
    **{
        f"log_residual_{w}": Feature(_log_residual, w, BETA + 1, f"log of .001 and the size of {w} log returns less beta times the market")
        for w in (5, 20, 60, 250)
    },
    "log_residual_1": Feature(_log_residual, 1, BETA + 1, "log of .003 and the size of the log return less beta times the market"),
    "beta": Feature(_beta, BETA, BETA + 1, "slope of 250 log returns on those of the equal weight of members, within 0 and 3"),
    "log_size_1": Feature(_log_size, 1, 2, "log of .003 and the size of the log return"),
    **{f"log_size_{w}": Feature(_log_size, w, w + 1, f"log of .001 and the root mean square of {w} log returns") for w in (2, 10)},
    "log_downside_20": Feature(_log_downside, 20, 21, "log of .001 and the root mean square of the falls among 20 log returns"),
    "log_largest_20": Feature(_log_largest, 20, 21, "log of .003 and the largest size of 20 log returns"),
    "momentum_5": Feature(_momentum, 5, 6, "log return over 5 sessions"),
    **{f"log_realised_{w}": Feature(_log_realised, w, w + 1, f"log of .01 and the yearly volatility of {w} log returns") for w in (5, 20)},
    "index_volatility": Feature(_index_volatility, 0, 0, "daily volatility of the system index by exponential weights, decay .94", "context"),
    **{
        f"index_volatility_{w}": Feature(
            _realised_volatility, w, w + 1, f"root mean square of the last {w} log returns of the system index, a year's worth", "context"
        )
        for w in (5, 22, 66)
    },
    "index_below_high": Feature(
        lambda panel, window: _drawdown(panel.level, window), YEAR, YEAR, "fall of the system index from its 252-session high", "context"
    ),
    "mean_drawdown": Feature(_mean_drawdown, 60, 60, "mean fall of member stocks from their 60-session high", "context"),
    "share_in_distress": Feature(_share_in_distress, 60, 60, "share of member stocks more than 20 % below their 60-session high", "context"),
    "breadth": Feature(_breadth, 60, 0, "z-score of the share in distress; of the mean drawdown where fewer than 50 stocks are known", "context"),
    "vix": Feature(_series("vix"), 1, 1, "Cboe VIX, points", "context", ("vix",)),
    "vix_change": Feature(_change("vix"), 60, 61, "change of VIX over 60 sessions", "context", ("vix",)),
    "term_spread": Feature(_series("term_10y_3m"), 1, 1, "10-year minus 3-month Treasury yield, percent", "context", ("term_10y_3m",)),
    "term_spread_change": Feature(_change("term_10y_3m"), 60, 61, "its change over 60 sessions", "context", ("term_10y_3m",)),
    "credit": Feature(_series("baa10y"), 1, 1, "Moody's Baa minus 10-year Treasury yield, percent", "context", ("baa10y",)),
    "credit_change": Feature(_change("baa10y"), 60, 61, "its change over 60 sessions", "context", ("baa10y",)),
    "hy": Feature(_series("hy_oas"), 1, 1, "ICE BofA US high-yield option-adjusted spread, percent", "context", ("hy_oas",)),
    "hy_change": Feature(_change("hy_oas"), 60, 61, "its change over 60 sessions", "context", ("hy_oas",)),
}  # fmt: skip
_STANDARD = {f"z_{name}": _standard(name, _PLAIN[name]) for name in ("index_volatility", "vix", "credit_change", "hy_change")}
FEATURES: Registry[Feature] = Registry("features", Feature, _PLAIN | _STANDARD)


def values_of(feature: Feature, panel: Panel) -> Float:
    """One feature on a panel, [T, N] or [T]; node features are NaN where the asset is not a member."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = feature.build(panel, feature.window)
    return np.where(panel.member, values, np.nan) if feature.axis == "node" else values


def _file(feature: Feature) -> str:
    return "macro" if feature.axis == "context" else "exchange"


def build(panel: Panel, config: FeaturesConfig) -> Features:
    """All features of `config` on a panel; a feature without data is absent, with the reason. UsageError on an unknown name."""
    for axis in ("node", "context"):
        for name in getattr(config, axis):
            if (found := FEATURES.find(name, f"features.{axis}").axis) != axis:
                raise UsageError(f"features.{axis} has {name!r}, a {found} feature; name it in features.{found}")
    missing = {name: [s for s in FEATURES[name].needs if s not in panel.facts.series] for name in (*config.node, *config.context)}
    absent = {name: f"no series {', '.join(s)} in the {_file(FEATURES[name])} data" for name, s in missing.items() if s}
    node, context = ([name for name in names if name not in absent] for names in (config.node, config.context))
    T, N = panel.close.shape
    values = np.stack([values_of(FEATURES[name], panel) for name in node], axis=2) if node else np.empty((T, N, 0))
    columns = np.stack([values_of(FEATURES[name], panel) for name in context], axis=1) if context else np.empty((T, 0))
    return Features(panel.dates, panel.assets, tuple(node), values, tuple(context), columns, panel.member, absent)
