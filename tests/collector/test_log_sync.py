"""`log_sync` decides when what is acknowledged is forced to the disk."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from spanhouse_collector import CollectorConfig

from tests.collector.failures import failing
from tests.collector.test_log import body, drain, opened, write
from tests.support.polling import eventually
from tests.support.spans import frame

pytestmark = pytest.mark.anyio


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The segment files that were synced, by the time of each."""
    sync, names = os.fsync, []

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        if (path := Path(f"/proc/self/fd/{descriptor}").readlink()).suffix == ".frames":
            names.append(str(path))

    monkeypatch.setattr(os, "fsync", fsync)
    return names


async def test_always_is_before_each_answer(tmp_path: Path, synced: list[str]) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60))
    for number in range(1, 4):
        await write(log, frame(body()))
        assert len(synced) == number
    await log.close()


async def test_interval_is_behind_the_answers_and_for_all_of_them(tmp_path: Path, synced: list[str]) -> None:
    config = CollectorConfig(segment_age=60, log_sync="interval", log_sync_interval=0.3)
    log = await opened(tmp_path, config)
    started = time.monotonic()
    for _ in range(5):
        await write(log, frame(body()))
    if time.monotonic() - started < 0.3:
        assert synced == []
    await asyncio.to_thread(eventually, lambda: len(synced) >= 1)
    assert len(synced) < 5
    await log.close()


async def test_interval_syncs_a_segment_before_it_is_sealed(tmp_path: Path, synced: list[str]) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60, log_sync="interval", log_sync_interval=60))
    await write(log, frame(body()))
    assert synced == []
    (sealed,) = await drain(log)
    assert synced == [str(sealed.path)]


async def test_never_leaves_it_to_the_system(tmp_path: Path, synced: list[str]) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60, log_sync="never"))
    data = frame(body())
    await write(log, data)
    (sealed,) = await drain(log)
    assert (synced, sealed.path.read_bytes()) == ([], data)


async def test_a_sync_that_fails_behind_the_answers_is_told_and_loses_nothing_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = await opened(tmp_path, CollectorConfig(segment_age=60, log_sync="interval", log_sync_interval=0.01))
    await write(log, frame(body()))
    with monkeypatch.context() as patch:
        failing(patch, os, "fsync")
        await write(log, frame(body()))
        await asyncio.to_thread(eventually, lambda: "a loss of power would lose" in caplog.text)
    await write(log, frame(body()))
    (sealed,) = await drain(log)
    assert sealed.items == 3
