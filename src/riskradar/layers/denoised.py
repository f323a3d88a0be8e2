"""Denoised layer: correlations after the part that pure noise would show is taken out, by clipping eigenvalues or by shrinking."""

from typing import Literal

import numpy as np

from riskradar.features import log_returns
from riskradar.layers.windows import Drawing, NearestConfig, correlations, nearest
from riskradar.tables import Layer, Panel
from riskradar.tables.arrays import Float


class DenoisedConfig(NearestConfig, frozen=True):
    """clip: Marchenko-Pastur; shrink: Ledoit and Wolf. sign: neighbours that move with an asset, or those that move against it too."""

    method: Literal["clip", "shrink"] = "clip"
    sign: Literal["positive", "absolute"] = "positive"


def denoised(panel: Panel, config: DenoisedConfig) -> Layer | str:
    """The `neighbours` assets of the largest denoised correlation of log returns; [T, N, k], directed; row t uses closes up to its refresh."""
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = log_returns(panel.close)

    def similarity(drawing: Drawing) -> Float:
        values = drawing.values
        rho = clipped(correlations(values), len(values)) if config.method == "clip" else shrunk(values)
        return np.abs(rho) if config.sign == "absolute" else rho

    return nearest(panel, returns, config, similarity)


def noise_band(assets: int, sessions: int) -> tuple[float, float]:
    """Smallest and largest eigenvalue of a correlation matrix of independent series in the limit: (1 -+ sqrt(N/T))^2 (Marchenko, Pastur 1967)."""
    root = (assets / sessions) ** 0.5
    return (1 - root) ** 2, (1 + root) ** 2


def clipped(rho: Float, sessions: int) -> Float:
    """Eigenvalues inside the noise band replaced by their mean, which keeps the trace; then the diagonal is 1 again (Laloux et al. 1999)."""
    if len(rho) < 2:
        return rho
    value, vector = np.linalg.eigh(rho)
    noise = value <= noise_band(len(rho), sessions)[1]
    value[noise] = value[noise].mean() if noise.any() else 0.0
    clean: Float = (vector * value) @ vector.T
    scale = np.sqrt(np.diag(clean))
    clean = (clean + clean.T) / (2 * np.outer(scale, scale))
    np.fill_diagonal(clean, 1.0)
    return clean


def shrunk(values: Float) -> Float:
    """Correlations of standardised columns [W, M] shrunk towards none by the intensity of Ledoit and Wolf (2004)."""
    W, M = values.shape
    if M < 2:
        return np.eye(M)
    x = (values - values.mean(axis=0)) / values.std(axis=0)
    sample = x.T @ x / W
    apart = (sample * sample).sum() / M - (np.trace(sample) / M) ** 2
    error = ((x * x).T @ (x * x) / W - sample * sample).sum() / (M * W)
    intensity = min(error / apart, 1.0) if apart > 0 else 1.0
    out: Float = (1 - intensity) * sample
    np.fill_diagonal(out, 1.0)
    return out
