"""Spans as OTLP puts them on the wire, and where in these bytes the ids and times are.

The fields stand in the order of their numbers, as every SDK writes them. Ids and times have a fixed size, so a request
that was encoded once is made new by changing them in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

Value = str | bool | int | float
Attributes = Mapping[str, Value]
Kind: TypeAlias = Span.SpanKind.ValueType

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = (
    Span.SPAN_KIND_INTERNAL,
    Span.SPAN_KIND_SERVER,
    Span.SPAN_KIND_CLIENT,
    Span.SPAN_KIND_PRODUCER,
    Span.SPAN_KIND_CONSUMER,
)
_WRAP = 1 << 64
_SAMPLED = bytes.fromhex("8501 01010000")  # flags: the W3C bit, and that the parent is known not to be remote
_FAILED = Status(code=Status.STATUS_CODE_ERROR)


class Ids(NamedTuple):
    """Which span of which trace."""

    trace_id: bytes
    span_id: bytes


class Event(NamedTuple):
    """Something that happened in a span, `after` nanoseconds."""

    name: str
    after: int
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class WireSpan:
    """A span as an element of ScopeSpans, and the offsets of ids and times in it; its own span id comes first."""

    body: bytes
    trace_ids: tuple[int, ...]
    span_ids: tuple[int, ...]
    times: tuple[int, ...]


def encode_span(
    ids: Ids,
    parent: bytes,
    name: str,
    kind: Kind,
    *,
    start: int,
    duration: int,
    attributes: Attributes,
    events: Sequence[Event] = (),
    links: Sequence[Ids] = (),
    error: str = "",
) -> WireSpan:
    """A span. start: nanoseconds, also negative ones; parent: its span id or nothing; error: the status message."""
    out = _Bytes()
    out.trace_ids.append(out.fixed(b"\x0a\x10", ids.trace_id))
    out.span_ids.append(out.fixed(b"\x12\x08", ids.span_id))
    if parent:
        out.span_ids.append(out.fixed(b"\x22\x08", parent))
    out.body += _part(0x2A, name.encode()) + bytes((0x30, kind))
    out.time(b"\x39", start)
    out.time(b"\x41", start + duration)
    for key, value in attributes.items():
        out.body += attribute(0x4A, key, value)
    for event in events:
        out.event(event, start)
    for link in links:
        out.link(link)
    if error:
        out.body += _part(0x7A, Status(code=_FAILED.code, message=error).SerializeToString())
    out.body += _SAMPLED
    return out.as_element()


class _Bytes:
    """A message that grows, and the offsets in it."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.trace_ids: list[int] = []
        self.span_ids: list[int] = []
        self.times: list[int] = []

    def fixed(self, head: bytes, value: bytes) -> int:
        """Append a field of a fixed size; where its value is."""
        self.body += head
        self.body += value
        return len(self.body) - len(value)

    def time(self, head: bytes, at: int) -> None:
        self.times.append(self.fixed(head, (at % _WRAP).to_bytes(8, "little")))

    def event(self, event: Event, start: int) -> None:
        rest = _part(0x12, event.name.encode())
        rest += b"".join(attribute(0x1A, key, value) for key, value in event.attributes.items())
        self.body += b"\x5a" + varint(9 + len(rest))
        self.time(b"\x09", start + event.after)
        self.body += rest

    def link(self, link: Ids) -> None:
        self.body += b"\x6a\x1c"
        self.trace_ids.append(self.fixed(b"\x0a\x10", link.trace_id))
        self.span_ids.append(self.fixed(b"\x12\x08", link.span_id))

    def as_element(self) -> WireSpan:
        head = b"\x12" + varint(len(self.body))
        trace_ids, span_ids, times = (
            tuple(at + len(head) for at in places) for places in (self.trace_ids, self.span_ids, self.times)
        )
        return WireSpan(head + bytes(self.body), trace_ids, span_ids, times)


def resource_part(attributes: Attributes) -> bytes:
    """The resource as the first field of ResourceSpans."""
    resource = Resource(attributes=[_key_value(key, value) for key, value in attributes.items()])
    return _part(0x0A, resource.SerializeToString())


def scope_part(name: str, version: str) -> bytes:
    """The scope as the first field of ScopeSpans."""
    return _part(0x0A, InstrumentationScope(name=name, version=version).SerializeToString())


@lru_cache(1 << 16, typed=True)
def attribute(tag: int, key: str, value: Value) -> bytes:
    """An attribute as a field with this tag."""
    return _part(tag, _key_value(key, value).SerializeToString())


def _key_value(key: str, value: Value) -> KeyValue:
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _part(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A length as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
