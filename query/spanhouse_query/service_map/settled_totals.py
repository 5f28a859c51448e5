"""What settled parts of maps add up to, kept for the next who ask: they never change under the stamp that they have."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from spanhouse_query.service_map.edge_totals import EdgeTotals
from spanhouse_query.tiers import Part

_MOST_BYTES = 32 << 20


class Stamped(NamedTuple):
    """Parts of one of a tenant's rollups as they were at some time.

    stamp: grows whenever a unit of them is published anew.
    """

    tenant: str
    parts: tuple[Part, ...]
    stamp: int


class SettledTotals:
    """As many as fit into so many bytes: those that nobody asked for the longest are forgotten."""

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._kept: OrderedDict[Stamped, EdgeTotals] = OrderedDict()

    def get(self, parts: Stamped) -> EdgeTotals | None:
        """None where they have to be read."""
        if parts in self._kept:
            self._kept.move_to_end(parts)
        return self._kept.get(parts)

    def keep(self, parts: Stamped, totals: EdgeTotals) -> None:
        """Remember parts as they were read under their stamp."""
        if parts in self._kept or totals.nbytes > self._most:
            return
        self._kept[parts] = totals
        self._bytes += totals.nbytes
        while self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
