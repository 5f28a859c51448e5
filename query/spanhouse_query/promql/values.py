"""What an expression gives: a number or a text for all steps, or series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.series import Matrix


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number for each step."""

    values: NDArray[np.float64]

    @classmethod
    def constant(cls, value: float, steps: int) -> Scalar:
        """The same number at each step."""
        return cls(np.full(steps, value))


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    text: str


Value: TypeAlias = Scalar | Text | Matrix
