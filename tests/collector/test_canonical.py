"""A request in canonical form says the same; only what protobuf does not know is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from spanhouse_collector.errors import Malformed
from spanhouse_collector.frame import Frame, digest_of, frame_header, scan

from tests.collector.fuzz.bodies import PROTOBUF_SEEDS, protobuf
from tests.collector.traces import canonical_trace_frame, canonical_traces, check_traces
from tests.support.spans import request, span


@given(protobuf)
def test_it_says_the_same_and_is_its_own_canonical_form(body: bytes) -> None:
    try:
        checked = check_traces(body, 1000)
    except Malformed:
        assert canonical_traces(body) == body
        return
    anew = canonical_traces(body)
    assert canonical_traces(anew) == anew
    assert check_traces(anew, 1000) == checked


@pytest.mark.parametrize("body", PROTOBUF_SEEDS, ids=range(len(PROTOBUF_SEEDS)))
def test_what_the_library_writes_is_canonical_traces(body: bytes) -> None:
    assert canonical_traces(body) == body


def test_a_frame_keeps_whose_it_is_and_when_it_came() -> None:
    body = b"\x08\x00" + request({"web": [span(), span(span_id=b"")]}).SerializeToString()
    data = frame_header("acme", 5, body, digest=digest_of(body), items=2, rejected=1) + body
    (old,) = scan(memoryview(data))
    assert isinstance(old, Frame)
    anew = canonical_trace_frame(memoryview(data), old)
    assert anew is not None
    (found,) = scan(memoryview(anew))
    assert isinstance(found, Frame)
    assert (found.tenant, found.received_at, found.items) == ("acme", 5, 1)
    assert ExportTraceServiceRequest.FromString(anew[found.body :]) == ExportTraceServiceRequest.FromString(body[2:])
    assert canonical_trace_frame(memoryview(anew), found) is None
