"""The log writes what it acknowledges, says what it could not write, and goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import CollectorConfig
from spanhouse_collector.admission.drain import Drain
from spanhouse_collector.errors import Overloaded
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.segments import Quarantine, Room, Segment, SegmentLog
from spanhouse_collector.segments.segment import OpenSegment
from spanhouse_collector.segments.writer import bytes_behind
from spanhouse_collector.signals import TRACES

from tests.collector.clock import Clock
from tests.collector.failures import failing
from tests.support.spans import frame, request, span

pytestmark = pytest.mark.anyio


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


async def opened(
    tmp_path: Path, config: CollectorConfig, written: list[bytes] | None = None, room: Room | None = None
) -> SegmentLog:
    def note(keys: Sequence[bytes]) -> None:
        if written is not None:
            written.extend(keys)

    quarantine, metrics = Quarantine(tmp_path / "q"), Metrics(CollectorRegistry()).of(TRACES)
    folder, room = tmp_path / "log", room or Room(tmp_path, config)
    log = SegmentLog(folder, quarantine, config, note, room=room, segment_age=config.segment_age, metrics=metrics)
    await log.open(lambda _: None)
    return log


async def write(log: SegmentLog, *frames: bytes) -> None:
    await asyncio.gather(*(log.append(b"", data, 1, data[:16]) for data in frames))


def open_below(folder: Path) -> list[Path]:
    """What this process holds open in a folder, removed files too; other threads open and close their own meanwhile."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return [path for path in found if path.is_relative_to(folder)]


async def drain(log: SegmentLog) -> list[Segment]:
    await log.close()
    segments = []
    while found := await log.next_sealed():
        segments.append(found[0])
    return segments


async def test_requests_at_the_same_time_share_a_segment(tmp_path: Path) -> None:
    written: list[bytes] = []
    log = await opened(tmp_path, CollectorConfig(segment_age=60), written)
    frames = [frame(body(str(index))) for index in range(50)]
    await write(log, *frames)
    assert written == [data[:16] for data in frames]
    (sealed,) = await drain(log)
    assert sealed.path.read_bytes() == b"".join(frames)
    assert (sealed.items, sealed.size) == (50, sum(map(len, frames)))


async def test_a_segment_is_sealed_by_size_and_by_age(tmp_path: Path) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=0.05, segment_bytes=1000))
    await write(log, frame(body()))
    async with asyncio.timeout(10):
        by_age = await log.next_sealed()
        await write(log, *[frame(body()) for _ in range(30)])
        by_size = await log.next_sealed()
    assert by_age is not None
    assert by_size is not None
    assert by_age[0].size < 1000 <= by_size[0].size
    await log.close()


async def test_a_segment_grows_to_twice_the_size_while_others_wait(tmp_path: Path) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60, segment_bytes=1000))
    one = frame(body())
    for _ in range(3000 // len(one) + 3):
        await write(log, one)
    alone, behind, rest = await drain(log)
    assert 1000 <= alone.size < 1000 + len(one)
    assert 2000 <= behind.size < 2000 + len(one)
    assert rest.size < 1000


@pytest.mark.parametrize(("segment_bytes", "grown"), [(16, 32), (32, 64), (40, 64), (64, 64), (256, 256)])
def test_a_segment_never_grows_over_64_mib_by_waiting(segment_bytes: int, grown: int) -> None:
    assert bytes_behind(segment_bytes << 20) == grown << 20


@pytest.mark.parametrize(
    "broken",
    [
        ("fsync",),
        ("fsync", "ftruncate"),
        ("writev",),
        ("writev", "close"),
        ("writev", "ftruncate", "close"),
    ],
)
async def test_a_failed_write_is_told_and_what_follows_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...]
) -> None:
    room = Room(tmp_path, CollectorConfig(segment_age=60))
    log = await opened(tmp_path, CollectorConfig(segment_age=60), room=room)
    kept = [frame(body("first")), frame(body("third"))]
    await write(log, kept[0])
    with monkeypatch.context() as patch:
        failing(patch, os, *broken)
        with pytest.raises(OSError, match="No space left"):
            await write(log, frame(body("second")))
    async with asyncio.timeout(10):
        await write(log, kept[1])
        segments = await drain(log)
    for sealed in segments:
        sealed.cut_to_size()
    assert [sealed.path.read_bytes() for sealed in segments] == kept
    assert room.bytes_in_memory == 0


async def test_the_writer_outlives_any_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60))
    with monkeypatch.context() as patch:
        failing(patch, os, "writev", error=MemoryError("too much"))
        with pytest.raises(MemoryError):
            await asyncio.wait_for(write(log, frame(body())), 10)
    await asyncio.wait_for(write(log, frame(body())), 10)
    assert [sealed.items for sealed in await drain(log)] == [1]


async def test_an_empty_segment_that_cannot_be_removed_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60))
    with monkeypatch.context() as patch:
        failing(patch, os, "writev")
        failing(patch, Path, "unlink")
        with pytest.raises(OSError, match="No space left"):
            await asyncio.wait_for(write(log, frame(body())), 10)
    await asyncio.wait_for(write(log, frame(body())), 10)
    assert len(await drain(log)) == 1


def test_a_segment_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(patch, os, "fsync")
        with pytest.raises(OSError, match="No space left"):
            OpenSegment(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert open_below(tmp_path) == []


async def test_a_request_larger_than_every_limit_is_let_in_alone(tmp_path: Path) -> None:
    log = await opened(tmp_path, CollectorConfig(pending_bytes=100, log_quota=100, segment_age=60))
    await write(log, bytes(1000))
    with pytest.raises(Overloaded, match="log_quota"):
        await write(log, bytes(10))
    await log.close()


async def test_writes_that_fail_make_nobody_come_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Semaphore(0)
    clock = Clock()

    def fail(*_: object) -> None:
        may_go_on.acquire()
        raise OSError(errno.ENOSPC, "No space left on device")

    config = CollectorConfig(pending_bytes=100, segment_age=60)
    room = Room(tmp_path, config)
    log = await opened(tmp_path, config, room=room)
    monkeypatch.setattr(room, "_writing", Drain(clock))
    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", fail)
        failed = [log.append(b"", bytes(40), 1, b"")]
        async with asyncio.timeout(10):
            while log._writer is None or log._writer._waiting:
                await asyncio.sleep(0.01)
        failed.append(log.append(b"", bytes(40), 1, b""))
        clock.now += 8
        may_go_on.release()
        with pytest.raises(OSError, match="No space left"):
            await asyncio.wait_for(failed[0], 10)
        with pytest.raises(Overloaded, match="wait for the disk") as told:
            log.append(b"", bytes(80), 1, b"")
        may_go_on.release()
        with pytest.raises(OSError, match="No space left"):
            await asyncio.wait_for(failed[1], 10)
    assert told.value.retry_after >= 8
    await log.close()


async def test_what_is_refused_does_not_count(tmp_path: Path) -> None:
    room = Room(tmp_path, CollectorConfig())
    log = await opened(tmp_path, CollectorConfig(), room=room)
    await log.close()
    with pytest.raises(Overloaded, match="not ready"):
        await write(log, frame(body()))
    assert room.bytes_in_memory == 0


async def test_what_comes_while_the_log_closes_is_refused_and_not_forgotten(tmp_path: Path) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60))
    first = log.append(b"", frame(body()), 1, b"")
    closing = asyncio.create_task(log.close())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        log.append(b"", frame(body()), 1, b"")
    await asyncio.wait_for(closing, 10)
    await asyncio.wait_for(first, 10)
    sealed = await log.next_sealed()
    assert sealed is not None
    assert await log.next_sealed() is None
