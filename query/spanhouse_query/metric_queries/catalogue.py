"""Which metrics there are."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.metric_queries.page import read_place, write_place
from spanhouse_query.metric_queries.windows import MILLISECOND
from spanhouse_query.parameters import RangeParameters
from spanhouse_query.reader import Meta
from spanhouse_query.series import MetricType


class CatalogueParameters(RangeParameters):
    """Parameters of the catalogue."""

    name: str | None = Field(None, description="Only metrics with this in their name, in capitals or not.")
    type: MetricType | None = Field(None, description="Only metrics of this type.")
    service: str | None = Field(None, description="Only what this service sends.")
    limit: int = Field(100, ge=1, le=1000, description="Metrics at most on a page.")
    cursor: str | None = Field(None, description="`cursor` of the page before, for the same parameters.")


class CataloguedMetric(BaseModel):
    """One name, type, unit and monotonicity."""

    name: str
    type: MetricType
    unit: str
    description: str = Field(description="As it was last sent.")
    monotonic: bool = Field(description="Whether it is a sum that never falls unless counting begins anew.")
    temporalities: list[Literal["unspecified", "delta", "cumulative"]] = Field(description="Of its series.")
    services: list[str] = Field(description="What sends it, at most 100.")
    services_total: int
    series: int = Field(description="How many series it has: its cardinality.")
    first_seen: str = Field(description="When the first point arrived, nanoseconds since 1970.")
    last_seen: str
    full: bool = Field(description="Whether it has as many series as `max_series` allows: new ones are refused.")
    refused: int = Field(description="Points of new series that were refused in the hours of the range.")
    conflicts: list[Literal["type", "unit", "monotonic"]] = Field(
        description="In what other metrics of this name differ from it (monotonic: other sums); queries have to say "
        "which one they mean."
    )


class CatalogueAnswer(BaseModel):
    """Metrics of which points arrived in the range, by name."""

    metrics: list[CataloguedMetric]
    total: int = Field(description="On all pages.")
    cursor: str | None = Field(description="Asks for the next page; null on the last one.")
    meta: Meta


CATALOGUE_SQL = """
WITH known AS
(
    SELECT
        metric, type::String AS metric_type, unit, monotonic,
        argMax(description, last_seen) AS shown_description,
        arraySort(groupUniqArray(temporality::String)) AS temporalities,
        arraySort(groupUniqArrayIf(100)(service, in_range)) AS services,
        uniqExactIf(service, in_range) AS services_total,
        uniqExactIf(series, in_range) AS series_total,
        toUnixTimestamp64Milli(min(first_seen)) AS first,
        toUnixTimestamp64Milli(max(last_seen)) AS last
    FROM
    (
        SELECT *,
            last_seen >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
            AND first_seen < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
            AND ({service:String} = '' OR service = {service:String}) AS in_range
        FROM metric_series
        WHERE tenant = {tenant:String}
            AND ({name:String} = '' OR positionCaseInsensitiveUTF8(metric, {name:String}) > 0)
    )
    GROUP BY metric, metric_type, unit, monotonic
)
SELECT *, count() OVER () AS total,
    metric IN (SELECT metric FROM metric_limits FINAL WHERE tenant = {tenant:String} AND is_full) AS is_full
FROM
(
    SELECT *,
        length(groupUniqArray(metric_type) OVER same_name) > 1 AS other_type,
        length(groupUniqArray(unit) OVER same_name) > 1 AS other_unit,
        metric_type = 'sum' AND length(groupUniqArrayIf(monotonic, metric_type = 'sum') OVER same_name) > 1
            AS other_monotonic
    FROM known
    WINDOW same_name AS (PARTITION BY metric)
) AS named
LEFT JOIN
(
    SELECT metric, sum(points) AS refused
    FROM metric_refused
    WHERE tenant = {tenant:String}
        AND hour >= toStartOfHour(fromUnixTimestamp64Milli({from:Int64}, 'UTC'))
        AND hour < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    GROUP BY metric
) AS left_out USING metric
WHERE series_total > 0 AND ({type:String} = '' OR metric_type = {type:String})
ORDER BY metric, metric_type, unit, monotonic
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
"""


async def metrics_catalogue(call: Call, parameters: CatalogueParameters) -> CatalogueAnswer:
    """Conflicts are with all that has the name, in the range or not."""
    asked = parameters.model_dump(include={"name", "type", "service", "limit"})
    time_range, offset = read_place(parameters.cursor, asked, parameters.range)
    rows = await call.reader.rows(
        CATALOGUE_SQL,
        {
            "from": max(0, time_range.start // MILLISECOND),
            "to": time_range.end // MILLISECOND,
            "name": parameters.name or "",
            "type": parameters.type or "",
            "service": parameters.service or "",
            "limit": parameters.limit,
            "offset": offset,
        },
    )
    total = rows[0]["total"] if rows else offset
    following = offset + len(rows)
    return CatalogueAnswer(
        metrics=[_metric(row) for row in rows],
        total=total,
        cursor=write_place(time_range, following, asked) if following < total else None,
        meta=await call.reader.meta(),
    )


def _metric(row: dict[str, Any]) -> CataloguedMetric:
    differing = {"type": "other_type", "unit": "other_unit", "monotonic": "other_monotonic"}
    return CataloguedMetric(
        name=row["metric"],
        type=row["metric_type"],
        unit=row["unit"],
        description=row["shown_description"],
        monotonic=bool(row["monotonic"]),
        temporalities=row["temporalities"],
        services=row["services"],
        services_total=row["services_total"],
        series=row["series_total"],
        first_seen=str(row["first"] * MILLISECOND),
        last_seen=str(row["last"] * MILLISECOND),
        full=bool(row["is_full"]),
        refused=row["refused"],
        conflicts=[name for name, column in differing.items() if row[column]],  # type: ignore[misc]
    )


ENDPOINTS = [
    Endpoint(
        path="/api/v1/metrics",
        handler=metrics_catalogue,
        summary="Metrics with type, unit and cardinality",
        parameters=CatalogueParameters,
        answer=CatalogueAnswer,
    ),
]
