"""The same query for an earlier time, beside the later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spanhouse_query.metric_queries.cells import Answered, Cells
from spanhouse_query.metric_queries.members import Keys


@dataclass(frozen=True, slots=True)
class Compared:
    """groups: of either time, those of the later first. The rest has a row each; before: of the earlier time."""

    groups: Sequence[Keys]
    now: Cells
    before: Cells | None
    low: Cells | None
    high: Cells | None
    truncated: bool


def beside(later: Answered, earlier: Answered | None) -> Compared:
    """earlier: None where it was not asked for."""
    if earlier is None:
        return Compared(later.groups, later.cells, None, later.low, later.high, later.truncated)
    known = set(later.groups)
    groups = [*later.groups, *(keys for keys in earlier.groups if keys not in known)]
    return Compared(
        groups=groups,
        now=_laid_out(later.groups, later.cells, groups),
        before=_laid_out(earlier.groups, earlier.cells, groups),
        low=None if later.low is None else _laid_out(later.groups, later.low, groups),
        high=None if later.high is None else _laid_out(later.groups, later.high, groups),
        truncated=later.truncated or earlier.truncated,
    )


def _laid_out(known: Sequence[Keys], cells: Cells, groups: Sequence[Keys]) -> Cells:
    """The rows of `known` in the order of `groups`, of which others have nothing."""
    found = Cells.nothing(len(groups), cells.values.shape[1])
    place = {keys: row for row, keys in enumerate(groups)}
    rows = np.array([place[keys] for keys in known], np.int64)
    found.values[rows], found.present[rows] = cells.values, cells.present
    return found
