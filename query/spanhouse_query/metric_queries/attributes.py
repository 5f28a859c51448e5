"""Which attributes series have, and which values."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.filters import SERIES, FilterError
from spanhouse_query.filters.condition import filter_condition
from spanhouse_query.metric_queries.grouping import read_attribute
from spanhouse_query.metric_queries.windows import MILLISECOND
from spanhouse_query.parameters import RangeParameters
from spanhouse_query.problems import invalid_parameter
from spanhouse_query.reader import Meta

_VALUES_SHOWN = 10


class AttributesParameters(RangeParameters):
    """Parameters of lists of attributes and of their values."""

    metric: str | None = Field(None, description="Only series of metrics of this name.", examples=["queue.size"])
    service: str | None = Field(None, description="Only series of this service.")
    q: str | None = Field(None, description="Only series that satisfy this filter.")
    limit: int = Field(100, ge=1, le=1000, description="Attributes, or values, at most: those of the most series.")


class ValuesParameters(AttributesParameters):
    """Parameters of the list of an attribute's values."""

    key: str = Field(description="The attribute: KEY, point.KEY or resource.KEY, as in group_by.")


class MetricAttribute(BaseModel):
    """One attribute of points or of resources."""

    name: str = Field(description='To be used in group_by and in q, where it stands as point."…" or resource."…".')
    scope: Literal["point", "resource"]
    key: str
    series: int = Field(description="How many series have it.")
    values: list[str] = Field(description=f"The values of the most series, at most {_VALUES_SHOWN}.")
    values_total: int = Field(description="How many values it has.")


class MetricAttributesAnswer(BaseModel):
    """Attributes, those of the most series first."""

    attributes: list[MetricAttribute]
    total: int = Field(description="How many attributes there are, those beyond the limit included.")
    meta: Meta


class MetricAttributeValue(BaseModel):
    """One value."""

    value: str
    series: int = Field(description="How many series have it.")


class MetricAttributeValuesAnswer(BaseModel):
    """Values, those of the most series first."""

    values: list[MetricAttributeValue]
    total: int = Field(description="How many values there are, those beyond the limit included.")
    series: int = Field(description="How many series have the attribute.")
    meta: Meta


def pairs_sql(condition: str, scope: str) -> str:
    """Rows (series, scope, key, value) of the attributes of the series that satisfy the condition (with AND before it).

    scope: point, resource, or any for both.
    """
    own = """SELECT series, 'point' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ARRAY JOIN attributes::Array(Tuple(String, String)) AS pair"""
    sent = """SELECT series, 'resource' AS scope, pair.1 AS key, pair.2 AS value
    FROM found
    ANY LEFT JOIN (SELECT id, attributes AS sender FROM resources WHERE tenant = {tenant:String}) AS r
    ON r.id = found.resource_id
    ARRAY JOIN sender::Array(Tuple(String, String)) AS pair"""
    chosen = {"point": [own], "resource": [sent], "any": [own, sent]}[scope]
    return f"""WITH found AS
(
    SELECT series, attributes, resource_id
    FROM metric_series
    WHERE tenant = {{tenant:String}}
        AND last_seen >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC')
        AND first_seen < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
        AND ({{metric:String}} = '' OR metric = {{metric:String}})
        AND ({{service:String}} = '' OR service = {{service:String}}){condition}
    LIMIT 1 BY metric, series
),
pairs AS ({" UNION ALL ".join(chosen)})"""


def attributes_sql(condition: str) -> str:
    """One row an attribute."""
    return f"""
{pairs_sql(condition, "any")}
SELECT scope, key, sum(n) AS series_total, count() AS values_total,
    arraySlice(arraySort(x -> (-x.1, x.2), groupArray((n::Int64, value))), 1, {_VALUES_SHOWN}).2 AS shown,
    count() OVER () AS total
FROM (SELECT scope, key, value, count() AS n FROM pairs GROUP BY scope, key, value)
GROUP BY scope, key
ORDER BY series_total DESC, key, scope
LIMIT {{limit:UInt32}}
"""


def values_sql(condition: str, scope: str) -> str:
    """One row a value of the attribute {{key}}. Of a series that has it twice, the points' own counts."""
    return f"""
{pairs_sql(condition, scope)}
SELECT value, count() AS n, count() OVER () AS total, sum(n) OVER () AS series_total
FROM (SELECT series, argMin(value, scope) AS value FROM pairs WHERE key = {{key:String}} GROUP BY series)
GROUP BY value
ORDER BY n DESC, value
LIMIT {{limit:UInt32}}
"""


async def metrics_attributes(call: Call, parameters: AttributesParameters) -> MetricAttributesAnswer:
    """Of series of which points arrived in the range."""
    condition, bound = await _condition(call, parameters)
    rows = await call.reader.rows(attributes_sql(condition), bound, limit=parameters.limit)
    total = rows[0]["total"] if rows else 0
    return MetricAttributesAnswer(
        attributes=[
            MetricAttribute(
                name=f"{row['scope']}.{row['key']}",
                scope=row["scope"],
                key=row["key"],
                series=row["series_total"],
                values=row["shown"],
                values_total=row["values_total"],
            )
            for row in rows
        ],
        total=total,
        meta=await call.reader.meta(truncated=total > len(rows)),
    )


async def metrics_attribute_values(call: Call, parameters: ValuesParameters) -> MetricAttributeValuesAnswer:
    """None for an attribute that no series has."""
    try:
        attribute = read_attribute(parameters.key)
    except FilterError as error:
        raise invalid_parameter("key", str(error), position=error.position) from error
    condition, bound = await _condition(call, parameters)
    sql = values_sql(condition, attribute.scope)
    rows = await call.reader.rows(sql, bound, key=attribute.key, limit=parameters.limit)
    total = rows[0]["total"] if rows else 0
    return MetricAttributeValuesAnswer(
        values=[MetricAttributeValue(value=row["value"], series=row["n"]) for row in rows],
        total=total,
        series=rows[0]["series_total"] if rows else 0,
        meta=await call.reader.meta(truncated=total > len(rows)),
    )


async def _condition(call: Call, parameters: AttributesParameters) -> tuple[str, dict[str, Any]]:
    bound: dict[str, Any] = {
        "from": parameters.range.start // MILLISECOND,
        "to": parameters.range.end // MILLISECOND,
        "metric": parameters.metric or "",
        "service": parameters.service or "",
    }
    if parameters.q is None or not parameters.q.strip():
        return "", bound
    found = await filter_condition(call.reader, parameters.q, SERIES)
    return f"\n        AND {found.sql}", {**bound, **found.parameters}


ENDPOINTS = [
    Endpoint(
        path="/api/v1/metrics/attributes",
        handler=metrics_attributes,
        summary="Attributes of series",
        parameters=AttributesParameters,
        answer=MetricAttributesAnswer,
    ),
    Endpoint(
        path="/api/v1/metrics/attributes/{key:path}/values",
        handler=metrics_attribute_values,
        summary="Values of an attribute of series",
        parameters=ValuesParameters,
        answer=MetricAttributeValuesAnswer,
    ),
]
