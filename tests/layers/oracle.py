"""Spearman by the book, in whole numbers and plain loops: the truth that the kernels are held to."""

from fractions import Fraction

Column = list[float]


def doubled_ranks(column: Column) -> list[int]:
    """Twice the average rank: 2 * below + equal + 1."""
    return [2 * sum(y < x for y in column) + sum(y == x for y in column) + 1 for x in column]


def moments(a: list[int], b: list[int]) -> tuple[int, int, int]:
    """W^2 times the covariance and the two variances."""
    n = len(a)
    return (
        n * sum(x * y for x, y in zip(a, b, strict=True)) - sum(a) * sum(b),
        n * sum(x * x for x in a) - sum(a) ** 2,
        n * sum(x * x for x in b) - sum(b) ** 2,
    )


def reaches(both: tuple[int, int, int], tau: Fraction, sign: str) -> bool:
    """Whether the correlation, its size or its opposite is defined and at least tau."""
    covariance, left, right = both
    if left == 0 or right == 0 or (sign == "positive" and covariance < 0) or (sign == "negative" and covariance > 0):
        return False
    return Fraction(covariance * covariance, left * right) >= tau * tau
