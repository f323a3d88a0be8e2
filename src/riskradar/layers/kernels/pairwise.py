"""Dense matrices of pairs: the nearest of each row, correlations over the sessions that two columns share, distances between rows."""

from typing import Any

import numpy as np

from riskradar.layers.kernels.sweeps import select
from riskradar.layers.kernels.windows import compiled
from riskradar.tables.arrays import Float


@compiled
def choose_nearest(similarity: Any, columns: Any, nothing: float, index: Any, weight: Any) -> None:
    """The largest of each row of [M, M] into the rows `columns` of index and weight [N, count]; among equals the lower position first."""
    M, found = len(columns), np.empty(index.shape[1], np.int32)
    for i in range(M):
        for j in range(M):
            if not similarity[i, j] > nothing:
                similarity[i, j] = 0
        found[:] = -1
        select(similarity[i], similarity[i], i, M, found, weight[columns[i]])
        for k in range(found.size):
            if found[k] >= 0:
                index[columns[i], k] = columns[found[k]]


@compiled
def correlate_common(values: Float, least: int) -> Float:
    """Correlations [M, M] of the columns of [W, M] over the sessions on which both are known, oldest first; NaN under `least` of them or constant."""
    W, M = values.shape
    rho = np.full((M, M), np.nan)
    for i in range(M):
        for j in range(i + 1, M):
            count, x, y = 0, 0.0, 0.0
            for k in range(W):
                if not (np.isnan(values[k, i]) or np.isnan(values[k, j])):
                    count, x, y = count + 1, x + values[k, i], y + values[k, j]
            if count < least:
                continue
            x, y = x / count, y / count
            xx, yy, xy = 0.0, 0.0, 0.0
            for k in range(W):
                if not (np.isnan(values[k, i]) or np.isnan(values[k, j])):
                    a, b = values[k, i] - x, values[k, j] - y
                    xx, yy, xy = xx + a * a, yy + b * b, xy + a * b
            if xx > 0.0 and yy > 0.0:
                rho[i, j] = rho[j, i] = xy / np.sqrt(xx * yy)
    return rho


@compiled
def distances(points: Float) -> Float:
    """Euclidean distances [M, M] between the rows of [M, K]."""
    M, K = points.shape
    out = np.zeros((M, M))
    for i in range(M):
        for j in range(i + 1, M):
            total = 0.0
            for k in range(K):
                apart = points[i, k] - points[j, k]
                total += apart * apart
            out[i, j] = out[j, i] = np.sqrt(total)
    return out
