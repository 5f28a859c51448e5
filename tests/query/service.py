"""The query service in process, and a way to feed the store behind it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from httpx2 import Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from spanhouse_storage import Store
from starlette.testclient import TestClient

from tests.support.spans import frame


class Service:
    """Tests share a store and keep apart by tenant."""

    def __init__(self, store: Store, client: TestClient, folder: Path) -> None:
        self.store = store
        self.client = client
        self.folder = folder

    def feed(
        self, requests: Iterable[ExportTraceServiceRequest], *, tenant: str, received_at: int | None = None
    ) -> None:
        """Store one segment with a frame for each request; nothing without any."""
        bodies = [request.SerializeToString() for request in requests]
        if not bodies:
            return
        segment = self.folder / secrets.token_hex(8)
        segment.write_bytes(b"".join(frame(body, tenant=tenant, received_at=received_at) for body in bodies))
        self.store.insert_segment(segment, segment.name)
        segment.unlink()

    def response(
        self, path: str, parameters: Mapping[str, Any] | None = None, *, tenant: str = "default", accept: str = "*/*"
    ) -> Response:
        """The response to a GET."""
        headers = {"X-Scope-OrgID": tenant, "Accept": accept}
        return self.client.get(path, params=dict(parameters or {}), headers=headers)

    def get(self, path: str, parameters: Mapping[str, Any] | None = None, *, tenant: str = "default") -> Any:
        """The JSON of a GET that succeeds."""
        response = self.response(path, parameters, tenant=tenant)
        assert response.status_code == 200, response.text
        return response.json()


def fresh_tenant() -> str:
    """A tenant that nobody else uses."""
    return secrets.token_hex(8)
