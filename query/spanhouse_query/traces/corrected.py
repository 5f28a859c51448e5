"""How many spans of a trace have other times than their sender said, so that a wrong clock does not stay unseen."""

from __future__ import annotations

from collections.abc import Sequence

from spanhouse_query.reader import Reader

CORRECTION = (
    "Spans whose times were corrected: they claimed to start more than 30 days before or an hour after their arrival, "
    "which then counts as the start, or to end before they start, which counts as no duration."
)
# Bits of marks: 1 a start that is not believed, 2 an end before it.
CORRECTED_SQL = """
SELECT lower(hex(trace_id)) AS id, count() AS corrected
FROM spans
WHERE tenant = {tenant:String} AND bitAnd(marks, 3) != 0
    AND ts >= fromUnixTimestamp64Nano({first:Int64}, 'UTC') AND ts <= fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
GROUP BY trace_id
"""


async def corrected_spans(reader: Reader, ids: Sequence[str], *, first: int, last: int) -> dict[str, int]:
    """Their number by trace id, without traces that have none. All spans are stored between `first` and `last`."""
    rows = await reader.rows(CORRECTED_SQL, ids=list(ids), first=first, last=last)
    return {row["id"]: row["corrected"] for row in rows}
