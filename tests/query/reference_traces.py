"""Which traces a filter chooses, in plain Python; for the random call graphs of `tests/support/call_graphs.py`."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_query.filters import parse

from tests.query.filters.evaluator import Given, holds
from tests.support.call_graphs import Sent

KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
FILTERS = [
    'service = "pay" and status = error',
    "kind = consumer or db.system.name exists",
    'duration > 20ms and not service in ("web", "mail")',
    'peer.service = "billing" or server.address =~ "^api"',
    'resource."service.name" = "cart" and kind = client',
    'operation = "no such"',
    "status != ok",
]


def as_given(service: str, one: Span) -> Given:
    return Given(
        fields={
            "service": service,
            "operation": one.name,
            "kind": KINDS[one.kind],
            "status": ["unset", "ok", "error"][one.status.code],
            "duration": one.end_time_unix_nano - one.start_time_unix_nano,
            "trace_id": one.trace_id.hex(),
        },
        span={item.key: item.value.string_value for item in one.attributes},
        resource={"service.name": service},
    )


def satisfying(spans: Iterable[Sent], q: str) -> set[bytes]:
    """The traces with a span that satisfies `q`."""
    node = parse(q)
    return {one.trace_id for service, one in spans if holds(node, as_given(service, one))}
