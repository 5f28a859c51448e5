"""Whether the service lives, whether it can answer, and its metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from anyio import to_thread
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel
from spanhouse_storage import SchemaError, StoreError, check_schema
from starlette.responses import Response

from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import NoParameters
from spanhouse_query.problems import Problem


class Alive(BaseModel):
    """It answers."""

    status: Literal["ok"]


async def healthz(call: Call, parameters: NoParameters) -> Alive:
    """The process lives; says nothing of the store."""
    return Alive(status="ok")


def probe_endpoints(ingest: Callable[[], dict[str, Any]] | None) -> list[Endpoint]:
    """`/healthz` and `/readyz`; `ingest` tells what the receiver in this process does."""

    async def readyz(call: Call, parameters: NoParameters) -> Alive:
        """The store answers, has the schema that this version works with, and the receiver takes data.

        Asked apart from the queries of users, so that slow ones make nothing unready.
        """
        try:
            await to_thread.run_sync(check_schema, call.reader.store)
        except SchemaError as error:
            raise Problem(503, "schema", "The store has another schema", str(error)) from error
        except StoreError as error:
            raise Problem(503, "store-unavailable", "The store is unavailable", str(error)) from error
        state = ingest().get("state", "ready") if ingest else "ready"
        if state != "ready":
            raise Problem(503, "not-receiving", "The receiver takes no data", f"its state is {state!r}, not 'ready'")
        return Alive(status="ok")

    return [
        Endpoint(
            path="/healthz",
            handler=healthz,
            summary="Whether the process lives",
            parameters=NoParameters,
            answer=Alive,
            observed=False,
        ),
        Endpoint(
            path="/readyz",
            handler=readyz,
            summary="Whether the store answers with the right schema and the receiver takes data",
            parameters=NoParameters,
            answer=Alive,
            problems=(503,),
            observed=False,
        ),
    ]


def metrics_endpoint(registry: CollectorRegistry) -> Endpoint:
    """The metrics of everything on the registry, in the format the scraper asks for."""

    async def metrics(call: Call, parameters: NoParameters) -> Response:
        encode, media_type = choose_encoder(call.headers.get("Accept", ""))
        return Response(encode(registry), headers={"Content-Type": media_type})

    return Endpoint(
        path="/metrics",
        handler=metrics,
        summary="Metrics of the service itself, for Prometheus",
        parameters=NoParameters,
        observed=False,
        media={"text/plain": {"type": "string"}, "application/openmetrics-text": {"type": "string"}},
    )
