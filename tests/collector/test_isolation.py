"""One bad request takes no other with it, and whatever comes in between, every good span is stored once."""

from __future__ import annotations

import itertools
import json
import os
import secrets
import time
from contextlib import suppress

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from spanhouse_collector.frame import Frame, digest_of, frame_header, scan
from spanhouse_collector.loading.isolation import Isolation
from spanhouse_collector.segments import Quarantine, Segment
from spanhouse_collector.signals import TRACES
from spanhouse_storage import DataDirectory, DataRefused, Store

from tests.collector.conftest import Start
from tests.support.spans import frame, request, segment, span

pytestmark = pytest.mark.anyio

BAD = b"\x0a\x05\x0a\x03\x0a\x01\xff"  # a frame around it is whole, and its inside is no request


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


def unchecked(bad: bytes, spans: int = 1) -> bytes:
    """A frame of what the receiver would not have let in."""
    data = frame_header("default", time.time_ns(), bad, digest=digest_of(bad), items=spans) + bad
    assert isinstance(next(scan(memoryview(data))), Frame)
    return data


def left_behind(data: DataDirectory, content: bytes) -> Segment:
    """A segment that an earlier process did not load."""
    folder = data.log / "traces"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.frames"
    path.write_bytes(content)
    return Segment(path, len(content), 0)


async def test_a_request_that_the_engine_refuses_is_set_aside_and_the_others_are_stored(
    start: Start, data: DataDirectory
) -> None:
    frames = [frame(body(str(index))) for index in range(9)]
    spoiled = [*frames[:4], unchecked(BAD), *frames[4:]]
    left_behind(data, b"".join(spoiled))
    async with start() as running:
        await running.loaded()
        assert running.new_spans() == 9
        status = running.collector.status()
        assert (status["quarantined"], status["spans"]["stored"], status["log"]["trouble"]) == (1, 9, None)
    (kept,) = (data.quarantine / "traces").glob("*.frame")
    assert kept.read_bytes() == spoiled[4]
    assert json.loads(kept.with_suffix(".json").read_text())["tenant"] == "default"
    assert list((data.log / "traces").iterdir()) == []


WIRE = {
    "a known field of another wire type, first in the request": b"\x08\x00",
    "a known field of another wire type, in a resource": b"\x0a\x04\x0a\x02\x08\x01",
    "a number with more bits than its field": b"\x0a\x27\x12\x25\x12\x23"
    + b"\x0a\x10tttttttttttttttt\x12\x08ssssssss"
    + b"\x50\xff\xff\xff\xff\xff\x01",
}


@pytest.mark.parametrize("part", WIRE.values(), ids=WIRE)
async def test_what_protobuf_reads_and_the_engine_does_not_is_repaired(
    start: Start, data: DataDirectory, part: bytes
) -> None:
    """Found by fuzzing: forty of these in a row once kept all others waiting for half a minute and more."""
    async with start(segment_age=0.1) as running:
        for index in range(40):
            assert (await running.post(part + body(f"odd {index}"))).status_code == 200
            assert (await running.post(body(f"good {index}"))).status_code == 200
        await running.loaded()
        status = running.collector.status()
        assert (status["quarantined"], status["log"]["trouble"]) == (0, None)
        assert running.new_spans() == sum(status["spans"]["accepted"].values())
    assert list((data.log / "traces").iterdir()) == []


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("survived", range(0, 14, 2))
async def test_a_crash_while_a_segment_is_halved_stores_nothing_twice(
    start: Start, store: Store, data: DataDirectory, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    """survived: how many times a file or folder is synced before the crash."""
    tenant = secrets.token_hex(8)
    good = [body(str(index)) for index in range(5)]
    found = left_behind(data, segment(good[:2], tenant=tenant) + unchecked(BAD) + segment(good[2:], tenant=tenant))
    with monkeypatch.context() as patch, suppress(Crash):
        crash_after(patch, survived)
        take_apart(store, Quarantine(data.quarantine / "traces"), found)
    async with start() as running:
        await running.loaded()
    names = store.rows(
        "SELECT name, count() AS n FROM spans WHERE tenant = {tenant:String} GROUP BY name ORDER BY name",
        {"tenant": tenant},
    )
    assert names == [{"name": str(index), "n": 1} for index in range(5)]
    assert [path.read_bytes()[-len(BAD) :] for path in (data.quarantine / "traces").glob("*.frame")] == [BAD]
    assert list((data.quarantine / "traces").glob("*.tmp")) == []


def crash_after(patch: pytest.MonkeyPatch, syncs: int) -> None:
    sync, calls = os.fsync, itertools.count()

    def fsync(descriptor: int) -> None:
        if next(calls) >= syncs:
            raise Crash
        sync(descriptor)

    patch.setattr(os, "fsync", fsync)


def take_apart(store: Store, quarantine: Quarantine, found: Segment) -> None:
    """Load as the loader does, but leave what is stored, as if each crash came before it could be removed."""
    quarantine.open()
    isolation = Isolation(TRACES, store, quarantine)
    waiting = [found]
    while waiting:
        part = waiting.pop(0)
        try:
            store.insert_segment(part.path, part.token)
        except DataRefused as error:
            waiting += isolation.replace(part, error)


async def test_a_segment_that_is_stored_in_part_is_not_halved(start: Start, store: Store, data: DataDirectory) -> None:
    store.command("CREATE TABLE late (number UInt8) ENGINE = Null")
    store.command(
        "CREATE MATERIALIZED VIEW late_mv TO late AS SELECT if(name = 'late', toUInt8(name), 0) AS number FROM spans"
    )
    left_behind(data, segment([body("early"), body("late")]))
    try:
        async with start() as running:
            await running.loaded()
            assert running.new_spans() == 2
    finally:
        store.command("DROP TABLE late_mv")
    (kept,) = (data.quarantine / "traces").glob("*.frames")
    assert len(list(scan(memoryview(kept.read_bytes())))) == 2


async def test_damage_that_is_found_at_loading_takes_nothing_with_it(store: Store, data: DataDirectory) -> None:
    tenant = secrets.token_hex(8)
    damaged = unchecked(BAD)[:-1] + b"\xfe"
    content = [frame(body("a"), tenant=tenant), damaged, frame(body("b"), tenant=tenant)]
    take_apart(store, Quarantine(data.quarantine / "traces"), left_behind(data, b"".join(content)))
    found = store.rows("SELECT count() AS n FROM spans WHERE tenant = {tenant:String}", {"tenant": tenant})
    assert found == [{"n": 2}]
    assert [path.read_bytes() for path in (data.quarantine / "traces").glob("*.torn")] == [damaged]
    assert list((data.quarantine / "traces").glob("*.frame*")) == []


async def test_a_request_too_large_for_the_memory_keeps_no_other_out(start: Start, data: DataDirectory) -> None:
    left_behind(data, frame(body("before")) + bomb() + frame(body("after")))
    async with start() as running:
        await running.stored(2, 60)
        await running.export(body("meanwhile"))
        await running.stored(3, 60)
        await running.loaded(60)
        status = running.collector.status()
        assert (status["quarantined"], status["spans"]["stored"], status["log"]["trouble"]) == (1, 3, None)


def bomb() -> bytes:
    """Little to send, and much in the engine: each span repeats the attributes of its scope."""
    text = KeyValue(key="text", value=AnyValue(string_value="x" * 60_000))
    scope = InstrumentationScope(attributes=[text] * 100)
    spans = [span(trace_id=b"t" * 16, span_id=b"s" * 8)] * 1_000
    scopes = [ScopeSpans(scope=scope, spans=spans)]
    data = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=scopes)]).SerializeToString()
    return unchecked(data, len(spans))


async def test_when_all_is_refused_the_engine_is_wrong_and_nothing_is_set_aside(
    store: Store, data: DataDirectory
) -> None:
    quarantine = Quarantine(data.quarantine / "traces")
    quarantine.open()
    isolation = Isolation(TRACES, store, quarantine)
    refusal = DataRefused("whatever it is")
    for _ in range(20):
        assert isolation.replace(left_behind(data, frame(body())), refusal) == []
    good = left_behind(data, frame(body()))
    assert isolation.replace(good, refusal) == [good]
    isolation.cleared(left_behind(data, frame(body())))
    assert isolation.replace(good, refusal) == []
