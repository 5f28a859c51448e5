"""Which versions of the services were sending in two windows of time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import BaseModel, Field

from spanhouse_query.config import MINUTE
from spanhouse_query.endpoint import Call
from spanhouse_query.service_map.answer import Edge
from spanhouse_query.time_range import TimeRange

Window = Literal["before", "after"]
Sending = Mapping[str, Mapping[Window, list[str]]]

# Longer windows are not read span by span, nor those whose spans may be gone: what arrived in them is near enough to
# what was sent in them.
LONGEST_READ = 120 * MINUTE
_BEFORE = "(ts >= before_from AND ts < before_to)"
_AFTER = "(ts >= after_from AND ts < after_to)"
_BOUNDS = ", ".join(
    f"fromUnixTimestamp64Nano({{{name}:Int64}}, 'UTC') AS {name}"
    for name in ("before_from", "before_to", "after_from", "after_to")
)
_VERSIONS = "any(attributes)['service.version'] AS version"
SENT_SQL = f"""
WITH {_BOUNDS}
SELECT
    service,
    arraySort(groupUniqArrayIf(version, earlier)) AS before,
    arraySort(groupUniqArrayIf(version, NOT earlier)) AS after
FROM
(
    SELECT service::String AS service, resource_id, ts < after_from AS earlier
    FROM spans
    WHERE tenant = {{tenant:String}} AND service IN {{services:Array(String)}} AND ({_BEFORE} OR {_AFTER})
    GROUP BY service, resource_id, earlier
) AS sent
INNER JOIN
(
    SELECT id, {_VERSIONS} FROM resources WHERE tenant = {{tenant:String}} GROUP BY id HAVING version != ''
) AS known ON sent.resource_id = known.id
GROUP BY service
"""
ARRIVED_SQL = f"""
WITH {_BOUNDS}
SELECT
    service,
    arraySort(groupUniqArrayIf(version, first < before_to AND last >= before_from)) AS before,
    arraySort(groupUniqArrayIf(version, first < after_to AND last >= after_from)) AS after
FROM
(
    SELECT any(r.service) AS service, {_VERSIONS}, min(first_seen) AS first, max(last_seen) AS last
    FROM resources AS r
    WHERE tenant = {{tenant:String}}
    GROUP BY id
    HAVING version != '' AND service IN {{services:Array(String)}}
)
GROUP BY service
"""


class Versions(BaseModel):
    """service.version of what was sending in a window, sorted; several while one follows another, none of peers."""

    client: list[str] = Field(description="Of the node that calls.")
    server: list[str] = Field(description="Of the node that is called.")


async def sending(call: Call, services: Collection[str], before: TimeRange, after: TimeRange) -> Sending:
    """By service the versions in each window; `before` ends where `after` begins, or earlier."""
    if not services:
        return {}
    short = max(window.end - window.start for window in (before, after)) <= LONGEST_READ
    read = short and call.spans_gone_before(before.start) is None
    rows = await call.reader.rows(
        SENT_SQL if read else ARRIVED_SQL,
        {"before_from": before.start, "before_to": before.end, "after_from": after.start, "after_to": after.end},
        services=sorted(services),
    )
    return {row["service"]: {"before": row["before"], "after": row["after"]} for row in rows}


def services_of(edge: Edge) -> list[str]:
    """The ends of an edge that send spans."""
    return [place.name for place in edge.ends if place.type == "service"]


def versions_of(edge: Edge, found: Sending, window: Window) -> Versions:
    """What `sending` found of the ends of an edge."""
    client, server = (
        list(found[place.name][window]) if place.type == "service" and place.name in found else []
        for place in edge.ends
    )
    return Versions(client=client, server=server)
