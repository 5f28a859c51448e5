"""OTLP/JSON means what the protobuf form means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_collector.errors import Malformed

from tests.collector.traces import traces_from_json
from tests.support.spans import request, span

EXAMPLE = Path(__file__).parent / "data" / "trace.json"
ATTRIBUTES = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.text(max_size=8), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    max_size=4,
)


def as_otlp_json(message: ExportTraceServiceRequest, *, upper: bool) -> bytes:
    """The message in OTLP/JSON, made by protobuf's own JSON mapping with hexadecimal ids in place of base64."""
    document = MessageToDict(message, use_integers_for_enums=True)
    for resource_spans, raw in zip(document.get("resourceSpans", []), message.resource_spans, strict=True):
        for scope_spans, raw_scope in zip(resource_spans.get("scopeSpans", []), raw.scope_spans, strict=True):
            for item, raw_span in zip(scope_spans.get("spans", []), raw_scope.spans, strict=True):
                _put_hex(item, raw_span, upper)
                for link, raw_link in zip(item.get("links", []), raw_span.links, strict=True):
                    _put_hex(link, raw_link, upper)
    return json.dumps(document).encode()


def _put_hex(item: dict[str, Any], raw: Span | Span.Link, upper: bool) -> None:
    for field, name in (("trace_id", "traceId"), ("span_id", "spanId"), ("parent_span_id", "parentSpanId")):
        value = getattr(raw, field, b"")
        if value:
            item[name] = value.hex().upper() if upper else value.hex()


@given(st.lists(ATTRIBUTES, max_size=3), st.booleans())
def test_json_and_protobuf_are_the_same_request(batches: list[dict[str, Any]], upper: bool) -> None:
    spans = [
        span(f"n{index}", attributes=attributes, kind=Span.SPAN_KIND_SERVER) for index, attributes in enumerate(batches)
    ]
    for item in spans[1:]:
        item.parent_span_id = spans[0].span_id
        item.links.add(trace_id=spans[0].trace_id, span_id=spans[0].span_id)
    message = request({"web": spans})
    assert ExportTraceServiceRequest.FromString(traces_from_json(as_otlp_json(message, upper=upper), 100)) == message


def test_the_example_of_the_protocol_documentation_is_read_as_it_stands() -> None:
    message = ExportTraceServiceRequest.FromString(traces_from_json(EXAMPLE.read_bytes(), 100))
    (found,) = message.resource_spans[0].scope_spans[0].spans
    assert found.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert found.span_id.hex() == "eee19b7ec3c1b174"
    assert found.name == "I'm a server span"
    assert found.start_time_unix_nano == 1544712660000000000


def test_unknown_fields_are_ignored() -> None:
    body = b'{"resourceSpans":[{"new":1,"scopeSpans":[{"spans":[{"name":"x","newer":{"a":[1]}}]}]}],"newest":null}'
    message = ExportTraceServiceRequest.FromString(traces_from_json(body, 100))
    assert message.resource_spans[0].scope_spans[0].spans[0].name == "x"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"resourceSpans":{}}', "resourceSpans must be in"),
        (b'{"resourceSpans":[1]}', "resourceSpans must be an array of objects"),
        (
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
            r"resourceSpans\[0\]\.scopeSpans\[0\]\.spans\[0\]\.traceId must be hexadecimal, not 'xyz'",
        ),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":7}]}]}]}', "spanId must be hexadecimal"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"soon"}]}]}]}', "startTimeUnixNano"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":' + b"[" * 500 + b"]" * 500 + b"}]}]}]}", "name"),
    ],
)
def test_a_bad_document_says_where_it_is_wrong(body: bytes, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        traces_from_json(body, 100)
