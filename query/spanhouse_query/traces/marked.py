"""How many spans of a trace are not stored as they were sent, so that it does not stay unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spanhouse_query.reader import Reader

CORRECTION = (
    "Spans whose times were corrected: they claimed to start more than 30 days before or an hour after their arrival, "
    "which then counts as the start, or to end before they start, which counts as no duration."
)
TRUNCATION = (
    "Spans that are stored in part: of a value of more than 64 KiB the beginning, of a list or map of that size "
    "nothing, and 1,024 each of attributes, events and links; the counts of what was dropped have the others."
)
# Bits of marks: 1 a start that is not believed, 2 an end before it, 8 more than is stored.
MARKED_SQL = """
SELECT
    lower(hex(trace_id)) AS id,
    countIf(bitAnd(marks, 3) != 0) AS corrected,
    countIf(bitAnd(marks, 8) != 0) AS truncated
FROM spans
WHERE tenant = {tenant:String} AND bitAnd(marks, 11) != 0
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
GROUP BY trace_id
"""


@dataclass(frozen=True, slots=True)
class Marked:
    """Of one trace: how many spans have corrected times, and how many are stored in part."""

    corrected: int = 0
    truncated: int = 0


async def marked_spans(reader: Reader, ids: Sequence[str], *, first: int, last: int) -> dict[str, Marked]:
    """By trace id, without traces that have none. All spans are stored between `first` and `last`."""
    rows = await reader.rows(MARKED_SQL, ids=list(ids), first=first, last=last)
    return {row["id"]: Marked(row["corrected"], row["truncated"]) for row in rows}
