"""Counts calls between services from raw spans, as plainly as it can be done, to compare other answers with."""

from collections import Counter
from collections.abc import Iterable, Iterator

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from spanhouse_demo.topology import Edge

from tests.demo.otlp_sink import ReceivedSpan

_MESSAGING = (Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER)


def calls_of_the_shop(spans: Iterable[ReceivedSpan]) -> Counter[Edge]:
    """All calls: between services, through queues, and to what sends no spans."""
    spans = list(spans)
    return calls_between_services(spans)[0] + queued_messages(spans) + calls_to_peers(spans)


def calls_between_services(spans: Iterable[ReceivedSpan]) -> tuple[Counter[Edge], Counter[Edge]]:
    """Calls and, of them, those that failed at the callee: one a SERVER span whose parent is another service's."""
    calls: Counter[Edge] = Counter()
    failures: Counter[Edge] = Counter()
    for caller, callee in _across_services(spans):
        kinds = (caller.span.kind, callee.span.kind)
        assert kinds in ((Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER), _MESSAGING), (caller, callee)
        if kinds != _MESSAGING:
            edge = Edge(caller.service, callee.service)
            calls[edge] += 1
            failures[edge] += callee.span.status.code == Status.STATUS_CODE_ERROR
    return calls, +failures


def queued_messages(spans: Iterable[ReceivedSpan]) -> Counter[Edge]:
    """One a PRODUCER span, into the queue it names, and one a CONSUMER span of another service, out of it."""
    spans = list(spans)
    sent = Counter(
        Edge(received.service, str(received.attributes["messaging.destination"]), "messaging")
        for received in spans
        if received.span.kind == Span.SPAN_KIND_PRODUCER
    )
    return sent + Counter(
        Edge(str(sender.attributes["messaging.destination"]), receiver.service, "messaging")
        for sender, receiver in _across_services(spans)
        if receiver.span.kind == Span.SPAN_KIND_CONSUMER
    )


def calls_to_peers(spans: Iterable[ReceivedSpan]) -> Counter[Edge]:
    """Calls to databases, and to hosts whose side nobody traces: one for each CLIENT span that is no span's parent."""
    spans = list(spans)
    parents = {(received.span.trace_id, received.span.parent_span_id) for received in spans}
    calls: Counter[Edge] = Counter()
    for received in spans:
        if received.span.kind != Span.SPAN_KIND_CLIENT:
            continue
        if "db.system.name" in received.attributes:
            calls[Edge(received.service, str(received.attributes["db.system.name"]), "database")] += 1
        elif (received.span.trace_id, received.span.span_id) not in parents:
            calls[Edge(received.service, str(received.attributes["server.address"]), "external")] += 1
    return calls


def _across_services(spans: Iterable[ReceivedSpan]) -> Iterator[tuple[ReceivedSpan, ReceivedSpan]]:
    """Spans whose parent is another service's, that parent first."""
    spans = list(spans)
    by_id = {(received.span.trace_id, received.span.span_id): received for received in spans}
    for callee in spans:
        caller = by_id.get((callee.span.trace_id, callee.span.parent_span_id))
        if caller is not None and caller.service != callee.service:
            yield caller, callee
