"""`target_info`: what is known of a resource beside what identifies it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spanhouse_query.reader import Reader
from spanhouse_query.series.labels import NAME
from spanhouse_query.series.names import label_name
from spanhouse_query.series.samples import Samples
from spanhouse_query.series.selector import Matcher
from spanhouse_query.series.source import Series
from spanhouse_query.series.stored.catalogue import TARGET_INFO
from spanhouse_query.series.stored.labels_of_resources import target_labels
from spanhouse_query.series.stored.matching import matching

_RESOURCES = """
SELECT id, attributes, toUnixTimestamp64Milli(since) AS since, toUnixTimestamp64Milli(until) AS until
FROM
(
    SELECT resource_id, min(first_seen) AS since, max(last_seen) AS until
    FROM metric_series
    WHERE tenant = {tenant:String}
    GROUP BY resource_id
) AS s
ANY INNER JOIN (SELECT id, attributes FROM resources WHERE tenant = {tenant:String}) AS r ON r.id = s.resource_id
WHERE until >= fromUnixTimestamp64Milli({seen_from:Int64}, 'UTC')
ORDER BY id
"""
_IDENTIFYING = {"service.name", "service.namespace", "service.instance.id"}
_INTERVAL = 60_000


async def target_info(reader: Reader, matchers: Sequence[Matcher], seen_from: int) -> list[Series]:
    """A series for each resource that sent metrics since then and says more than who it is."""
    found = []
    for row in await reader.rows(_RESOURCES, seen_from=seen_from):
        more = {label_name(key): value for key, value in row["attributes"].items() if key not in _IDENTIFYING}
        labels = {**more, **target_labels(row["attributes"]), NAME: TARGET_INFO.name}
        if any(more.values()) and await _satisfied(reader, labels, matchers):
            seen = {"since": str(row["since"]), "until": str(row["until"])}
            shown = {label: value for label, value in labels.items() if value}
            found.append(Series(shown, TARGET_INFO, "info", (row["id"],), seen))
    return found


async def _satisfied(reader: Reader, labels: dict[str, str], matchers: Sequence[Matcher]) -> bool:
    for matcher in matchers:
        if not await matching(reader, [labels.get(matcher.name, "")], [matcher]):
            return False
    return True


def info_samples(series: Sequence[Series], after: int, until: int) -> Samples:
    """A 1 every minute, and when it was last seen, as long as a resource sent metrics."""
    rows, instants = [], []
    for row, one in enumerate(series):
        first, last = max(int(one.resource["since"]), after + 1), min(int(one.resource["until"]), until)
        found = np.append(np.arange(-(-first // _INTERVAL) * _INTERVAL, last, _INTERVAL), last)
        found = found[found >= first]
        instants.append(found)
        rows.append(np.full(found.size, row))
    row_of, ts = np.concatenate(rows).astype(np.int64), np.concatenate(instants).astype(np.int64)
    return Samples(len(series), row_of, ts, np.ones(ts.size))
