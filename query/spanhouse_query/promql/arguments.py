"""The arguments of a call, each evaluated as what the function takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.promql.errors import BadExpression
from spanhouse_query.promql.values import Scalar, Text
from spanhouse_query.series import Matrix, Steps

if TYPE_CHECKING:
    from spanhouse_query.promql.evaluator import Evaluator


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function is called with at some steps."""

    function: str
    evaluator: Evaluator
    nodes: list[Any]
    steps: Steps

    def __len__(self) -> int:
        return len(self.nodes)

    def vector(self, place: int = 0) -> Matrix:
        """The argument at that place, which is series."""
        return self.evaluator.vector(self.nodes[place], self.steps)

    def scalar(self, place: int) -> NDArray[np.float64]:
        """The argument at that place, which is a number: one for each step."""
        value = self.evaluator.value(self.nodes[place], self.steps)
        if not isinstance(value, Scalar):
            raise BadExpression(f"expected type scalar in call to function {self.function!r}")
        return value.values

    def text(self, place: int) -> str:
        """The argument at that place, which is a string."""
        value = self.evaluator.value(self.nodes[place], self.steps)
        if not isinstance(value, Text):
            raise BadExpression(f"expected type string in call to function {self.function!r}")
        return value.text
