"""What is counted as rejected is what a look at each span would reject."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from spanhouse_collector.errors import Malformed
from spanhouse_collector.signals import Checked

from tests.collector.traces import check_traces, traces_from_json
from tests.support.spans import request, span

TRACE_IDS = st.sampled_from([b"t" * 16, bytes(16), b"", b"t" * 15, b"t" * 17, b"\0" * 15 + b"\1"])
SPAN_IDS = st.sampled_from([b"s" * 8, bytes(8), b"", b"s" * 7, b"s" * 16])


@given(st.lists(st.lists(st.tuples(TRACE_IDS, SPAN_IDS), max_size=5), max_size=4))
def test_rejected_spans_are_counted_exactly(batches: list[list[tuple[bytes, bytes]]]) -> None:
    spans = {f"s{index}": [span(trace_id=t, span_id=s) for t, s in batch] for index, batch in enumerate(batches)}
    valid = sum((len(t), len(s)) == (16, 8) and t != bytes(16) and s != bytes(8) for batch in batches for t, s in batch)
    total = sum(map(len, batches))
    checked = check_traces(request(spans).SerializeToString(), 100)
    assert (checked.items, checked.rejected) == (total, total - valid)
    assert bool(checked.message) == (valid < total)


def test_an_empty_body_is_an_empty_request() -> None:
    assert check_traces(b"", 1) == Checked(0)


def test_unknown_fields_pass() -> None:
    unknown = b"\xba\x3e\x03new"  # field 999
    known = request({"web": [span()]})
    known.resource_spans[0].scope_spans[0].spans[0].MergeFromString(unknown)
    assert check_traces(known.SerializeToString() + unknown, 100) == Checked(1)


@pytest.mark.parametrize(
    "body",
    [
        b"not protobuf",
        request({"web": [span()]}).SerializeToString()[:-1],
        b"\x0a\x7f",
        request({"web": [span("caf\xe9")]}).SerializeToString().replace("é".encode(), b"\xff\xff"),
    ],
    ids=["text", "a torn end", "a torn length", "a name that is not UTF-8"],
)
def test_a_body_that_is_not_a_trace_request_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="not a protobuf ExportTraceServiceRequest"):
        check_traces(body, 100)


def nested(depth: int, *, in_maps: bool = False) -> bytes:
    """A request whose only attribute is so deep: 1 is a list or a map of texts."""
    value = AnyValue(string_value="innermost")
    for _ in range(depth):
        pair = KeyValueList(values=[KeyValue(key="k", value=value)])
        value = AnyValue(kvlist_value=pair) if in_maps else AnyValue(array_value=ArrayValue(values=[value]))
    deep = span()
    deep.attributes.add(key="deep", value=value)
    return request({"web": [deep]}).SerializeToString()


@pytest.mark.parametrize(("in_maps", "deepest"), [(False, 47), (True, 31)], ids=["lists", "maps"])
def test_values_may_be_nested_as_deep_as_is_told(in_maps: bool, deepest: int) -> None:
    assert check_traces(nested(deepest, in_maps=in_maps), 10) == Checked(1)
    with pytest.raises(Malformed, match="lists in lists 47 deep, or maps in maps 31 deep"):
        check_traces(nested(deepest + 1, in_maps=in_maps), 10)


def test_json_may_be_nested_as_deep() -> None:
    def as_json(depth: int) -> bytes:
        value: dict[str, object] = {"stringValue": "innermost"}
        for _ in range(depth):
            value = {"arrayValue": {"values": [value]}}
        spans = [{"traceId": "ab" * 16, "spanId": "ab" * 8, "attributes": [{"key": "deep", "value": value}]}]
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()

    assert check_traces(traces_from_json(as_json(47), 10), 10) == Checked(1)
    for too_deep in (48, 200):
        with pytest.raises(Malformed, match=r"deep|depth"):
            traces_from_json(as_json(too_deep), 10)
