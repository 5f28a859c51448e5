"""What the HTTP API of a running Spanhouse says, for tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.cli.running import Running
from tests.support.polling import eventually


def ask(running: Running, path: str, tenant: str = "default", **parameters: str | int) -> dict[str, Any]:
    """The JSON answer of `/api/v1/<path>`; AssertionError unless the status is 200. `from_` stands for `from`."""
    query = urlencode({name.rstrip("_"): value for name, value in parameters.items()})
    status, body = running.get(f"/api/v1/{path}?{query}", headers={"x-scope-orgid": tenant})
    assert status == 200, (status, body)
    answer: dict[str, Any] = json.loads(body)
    return answer


def promql(running: Running, query: str, tenant: str = "default") -> list[tuple[dict[str, str], float]]:
    """The labels and values that an expression has now; AssertionError unless it is answered."""
    path = f"/prometheus/api/v1/query?{urlencode({'query': query})}"
    status, body = running.get(path, headers={"x-scope-orgid": tenant})
    assert status == 200, (status, body)
    return [(sample["metric"], float(sample["value"][1])) for sample in json.loads(body)["data"]["result"]]


def send(running: Running, request: ExportTraceServiceRequest, tenant: str = "default") -> None:
    """POST a request over OTLP/HTTP; AssertionError unless it is accepted in full."""
    headers = {"content-type": "application/x-protobuf", "x-scope-orgid": tenant}
    assert running.post("/v1/traces", request.SerializeToString(), headers) == (200, b"")


def spans_stored(running: Running, tenant: str = "default") -> int:
    """How many spans can be queried."""
    return sum(trace["spans"] for trace in all_traces(running, tenant))


def await_spans(running: Running, spans: int, tenant: str = "default", seconds: float = 30) -> None:
    """Wait until exactly so many spans can be queried, in every table."""
    eventually(lambda: spans_stored(running, tenant) == spans or None, seconds)
    eventually(lambda: is_stored(running) or None, seconds)


def is_stored(running: Running) -> bool:
    """Whether nothing that was accepted waits to be stored."""
    log = ask(running, "status")["ingest"]["log"]
    return bool(log["segments"] == log["bytes"] == 0)


def await_rollup(running: Running, seconds: float = 40) -> None:
    """Wait until what is stored now is in the rollup of the service map."""
    asked = time.time_ns()
    eventually(lambda: int(ask(running, "service-map")["meta"]["rolled_up"] or 0) > asked or None, seconds)


def all_traces(running: Running, tenant: str = "default", **parameters: str | int) -> Iterator[dict[str, Any]]:
    """Every trace summary that matches, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = ask(running, "traces", tenant, limit=500, **{**parameters, **cursor})
        yield from page["traces"]
        if not page.get("cursor"):
            return
        cursor = {"cursor": page["cursor"]}


def spans_of(running: Running, trace_id: str, tenant: str = "default") -> Iterator[tuple[str, Span]]:
    """Every span of a trace with its service, as OTLP gives them back."""
    headers = {"accept": "application/x-protobuf", "x-scope-orgid": tenant}
    status, body = running.get(f"/api/v1/traces/{trace_id}", headers=headers)
    assert status == 200, body
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        attributes = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield attributes["service.name"], span
