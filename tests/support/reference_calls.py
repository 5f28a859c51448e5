"""Calls between services from raw spans, in plain Python: docs/service-map.md written down once more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.spans import CLIENT, CONSUMER, PRODUCER, SECOND, SERVER

MINUTE = 60 * SECOND


@dataclass(frozen=True)
class Ends:
    """Who calls whom, and how."""

    client: str
    client_type: str
    server: str
    server_type: str
    connection: str


@dataclass
class Reference:
    """What the calls of some spans add up to. Durations in nanoseconds, as samples."""

    calls: Counter[Ends]
    errors: Counter[Ends]
    client_ns: dict[Ends, list[int]]
    server_ns: dict[Ends, list[int]]
    gap_ns: dict[Ends, list[int]]
    named: int = 0
    found: int = 0


def reference(
    spans: Iterable[tuple[str, Span]], lookback: int = 15, traces: Container[bytes] | None = None
) -> Reference:
    """The calls of (service, span) pairs; lookback in minutes.

    traces: only the calls that belong to these: whose callee, or the caller where no callee is known, is of one. All by
    default.
    """
    return _Matching(list(spans), lookback, traces).result()


class _Matching:
    def __init__(self, spans: list[tuple[str, Span]], lookback: int, traces: Container[bytes] | None) -> None:
        self._spans = spans
        self._lookback = lookback
        self._traces = traces
        self._by_id = {(span.trace_id, span.span_id): (service, span) for service, span in spans}
        self._out = Reference(Counter(), Counter(), defaultdict(list), defaultdict(list), defaultdict(list))
        self._answered: set[tuple[bytes, bytes]] = set()

    def result(self) -> Reference:
        for service, span in self._spans:
            self._mark_answered(service, span)
        for service, span in self._spans:
            if self._traces is None or span.trace_id in self._traces:
                self._callee(service, span)
                self._links(service, span)
                self._caller(service, span)
        return self._out

    def _near(self, trace_id: bytes, span_id: bytes, span: Span) -> tuple[str, Span] | None:
        other = self._by_id.get((trace_id, span_id))
        if other is None or abs(_minute(other[1]) - _minute(span)) > self._lookback:
            return None
        return other

    def _mark_answered(self, service: str, span: Span) -> None:
        """A caller whose call is known to have arrived needs no peer of its own on the map."""
        callers = [self._near(span.trace_id, span.parent_span_id, span)]
        if span.kind == CONSUMER:
            callers += [self._near(link.trace_id, link.span_id, span) for link in span.links]
        for caller in callers:
            if caller is None or caller[1].kind not in (CLIENT, PRODUCER):
                continue
            if span.kind in (SERVER, CONSUMER) or caller[0] != service:
                self._answered.add((caller[1].trace_id, caller[1].span_id))

    def _callee(self, service: str, span: Span) -> None:
        entry = span.kind in (SERVER, CONSUMER)
        parent = self._near(span.trace_id, span.parent_span_id, span) if span.parent_span_id else None
        if entry and span.parent_span_id:
            self._out.named += 1
            self._out.found += parent is not None
        crosses = parent is not None and parent[0] != service
        by_caller = parent is not None and parent[1].kind in (CLIENT, PRODUCER) and (entry or crosses)
        sender = parent[1] if parent is not None and by_caller and parent[1].kind == PRODUCER else None
        queue = _queue(span) if span.kind == CONSUMER else ""
        queue = queue or (_queue(sender) if sender else "")
        if queue:
            waited = [_waited(sender, span)] if sender else []
            self._add(
                Ends(queue, "messaging", service, "service", "messaging"), _failed(span), server=_took(span), gap=waited
            )
        elif parent is not None and by_caller:
            caller = parent[1]
            gap = _waited(caller, span) if caller.kind == PRODUCER else max(0, _took(caller) - _took(span))
            messaging = span.kind == CONSUMER or caller.kind == PRODUCER
            ends = Ends(parent[0], "service", service, "service", "messaging" if messaging else "rpc")
            self._add(ends, _failed(span) or _failed(caller), client=_took(caller), server=_took(span), gap=[gap])
        elif parent is not None and crosses and parent[1].kind not in (CLIENT, PRODUCER):
            connection = {CONSUMER: "messaging", SERVER: "rpc"}.get(span.kind, "internal")
            self._add(Ends(parent[0], "service", service, "service", connection), _failed(span), server=_took(span))
        elif span.kind == SERVER and not span.parent_span_id:
            self._add(Ends("user", "user", service, "service", "rpc"), _failed(span), server=_took(span))

    def _links(self, service: str, span: Span) -> None:
        if span.kind != CONSUMER:
            return
        linked = {(link.trace_id, link.span_id) for link in span.links} - {(span.trace_id, span.parent_span_id)}
        for trace_id, span_id in linked:
            found = self._near(trace_id, span_id, span)
            if found is None or found[1].kind != PRODUCER:
                continue
            waited = _waited(found[1], span)
            if queue := _queue(span):
                self._out.gap_ns[Ends(queue, "messaging", service, "service", "messaging")].append(waited)
            elif queue := _queue(found[1]):
                ends = Ends(queue, "messaging", service, "service", "messaging")
                self._add(ends, _failed(span), server=_took(span), gap=[waited])
            else:
                ends = Ends(found[0], "service", service, "service", "messaging")
                self._add(ends, _failed(span), client=_took(found[1]), server=_took(span), gap=[waited])

    def _caller(self, service: str, span: Span) -> None:
        if span.kind not in (CLIENT, PRODUCER):
            return
        server_type, peer = _peer(span)
        sends = span.kind == PRODUCER and server_type == "messaging"
        if peer and (sends or (span.trace_id, span.span_id) not in self._answered):
            connection = server_type if server_type in ("messaging", "database") else "external"
            self._add(Ends(service, "service", peer, server_type, connection), _failed(span), client=_took(span))

    def _add(
        self, ends: Ends, error: bool, *, client: int | None = None, server: int | None = None, gap: Iterable[int] = ()
    ) -> None:
        self._out.calls[ends] += 1
        self._out.errors[ends] += error
        if client is not None:
            self._out.client_ns[ends].append(client)
        if server is not None:
            self._out.server_ns[ends].append(server)
        self._out.gap_ns[ends].extend(gap)


def _minute(span: Span) -> int:
    return span.start_time_unix_nano // MINUTE


def _took(span: Span) -> int:
    return span.end_time_unix_nano - span.start_time_unix_nano


def _waited(sender: Span, receiver: Span) -> int:
    return max(0, receiver.start_time_unix_nano - sender.end_time_unix_nano)


def _failed(span: Span) -> bool:
    return span.status.code == Status.STATUS_CODE_ERROR


def _attributes(span: Span) -> dict[str, str]:
    return {item.key: item.value.string_value for item in span.attributes}


def _queue(span: Span) -> str:
    attributes = _attributes(span)
    return attributes.get("messaging.destination.name") or attributes.get("messaging.destination") or ""


def _peer(span: Span) -> tuple[str, str]:
    attributes = _attributes(span)
    system = attributes.get("db.system.name") or attributes.get("db.system")
    service = attributes.get("peer.service") or ""
    if system:
        namespace = attributes.get("db.namespace") or attributes.get("db.name")
        return "database", service or (f"{system}:{namespace}" if namespace else system)
    if queue := _queue(span):
        return "messaging", queue
    if service:
        return "service", service
    host = _host(attributes)
    return ("external", host) if host else ("none", "")


def _host(attributes: dict[str, str]) -> str:
    """The first that is given, of names of hosts, addresses of requests, names of RPC services, and IP addresses."""
    candidates = (
        attributes.get("server.address"),
        attributes.get("net.peer.name"),
        urlsplit(attributes.get("url.full", "")).hostname,
        urlsplit(attributes.get("http.url", "")).hostname,
        urlsplit(f"//{attributes.get('http.host', '')}").hostname,
        attributes.get("rpc.service"),
        attributes.get("rpc.method", "").partition("/")[0],
        attributes.get("network.peer.address"),
        attributes.get("net.peer.ip"),
    )
    return next((candidate for candidate in candidates if candidate), "")
