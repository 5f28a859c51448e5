"""A disk that is full, read-only or taken away: what is acknowledged is stored, and nobody waits for what cannot be."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_storage import DataDirectory, Store

from tests.collector.conftest import Running, Start
from tests.support.spans import request, segment, span

pytestmark = pytest.mark.anyio

MIB = 1 << 20
Mount = Callable[..., None]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mount a memory disk: `mount(path, "size=4m")`; skips where this user may not."""
    with ExitStack() as at_end:

        def mounting(path: Path, options: str) -> None:
            path.mkdir(parents=True, exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
            at_end.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)

        yield mounting


def body(size: int = 100) -> bytes:
    return request({"web": [span(attributes={"payload": secrets.token_hex(size // 2)})]}).SerializeToString()


def left_behind(data: DataDirectory, name: str, *bodies: bytes) -> Path:
    folder = data.log / "traces"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.frames"
    path.write_bytes(segment(bodies))
    return path


async def refused(running: Running, size: int) -> tuple[int, str]:
    """How many requests are accepted until one is not, and why not."""
    for accepted in range(200):
        answer = await running.post(body(size))
        if answer.status_code != 200:
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
            return accepted, answer.content.decode(errors="replace")
    raise AssertionError("all were accepted")


async def accepted_again(running: Running, size: int) -> None:
    async with asyncio.timeout(20):
        while (await running.post(body(size))).status_code != 200:
            await asyncio.sleep(0.05)


async def test_a_disk_that_was_full_drains_and_takes_requests_again(
    start: Start, data: DataDirectory, mount: Mount
) -> None:
    mount(data.path, "size=4m")
    async with start(segment_age=60, disk_reserve=0) as running:
        accepted, reason = await refused(running, MIB // 2)
        assert "No space left" in reason
        assert accepted >= 5
        await accepted_again(running, MIB // 2)
        await running.collector.stop(10)
        assert running.new_spans() == accepted + 1
    assert list((data.log / "traces").iterdir()) == []


async def test_requests_are_refused_while_there_is_still_room_for_storing(
    start: Start, data: DataDirectory, mount: Mount
) -> None:
    mount(data.path, "size=6m")
    async with start(segment_age=0.5, disk_reserve=3 * MIB) as running:
        accepted, reason = await refused(running, MIB // 2)
        assert "disk_reserve is 3145728" in reason
        assert shutil.disk_usage(data.path).free >= 3 * MIB
        await accepted_again(running, MIB // 2)
        await running.stored(accepted + 1)


async def test_a_read_only_folder_is_said_at_start(data: DataDirectory, store: Store, mount: Mount) -> None:
    mount(data.path, "size=1m,ro")
    collector = Collector(CollectorConfig(otlp_grpc="127.0.0.1:0"), store, data, CollectorRegistry())
    with pytest.raises(OSError, match="Read-only file system"):
        await collector.start()


async def test_what_goes_into_a_folder_that_was_removed_is_not_acknowledged(start: Start, data: DataDirectory) -> None:
    async with start(segment_age=60, disk_reserve=0) as running:
        assert (await running.post(body())).status_code == 200
        log = data.log / "traces"
        shutil.rmtree(log)
        for reason in (b"removed while it was written", b"No such file"):
            answer = await running.post(body())
            assert (answer.status_code, reason in answer.content) == (503, True)
        log.mkdir()
        await accepted_again(running, 100)
        await running.collector.stop(10)
        assert running.new_spans() == 1


async def test_a_file_that_was_removed_under_the_writer_is_not_written_on(start: Start, data: DataDirectory) -> None:
    async with start(segment_age=60, disk_reserve=0) as running:
        assert (await running.post(body())).status_code == 200
        (opened,) = (data.log / "traces").iterdir()
        opened.unlink()
        answer = await running.post(body())
        assert (answer.status_code, b"removed while it was written" in answer.content) == (503, True)
        assert (await running.post(body())).status_code == 200
        await running.collector.stop(10)
        assert running.new_spans() == 1


@pytest.mark.parametrize("what", ["a folder in its place", "gone"])
async def test_a_segment_that_cannot_be_read_when_it_is_loaded_keeps_no_other_out(
    start: Start, data: DataDirectory, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    async with start(segment_age=0.5) as running:
        assert (await running.post(body())).status_code == 200
        (path,) = (data.log / "traces").iterdir()
        path.unlink()
        if what != "gone":
            path.mkdir()
        async with asyncio.timeout(20):
            while "its 1 spans are not stored" not in caplog.text:
                await asyncio.sleep(0.02)
        await running.post(body())
        await running.stored(1)
        await running.loaded()
        assert running.collector.status()["log"] == {"segments": 0, "bytes": 0, "trouble": None}


async def test_a_segment_that_cannot_be_read_at_start_waits_for_another(
    start: Start, data: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    good = left_behind(data, "00000000000000000002-bbbbbbbb", body(), body())
    unreadable = good.with_name("00000000000000000001-aaaaaaaa.frames")
    unreadable.mkdir()
    async with start() as running:
        await running.stored(2)
    assert "00000000000000000001-aaaaaaaa.frames: cannot be read" in caplog.text
    unreadable.rmdir()
    left_behind(data, unreadable.stem, body())
    async with start() as running:
        await running.stored(1)
