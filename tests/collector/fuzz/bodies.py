"""Request bodies that no exporter sends: valid ones damaged, and others that only the wire format is kept in."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from backports import zstd
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from tests.collector.traces import traces_to_json

T = TypeVar("T")
Mutation = tuple[str, float, float, bytes]

_HARD_NUMBERS = (0, 1, 2, 127, 128, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_FIELDS = st.one_of(st.integers(1, 17), st.sampled_from([100, 2**11, 2**28, 2**29 - 1]))


def nested(levels: int) -> AnyValue:
    value = AnyValue(string_value="end")
    for level in range(levels):
        inner = value
        value = AnyValue(array_value=ArrayValue(values=[inner]))
        if level % 2:
            value = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=inner)]))
    return value


def _rich(levels: int) -> ExportTraceServiceRequest:
    """A request with everything in it that OTLP has."""
    values = [
        AnyValue(),
        AnyValue(string_value="text \U0001f9ed \x00"),
        AnyValue(bool_value=True),
        AnyValue(int_value=-(2**63)),
        AnyValue(double_value=float("nan")),
        AnyValue(bytes_value=b"\xff\x00"),
        nested(levels),
    ]
    attributes = [KeyValue(key=f"k{number}", value=value) for number, value in enumerate(values)]
    span = Span(
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        trace_state="a=b",
        flags=0x301,
        name="operation",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1_700_000_000_000_000_000,
        end_time_unix_nano=1_700_000_000_001_000_000,
        attributes=attributes,
        dropped_attributes_count=1,
        events=[Span.Event(time_unix_nano=1, name="exception", attributes=attributes)],
        links=[Span.Link(trace_id=b"u" * 16, span_id=b"v" * 8, attributes=attributes)],
        status=Status(message="no", code=Status.STATUS_CODE_ERROR),
    )
    scope = ScopeSpans(scope=InstrumentationScope(name="lib", version="1", attributes=attributes), spans=[span, span])
    service = KeyValue(key="service.name", value=AnyValue(string_value="web"))
    resource = Resource(attributes=[service, *attributes])
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[scope], schema_url="https://opentelemetry.io")]
    )


SEEDS = [_rich(levels) for levels in (0, 3, 20)]
PROTOBUF_SEEDS = [seed.SerializeToString() for seed in SEEDS]
JSON_SEEDS = [traces_to_json(seed) for seed in SEEDS]


def of(seeds: Sequence[T]) -> st.SearchStrategy[T]:
    """One of the seeds; a failure names its number, not all of them."""
    return st.integers(0, len(seeds) - 1).map(seeds.__getitem__)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _changed(body: bytes, mutation: Mutation) -> bytes:
    kind, first, second, data = mutation
    at, to = sorted((int(first * len(body)), int(second * len(body))))
    changes: dict[str, Callable[[], bytes]] = {
        "cut": lambda: body[:at],
        "remove": lambda: body[:at] + body[to:],
        "repeat": lambda: body[:to] + body[at:to] + body[to:],
        "insert": lambda: body[:at] + data + body[at:],
        "put": lambda: body[:at] + data + body[at + len(data) :],
        "end": lambda: body + data,
    }
    return changes[kind]()


def damaged(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """`bodies` with a few bytes taken away, repeated, put in or changed."""
    data = st.one_of(st.binary(min_size=1, max_size=16), st.sampled_from(_HARD_NUMBERS).map(varint))
    places = st.floats(0, 1)
    kinds = st.sampled_from(["cut", "remove", "repeat", "insert", "put", "put", "end"])
    mutations = st.lists(st.tuples(kinds, places, places, data), max_size=4)
    return st.tuples(bodies, mutations).map(lambda drawn: _all_changed(*drawn))


def _all_changed(body: bytes, mutations: Sequence[Mutation]) -> bytes:
    for mutation in mutations:
        body = _changed(body, mutation)[: 1 << 20]
    return body


def delimited(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


_LEAVES: st.SearchStrategy[bytes] = st.one_of(
    st.tuples(_FIELDS, st.sampled_from(_HARD_NUMBERS)).map(lambda f: varint(f[0] << 3) + varint(f[1])),
    st.tuples(_FIELDS, st.binary(min_size=8, max_size=8)).map(lambda f: varint(f[0] << 3 | 1) + f[1]),
    st.tuples(_FIELDS, st.binary(min_size=4, max_size=4)).map(lambda f: varint(f[0] << 3 | 5) + f[1]),
    st.tuples(_FIELDS, st.binary(max_size=20)).map(lambda f: delimited(*f)),
    st.tuples(_FIELDS, st.text(max_size=8).map(str.encode)).map(lambda f: delimited(*f)),
    _FIELDS.map(lambda number: varint(number << 3 | 3) + varint(number << 3 | 4)),
    st.sampled_from([delimited(1, b"t" * 16), delimited(2, b"s" * 8)]),
    st.just(varint(1 << 3) + b"\x80" * 9 + b"\x01"),
)
trees = st.recursive(
    _LEAVES,
    lambda inner: st.tuples(_FIELDS, st.lists(inner, max_size=4).map(b"".join)).map(lambda f: delimited(*f)),
    max_leaves=12,
)
# A span that can be stored, and whatever else stands at each level around it and in it.
_SOME = st.lists(trees, max_size=2).map(b"".join)
_IDS = delimited(1, b"t" * 16) + delimited(2, b"s" * 8)
wire: st.SearchStrategy[bytes] = st.tuples(_SOME, _SOME, _SOME, _SOME).map(
    lambda at: at[0] + delimited(1, at[1] + delimited(2, at[2] + delimited(2, _IDS + at[3])))
)
protobuf = st.one_of(damaged(of(PROTOBUF_SEEDS)), wire, damaged(wire))

_ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [*_HARD_NUMBERS, -1, 1e400, 0.5, "", "00", "zz", "AAAA", "\ud800", [], {}, [[]], [None], {"x": {}}]
    ),
    st.text(max_size=8),
    st.integers(0, 200).map(lambda depth: _deep(depth)),
)


def _deep(depth: int) -> Any:
    value: Any = 1
    for level in range(depth):
        value = [value] if level % 2 else {"arrayValue": {"values": [value]}}
    return value


def _with(document: Any, path: Sequence[float], value: Any) -> Any:
    """A copy of `document` that has `value` where the path leads; each step is a share of the children."""
    if not path or not isinstance(document, (dict, list)) or not document:
        return value
    keys: list[Any] = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[int(path[0] * len(keys)) % len(keys)]
    copy: Any = document.copy()
    copy[key] = _with(document[key], path[1:], value)
    return copy


def _written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=True).encode("utf-8", "surrogatepass")


def _all_with(document: Any, changes: Sequence[tuple[Sequence[float], Any]]) -> Any:
    for path, value in changes:
        document = _with(document, path, value)
    return document


def json_of(seeds: Sequence[Any], outermost: str) -> st.SearchStrategy[bytes]:
    """`seeds` in JSON with some values exchanged, or damaged, and nests without end."""
    changes = st.lists(st.tuples(st.lists(st.floats(0, 0.999), max_size=9), _ODD), max_size=3)
    return st.one_of(
        st.tuples(of(seeds), changes).map(lambda drawn: _written(_all_with(*drawn))),
        damaged(of([_written(seed) for seed in seeds])),
        st.integers(1, 200_000).map(lambda depth: b"[" * depth),
        st.integers(1, 200_000).map(lambda depth: b'{"%b":' % outermost.encode() + b"[" * depth + b"]" * depth + b"}"),
    )


json_bodies = json_of(JSON_SEEDS, "resourceSpans")


def _raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body)


gzipped = st.one_of(
    protobuf.map(lambda body: gzip.compress(body, 1)),
    damaged(of(PROTOBUF_SEEDS).map(lambda body: gzip.compress(body, 1))),
    st.lists(protobuf, max_size=3).map(lambda bodies: b"".join(gzip.compress(body, 1) for body in bodies)),
    st.integers(0, 12_000_000).map(lambda size: gzip.compress(bytes(size), 1)),
    protobuf.map(_raw_deflate),
    st.binary(max_size=100),
)
zstd_compressed = st.one_of(
    protobuf.map(zstd.compress),
    damaged(of(PROTOBUF_SEEDS).map(zstd.compress)),
    st.lists(protobuf, max_size=3).map(lambda bodies: b"".join(map(zstd.compress, bodies))),
    st.integers(0, 12_000_000).map(lambda size: zstd.compress(bytes(size))),
    st.binary(max_size=100),
)
