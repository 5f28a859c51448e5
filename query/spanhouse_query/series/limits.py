"""How far a query may go before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLES = 100_000_000
CELLS = 10_000_000
SUBQUERY_STEPS = 10_000_000
"""Fewer than the engine's grids may have."""


class TooManySamples(Exception):
    """A query would read more samples, or make more cells, than one query may."""


@dataclass(slots=True)
class Budget:
    """What is left for a query: samples to be read, and series times steps to be held at once."""

    samples: int = SAMPLES
    cells: int = CELLS

    def read(self, samples: int) -> None:
        """Take account of samples that were read. Raises TooManySamples."""
        self.samples -= samples
        if self.samples < 0:
            raise TooManySamples(
                f"the query would read more than {SAMPLES:,} samples; select fewer series or a shorter range"
            )

    def hold(self, rows: int, steps: int) -> None:
        """Refuse a matrix that is too large. Raises TooManySamples."""
        if rows * steps > self.cells:
            raise TooManySamples(
                f"{rows:,} series at {steps:,} steps are more than the {self.cells:,} values that a query may hold; "
                "aggregate, select fewer series or use a longer step"
            )
