"""A request that is sent again is stored once: while it is written, afterwards, and after a restart."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from spanhouse_collector.admission.recent import KEY_SIZE, key_of
from spanhouse_collector.admission.recent_file import RecentFile
from spanhouse_collector.frame import digest_of
from spanhouse_storage import DataDirectory

from tests.collector.conftest import Running, Start
from tests.collector.failures import failing
from tests.support.spans import request, segment, span


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


def keys(start: int, end: int) -> list[bytes]:
    return [index.to_bytes(KEY_SIZE, "big") for index in range(start, end)]


def reopened(folder: Path, size: int = 10) -> list[bytes]:
    file = RecentFile(folder, size)
    found = file.open()
    file.close()
    return found


def test_tenants_do_not_share_keys() -> None:
    digest = digest_of(b"body")
    assert len({key_of("a", digest), key_of("b", digest), key_of("a", digest_of(b"other"))}) == 3


def test_keys_survive_a_restart_in_order(tmp_path: Path) -> None:
    file = RecentFile(tmp_path, 10)
    assert file.open() == []
    file.append(keys(0, 3))
    file.append(keys(3, 5))
    assert reopened(tmp_path) == keys(0, 5)


def test_the_file_is_bounded_and_keeps_the_latest(tmp_path: Path) -> None:
    file = RecentFile(tmp_path, 10)
    file.open()
    for index in range(35):
        file.append(keys(index, index + 1))
    assert reopened(tmp_path) == keys(20, 35)


def test_a_key_that_was_not_written_to_its_end_does_not_spoil_those_after_it(tmp_path: Path) -> None:
    file = RecentFile(tmp_path, 10)
    file.open()
    file.append(keys(0, 2))
    file.close()
    with (tmp_path / "recent").open("ab") as cut:
        cut.write(b"cut")
    file.open()
    file.append(keys(2, 4))
    assert reopened(tmp_path) == keys(0, 4)


def test_a_full_disk_costs_the_note_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = RecentFile(tmp_path, 10)
    file.open()
    with monkeypatch.context() as patch:
        failing(patch, os, "pwrite")
        file.append(keys(0, 1))
        file.append(keys(1, 2))
    file.append(keys(2, 3))
    assert reopened(tmp_path) == keys(2, 3)
    assert caplog.text.count("cannot be noted") == 1


@pytest.mark.anyio
async def test_a_request_that_was_loaded_before_a_restart_is_not_stored_again(start: Start) -> None:
    repeated = body()
    async with start() as running:
        await running.export(repeated)
        await running.loaded()
    async with start() as running:
        await running.export(repeated)
        assert (await running.post(repeated)).status_code == 200
        await running.export(body("other"))
        await running.loaded()
        assert running.new_spans() == 1


@pytest.mark.anyio
async def test_a_request_that_waits_in_the_log_over_a_restart_is_not_stored_again(
    start: Start, data: DataDirectory
) -> None:
    repeated = body()
    folder = data.log / "traces"
    folder.mkdir(parents=True)
    (folder / f"{time.time_ns():020d}-aaaaaaaa.frames").write_bytes(segment([repeated]))
    async with start() as running:
        await running.export(repeated)
        await running.export(body("other"))
        await running.loaded()
        assert running.new_spans() == 2


@pytest.mark.anyio
@pytest.mark.parametrize("fails", [False, True])
async def test_the_same_request_twice_at_once_shares_its_fate(
    start: Start, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    repeated = body()
    sync, may_sync = os.fsync, threading.Event()

    def fsync(descriptor: int) -> None:
        may_sync.wait(20)
        if fails:
            raise OSError(28, "No space left on device")
        sync(descriptor)

    async with start() as running:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            both = [asyncio.create_task(running.post(repeated)) for _ in range(2)]
            await both_are_waiting(running, len(repeated))
            may_sync.set()
            answers = [(await answer).status_code for answer in both]
        assert answers == ([503, 503] if fails else [200, 200])
        assert (await running.post(repeated)).status_code == 200
        await running.loaded()
        assert running.new_spans() == 1


async def both_are_waiting(running: Running, size: int) -> None:
    async with asyncio.timeout(10):
        while running.collector._receiver.budget.used < 2 * size:
            await asyncio.sleep(0.01)
