"""Both doors, with real clients: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from backports import zstd
from google.rpc.status_pb2 import Status
from grpc import aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.collector.conftest import Start
from tests.support.spans import request, span

pytestmark = pytest.mark.anyio

BODY = request({"web": [span("one"), span("two")]}).SerializeToString()
HALF_BAD = request({"web": [span("good"), span("bad", trace_id=b"short")]}).SerializeToString()
EXAMPLE = (Path(__file__).parent / "data" / "trace.json").read_bytes()
MIB = 1 << 20


async def test_every_way_to_send_ends_in_the_store(start: Start) -> None:
    bodies = [request({"web": [span()]}).SerializeToString() for _ in range(5)]
    async with start() as running:
        answers = [
            await running.post(bodies[0]),
            await running.post(gzip.compress(bodies[1]), content_encoding="gzip"),
            await running.post(zstd.compress(bodies[4]), content_encoding="zstd"),
            await running.post(EXAMPLE, content_type="application/json; charset=utf-8"),
        ]
        assert [(answer.status_code, answer.content) for answer in answers] == [*[(200, b"")] * 3, (200, b"{}")]
        assert answers[3].headers["content-type"] == "application/json"
        assert await running.export(bodies[2]) == b""
        assert await running.export(bodies[3], gzip=True) == b""
        await running.stored(6)


async def test_an_empty_request_is_a_success(start: Start) -> None:
    async with start() as running:
        assert (await running.post(b"")).status_code == 200
        assert await running.export(b"") == b""


async def test_partial_success_counts_what_was_rejected(start: Start) -> None:
    async with start() as running:
        for answer in (await running.export(HALF_BAD), (await running.post(HALF_BAD)).content):
            partial = ExportTraceServiceResponse.FromString(answer).partial_success
            assert (partial.rejected_spans, "trace_id must be 16 bytes" in partial.error_message) == (1, True)
        document = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "00", "spanId": "00"}]}]}]}
        answer = (await running.post(json.dumps(document).encode(), content_type="application/json")).json()
        assert answer["partialSuccess"]["rejectedSpans"] == "1"
        await running.stored(1)


async def test_a_request_sent_again_is_acknowledged_and_stored_once(start: Start) -> None:
    async with start() as running:
        for _ in range(3):
            assert (await running.post(BODY)).status_code == 200
            await running.export(BODY)
        await running.stored(2)
        await running.export(BODY, metadata=(("x-scope-orgid", "other"),))
        await running.stored(4)


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"nonsense", {}, 400, "not a protobuf ExportTraceServiceRequest"),
        (BODY[:-1], {}, 400, "not a protobuf ExportTraceServiceRequest"),
        (b"{", {"content_type": "application/json"}, 400, "not JSON"),
        (BODY, {"content_encoding": "gzip"}, 400, "not gzip"),
        (gzip.compress(BODY)[:-9], {"content_encoding": "gzip"}, 400, "cut off"),
        (BODY, {"content_type": "text/plain"}, 415, "application/x-protobuf, application/json"),
        (BODY, {"content_encoding": "br"}, 415, "identity, gzip, zstd"),
        (BODY, {"content_encoding": "zstd"}, 400, "not zstd"),
        (BODY, {"x_scope_orgid": "no/slash"}, 400, "X-Scope-OrgID"),
        (bytes(MIB + 1), {}, 413, "larger than 1048576 bytes"),
        (gzip.compress(bytes(300 * MIB)), {"content_encoding": "gzip"}, 413, "after decompression"),
        (zstd.compress(bytes(300 * MIB)), {"content_encoding": "zstd"}, 413, "after decompression"),
    ],
)
async def test_http_refuses_in_the_words_of_the_specification(
    start: Start, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    async with start(max_body=MIB) as running:
        answer = await running.post(body, **headers)
        assert answer.status_code == status
        if headers.get("content_type", "application/x-protobuf") == "application/x-protobuf":
            message = Status.FromString(answer.content).message
        else:
            message = answer.json()["message"]
        assert words in message
        assert (await running.post(BODY)).status_code == 200


async def test_a_body_without_a_length_is_bounded_too(start: Start) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(MIB // 8)

    async with start(max_body=MIB) as running:
        headers = {"content-type": "application/x-protobuf"}
        answer = await running.http.post("/v1/traces", content=endless(), headers=headers)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/traces", 405), ("POST", "/v1/logs", 404), ("GET", "/", 404)]
)
async def test_what_is_not_there_says_what_is(start: Start, method: str, path: str, status: int) -> None:
    async with start() as running:
        answer = await running.http.request(method, path)
        assert (answer.status_code, "POST /v1/traces and /v1/metrics" in answer.json()["message"]) == (status, True)


@pytest.mark.parametrize(
    ("body", "compressed", "code"),
    [
        (b"nonsense", False, grpc.StatusCode.INVALID_ARGUMENT),
        (bytes(MIB + 1), False, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (bytes(50 * MIB), True, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
async def test_grpc_refuses_with_a_status(start: Start, body: bytes, compressed: bool, code: grpc.StatusCode) -> None:
    async with start(max_body=MIB) as running:
        with pytest.raises(aio.AioRpcError) as refused:
            await running.export(body, gzip=compressed)
        assert refused.value.code() is code
        assert await running.export(BODY) == b""


async def test_an_unknown_tenant_name_is_refused_over_grpc(start: Start) -> None:
    async with start() as running:
        with pytest.raises(aio.AioRpcError, match="X-Scope-OrgID") as refused:
            await running.export(BODY, metadata=(("x-scope-orgid", "a b"),))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_full_log_asks_senders_to_wait(start: Start) -> None:
    async with start(log_quota=100, segment_age=60) as running:
        assert (await running.post(BODY)).status_code == 200  # a request that has the log to itself is let in
        answer = await running.post(HALF_BAD)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
        assert "log_quota" in Status.FromString(answer.content).message
        with pytest.raises(aio.AioRpcError) as refused:
            await running.export(HALF_BAD)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        trailing = dict(refused.value.trailing_metadata() or ())
        details = Status.FromString(trailing["grpc-status-details-bin"]).details
        assert details[0].type_url == "type.googleapis.com/google.rpc.RetryInfo"
