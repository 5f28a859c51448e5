"""A trace comes back as OTLP exactly as it was sent, grouped by resource and scope."""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData
from spanhouse_query.traces.parts import PART_BYTES, PARTS_SQL

from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import request, span

TRACE = bytes.fromhex("00112233445566778899aabbccddee00")
NOW = time.time_ns()

text = st.text(max_size=12) | st.sampled_from(["", '"\\\n\t\x01/', "\x00", "�", "😀", "nan", "true"])
uint32 = st.sampled_from([0, 1, 127, 128, 16383, 16384, 2**32 - 1]) | st.integers(0, 2**32 - 1)
int64 = st.sampled_from([0, -1, 1, 2**53 + 1, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
double = st.floats() | st.sampled_from([0.0, -0.0, 0.1, 1e308, 5e-324, float("inf"), float("-inf"), 1e22])
simple = (
    st.builds(AnyValue, string_value=text)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, int_value=int64)
    | st.builds(AnyValue, double_value=double)
    | st.builds(AnyValue, bytes_value=st.binary(max_size=9))
    | st.just(AnyValue())
)
value = st.recursive(
    simple,
    lambda inner: (
        st.builds(AnyValue, array_value=st.builds(ArrayValue, values=st.lists(inner, max_size=3)))
        | st.builds(
            AnyValue,
            kvlist_value=st.builds(
                KeyValueList, values=st.lists(st.builds(KeyValue, key=text, value=inner), max_size=3)
            ),
        )
    ),
    max_leaves=5,
)
attributes = st.lists(st.builds(KeyValue, key=text, value=value), max_size=4)
instant = st.sampled_from([0, 1, NOW, 2**63, 2**64 - 1]) | st.integers(NOW - 10**12, NOW + 10**12)
event = st.builds(Span.Event, time_unix_nano=instant, name=text, attributes=attributes, dropped_attributes_count=uint32)
link = st.builds(
    Span.Link,
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    trace_state=text,
    attributes=attributes,
    dropped_attributes_count=uint32,
    flags=uint32,
)
status = st.builds(Status, message=text, code=st.sampled_from([0, 1, 2]))


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(instant)
    return Span(
        trace_id=TRACE,
        span_id=draw(st.binary(min_size=8, max_size=8).filter(any)),
        trace_state=draw(text),
        parent_span_id=draw(st.just(b"") | st.binary(min_size=8, max_size=8).filter(any)),
        name=draw(text),
        kind=draw(st.sampled_from(Span.SpanKind.values())),
        start_time_unix_nano=start,
        end_time_unix_nano=min(start + draw(st.integers(0, 10**12)), 2**64 - 1),
        attributes=draw(attributes),
        dropped_attributes_count=draw(uint32),
        events=draw(st.lists(event, max_size=2)),
        dropped_events_count=draw(uint32),
        links=draw(st.lists(link, max_size=2)),
        dropped_links_count=draw(uint32),
        status=draw(status),
        flags=draw(uint32),
    )


scope_spans = st.builds(
    ScopeSpans,
    scope=st.builds(InstrumentationScope, name=text, version=text, attributes=attributes),
    spans=st.lists(spans(), min_size=1, max_size=3),
    schema_url=text,
)
resource_spans = st.builds(
    ResourceSpans,
    resource=st.builds(Resource, attributes=attributes, dropped_attributes_count=uint32),
    scope_spans=st.lists(scope_spans, min_size=1, max_size=2),
    schema_url=text,
)
requests = st.builds(ExportTraceServiceRequest, resource_spans=st.lists(resource_spans, min_size=1, max_size=3))

Normal = dict[tuple[bytes, bytes], list[bytes]]


def normal(data: ExportTraceServiceRequest | TracesData) -> Normal:
    """Spans by the resource and the scope they belong to, in their wire form: grouping and order are not told apart.

    Neither is an attribute without a value from one whose value is empty, nor an absent status from an empty one.
    """
    groups: Normal = defaultdict(list)
    for group in data.resource_spans:
        resource = ResourceSpans(resource=group.resource, schema_url=group.schema_url)
        for part in group.scope_spans:
            scope = ScopeSpans(scope=part.scope, schema_url=part.schema_url)
            for one in part.spans:
                one.status.SetInParent()
                groups[wire(resource), wire(scope)].append(wire(one))
    return {key: sorted(members) for key, members in groups.items()}


def wire(message: Message) -> bytes:
    fill_values(message)
    return message.SerializeToString(deterministic=True)


def fill_values(message: Message) -> None:
    """One form for what means the same: an absent value, and the many bit patterns of NaN."""
    if isinstance(message, KeyValue):
        message.value.SetInParent()
    if (
        isinstance(message, AnyValue)
        and message.HasField("double_value")
        and message.double_value != message.double_value
    ):
        message.double_value = float("nan")
    for field, content in message.ListFields():
        if field.message_type is not None:
            for item in content if field.is_repeated else [content]:
                fill_values(item)


def from_json(document: dict[str, Any]) -> TracesData:
    """OTLP/JSON is protobuf's JSON but for ids, which are hexadecimal (OTLP specification, JSON Protobuf Encoding)."""

    def translate(node: Any) -> Any:
        if isinstance(node, list):
            return [translate(item) for item in node]
        if not isinstance(node, dict):
            return node
        ids = {"traceId", "spanId", "parentSpanId"}
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else translate(item)
            for key, item in node.items()
        }

    return ParseDict(translate(document), TracesData())


@pytest.mark.parametrize("form", ["json", "protobuf"])
@settings(max_examples=examples(25), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sent=requests)
def test_gives_back_what_was_sent(service: Service, form: str, sent: ExportTraceServiceRequest) -> None:
    tenant = fresh_tenant()
    service.feed([sent], tenant=tenant, received_at=NOW)
    accept = "application/json" if form == "json" else "application/x-protobuf"

    response = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant, accept=accept)

    assert (response.status_code, response.headers["content-type"]) == (200, accept)
    back = from_json(json.loads(response.content)) if form == "json" else TracesData.FromString(response.content)
    assert normal(sent) == normal(back)


def test_orders_spans_by_start_and_then_by_id(service: Service, tenant: str) -> None:
    late = span("late", trace_id=TRACE, span_id=b"\1" * 8, start=NOW + 2)
    twins = [span("twin", trace_id=TRACE, span_id=bytes([number]) * 8, start=NOW + 1) for number in (9, 2, 7)]
    service.feed([request({"web": [late]}), request({"web": twins})], tenant=tenant)

    (group,) = service.get(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant)["resourceSpans"]

    (scope,) = group["scopeSpans"]
    assert [item["spanId"] for item in scope["spans"]] == ["02" * 8, "07" * 8, "09" * 8, "01" * 8]


def test_answers_json_where_the_client_has_no_preference(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(trace_id=TRACE)]})], tenant=tenant)

    for accept in ("*/*", "", "text/html, application/json;q=0.9"):
        response = service.response(f"/api/v1/traces/{TRACE.hex().upper()}", tenant=tenant, accept=accept)
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


def test_names_the_media_types_it_has(service: Service, tenant: str) -> None:
    response = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant, accept="text/csv")

    assert response.status_code == 406
    assert response.json()["allowed"] == ["application/json", "application/x-protobuf", "application/protobuf"]


def test_says_that_a_trace_is_absent(service: Service, tenant: str) -> None:
    response = service.response(f"/api/v1/traces/{'ab' * 16}", tenant=tenant)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == f"there is no trace {'ab' * 16}"


def test_shows_a_trace_to_its_tenant_alone(service: Service, tenant: str) -> None:
    trace_id = NOW.to_bytes(16, "big")
    service.feed([request({"web": [span(trace_id=trace_id)]})], tenant=tenant)

    assert service.response(f"/api/v1/traces/{trace_id.hex()}", tenant=tenant).status_code == 200
    assert service.response(f"/api/v1/traces/{trace_id.hex()}", tenant=fresh_tenant()).status_code == 404


@pytest.mark.parametrize("trace_id", ["abc", "g" * 32, "0" * 31, "0" * 33])
def test_refuses_what_is_no_trace_id(service: Service, trace_id: str) -> None:
    response = service.response(f"/api/v1/traces/{trace_id}")

    assert response.status_code == 400
    assert response.json()["parameter"] == "trace_id"
    assert "32 hexadecimal digits" in response.json()["detail"]


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_writes_a_large_trace_in_parts(
    service: Service, tenant: str, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    small = PARTS_SQL.replace(str(PART_BYTES), "2000")
    assert small != PARTS_SQL
    monkeypatch.setattr("spanhouse_query.traces.parts.PARTS_SQL", small)
    monkeypatch.setattr("spanhouse_query.traces.parts.SMALL", 10)
    spans = [
        span(f"op{number}", trace_id=TRACE, start=NOW + number % 7, attributes={"n": number}) for number in range(99)
    ]
    sent = request({"web": spans[:50], "cart": spans[50:]})
    service.feed([sent], tenant=tenant)
    accept = "application/json" if form == "json" else "application/x-protobuf"

    response = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant, accept=accept)

    back = from_json(json.loads(response.content)) if form == "json" else TracesData.FromString(response.content)
    assert len(back.resource_spans) > 4
    assert normal(sent) == normal(back)


def test_says_how_many_spans_of_a_trace_have_corrected_times(service: Service, tenant: str) -> None:
    spans = [span(trace_id=TRACE, start=start) for start in (NOW, NOW - 40 * 86_400 * 10**9, NOW - 10**9)]
    service.feed([request({"web": spans})], tenant=tenant)

    response = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant)

    assert response.headers["Spanhouse-Corrected-Spans"] == "1"


def test_says_how_many_spans_of_a_trace_are_stored_in_part(service: Service, tenant: str) -> None:
    spans = [span(trace_id=TRACE, attributes={"text": "x" * length}) for length in (1 << 16, (1 << 16) + 1, 1 << 18)]
    service.feed([request({"web": spans})], tenant=tenant)

    response = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant)
    (found,) = service.get("/api/v1/traces", tenant=tenant)["traces"]

    assert response.headers["Spanhouse-Truncated-Spans"] == "2"
    assert (found["truncated_spans"], found["corrected_spans"]) == (2, 0)


def test_keeps_the_sign_of_zero_in_json(service: Service, tenant: str) -> None:
    service.feed([request({"web": [span(trace_id=TRACE, attributes={"x": -0.0})]})], tenant=tenant)

    text = service.response(f"/api/v1/traces/{TRACE.hex()}", tenant=tenant).text

    assert '{"doubleValue":-0.0}' in text
