"""Functions of one number at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.promql.arguments import Arguments
from spanhouse_query.promql.values import Value
from spanhouse_query.series import Matrix, unnamed
from spanhouse_query.series.relabelled import relabelled

Floats = NDArray[np.float64]

UNARY: Mapping[str, Callable[[Floats], Floats]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sgn": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "deg": np.degrees,
    "rad": np.radians,
}


def unary(arguments: Arguments) -> Value:
    """Any of the above."""
    return numbers_of(arguments.vector(), UNARY[arguments.function])


def rounded(arguments: Arguments) -> Value:
    """To the nearest multiple; halves go up."""
    to = arguments.scalar(1) if len(arguments) > 1 else np.ones(1)
    inverse = 1 / to
    return numbers_of(arguments.vector(), lambda values: np.floor(values * inverse + 0.5) / inverse)


def clamp(arguments: Arguments) -> Value:
    """Between two numbers; nothing where the lower is above the upper."""
    low, high = arguments.scalar(1), arguments.scalar(2)
    matrix = arguments.vector()
    possible = np.broadcast_to(~(low > high), matrix.shape)
    return numbers_of(matrix.where(possible), lambda values: _least(_greatest(values, low), high))


def clamp_min(arguments: Arguments) -> Value:
    """At least a number."""
    low = arguments.scalar(1)
    return numbers_of(arguments.vector(), lambda values: _greatest(values, low))


def clamp_max(arguments: Arguments) -> Value:
    """At most a number."""
    high = arguments.scalar(1)
    return numbers_of(arguments.vector(), lambda values: _least(values, high))


def numbers_of(matrix: Matrix, function: Callable[[Floats], Floats]) -> Matrix:
    """A function of all numbers, without the name and without histograms."""
    values = np.asarray(function(matrix.values), dtype=np.float64)
    return relabelled(replace(matrix, values=values, histograms=None), unnamed).not_empty()


def _greatest(values: Floats, low: Floats) -> Floats:
    return np.maximum(values, low)


def _least(values: Floats, high: Floats) -> Floats:
    return np.minimum(values, high)
