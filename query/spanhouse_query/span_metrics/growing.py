"""By how much counters grow in the window of each step, series by series or summed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanhouse_query.series.labels import Identity, LabelKey, Labels, identity
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

    def summed(self, key: LabelKey) -> Grown:
        """The sums of series that become the same."""
        numbers: dict[Identity, int] = {}
        kept = [key(own) for own in self.labels]
        group = np.array([numbers.setdefault(identity(one), len(numbers)) for one in kept], np.int64)
        order = np.argsort(group, kind="stable")
        firsts = np.searchsorted(group[order], np.arange(len(numbers)))
        return Grown(
            [kept[place] for place in order[firsts]],
            np.add.reduceat(self.values[order], firsts, axis=0),
            np.logical_or.reduceat(self.there[order], firsts, axis=0),
        )


def windows(leaf: Leaf) -> list[int]:
    """The windows that a leaf of GROWTH looks at, milliseconds."""
    return sorted({leaf.window, presence_window(leaf)})


def presence_window(leaf: Leaf) -> int:
    """In which window anything must have happened: a series stays for a while after it last grew."""
    return max(leaf.window, LOOKBACK) if leaf.function in RATES else leaf.window
