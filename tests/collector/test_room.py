"""All logs share one room on the disk, and give back what they took of it, whatever becomes of a segment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import CollectorConfig
from spanhouse_collector.errors import Overloaded
from spanhouse_collector.frame import Frame, scan
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.segments import Quarantine, Room, Segment, SegmentLog
from spanhouse_collector.segments.halves import repair, split
from spanhouse_collector.segments.segment import OpenSegment
from spanhouse_collector.signals import METRICS, TRACES, OtlpSignal

from tests.collector.failures import failing
from tests.support.spans import frame, request, span

pytestmark = pytest.mark.anyio
BODY = frame(request({"web": [span()]}).SerializeToString())


async def opened(folder: Path, signal: OtlpSignal, room: Room, config: CollectorConfig) -> SegmentLog:
    log = SegmentLog(
        folder / signal.name,
        Quarantine(folder / "quarantine" / signal.name),
        config,
        lambda _: None,
        room=room,
        segment_age=60,
        metrics=Metrics(CollectorRegistry()).of(signal),
    )
    await log.open(lambda _: None)
    return log


async def write(log: SegmentLog, frames: int = 1) -> None:
    await asyncio.wait_for(asyncio.gather(*(log.append(b"", BODY, 1, b"") for _ in range(frames))), 10)


async def sealed(log: SegmentLog) -> Segment:
    await log.close()
    found = await asyncio.wait_for(log.next_sealed(), 10)
    assert found is not None
    return found[0]


async def test_what_one_signal_takes_another_has_not(tmp_path: Path) -> None:
    config = CollectorConfig(log_quota=3 * len(BODY) - 1)
    room = Room(tmp_path, config)
    traces = await opened(tmp_path, TRACES, room, config)
    metrics = await opened(tmp_path, METRICS, room, config)
    await write(traces)
    await write(metrics)
    with pytest.raises(Overloaded, match="log_quota"):
        await write(metrics)

    traces.replace(await sealed(traces), [])
    await write(metrics)

    metrics.replace(await sealed(metrics), [])
    assert room.bytes_on_disk == 0


async def test_what_was_found_and_what_takes_its_place_is_given_back_once(tmp_path: Path) -> None:
    config = CollectorConfig()
    first = await opened(tmp_path, TRACES, Room(tmp_path, config), config)
    await write(first, frames=3)
    await first.close()

    room = Room(tmp_path, config)
    log = await opened(tmp_path, TRACES, room, config)
    assert room.bytes_on_disk == 3 * len(BODY)
    found = await sealed(log)
    data = memoryview(found.path.read_bytes())
    halves = split(found, data, [part for part in scan(data) if isinstance(part, Frame)])
    log.replace(found, halves)
    assert room.bytes_on_disk == 3 * len(BODY)

    longer = repair(halves[0], [BODY, BODY])
    log.replace(halves[0], [longer])
    assert room.bytes_on_disk == len(BODY) * 2 + halves[1].size
    log.replace(halves[1], [halves[1]])
    log.replace(longer, [])
    log.replace(halves[1], [])
    assert room.bytes_on_disk == 0

    log.adopt(longer)
    log.replace(longer, [])
    assert room.bytes_on_disk == 0


async def test_what_could_not_be_written_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path, CollectorConfig())
    log = await opened(tmp_path, METRICS, room, CollectorConfig())
    with monkeypatch.context() as patch:
        failing(patch, OpenSegment, "append")
        written = [log.append(b"", BODY, 1, b"") for _ in range(2)]
        found = await asyncio.wait_for(asyncio.gather(*written, return_exceptions=True), 10)
    assert [str(error) for error in found] == ["[Errno 28] No space left on device"] * 2
    assert (room.bytes_in_memory, room.bytes_on_disk) == (0, 0)

    await write(log)
    assert (room.bytes_in_memory, room.bytes_on_disk) == (0, len(BODY))
    await log.close()
