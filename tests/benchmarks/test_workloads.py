"""The workloads of the benchmarks: what they claim to know of themselves is so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from benchmarks.packaging import PACKAGINGS, SDK_SPANS, Fingerprint, Key, Template, sdk
from benchmarks.supply import Outgoing, gzip, identity, supply, take
from benchmarks.workloads import WORKLOADS, Edge, Operation
from benchmarks.workloads.story import KIND_NAMES
from tests.support.reference_calls import reference

SPANS = 2_000
NOW = 1_795_000_000_000_000_000
KEY = Key.of(np.random.default_rng(5))

Sent = tuple[str, Span]


def sent_spans(templates: list[Template]) -> list[Sent]:
    """Every span with its service, read back from the requests."""
    return [
        (service(resource_spans.resource.attributes), span)
        for template in templates
        for resource_spans in ExportTraceServiceRequest.FromString(template.fresh(KEY, NOW)).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def service(attributes: Iterable[KeyValue]) -> str:
    return next(item.value.string_value for item in attributes if item.key == "service.name")


def once(spans: list[Sent]) -> list[Sent]:
    """Each span once, however often it was sent."""
    return list({(span.trace_id, span.span_id): (name, span) for name, span in spans}.values())


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_the_known_calls_are_those_of_the_spans(name: str, packaging: str) -> None:
    story = WORKLOADS[name](1, SPANS)
    found: Counter[Edge] = Counter()
    for ends, calls in reference(once(sent_spans(PACKAGINGS[packaging](story)))).calls.items():
        found[Edge(ends.client, ends.server, ends.connection)] += calls
    assert story.truth.calls == found


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_known_durations_are_those_of_the_spans(name: str) -> None:
    story = WORKLOADS[name](1, SPANS)
    found: dict[Operation, list[int]] = {}
    for of, span in once(sent_spans(sdk(story))):
        operation = Operation(of, span.name, KIND_NAMES[span.kind])
        found.setdefault(operation, []).append(span.end_time_unix_nano - span.start_time_unix_nano)
    assert {operation: sorted(durations) for operation, durations in story.truth.durations.items()} == {
        operation: sorted(durations) for operation, durations in found.items()
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_seed_gives_the_same_bytes_every_time(name: str) -> None:
    first, second = ([template.fresh(KEY, NOW) for template in sdk(WORKLOADS[name](7, SPANS))] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("packaging", PACKAGINGS)
def test_requests_are_encoded_as_protobuf_encodes_them(packaging: str) -> None:
    for name in WORKLOADS:
        for template in PACKAGINGS[packaging](WORKLOADS[name](1, SPANS)):
            body = template.fresh(KEY, NOW)
            assert body == ExportTraceServiceRequest.FromString(body).SerializeToString()


def test_sdk_requests_have_one_resource_and_never_more_spans_than_an_sdk_sends() -> None:
    for template in sdk(WORKLOADS["shop"](1, SPANS)):
        request = ExportTraceServiceRequest.FromString(template.fresh(KEY, NOW))
        assert len(request.resource_spans) == 1
        assert template.spans <= SDK_SPANS


def test_a_fingerprint_is_that_of_the_span_ids() -> None:
    templates = sdk(WORKLOADS["hostile"](1, SPANS))
    ids = [int.from_bytes(span.span_id, "little") for _, span in sent_spans(templates)]
    expected = Fingerprint(len(ids), int(np.bitwise_xor.reduce(np.array(ids, np.uint64))), sum(ids) % (1 << 64))
    assert expected == sum((template.fingerprint(KEY) for template in templates), Fingerprint())


def test_a_cycle_comes_again_with_other_ids_and_promises_them() -> None:
    templates = sdk(WORKLOADS["mesh"](1, SPANS))
    spans = sum(template.spans for template in templates)
    requests = take(supply(templates), 2 * spans)
    first, second = requests[: len(templates)], requests[len(templates) :]
    assert not span_ids(first) & span_ids(second)
    assert 2 * spans == sum((request.promised for request in requests), Fingerprint()).spans


def test_a_request_that_is_sent_again_promises_nothing_more() -> None:
    requests = take(supply(sdk(WORKLOADS["mesh"](1, SPANS)), again_every=5), 20_000)
    again = [request for request in requests if not request.promised.spans]
    assert again
    assert {request.body for request in again} <= {request.body for request in requests if request.promised.spans}


def test_compressed_requests_are_the_same_requests() -> None:
    templates = sdk(WORKLOADS["mesh"](1, SPANS))
    plain, packed = (take(supply(templates, encode=encode), 1)[0] for encode in (identity, gzip))
    assert len(packed.body) < len(plain.body) / 3
    assert packed.promised == plain.promised


def span_ids(requests: list[Outgoing]) -> set[bytes]:
    return {
        span.span_id
        for request in requests
        for resource_spans in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    }
