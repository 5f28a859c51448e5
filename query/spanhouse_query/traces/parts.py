"""A large trace in parts, so that each is written by a query that stays far from its memory limit.

The parts follow each other in the order of (start, span id). A resource whose spans are in several parts comes once in
each, which OTLP allows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from spanhouse_query.reader import Reader
from spanhouse_query.traces.otlp_encoding import START

# Stored bytes of a part; writing it takes some ten times as much.
PART_BYTES = 8 << 20
# Up to so many spans nobody counts bytes first.
SMALL = 2_000

OF_TRACE = """tenant = {tenant:String} AND trace_id = toFixedString(unhex({trace_id:String}), 16)
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')"""
IN_PART = f"""({START}, span_id) >= ({{since:UInt64}}, unhex({{since_id:String}})::FixedString(8))
    AND ({{open:Bool}} OR ({START}, span_id) < ({{until:UInt64}}, unhex({{until_id:String}})::FixedString(8)))"""
PARTS_SQL = f"""
SELECT min(place).1 AS start, lower(hex(min(place).2)) AS id
FROM
(
    SELECT
        place,
        intDiv(sum(bytes) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), {PART_BYTES}) AS part
    FROM
    (
        SELECT ({START}, span_id) AS place, byteSize(name, status_message, attributes, events, links) AS bytes
        FROM spans
        WHERE {OF_TRACE}
    )
)
GROUP BY part
ORDER BY part
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """Which trace, how many spans it has, and between which instants, in nanoseconds, they are stored."""

    trace_id: str
    spans: int
    first: int
    last: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of OF_TRACE."""
        return {"trace_id": self.trace_id, "first": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part begins: reported start and span id."""

    start: int
    id: str


_BEGINNING = Place(0, "00" * 8)


@dataclass(frozen=True, slots=True)
class Part:
    """The spans from `since` on and before `until`; to the end of the trace where that is None."""

    since: Place
    until: Place | None

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of IN_PART."""
        until = self.until or _BEGINNING
        return {
            "since": self.since.start,
            "since_id": self.since.id,
            "open": self.until is None,
            "until": until.start,
            "until_id": until.id,
        }


async def parts_of(reader: Reader, extent: Extent) -> AsyncIterator[Part]:
    """The parts of a trace in order, at least one."""
    rows = await reader.rows(PARTS_SQL, extent.parameters) if extent.spans > SMALL else []
    places = [_BEGINNING, *(Place(row["start"], row["id"]) for row in rows[1:])]
    for since, until in zip(places, [*places[1:], None], strict=True):
        yield Part(since, until)
