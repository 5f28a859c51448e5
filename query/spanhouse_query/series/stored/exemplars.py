"""Exemplars of stored points: measurements with the trace that they were taken in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from spanhouse_query.reader import Reader
from spanhouse_query.series.names import label_name
from spanhouse_query.series.source import Exemplar, Series
from spanhouse_query.series.stored.fetching import TABLES, Stretch

_EXEMPLARS = """
SELECT
    series,
    toUnixTimestamp64Milli(e.ts) AS at,
    e.value AS value,
    lower(hex(e.trace_id)) AS trace_id,
    lower(hex(e.span_id)) AS span_id,
    e.attributes AS attributes
FROM {table}
ARRAY JOIN exemplars AS e
WHERE {where}
ORDER BY metric, series, at
LIMIT 1 BY series, at, trace_id, span_id
LIMIT {{limit:UInt32}}
"""
_TABLES_WITH_THEM = ("metric_numbers", "metric_histograms", "metric_exponential_histograms")


async def exemplars(
    reader: Reader, series: Sequence[Series], after: int, until: int, *, limit: int
) -> list[tuple[Series, list[Exemplar]]]:
    """Those of points in (after, until], without series that have none. limit: exemplars of a table at most."""
    found: dict[tuple[str, int], list[Exemplar]] = defaultdict(list)
    for table in _TABLES_WITH_THEM:
        own = [one for one in series if one.part != "info" and TABLES[one.metric.type] == table]
        if not own:
            continue
        names = sorted({one.metric.name for one in own})
        ids = sorted({one for each in own for one in each.ids})
        stretch = Stretch(table, names, ids, after, until)
        sql = _EXEMPLARS.format(table=table, where=stretch.where)
        for row in await reader.rows(sql, stretch.parameters, limit=limit):
            found[table, row["series"]].append(_exemplar(row))
    pairs = [(one, [each for part in one.ids for each in found.get((_table(one), part), ())]) for one in series]
    return [pair for pair in pairs if pair[1]]


def _table(series: Series) -> str:
    return "" if series.part == "info" else TABLES[series.metric.type]


def _exemplar(row: Mapping[str, Any]) -> Exemplar:
    ids = {"trace_id": row["trace_id"], "span_id": row["span_id"]}
    labels = {label_name(key): value for key, value in row["attributes"].items()}
    return Exemplar({**labels, **{name: value for name, value in ids.items() if value}}, row["at"], row["value"])
