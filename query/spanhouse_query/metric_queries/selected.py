"""Which stored series a query is about, as a statement that others build on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spanhouse_query.filters import SERIES
from spanhouse_query.filters.condition import filter_condition
from spanhouse_query.metric_queries.chosen import ChosenMetric
from spanhouse_query.metric_queries.grouping import Grouping
from spanhouse_query.metric_queries.members import Members
from spanhouse_query.metric_queries.windows import Windows
from spanhouse_query.problems import Problem
from spanhouse_query.reader import Reader

MOST_SERIES = 200_000
AHEAD = 3_600_000
"""How long before its time a point may arrive, milliseconds."""


@dataclass(frozen=True, slots=True)
class SelectedSeries:
    """sql: rows of series (its id), keys (the values of its group) and cumulative. parameters: what it binds."""

    metric: ChosenMetric
    sql: str
    parameters: dict[str, Any]

    async def members(self, reader: Reader) -> Members:
        """The series themselves. Raises Problem (422) for more than a query can hold."""
        sql = f"{self.sql}\n    LIMIT {MOST_SERIES + 1}"
        rows = await reader.rows(sql, self.parameters)
        if len(rows) > MOST_SERIES:
            raise too_large(f"{self.metric.name!r} has more than {MOST_SERIES:,} such series; add conditions to q")
        return Members.of_rows(rows)


def too_large(detail: str) -> Problem:
    """422 for a query that needs more than one may."""
    return Problem(422, "query-too-large", "The query is too large", detail)


async def select_series(
    reader: Reader, metric: ChosenMetric, q: str | None, grouping: Grouping, windows: Windows
) -> SelectedSeries:
    """The series of a metric that satisfy `q` and were seen since the windows began. Raises Problem for a bad `q`."""
    condition, bound = "", {}
    if q is not None and q.strip():
        found = await filter_condition(reader, q, SERIES)
        condition, bound = f" AND {found.sql}", found.parameters
    parameters = {
        **bound,
        **grouping.parameters,
        "metric": metric.name,
        "type": metric.type,
        "unit": metric.unit,
        "monotonic": int(metric.monotonic),
        "seen_from": max(0, windows.start - AHEAD),
    }
    return SelectedSeries(metric, selected_sql(condition, grouping), parameters)


def selected_sql(condition: str, grouping: Grouping) -> str:
    """condition: on metric_series, with AND before it. One row a series, also before its rows are merged."""
    return f"""SELECT s.series AS series, {grouping.sql} AS keys, cumulative
    FROM
    (
        SELECT series, service, attributes, resource_id, temporality != 'delta' AS cumulative
        FROM metric_series
        WHERE tenant = {{tenant:String}} AND metric = {{metric:String}} AND type = {{type:String}}
            AND unit = {{unit:String}} AND monotonic = {{monotonic:UInt8}}
            AND last_seen >= fromUnixTimestamp64Milli({{seen_from:Int64}}, 'UTC'){condition}
        LIMIT 1 BY series
    ) AS s
    ANY LEFT JOIN (SELECT id, attributes AS sender FROM resources WHERE tenant = {{tenant:String}}) AS r
    ON r.id = s.resource_id"""
