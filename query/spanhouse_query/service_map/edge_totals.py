"""Edges added up in this process: what the statements of `edge_sums` gave, joined, grouped anew, with percentiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spanhouse_query.service_map.edge_sums import VIEWS
from spanhouse_query.sketches import Sketches, joined, sketches_of

Key = tuple[Any, ...]
_COUNTS = ("stored", "calls", "errors", "retries", "named", "found")


class Traces(NamedTuple):
    """Of some calls the slowest, the slowest that failed, and a typical one of the busiest time; ids as bytes."""

    slowest: tuple[int, bytes]
    failed: tuple[int, bytes]
    typical: tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class EdgeTotals:
    """Rows with a key each; counts: a column for each of what is counted; sketches: by view."""

    keys: list[Key]
    counts: NDArray[np.float64]
    sketches: Mapping[str, Sketches]
    traces: list[Traces]

    @property
    def nbytes(self) -> int:
        """About the memory that they take."""
        return 600 * len(self.keys) + self.counts.nbytes + sum(one.nbytes for one in self.sketches.values())

    def by(self, key: Callable[[Key], Key]) -> EdgeTotals:
        """Added up by what `key` makes of the keys, in the order in which these come first."""
        numbers: dict[Key, int] = {}
        groups = np.fromiter(
            (numbers.setdefault(key(one), len(numbers)) for one in self.keys), np.int64, len(self.keys)
        )
        counts = np.zeros((len(numbers), len(_COUNTS)))
        np.add.at(counts, groups, self.counts)
        sketches = {view: one.added(groups, len(numbers)) for view, one in self.sketches.items()}
        return EdgeTotals(list(numbers), counts, sketches, _best(self.traces, groups.tolist(), len(numbers)))

    def rows(self, names: Sequence[str], level: int, views: Sequence[str] = VIEWS) -> list[dict[str, Any]]:
        """As `summed_minutes` gives them, with the percentiles of some views. names: of the keys' members."""
        columns: dict[str, list[Any]] = {name: self.counts[:, at].tolist() for at, name in enumerate(_COUNTS)}
        for view in views:
            sketches = self.sketches[view]
            columns[f"{view}_n"], columns[f"{view}_max"] = sketches.n.tolist(), sketches.largest.tolist()
            columns[f"{view}_calls"] = sketches.totals().tolist()
            columns[f"{view}_percentiles"] = sketches.percentiles().tolist()
        for which in Traces._fields:
            columns[f"{which}_trace"] = [getattr(one, which)[1].hex() for one in self.traces]
        values = zip(*columns.values(), strict=True)
        return [
            {**dict(zip(names, key, strict=True)), "level": level, **dict(zip(columns, row, strict=True))}
            for key, row in zip(self.keys, values, strict=True)
        ]


def totals_of(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> EdgeTotals:
    """The rows of `sums_sql`; names: of its keys."""
    return EdgeTotals(
        [tuple(row[name] for name in names) for row in rows],
        np.array([[row[name] for name in _COUNTS] for row in rows], np.float64).reshape(len(rows), len(_COUNTS)),
        {view: sketches_of(_sketch(row, view) for row in rows) for view in VIEWS},
        [Traces(*(_trace(row[which]) for which in Traces._fields)) for row in rows],
    )


def all_of(several: Sequence[EdgeTotals]) -> EdgeTotals:
    """The rows of all, at least one."""
    return EdgeTotals(
        [key for one in several for key in one.keys],
        np.concatenate([one.counts for one in several]),
        {view: joined([one.sketches[view] for one in several]) for view in VIEWS},
        [traces for one in several for traces in one.traces],
    )


def _sketch(row: Mapping[str, Any], view: str) -> tuple[int, int, int, str]:
    return row[f"{view}_n"], row[f"{view}_min"], row[f"{view}_max"], row[f"{view}_buckets"]


def _trace(found: Mapping[str, Any] | tuple[int, bytes]) -> tuple[int, bytes]:
    """The driver gives a tuple whose members have names as a mapping."""
    number, trace = found.values() if isinstance(found, Mapping) else found
    return number, trace


def _best(traces: Iterable[Traces], groups: Iterable[int], count: int) -> list[Traces]:
    best = [Traces((0, b""), (0, b""), (0, b""))] * count
    for one, group in zip(traces, groups, strict=True):
        best[group] = Traces(*map(max, best[group], one))
    return best
