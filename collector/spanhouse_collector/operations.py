"""What operators and probes ask a collector that runs alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def operations_app(registry: CollectorRegistry, status: Callable[[], dict[str, Any]]) -> Starlette:
    """`/healthz` (the process lives), `/readyz` (it takes data), `/metrics`, `/api/v1/status`."""

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        state = status()["state"]
        return PlainTextResponse(f"{state}\n", 200 if state == "ready" else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def status_document(_: Request) -> Response:
        return Response(orjson.dumps({"ingest": status(), "store": None}), media_type="application/json")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/api/v1/status", status_document),
        ]
    )
