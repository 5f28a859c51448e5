"""By how much counters grow in the window of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.labels import Labels
from spanhouse_query.series.source import Leaf
from spanhouse_query.span_metrics.counters import LOOKBACK, Bools, Floats, Table

RATES = frozenset({"rate", "increase"})
GROWTH = RATES | {"present_over_time"}
"""Functions that need no samples: what a counter grew by is known better than these tell."""


@dataclass(frozen=True, slots=True)
class Grown:
    """values: (series, steps, columns), 0 where a series is not there. there: (series, steps)."""

    labels: Sequence[Labels]
    values: Floats
    there: Bools

    @classmethod
    def of(cls, labels: Sequence[Labels], table: Table, leaf: Leaf) -> Grown:
        """What a leaf of GROWTH gives; 1 in one column for `present_over_time`."""
        there = table.present(leaf.steps, presence_window(leaf))
        if leaf.function not in RATES:
            return cls(labels, there[:, :, np.newaxis].astype(np.float64), there)
        values = table.growth(leaf.steps, leaf.window) * there[:, :, np.newaxis]
        return cls(labels, values * (1000 / leaf.window if leaf.function == "rate" else 1), there)


def windows(leaf: Leaf) -> list[int]:
    """The windows that a leaf of GROWTH looks at, milliseconds."""
    return sorted({leaf.window, presence_window(leaf)})


def presence_window(leaf: Leaf) -> int:
    """In which window anything must have happened: a series stays for a while after it last grew."""
    return max(leaf.window, LOOKBACK) if leaf.function in RATES else leaf.window
