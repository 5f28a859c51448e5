"""What came in and what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import NoParameters


class StoreStatus(BaseModel):
    """The store, all tenants together."""

    engine: str = Field(description="Version of the engine.")
    schema_version: int
    spans: int
    traces: int = Field(description="Rows of the trace index: a trace counts more than once until its rows are merged.")
    bytes_on_disk: int
    newest_span: str | None = Field(description="Start of the latest span, nanoseconds since 1970; null without spans.")


class Status(BaseModel):
    """The service."""

    ingest: dict[str, Any] | None = Field(
        description="What the receiver in this process accepted, rejected and stored; null where there is none."
    )
    store: StoreStatus


# Answered from the catalogue of parts, without reading a column.
STATUS_SQL = """
SELECT
    version() AS engine,
    (SELECT max(version) FROM schema_migrations) AS schema_version,
    (SELECT count() FROM spans) AS spans,
    (SELECT count() FROM trace_index) AS traces,
    (SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()) AS bytes_on_disk,
    (SELECT toUnixTimestamp64Nano(max(ts)) FROM spans) AS newest
"""


def status_endpoint(ingest: Callable[[], dict[str, Any]] | None) -> Endpoint:
    """`ingest` tells what the receiver in this process did."""

    async def status(call: Call, parameters: NoParameters) -> Status:
        (row,) = await call.reader.rows(STATUS_SQL)
        newest = row.pop("newest")
        return Status(
            ingest=ingest() if ingest else None,
            store=StoreStatus(**row, newest_span=str(newest) if row["spans"] else None),
        )

    return Endpoint(
        path="/api/v1/status",
        handler=status,
        summary="What came in and what is stored",
        parameters=NoParameters,
        answer=Status,
    )
