"""Metrics take the way of spans; what is told as rejected is what the store does not take, and why."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise, product
from math import inf, isnan, nan
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from grpc.aio import UnaryUnaryMultiCallable
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)
from spanhouse_collector.admission.check import check
from spanhouse_collector.errors import Malformed, TooLarge
from spanhouse_collector.signals import METRICS, Checked
from spanhouse_collector.signals.points import (
    BAD_BOUNDS,
    BAD_COUNT,
    BELIEVED_AFTER,
    BELIEVED_BEFORE,
    NO_NAME,
    NO_VALUE,
    OFF_TIME,
)
from spanhouse_collector.transports.otlp_json import request_from_json
from spanhouse_storage import Store, StoreUnavailable

from tests.collector.conftest import Running, Start
from tests.support.metrics import NOT_RECORDED, gauge, metrics_request, number
from tests.support.spans import key_values

NOW = time.time_ns()
HOUR, DAY = 3_600 * 10**9, 86_400 * 10**9
# Not so near to the ends of the window that the time that the test takes makes a difference.
TIMES = (0, NOW - 31 * DAY, NOW - 29 * DAY, NOW, NOW + HOUR // 2, NOW + 2 * HOUR, 2**64 - 1)
VALUES: tuple[dict[str, Any], ...] = ({"as_double": nan}, {"as_double": -inf}, {"as_int": 0}, {"as_int": -(2**63)}, {})
BUCKETS: tuple[list[int], ...] = ([], [0], [1, 5], [2**63, 2**63], [2**64 - 1, 1, 1])
BOUNDS: tuple[list[float], ...] = ([], [1.0], [nan], [1.0, 2.0], [-inf, inf], [2.0, 1.0], [1.0, 1.0], [1.0, nan])
FULL_SUCCESS = ExportMetricsServiceResponse()

times, flags = st.sampled_from(TIMES), st.sampled_from([0, 0, NOT_RECORDED])
buckets, bounds = st.sampled_from(BUCKETS), st.sampled_from(BOUNDS)


@st.composite
def numbers(draw: st.DrawFn) -> NumberDataPoint:
    return NumberDataPoint(time_unix_nano=draw(times), flags=draw(flags), **draw(st.sampled_from(VALUES)))


@st.composite
def histograms(draw: st.DrawFn) -> HistogramDataPoint:
    counts = draw(buckets)
    point = HistogramDataPoint(time_unix_nano=draw(times), flags=draw(flags), explicit_bounds=draw(bounds))
    point.bucket_counts.extend(counts)
    point.count = draw(st.sampled_from([sum(counts) % 2**64, 7]))
    return point


@st.composite
def exponentials(draw: st.DrawFn) -> ExponentialHistogramDataPoint:
    zero, below, above = draw(st.sampled_from([0, 3])), draw(buckets), draw(buckets)
    point = ExponentialHistogramDataPoint(time_unix_nano=draw(times), flags=draw(flags), zero_count=zero)
    point.count = draw(st.sampled_from([(zero + sum(below) + sum(above)) % 2**64, 7]))
    point.negative.bucket_counts.extend(below)
    point.positive.bucket_counts.extend(above)
    return point


@st.composite
def requests(draw: st.DrawFn) -> ExportMetricsServiceRequest:
    made = ExportMetricsServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name=draw(st.sampled_from(["a", "a", ""])))
        match draw(st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "none"])):
            case "gauge":
                metric.gauge.data_points.extend(draw(st.lists(numbers(), max_size=4)))
            case "sum":
                metric.sum.data_points.extend(draw(st.lists(numbers(), max_size=4)))
            case "histogram":
                metric.histogram.data_points.extend(draw(st.lists(histograms(), max_size=4)))
            case "exponential_histogram":
                metric.exponential_histogram.data_points.extend(draw(st.lists(exponentials(), max_size=4)))
    return made


def sent(*metrics: Metric) -> ExportMetricsServiceRequest:
    return metrics_request({"web": metrics})


def points_of(request: ExportMetricsServiceRequest) -> Iterator[tuple[Metric, object]]:
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points if kind else ():
                    yield metric, point


def is_good(metric: Metric, point: object) -> bool:
    """The rule once more, from docs/receiving.md."""
    assert isinstance(point, NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint)
    if not metric.name or not NOW - BELIEVED_BEFORE <= point.time_unix_nano <= NOW + BELIEVED_AFTER:
        return False
    if point.flags & NOT_RECORDED:
        return True
    match point:
        case NumberDataPoint():
            return point.HasField("as_double") or point.HasField("as_int")
        case HistogramDataPoint():
            counts, bounds = list(point.bucket_counts), list(point.explicit_bounds)
            in_order = not any(map(isnan, bounds)) and all(low < high for low, high in pairwise(bounds))
            adds_up = len(counts) == len(bounds) + 1 and sum(counts) == point.count
            return (in_order and adds_up) or (not counts and not bounds)
        case ExponentialHistogramDataPoint():
            counts = [*point.positive.bucket_counts, *point.negative.bucket_counts]
            return point.zero_count + sum(counts) == point.count


@given(requests())
def test_rejected_points_are_counted_exactly(request: ExportMetricsServiceRequest) -> None:
    good = [is_good(metric, point) for metric, point in points_of(request)]
    checked = check(METRICS, request.SerializeToString(), 100, NOW)
    assert (checked.items, checked.rejected) == (len(good), good.count(False))
    assert bool(checked.message) == (False in good)


async def export(running: Running, body: bytes, **headers: str) -> ExportMetricsServiceResponse:
    headers = {"content-type": "application/x-protobuf", **headers}
    answer = await running.http.post("/v1/metrics", content=body, headers=headers)
    assert answer.status_code == 200, answer.content
    return ExportMetricsServiceResponse.FromString(answer.content)


def every_kind_of_point() -> ExportMetricsServiceRequest:
    """All that the rule tells apart, each point with an attribute `i` of its own."""
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    index = iter(range(10**6))
    for name, at, flags in product(("a", ""), TIMES, (0, NOT_RECORDED)):
        given = {"time_unix_nano": at, "flags": flags}

        def numbered(given: dict[str, int] = given) -> dict[str, Any]:
            return {**given, "attributes": key_values({"i": next(index)})}

        metrics.add(name=name).gauge.data_points.extend(NumberDataPoint(**numbered(), **value) for value in VALUES)
        metrics.add(name=name).histogram.data_points.extend(
            HistogramDataPoint(
                **numbered(), count=sum(counts) % 2**64 + off, bucket_counts=counts, explicit_bounds=bounds
            )
            for counts, bounds, off in product(BUCKETS, BOUNDS, (0, 1))
        )
        for below, above, off in product(BUCKETS, BUCKETS, (0, 1)):
            point = metrics.add(name=name).exponential_histogram.data_points.add(**numbered(), zero_count=3)
            point.count = (3 + sum(below) + sum(above)) % 2**64 + off
            point.negative.bucket_counts.extend(below)
            point.positive.bucket_counts.extend(above)
    return request


STORED = """
SELECT arraySort(groupUniqArray(toUInt32(s.attributes['i']))) AS found
FROM (SELECT series FROM metric_numbers WHERE tenant = {tenant:String}
    UNION ALL SELECT series FROM metric_histograms WHERE tenant = {tenant:String}
    UNION ALL SELECT series FROM metric_exponential_histograms WHERE tenant = {tenant:String}) AS points
INNER JOIN metric_series AS s USING series
"""


@pytest.mark.anyio
async def test_what_is_told_as_rejected_is_not_stored_and_all_else_is(start: Start) -> None:
    request = every_kind_of_point()
    good = {
        int(point.attributes[0].value.int_value): is_good(metric, point)  # type: ignore[attr-defined]
        for metric, point in points_of(request)
    }
    async with start(metrics_segment_age=0.1) as running:
        answer = await export(running, request.SerializeToString(), **{"x-scope-orgid": "rule"})
        await running.loaded()
        (stored,) = running.store.rows(STORED, {"tenant": "rule"})

    told = answer.partial_success
    assert stored["found"] == sorted(index for index, is_stored in good.items() if is_stored)
    assert told.rejected_data_points == list(good.values()).count(False)
    for reason in (NO_NAME, OFF_TIME, NO_VALUE, BAD_BOUNDS, BAD_COUNT):
        assert reason in told.error_message


@pytest.mark.anyio
async def test_points_are_counted_and_told_apart_from_spans(start: Start) -> None:
    body = sent(gauge("level", number(1, {"of": "a"}), number(2, {"of": "b"}), number(3, at=1)))
    same = body.SerializeToString()
    async with start(metrics_segment_age=0.1) as running:
        await running.post(same)
        assert (await export(running, same)).partial_success.rejected_data_points == 1
        assert (await export(running, same)).partial_success.rejected_data_points == 1
        await running.loaded()
        status = running.collector.status()
        found = (await running.http.get("/metrics")).status_code

    assert found == 404
    assert status["points"] == {"accepted": {"default": 2}, "rejected": {"default": 1}, "stored": 2}
    assert status["spans"]["accepted"] == {}


@pytest.mark.anyio
async def test_over_grpc_and_in_json_they_are_the_same(start: Start) -> None:
    exemplar = Exemplar(time_unix_nano=NOW, as_double=0.5, trace_id=b"t" * 16, span_id=b"s" * 8)
    request = sent(gauge("over", number(1.5, {"by": "grpc"}, at=NOW, exemplars=[exemplar])))
    async with start(metrics_segment_age=0.1) as running:
        call: UnaryUnaryMultiCallable[bytes, bytes] = running.channel.unary_unary(f"/{METRICS.service}/Export")
        assert ExportMetricsServiceResponse.FromString(await call(request.SerializeToString())) == FULL_SUCCESS
        document = json.dumps(as_otlp_json(request, by="json"))
        answer = await running.http.post("/v1/metrics", content=document, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()) == (200, {})
        await running.loaded()
        rows = running.store.rows(
            "SELECT value, exemplars.trace_id AS traces FROM metric_numbers WHERE metric = 'over'"
        )
    assert rows == [{"value": 1.5, "traces": ["t" * 16]}] * 2


def as_otlp_json(request: ExportMetricsServiceRequest, *, by: str) -> dict[str, Any]:
    """The request as a browser writes it, with another value of the attribute `by`."""
    document: dict[str, Any] = MessageToDict(request)
    (point,) = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]
    point["attributes"] = [{"key": "by", "value": {"stringValue": by}}]
    point["exemplars"][0] |= {"traceId": (b"t" * 16).hex(), "spanId": (b"s" * 8).hex().upper()}
    return document


@pytest.mark.anyio
async def test_what_was_not_loaded_is_loaded_by_the_next_collector_and_a_repetition_counts_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = sent(gauge("later", number(1))).SerializeToString()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "insert_segment", unavailable)
        async with start() as running:
            await export(running, body)
    async with start() as running:
        await export(running, body)
        await running.loaded()
        assert running.store.rows("SELECT count() AS n FROM metric_numbers WHERE metric = 'later'") == [{"n": 1}]


def unavailable(*_: object) -> None:
    raise StoreUnavailable("down")


def test_more_points_than_allowed_are_refused() -> None:
    body = sent(gauge("g", *[number(1)] * 100), gauge("h", *[number(1)] * 100)).SerializeToString()
    assert check(METRICS, body, 200, time.time_ns()) == Checked(200)
    with pytest.raises(TooLarge, match="more than 199 points"):
        check(METRICS, body, 199, time.time_ns())
    document = json.dumps(MessageToDict(ExportMetricsServiceRequest.FromString(body))).encode()
    with pytest.raises(TooLarge, match="more than 199 points"):
        request_from_json(METRICS, document, 199)


def in_scope(metric: bytes) -> bytes:
    return b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": [%b]}]}]}' % metric


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[]", 'expected {"resourceMetrics": [...]}'),
        (b'{"resourceMetrics": 1}', "resourceMetrics must be an array of objects"),
        (in_scope(b'{"histogram": {"dataPoints": [{"bucketCounts": ["-1"]}]}}'), "bucketCounts"),
        (
            in_scope(b'{"sum": {"dataPoints": [{"exemplars": [{"traceId": "xyz"}]}]}}'),
            "metrics[0].sum.dataPoints[0].exemplars[0].traceId must be hexadecimal, not 'xyz'",
        ),
    ],
)
def test_json_that_is_no_request_of_metrics_says_where_it_is_wrong(body: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=re.escape(told)):
        request_from_json(METRICS, body, 100)
