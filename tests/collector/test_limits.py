"""No request, and no number of them, takes the memory or the event loop for itself."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status
from grpc import aio
from spanhouse_collector import receiver
from spanhouse_collector.admission.budget import Budget
from spanhouse_collector.admission.check import check
from spanhouse_collector.errors import Malformed, Overloaded, TooLarge
from spanhouse_collector.observation.metrics import TenantLabels
from spanhouse_collector.signals import TRACES

from tests.collector.clock import Clock
from tests.collector.conftest import EXPORT, Running, Start
from tests.collector.failures import failing
from tests.collector.traces import check_traces
from tests.support.spans import request, span

MIB = 1 << 20
BODY = request({"web": [span("one")]}).SerializeToString()


def nested(*fields: int, content: bytes) -> bytes:
    """`content` as the innermost of messages that hold one another."""
    for field in reversed(fields):
        content = bytes((field << 3 | 2,)) + varint(len(content)) + content
    return content


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes((value & 0x7F | 0x80,)), value >> 7
    return out + bytes((value,))


TINY_SPANS = nested(1, 2, content=b"\x12\x00" * (5 * MIB - 16))
TINY_SCOPES = nested(1, content=b"\x12\x00" * (5 * MIB - 16))
TINY_RESOURCES = b"\x0a\x00" * (5 * MIB - 16)
PLENTY = request({"web": [span(attributes={"text": "x" * 300})] * 25_000}).SerializeToString()


@pytest.mark.parametrize("body", [TINY_SPANS, TINY_SCOPES, TINY_RESOURCES])
def test_more_spans_than_allowed_are_refused_before_they_are_parsed(body: bytes) -> None:
    cannot_parse = replace(TRACES, request=None)  # type: ignore[arg-type]
    with pytest.raises(TooLarge, match="more than 100000"):
        check(cannot_parse, body, 100_000, 0)


def test_exactly_as_many_spans_as_allowed_pass() -> None:
    body = request({service: [span()] * 500 for service in ("a", "b")}).SerializeToString()
    assert check_traces(body, 1000).items == 1000
    with pytest.raises(TooLarge):
        check_traces(body, 999)


def test_a_large_body_that_is_no_request_is_malformed() -> None:
    with pytest.raises(Malformed, match="not a protobuf"):
        check_traces(b"\x0a\x7f" + bytes(100), 10)


@pytest.mark.anyio
async def test_large_requests_do_not_make_others_wait(start: Start) -> None:
    compressed = [gzip.compress(body) for body in (TINY_SPANS, TINY_SCOPES, TINY_RESOURCES, PLENTY)]
    async with start() as running:
        large = [asyncio.create_task(running.post(body, content_encoding="gzip")) for body in compressed]
        while not all(task.done() for task in large):
            assert (await running.post(request({"web": [span()]}).SerializeToString())).status_code == 200
        assert [(await task).status_code for task in large] == [413, 413, 413, 200]


@pytest.mark.anyio
async def test_many_spans_in_json_are_refused_too(start: Start) -> None:
    spans: dict[str, Any] = {"resourceSpans": [{"scopeSpans": [{"spans": [{}, {}, {}]}]}]}
    async with start(max_items=2) as running:
        answer = await running.post(json.dumps(spans).encode(), content_type="application/json")
        assert (answer.status_code, "more than 2 spans" in answer.json()["message"]) == (413, True)


def test_a_budget_lets_one_in_whatever_it_needs_and_others_as_far_as_there_is_room() -> None:
    budget = Budget(100, requests=10)
    with budget.share() as large:
        large.take(60)
        large.take(60)
        with budget.share() as other, pytest.raises(Overloaded):
            other.take(1)
    with budget.share() as one, budget.share() as two:
        one.take(50)
        two.take(50)
        with pytest.raises(Overloaded):
            one.take(1)
    assert budget.used == 0


def test_who_is_refused_is_told_to_come_again_when_what_is_under_way_will_be_through() -> None:
    clock = Clock()
    budget = Budget(1000, requests=10, clock=clock)
    shares = [budget.share() for _ in range(10)]
    for share in shares:
        share.__enter__()
        share.take(100)
    for _ in range(50):  # one leaves and one comes every half second
        clock.now += 0.5
        shares.pop(0).__exit__(None, None, None)
        shares.append(budget.share().__enter__())
        shares[-1].take(100)
    for refused in (lambda: budget.share().__enter__(), lambda: shares[0].take(1)):
        with pytest.raises(Overloaded) as told:
            refused()
        assert 4.5 <= told.value.retry_after <= 8


def test_who_is_refused_at_once_makes_nobody_come_sooner() -> None:
    clock = Clock()
    budget = Budget(1000, requests=10, clock=clock)
    shares = [budget.share().__enter__() for _ in range(9)]
    for share in shares:
        share.take(100)
    for _ in range(200):
        clock.now += 0.05
        refused = budget.share().__enter__()
        refused.take(1)
        refused.__exit__(Malformed, Malformed("not what its headers say"), None)
    budget.share().__enter__()
    for late in (lambda: budget.share().__enter__(), lambda: shares[0].take(500)):
        with pytest.raises(Overloaded) as told:
            late()
        assert told.value.retry_after >= 9


class Unfinished:
    """A sender that has sent a half of its body."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, running: Running, size: int) -> Unfinished:
        reader, writer = await asyncio.open_connection(*running.address.split(":"))
        head = f"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {size}"
        writer.write(head.encode() + b"\r\n\r\n" + bytes(size // 2))
        await writer.drain()
        return cls(reader, writer)

    async def leave(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def used(running: Running, expected: int) -> None:
    async with asyncio.timeout(10):
        while running.collector._receiver.budget.used != expected:
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_bodies_that_do_not_end_take_no_more_than_the_budget(start: Start) -> None:
    async with start(pending_bytes=MIB) as running:
        waiting = [await Unfinished.begin(running, MIB - 1000) for _ in range(2)]
        await used(running, 2 * (MIB // 2 - 500))
        refused = await running.post(bytes(MIB // 2))
        assert (refused.status_code, int(refused.headers["retry-after"])) == (503, 1)
        assert "under way" in Status.FromString(refused.content).message
        with pytest.raises(aio.AioRpcError) as error:
            await running.export(bytes(MIB // 2))
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        for sender in waiting:
            await sender.leave()
        await used(running, 0)
        assert (await running.post(BODY)).status_code == 200


@pytest.mark.anyio
async def test_more_requests_at_once_than_allowed_are_asked_to_come_again(start: Start) -> None:
    async with start(max_requests=2) as running:
        waiting = [await Unfinished.begin(running, 1000) for _ in range(2)]
        await used(running, 1000)
        refused = await running.post(BODY)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "max_requests is 2" in Status.FromString(refused.content).message
        with pytest.raises(aio.AioRpcError) as error:
            await running.export(BODY)
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "grpc-status-details-bin" in dict(error.value.trailing_metadata() or ())
        for sender in waiting:
            await sender.leave()
        await used(running, 0)
        assert (await running.post(BODY)).status_code == 200


@pytest.mark.anyio
async def test_a_call_is_refused_before_its_message_is_sent(start: Start) -> None:
    async def silent() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with start(max_requests=1) as running:
        export: aio.StreamUnaryMultiCallable[bytes, bytes] = running.channel.stream_unary(EXPORT)
        calls = [asyncio.ensure_future(export(silent())) for _ in range(2)]
        done, waiting = await asyncio.wait(calls, timeout=10, return_when="FIRST_COMPLETED")
        with pytest.raises(aio.AioRpcError, match="max_requests is 1"):
            await done.pop()
        for call in waiting:
            call.cancel()


@pytest.mark.anyio
async def test_a_body_that_does_not_come_in_time_is_asked_for_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_SECONDS_TO_READ", 0.1)
    async with start() as running:
        sender = await Unfinished.begin(running, 1000)
        async with asyncio.timeout(10):
            head = await sender.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in head.lower()
        await used(running, 0)
        await sender.leave()


@pytest.mark.anyio
async def test_a_client_that_goes_away_leaves_no_trace(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    async with start() as running:
        sender = await Unfinished.begin(running, MIB)
        await used(running, MIB // 2)
        await sender.leave()
        await used(running, 0)
        assert (await running.post(BODY)).status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.anyio
async def test_an_error_that_nobody_has_foreseen_lets_the_sender_try_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with start() as running:
        with monkeypatch.context() as patch:
            failing(patch, receiver, "check", error=RuntimeError("a surprise"))
            for _ in range(2):
                assert (await running.post(BODY)).status_code == 503
            with pytest.raises(aio.AioRpcError) as error:
                await running.export(BODY)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
        assert (await running.post(BODY)).status_code == 200
    assert caplog.text.count("RuntimeError: a surprise") == 1


def test_tenants_beyond_a_hundred_are_counted_together() -> None:
    labels = TenantLabels()
    assert [labels.label(f"t{index}") for index in range(100)] == [f"t{index}" for index in range(100)]
    assert (labels.label("t100"), labels.label("t99")) == ("other", "t99")
