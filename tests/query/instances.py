"""Traffic between instances of services, as the spans that they would send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.spans import CLIENT, CONSUMER, MILLISECOND, PRODUCER, SERVER, Value, key_values, request, span

_ELSEWHERE = b"\1" * 8


@dataclass(frozen=True)
class Instance:
    """A resource: an instance without an id lacks the attribute."""

    service: str
    id: str = ""
    region: str = ""
    more: tuple[tuple[str, str], ...] = ()

    @property
    def attributes(self) -> dict[str, str]:
        given = {"service.instance.id": self.id, "cloud.region": self.region, **dict(self.more)}
        return {key: value for key, value in given.items() if value}


@dataclass
class Traffic:
    """Spans by instance. Times are unix nanoseconds; calls are not part of requests of users."""

    spans: dict[Instance, list[Span]] = field(default_factory=dict)

    def alive(self, instance: Instance, at: int) -> None:
        """A span that is no request and no call."""
        self._sent(instance, span(start=at, parent=_ELSEWHERE))

    def requests(self, instance: Instance, at: int, times: int, *, failed: int = 0, took: int = MILLISECOND) -> None:
        """Requests of users."""
        for number in range(times):
            self._sent(instance, span(kind=SERVER, start=at, duration=took, error=number < failed))

    def calls(
        self,
        caller: Instance,
        callee: Instance,
        at: int,
        times: int = 1,
        *,
        failed: int = 0,
        took: int = MILLISECOND,
    ) -> None:
        """Calls with both halves, of which the first ones fail on the callee's side."""
        for number in range(times):
            out = span(kind=CLIENT, start=at, parent=_ELSEWHERE, duration=took)
            self._sent(caller, out)
            self._sent(callee, span(kind=SERVER, start=at, parent=out, duration=took, error=number < failed))

    def queries(self, caller: Instance, database: str, at: int, times: int = 1, *, failed: int = 0) -> None:
        """Calls to what sends no spans."""
        named: Mapping[str, Value] = {"db.system.name": database}
        for number in range(times):
            made = span(kind=CLIENT, start=at, parent=_ELSEWHERE, attributes=named, error=number < failed)
            self._sent(caller, made)

    def messages(self, sender: Instance, queue: str, receiver: Instance | None, at: int, times: int = 1) -> None:
        """Messages through a queue, which nobody need receive."""
        for _ in range(times):
            sent = span(kind=PRODUCER, start=at, parent=_ELSEWHERE, attributes=_destination(queue))
            self._sent(sender, sent)
            if receiver is not None:
                self._sent(receiver, span(kind=CONSUMER, start=at, parent=sent, attributes=_destination(queue)))

    def receipts(self, queue: str, receiver: Instance, at: int, times: int = 1) -> None:
        """Messages that nobody knows the sender of."""
        for _ in range(times):
            self._sent(receiver, span(kind=CONSUMER, start=at, parent=_ELSEWHERE, attributes=_destination(queue)))

    def exports(self) -> Iterator[ExportTraceServiceRequest]:
        """A request of each instance."""
        for instance, spans in self.spans.items():
            made = request({instance.service: spans})
            made.resource_spans[0].resource.attributes.extend(key_values(instance.attributes))
            yield made

    def _sent(self, instance: Instance, one: Span) -> None:
        self.spans.setdefault(instance, []).append(one)


def _destination(queue: str) -> Mapping[str, Value]:
    return {"messaging.destination.name": queue}
