"""The instants at which an expression is evaluated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Steps:
    """`start`, `start + step`, … up to and including `end`: unix milliseconds. One instant where start is end."""

    start: int
    end: int
    step: int = 1

    def __post_init__(self) -> None:
        """Raise ValueError for steps that lead nowhere."""
        if self.step <= 0 or self.end < self.start:
            raise ValueError(f"no steps from {self.start} to {self.end} by {self.step}")

    @classmethod
    def at(cls, instant: int) -> Steps:
        """A single instant."""
        return cls(instant, instant)

    @property
    def count(self) -> int:
        """How many instants, at least one."""
        return (self.end - self.start) // self.step + 1

    @property
    def last(self) -> int:
        """The last instant: at or before `end`."""
        return self.start + (self.count - 1) * self.step

    @property
    def instants(self) -> NDArray[np.int64]:
        """All instants, unix milliseconds."""
        return self.start + self.step * np.arange(self.count, dtype=np.int64)

    def shifted(self, offset: int) -> Steps:
        """The same steps `offset` milliseconds earlier, as PromQL's `offset` has it."""
        return Steps(self.start - offset, self.end - offset, self.step)
