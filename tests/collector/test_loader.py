"""The loader stores each segment once, whatever fails on the way, and tells what does."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_collector.receiver import Request
from spanhouse_collector.segments import Segment
from spanhouse_collector.signals import TRACES
from spanhouse_storage import DataDirectory, ServerConfig, Store, StoreConfig, migrate, open_store

from tests.clickhouse_front.process import running_front
from tests.collector.conftest import Running, Start
from tests.collector.failures import failing
from tests.support.ports import idle_port
from tests.support.spans import SECOND, request, span

pytestmark = pytest.mark.anyio


def body(name: str = "operation") -> bytes:
    return request({"web": [span(name)]}).SerializeToString()


async def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def trouble(running: Running) -> str | None:
    told: str | None = running.collector.status()["log"]["trouble"]
    return told


async def test_a_segment_that_cannot_be_removed_is_stored_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start(segment_age=0.05) as running:
        with monkeypatch.context() as patch:
            failing(patch, Path, "unlink")
            await running.export(body())
            await eventually(lambda: trouble(running))
        assert "No space left" in str(trouble(running))
        await running.export(body())
        await running.loaded()
        assert (running.new_spans(), trouble(running)) == (2, None)


async def test_an_error_that_nobody_has_foreseen_is_told_and_tried_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with start(segment_age=0.05) as running:
        with monkeypatch.context() as patch:
            failing(patch, Segment, "cut_to_size", error=RuntimeError("a surprise"))
            await running.export(body())
            await eventually(lambda: trouble(running))
        assert "Traceback" in caplog.text
        await running.loaded()
        assert (running.new_spans(), trouble(running)) == (1, None)


async def test_what_was_refused_is_cut_off_before_loading(
    start: Start, data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(segment_age=60) as running:
        await running.export(body("kept"))
        with monkeypatch.context() as patch:
            failing(patch, os, "fsync", "ftruncate")
            refused = await running.post(body("refused"))
        assert refused.status_code == 503
        await running.stored(1)
        await running.loaded()
    assert list((data.log / "traces").iterdir()) == []


async def test_a_duration_that_a_wrong_clock_makes_counts_as_thirty_days(start: Start, store: Store) -> None:
    tenant = secrets.token_hex(8)
    spans = [span(start=begin, duration=time.time_ns()) for begin in (0, 0, 1)]
    async with start() as running:
        body = request({"web": spans}).SerializeToString()
        await running.export(body, metadata=(("x-scope-orgid", tenant),))
        await running.stored(3)
    (row,) = store.rows(
        "SELECT sum(duration_sum) AS total, max(duration_max) AS longest FROM red_1m WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    month = 30 * 86_400 * SECOND
    assert row == {"total": 3 * month, "longest": month}


async def test_stopping_waits_for_the_insert_that_runs(start: Start, store: Store, data: DataDirectory) -> None:
    store.command("CREATE TABLE waits (waited UInt8) ENGINE = Null")
    store.command("CREATE MATERIALIZED VIEW waits_mv TO waits AS SELECT sleep(1) AS waited FROM spans")
    try:
        async with start(segment_bytes=1, segment_age=60) as running:
            for index in range(6):
                await running.export(body(str(index)))
            await running.collector.stop(6)
            left = len(list((data.log / "traces").iterdir()))
            assert left > 0
            assert running.new_spans() + left == 6
            assert running.collector.status()["log"]["segments"] == left
    finally:
        store.command("DROP TABLE waits_mv")
    async with start() as running:
        await running.loaded()
        assert running.new_spans() == left


async def test_a_collector_that_cannot_start_leaves_nothing_running(store: Store, tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = CollectorConfig(otlp_grpc=f"127.0.0.1:{taken.getsockname()[1]}")
        collector = Collector(config, store, data, CollectorRegistry())
        with pytest.raises(OSError, match="cannot listen"):
            await collector.start()
    assert [thread.name for thread in threading.enumerate() if thread.name == "segment-writer"] == []


async def test_an_engine_that_is_down_costs_disk_not_data(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    engine, port = tmp_path / "clickhouse", idle_port()
    with running_front(engine, port=port) as url:
        store = open_store(StoreConfig(engine=ServerConfig(url=url)))
        migrate(store)
        collector = Collector(CollectorConfig(otlp_grpc="127.0.0.1:0"), store, data, CollectorRegistry())
        await collector.start()
    try:
        for index in range(3):
            await collector._receiver.accept(Request(TRACES, "default", "test", body(str(index))))
        await eventually(lambda: collector.status()["log"]["trouble"])
        with running_front(engine, port=port):
            await eventually(lambda: not collector.status()["log"]["bytes"], 40)
            assert store.rows("SELECT count() AS n FROM spans") == [{"n": 3}]
            assert collector.status()["log"]["trouble"] is None
            await collector.stop(5)
            store.close()
    except BaseException:
        await collector.stop(1)
        raise
