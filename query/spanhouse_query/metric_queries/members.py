"""The series of a query, and which group each of them is in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.metric_queries.windows import Windows

Keys: TypeAlias = tuple[str | None, ...]
"""The values of a group, in the order of its names; None where series have no such attribute."""

_CHUNK_SERIES = 2_000
_USUAL_INTERVAL = 10_000


@dataclass(frozen=True, slots=True)
class Members:
    """ids: of stored series. cumulative: whether their points are. group: of each of them, its place in `groups`."""

    ids: Sequence[int]
    cumulative: NDArray[np.bool_]
    group: NDArray[np.int64]
    groups: Sequence[Keys]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Members:
        """Of rows with series, keys and cumulative. Groups are in the order of their values, those without one last."""
        keys = [tuple(row["keys"]) for row in rows]
        groups = sorted(set(keys), key=lambda values: [(value is None, value or "") for value in values])
        place = {values: number for number, values in enumerate(groups)}
        return cls(
            [row["series"] for row in rows],
            np.array([bool(row["cumulative"]) for row in rows], np.bool_),
            np.array([place[values] for values in keys], np.int64),
            groups,
        )

    @property
    def each(self) -> Members:
        """The same series, each a group of its own."""
        keys = [self.groups[group] for group in self.group]
        return Members(self.ids, self.cumulative, np.arange(len(self.ids)), keys)

    def in_groups(self, groups: NDArray[np.int64]) -> Members:
        """The series of these groups alone, which are in this order then."""
        place = np.full(len(self.groups), -1, np.int64)
        place[groups] = np.arange(len(groups))
        kept = self._only(np.flatnonzero(place[self.group] >= 0))
        return Members(kept.ids, kept.cumulative, place[kept.group], [self.groups[group] for group in groups])

    def chunks(self, windows: Windows, points: int) -> Iterator[Members]:
        """Series that can be read in one query, in the order of the tables, with all groups.

        points: how many a query may read, if one comes every ten seconds.
        """
        ordered = np.argsort(np.array(self.ids, np.uint64), kind="stable")
        length = max(1, windows.end - windows.start)
        size = max(1, min(_CHUNK_SERIES, points * _USUAL_INTERVAL // length))
        for first in range(0, len(ordered), size):
            yield self._only(ordered[first : first + size])

    def _only(self, places: NDArray[np.intp]) -> Members:
        ids = [self.ids[place] for place in places]
        return Members(ids, self.cumulative[places], self.group[places], self.groups)
