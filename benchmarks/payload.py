"""Seeded OTLP requests that are encoded once and made new by changing their ids in place."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

SERVICES = ("storefront", "cart", "catalog", "payment", "shipping", "search")
ROUTES = ("/", "/items/{id}", "/cart", "/checkout", "/search")
SPANS_PER_TRACE = 8


@dataclass(frozen=True, slots=True)
class Template:
    """One encoded request of one service (SDK packaging) and where its trace and span ids lie."""

    body: NDArray[np.uint8]
    trace_ids: NDArray[np.intp]
    span_ids: NDArray[np.intp]

    def fresh(self, rng: np.random.Generator) -> bytes:
        """The same request with other ids: all are XORed with one key, so parents still name their children."""
        body = self.body.copy()
        body[self.trace_ids] ^= rng.integers(0, 256, 16, dtype=np.uint8)
        body[self.span_ids] ^= rng.integers(0, 256, 8, dtype=np.uint8)
        return body.tobytes()


def templates(count: int, spans: int, seed: int = 1) -> list[Template]:
    """`count` requests of `spans` spans, about 335 bytes and 8 attributes each, starting within the last minute."""
    rnd = random.Random(seed)
    return [_template(_request(rnd, spans)) for _ in range(count)]


def _template(request: ExportTraceServiceRequest) -> Template:
    body = request.SerializeToString()
    spans = request.resource_spans[0].scope_spans[0].spans
    trace_ids = _positions(body, {span.trace_id for span in spans})
    span_ids = _positions(body, {span.span_id for span in spans})
    return Template(np.frombuffer(body, np.uint8), trace_ids, span_ids)


def _positions(body: bytes, ids: set[bytes]) -> NDArray[np.intp]:
    """Where each id starts in the body, as rows of the indices of its bytes."""
    starts: list[int] = []
    for value in ids:
        at = body.find(value)
        while at >= 0:
            starts.append(at)
            at = body.find(value, at + 1)
    return np.array(starts)[:, None] + np.arange(len(next(iter(ids))))


def _request(rnd: random.Random, spans: int) -> ExportTraceServiceRequest:
    resource = Resource(
        attributes=_attributes(
            {
                "service.name": rnd.choice(SERVICES),
                "service.namespace": "shop",
                "service.version": "1.2.3",
                "host.name": f"host-{rnd.randrange(8)}",
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": "1.45.0",
                "process.pid": rnd.randrange(1000, 1100),
            }
        )
    )
    batch: list[Span] = []
    for index in range(spans):
        batch.append(_span(rnd, batch[-1] if index % SPANS_PER_TRACE else None, index))
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=batch)])]
    )


def _span(rnd: random.Random, parent: Span | None, index: int) -> Span:
    start = time.time_ns() - rnd.randrange(60 * 10**9)
    route = rnd.choice(ROUTES)
    return Span(
        trace_id=parent.trace_id if parent else rnd.randbytes(16),
        span_id=rnd.randbytes(8),
        parent_span_id=parent.span_id if parent else b"",
        name=f"GET {route}",
        kind=Span.SPAN_KIND_SERVER if index % 2 else Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start,
        end_time_unix_nano=start + int(rnd.lognormvariate(16, 1)),
        flags=0x101,
        attributes=_attributes(
            {
                "http.request.method": "GET",
                "http.route": route,
                "url.path": f"/items/{rnd.randrange(10**6)}",
                "http.response.status_code": rnd.choice((200, 200, 200, 404, 500)),
                "server.address": "shop.local",
                "server.port": 8080,
                "network.protocol.version": "1.1",
                "user_agent.original": "python-requests/2.32",
            }
        ),
    )


def _attributes(values: dict[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]
