"""The log keeps what was acknowledged: over a restart, a torn tail, a full disk and an engine that refuses."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_collector.frame import digest_of, frame_header, frames_in
from spanhouse_collector.receiver import Request
from spanhouse_collector.segments import Segment, SegmentLog
from spanhouse_storage import DataDirectory, ServerConfig, StoreConfig, migrate, open_store

from tests.clickhouse_front.process import running_front
from tests.collector.conftest import Start
from tests.support.spans import frame, request, segment, span

pytestmark = pytest.mark.anyio


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


async def write(log: SegmentLog, *frames: bytes) -> None:
    await asyncio.gather(*(log.append(b"", data, 1) for data in frames))


async def drain(log: SegmentLog) -> list[Segment]:
    await log.close()
    segments = []
    while found := await log.next_sealed():
        segments.append(found)
    return segments


async def test_requests_at_the_same_time_share_a_segment(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log", tmp_path / "q", CollectorConfig(segment_age=60))
    await log.open()
    frames = [frame(body(str(index))) for index in range(50)]
    await write(log, *frames)
    (sealed,) = await drain(log)
    assert sealed.path.read_bytes() == b"".join(frames)
    assert (sealed.spans, sealed.size) == (50, sum(map(len, frames)))


async def test_a_segment_is_sealed_by_size_and_by_age(tmp_path: Path) -> None:
    log = SegmentLog(tmp_path / "log", tmp_path / "q", CollectorConfig(segment_age=0.05, segment_bytes=1000))
    await log.open()
    await write(log, frame(body()))
    async with asyncio.timeout(10):
        by_age = await log.next_sealed()
        await write(log, *[frame(body()) for _ in range(30)])
        by_size = await log.next_sealed()
    assert by_age is not None
    assert by_size is not None
    assert by_age.size < 1000 <= by_size.size
    await log.close()


async def test_a_failed_write_is_told_and_what_follows_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(tmp_path / "log", tmp_path / "q", CollectorConfig(segment_age=60))
    await log.open()
    kept = [frame(body("first")), frame(body("third"))]
    await write(log, kept[0])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _no_space)
        with pytest.raises(OSError, match="No space left"):
            await write(log, frame(body("second")))
    await write(log, kept[1])
    assert [sealed.path.read_bytes() for sealed in await drain(log)] == kept
    assert log.bytes_in_memory == 0


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


async def test_what_an_earlier_process_left_is_loaded_first_and_a_torn_tail_is_cut(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data" / "log" / "traces"
    folder.mkdir(parents=True)
    whole = segment([body("a"), body("b")])
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(whole + frame(body("torn"))[:-1])
    (folder / "00000000000000000002-bbbbbbbb.frames").write_bytes(b"")
    caplog.set_level("INFO")
    async with start() as running:
        await running.stored(2)
    assert list(folder.iterdir()) == []
    assert "kept 2 whole frames" in caplog.text
    torn = tmp_path / "data" / "quarantine" / "00000000000000000001-aaaaaaaa.torn"
    assert torn.read_bytes() == frame(body("torn"))[:-1][: torn.stat().st_size] or torn.stat().st_size > 0


async def test_a_request_acknowledged_before_a_restart_is_not_stored_again(start: Start, tmp_path: Path) -> None:
    repeated = body()
    folder = tmp_path / "data" / "log" / "traces"
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(segment([repeated]))
    async with start() as running:
        await running.export(repeated)
        await running.export(body("other"))
        await running.stored(2)


async def test_a_request_that_the_engine_refuses_is_set_aside_and_the_others_are_stored(
    start: Start, tmp_path: Path
) -> None:
    bad = b"\x0a\x05\x0a\x03\x0a\x01\xff"  # a frame around it is whole, and its inside is no request
    frames = [frame(body(str(index))) for index in range(9)]
    spoiled = [*frames[:4], _unchecked(bad), *frames[4:]]
    folder = tmp_path / "data" / "log" / "traces"
    folder.mkdir(parents=True)
    (folder / "00000000000000000001-aaaaaaaa.frames").write_bytes(b"".join(spoiled))
    async with start() as running:
        await running.stored(9)
        assert running.collector.status()["quarantined"] == 1
    quarantine = tmp_path / "data" / "quarantine"
    (kept,) = quarantine.glob("*.frame")
    assert kept.read_bytes() == spoiled[4]
    assert json.loads(kept.with_suffix(".json").read_text())["tenant"] == "default"
    assert list(quarantine.glob("*.part")) == []


def _unchecked(bad: bytes) -> bytes:
    data = frame_header("default", 1, bad, digest=digest_of(bad), spans=1) + bad
    assert len(list(frames_in(memoryview(data)))) == 1
    return data


async def test_an_engine_that_is_down_costs_disk_not_data(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    engine = tmp_path / "clickhouse"
    with running_front(engine) as url:
        store = open_store(StoreConfig(engine=ServerConfig(url=url)))
        migrate(store)
        collector = Collector(CollectorConfig(otlp_grpc="127.0.0.1:0"), store, data, CollectorRegistry())
        await collector.start()
    try:
        for index in range(3):
            await collector._receiver.accept(Request("default", "test", body(str(index))))
        async with asyncio.timeout(20):
            while collector.status()["log"]["trouble"] is None:
                await asyncio.sleep(0.05)
        port = int(url.rpartition(":")[2])
        with running_front(engine, port=port):
            async with asyncio.timeout(40):
                while collector.status()["log"]["segments"] or collector.status()["log"]["bytes"]:
                    await asyncio.sleep(0.05)
            assert store.rows("SELECT count() AS n FROM spans") == [{"n": 3}]
            assert collector.status()["log"]["trouble"] is None
            await collector.stop(5)
            store.close()
    except BaseException:
        await collector.stop(1)
        raise
