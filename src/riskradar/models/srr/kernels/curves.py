"""The logistic function and the hyperbolic tangent of whole rows, by the exponential of what is not above zero."""

from typing import Any

from riskradar.models.srr.kernels.edges import compiled
from riskradar.models.srr.kernels.lanes import exponential, larger, where_positive


@compiled
def logistic(x: Any, one: Any, zero: Any) -> Any:
    """1 / (1 + exp(-x)); one and zero: lanes of 1 and 0."""
    power = exponential(zero - larger(x, zero - x))
    return where_positive(x, one, power) / (one + power)


@compiled
def tangent(x: Any, one: Any, zero: Any) -> Any:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)); one and zero: lanes of 1 and 0."""
    power = exponential((zero - one - one) * larger(x, zero - x))
    size = (one - power) / (one + power)
    return where_positive(x, size, zero - size)
