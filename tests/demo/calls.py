"""Counts calls between services from raw spans, as plainly as it can be done, to compare other answers with."""

from collections import Counter
from collections.abc import Iterable

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from spanhouse_demo.topology import Connection, Edge

from tests.demo.otlp_sink import ReceivedSpan

_MESSAGING = (Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER)


def calls_between_services(spans: Iterable[ReceivedSpan]) -> tuple[Counter[Edge], Counter[Edge]]:
    """Calls and, of them, those that failed at the callee: one call for each span whose parent is another service's."""
    spans = list(spans)
    by_id = {(received.span.trace_id, received.span.span_id): received for received in spans}
    calls: Counter[Edge] = Counter()
    failures: Counter[Edge] = Counter()
    for callee in spans:
        caller = by_id.get((callee.span.trace_id, callee.span.parent_span_id))
        if caller is None or caller.service == callee.service:
            continue
        edge = Edge(caller.service, callee.service, _connection(caller, callee))
        calls[edge] += 1
        failures[edge] += callee.span.status.code == Status.STATUS_CODE_ERROR
    return calls, +failures


def database_calls(spans: Iterable[ReceivedSpan]) -> Counter[Edge]:
    """Calls to databases, one for each CLIENT span that names one."""
    return Counter(
        Edge(received.service, str(received.attributes["db.system.name"]), "database")
        for received in spans
        if received.span.kind == Span.SPAN_KIND_CLIENT and "db.system.name" in received.attributes
    )


def _connection(caller: ReceivedSpan, callee: ReceivedSpan) -> Connection:
    kinds = (caller.span.kind, callee.span.kind)
    assert kinds in ((Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER), _MESSAGING), (caller, callee)
    return "messaging" if kinds == _MESSAGING else "rpc"
