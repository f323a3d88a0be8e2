"""Losses in the tail: what an asset, or the whole cross-section, loses when the market loses much."""

import math

import numpy as np
from scipy.optimize import minimize
from scipy.special import gamma, gammaincinv
from scipy.stats import genpareto

from riskradar.tables.arrays import Float

GOLDEN = (math.sqrt(5) - 1) / 2
SEARCHES = 80  # golden sections: the bracket shrinks by 1e-16
CAPITAL = 0.08  # prudential share of assets (Brownlees and Engle 2017)
FALL = 0.4  # of the market in a crisis of six months
CRISIS = 18.0  # a daily tail loss in units of that crisis (Acharya, Engle and Richardson 2012)
EXTREME = 0.01  # of the cross-section (Allen, Bali and Tang 2012)
BEYOND = 0.10  # the tail to which the Pareto form is fitted


def marginal_shortfall(returns: Float, market: Float, q: float) -> Float:
    """MES: mean loss of each asset on the days on which the market's return is at or under its q-quantile, [W, n], [W] -> [n]."""
    worst = market <= np.quantile(market, q)
    loss: Float = -returns[worst].mean(axis=0)
    return loss


def long_run(shortfall: Float) -> Float:
    """LRMES without a model of volatility: 1 - exp(-18 MES)."""
    loss: Float = 1 - np.exp(-CRISIS * shortfall)
    return loss


def long_run_of_beta(beta: Float, fall: float = FALL) -> Float:
    """LRMES by beta: 1 - exp(beta ln(1 - d)) for a market fall d (V-Lab)."""
    loss: Float = 1 - np.exp(beta * np.log(1 - fall))
    return loss


def srisk(debt: Float, capitalisation: Float, loss: Float, k: float = CAPITAL) -> Float:
    """Capital short in a crisis: k D - (1 - k) W (1 - LRMES), in the unit of the inputs; negative: a surplus."""
    short: Float = k * debt - (1 - k) * capitalisation * (1 - loss)
    return short


def quantile_lines(x: Float, y: Float, q: float) -> tuple[Float, Float]:
    """Intercept and slope of the q-quantile regressions of `y` [W] on each column of x [W, n] (Koenker and Bassett 1978), [n] each.

    With the slope given, the best intercept is an order statistic; what is left is convex in the slope and searched by golden sections.
    """
    spread = np.ptp(x, axis=0)
    reach = 4 * np.ptp(y) / np.sqrt(((x - x.mean(axis=0)) ** 2).mean(axis=0))

    def loss(slope: Float) -> Float:
        residual = y[:, None] - slope * x
        residual -= _order(residual, q)
        cost: Float = (residual * (q - (residual < 0))).sum(axis=0)
        return cost

    low, high = -reach, reach
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    for _ in range(SEARCHES):
        lower = loss(left) <= loss(right)
        low, high = np.where(lower, low, left), np.where(lower, right, high)
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    slope = np.where(spread > 0, (low + high) / 2, 0.0)
    return _order(y[:, None] - slope * x, q), slope


def _order(x: Float, q: float) -> Float:
    at = max(math.ceil(q * len(x)) - 1, 0)
    values: Float = np.partition(x, at, axis=0)[at]
    return values


def delta_covar(returns: Float, system: Float, q: float) -> tuple[Float, Float]:
    """CoVaR, and how much lower it is than in a median state, of the system given each asset, as returns, [n] each (Adrian and Brunnermeier 2016)."""
    moved = np.ptp(returns, axis=0) > 0
    x = np.where(moved, returns, np.linspace(-1, 1, len(returns))[:, None])
    level, slope = quantile_lines(x, system, q)
    value, median = np.quantile(returns, q, axis=0), np.median(returns, axis=0)
    return np.where(moved, level + slope * value, np.nan), np.where(moved, slope * (value - median), np.nan)


def empirical_var(pool: Float) -> float:
    """The 1 % quantile of a pool of returns as a loss."""
    return -float(np.quantile(pool, EXTREME))


def pareto_var(pool: Float) -> float:
    """The same by a generalised Pareto tail beyond the 10 % quantile, by maximum likelihood."""
    threshold = np.quantile(pool, BEYOND)
    beyond = threshold - pool[pool < threshold]
    unit = float(beyond.mean())
    shape, _, scale = genpareto.fit(beyond / unit, floc=0)
    return float(-threshold + unit * genpareto.ppf(1 - EXTREME / BEYOND, shape, 0, scale))


def skewed_var(pool: Float) -> float:
    """The same by a skewed generalised error distribution (Theodossiou 1998) with the pool's mean and spread; k and lambda by maximum likelihood."""
    mean, spread = float(pool.mean()), float(pool.std())
    z = (pool - mean) / spread
    found = minimize(lambda p: _surprise(z, *_bounded(p)), (0.0, 0.0), method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-7})
    k, skew = _bounded(found.x)
    theta, mode, _ = _sged(k, skew)
    inside = 2 * EXTREME / (1 - skew)
    worst = mode + theta * (1 - skew) * float(gammaincinv(1 / k, 1 - inside)) ** (1 / k)
    return float(-mean + spread * worst)


def _bounded(p: Float) -> tuple[float, float]:
    return 0.6 + 3.4 / (1 + math.exp(-float(p[0]))), 0.9 * math.tanh(float(p[1]))


def _sged(k: float, skew: float) -> tuple[float, float, float]:
    """Scale, mode's distance below the mean, and log constant for mean 0 and variance 1."""
    a = gamma(2 / k) / math.sqrt(gamma(1 / k) * gamma(3 / k))
    s = math.sqrt(1 + 3 * skew**2 - 4 * a**2 * skew**2)
    theta = math.sqrt(gamma(1 / k) / gamma(3 / k)) / s
    return theta, 2 * skew * a / s, math.log(k / (2 * theta * gamma(1 / k)))


def _surprise(z: Float, k: float, skew: float) -> float:
    theta, mode, constant = _sged(k, skew)
    u = z + mode
    return float(((np.abs(u) / (theta * (1 + np.sign(u) * skew))) ** k).mean() - constant)


def catfin(pool: Float) -> float:
    """Mean of three 1 % losses of a pool of returns: empirical, Pareto tail, skewed generalised error; NaN for a pool that cannot show 1 %."""
    if len(pool) < 1 / EXTREME or np.ptp(pool) == 0 or (pool < np.quantile(pool, BEYOND)).sum() < len(pool) * BEYOND / 2:
        return math.nan
    return (empirical_var(pool) + pareto_var(pool) + skewed_var(pool)) / 3
