"""Worst sessions as bits, and how many of them two assets have in common."""

from typing import Any

import numpy as np

from riskradar.layers.kernels.windows import compiled
from riskradar.tables.arrays import Bool, Float


@compiled
def _ones(word: Any) -> Any:
    """The number of bits set in 64."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _mark(window: Float, most: int, words: Any) -> int:
    """Set the bits of the sessions of a tail; its size, 0 when an asset takes no part."""
    words[:] = 0
    if np.isnan(window).any():
        return 0
    cut, size = np.partition(window, most - 1)[most - 1], 0
    for k in range(window.size):
        if window[k] <= cut:
            words[k >> 6] |= np.uint64(1) << np.uint64(k & 63)
            size += 1
    return size if size <= 2 * most else 0


@compiled
def scan_tails(returns: Float, member: Bool, window: int, most: int, numerator: int, denominator: int, packed: Any) -> None:
    """Edges of each session into `packed` [T, bytes], the upper triangle as numpy.packbits orders it; returns [N, T], member [T, N]."""
    N, T = returns.shape
    words, size = np.zeros((N, (window + 63) // 64), np.uint64), np.zeros(N, np.int64)
    for t in range(window - 1, T):
        for i in range(N):
            size[i] = _mark(returns[i, t + 1 - window : t + 1], most, words[i]) if member[t, i] else 0
        for i in range(N):
            if size[i] == 0:
                continue
            at = i * (2 * N - i - 1) // 2 - i - 1
            for j in range(i + 1, N):
                if size[j] == 0:
                    continue
                common = np.int64(0)
                for w in range(words.shape[1]):
                    common += np.int64(_ones(words[i, w] & words[j, w]))
                if (denominator * common) ** 2 >= numerator * numerator * size[i] * size[j]:
                    packed[t, (at + j) >> 3] |= np.uint8(128 >> ((at + j) & 7))
