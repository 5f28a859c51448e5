"""What is counted as rejected is what a look at each span would reject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spanhouse_collector.check import Checked, check_traces
from spanhouse_collector.errors import Malformed

from tests.support.spans import request, span

TRACE_IDS = st.sampled_from([b"t" * 16, bytes(16), b"", b"t" * 15, b"t" * 17, b"\0" * 15 + b"\1"])
SPAN_IDS = st.sampled_from([b"s" * 8, bytes(8), b"", b"s" * 7, b"s" * 16])


@given(st.lists(st.lists(st.tuples(TRACE_IDS, SPAN_IDS), max_size=5), max_size=4))
def test_rejected_spans_are_counted_exactly(batches: list[list[tuple[bytes, bytes]]]) -> None:
    spans = {f"s{index}": [span(trace_id=t, span_id=s) for t, s in batch] for index, batch in enumerate(batches)}
    valid = sum((len(t), len(s)) == (16, 8) and t != bytes(16) and s != bytes(8) for batch in batches for t, s in batch)
    total = sum(map(len, batches))
    checked = check_traces(request(spans).SerializeToString(), 100)
    assert (checked.spans, checked.rejected) == (total, total - valid)
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
