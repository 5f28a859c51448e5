"""Every stage of the way in is counted and measured."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.observation import own_spans
from spanhouse_collector.observation.metrics import TenantLabels
from spanhouse_storage import Store, StoreUnavailable

from tests.collector.conftest import Running, Start
from tests.collector.failures import failing
from tests.support.spans import frame, request, span

pytestmark = pytest.mark.anyio

BODY = request({"web": [span(), span()]}).SerializeToString()


def body() -> bytes:
    return request({"web": [span()]}).SerializeToString()


async def scraped(running: Running) -> dict[str, float]:
    """The samples of /metrics, by name and labels as they stand there."""
    transport = httpx2.ASGITransport(running.collector.operations_app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://collector") as client:
        text = (await client.get("/metrics")).text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


async def until(running: Running, condition: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    async with asyncio.timeout(20):
        while not condition(found := await scraped(running)):
            await asyncio.sleep(0.05)
    return found


async def test_each_stage_of_a_request_is_measured(start: Start) -> None:
    async with start(segment_age=0.05) as running:
        await running.export(BODY)
        await running.post(b"nonsense")
        await running.loaded()

        found = await scraped(running)

    assert found['spanhouse_otlp_requests_total{outcome="accepted",signal="traces",transport="grpc"}'] == 1
    assert found['spanhouse_otlp_requests_total{outcome="malformed",signal="traces",transport="http"}'] == 1
    assert found['spanhouse_otlp_request_size_bytes_sum{transport="grpc"}'] == len(BODY)
    assert found["spanhouse_spans_stored_total"] == found['spanhouse_spans_accepted_total{tenant="default"}'] == 2
    assert found["spanhouse_log_group_requests_sum"] == 1
    for once in ("log_write_seconds", "log_fsync_seconds"):
        assert found[f"spanhouse_{once}_count"] == 1, once
    for once in ("segment_size_bytes", "segment_load_seconds"):
        assert found[f'spanhouse_{once}_count{{signal="traces"}}'] == 1, once
    sealed, loaded = (
        found[f'spanhouse_segment_age_seconds_sum{{signal="traces",step="{step}"}}'] for step in ("sealed", "load")
    )
    assert 0.05 <= sealed <= loaded <= found['spanhouse_ingest_lag_seconds_sum{signal="traces"}']


async def test_outcomes_are_there_from_the_start_so_that_the_first_one_is_a_rise(start: Start) -> None:
    async with start() as running:
        found = await scraped(running)

    assert found['spanhouse_otlp_requests_total{outcome="overloaded",signal="traces",transport="http"}'] == 0
    assert found['spanhouse_segments_total{outcome="isolated",signal="traces"}'] == 0


async def test_what_waits_is_shown_with_its_age_and_its_limits(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        failing(patch, Store, "insert_segment", error=StoreUnavailable("down"))
        async with start(segment_age=0.05, log_quota=1 << 20, max_requests=7) as running:
            await running.export(BODY)
            waiting = await until(running, lambda found: found['spanhouse_segment_load_failing{signal="traces"}'] == 1)
            patch.undo()
            done = await until(running, lambda found: found["spanhouse_spans_stored_total"] == 2)

    assert waiting['spanhouse_log_segments{signal="traces"}'] == 1
    assert 0 < waiting["spanhouse_log_bytes"] <= waiting["spanhouse_log_quota_bytes"] == 1 << 20
    assert waiting['spanhouse_log_oldest_seconds{signal="traces"}'] >= 0.05
    assert waiting["spanhouse_log_disk_free_bytes"] > waiting["spanhouse_log_disk_reserve_bytes"] > 0
    assert (waiting["spanhouse_otlp_requests_running"], waiting["spanhouse_otlp_requests_limit"]) == (0, 7)
    assert (waiting["spanhouse_pending_bytes"], waiting["spanhouse_pending_limit_bytes"]) == (0, 64 << 20)
    assert waiting['spanhouse_segment_load_failures_total{signal="traces"}'] >= 1
    assert (
        done['spanhouse_log_oldest_seconds{signal="traces"}'],
        done['spanhouse_segment_load_failing{signal="traces"}'],
    ) == (0, 0)


async def test_what_was_given_back_from_quarantine_is_not_told_as_lag(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        failing(patch, Store, "insert_segment", error=StoreUnavailable("down"))
        async with start() as running:
            folder = running.data.quarantine / "traces" / "retry"
            folder.mkdir()
            (folder / "01500000000000000000-aaaaaaaa.frame").write_bytes(frame(body()))
            waiting = await until(running, lambda found: found['spanhouse_segment_load_failing{signal="traces"}'] == 1)
            patch.undo()
            done = await until(running, lambda found: found["spanhouse_spans_stored_total"] == 1)

    assert (
        waiting['spanhouse_log_segments{signal="traces"}'],
        waiting['spanhouse_log_oldest_seconds{signal="traces"}'],
    ) == (1, 0)
    assert done['spanhouse_segment_load_seconds_count{signal="traces"}'] == 1
    assert done['spanhouse_ingest_lag_seconds_count{signal="traces"}'] == 0
    assert done['spanhouse_segment_age_seconds_count{signal="traces",step="load"}'] == 0


async def test_groups_that_cannot_be_written_are_counted(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start() as running:
        with monkeypatch.context() as patch:
            failing(patch, os, "writev")
            refused = await running.post(BODY)
        found = await scraped(running)

    assert refused.status_code == 503
    assert found["spanhouse_log_write_failures_total"] == 1
    assert found['spanhouse_otlp_requests_overloaded_total{cause="write"}'] == 1
    assert found['spanhouse_otlp_requests_overloaded_total{cause="log_quota"}'] == 0
    assert found["spanhouse_log_group_requests_count"] == 0


async def test_syncs_that_fail_behind_the_answers_are_counted_apart_from_groups_that_were_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(log_sync="interval", log_sync_interval=0.01, segment_age=60) as running:
        await running.post(body())
        with monkeypatch.context() as patch:
            failing(patch, os, "fsync")
            answer = await running.post(body())
            found = await until(running, lambda found: found["spanhouse_log_sync_failures_total"] >= 1)

    assert answer.status_code == 200
    assert found["spanhouse_log_write_failures_total"] == 0


async def test_the_rollup_tells_how_long_it_takes_and_lags(start: Start) -> None:
    async with start() as running:
        found = await until(running, lambda found: found["spanhouse_edge_rollup_step_seconds_count"] >= 1)

    assert 0 <= found["spanhouse_edge_rollup_lag_seconds"] < 20
    assert found["spanhouse_edge_rollup_failures_total"] == 0
    assert found["spanhouse_edge_minutes_waiting"] >= 0


async def test_steps_of_the_rollup_that_fail_are_counted_and_let_it_lag(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, EdgeRollup, "step", error=StoreUnavailable("down"))
    async with start() as running:
        found = await until(running, lambda found: found["spanhouse_edge_rollup_failures_total"] >= 1)
        later = await scraped(running)

    assert found["spanhouse_edge_rollup_step_seconds_count"] == 0
    assert later["spanhouse_edge_rollup_lag_seconds"] > found["spanhouse_edge_rollup_lag_seconds"] > 0


async def test_invented_tenants_do_not_make_more_labels_than_a_hundred() -> None:
    labels = TenantLabels()

    given = {labels.label(f"tenant-{number}") for number in range(1000)}

    assert len(given) == 101
    assert labels.label("tenant-5") == "tenant-5"
    assert labels.label("tenant-500") == "other"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans of the collector's own work, with a provider of the test's own: a process can set its only once."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(own_spans, "tracer", provider.get_tracer("spanhouse_collector"))
    yield exporter
    provider.shutdown()


async def test_a_slow_load_makes_a_span_and_a_quick_one_none(
    start: Start, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(segment_age=0.05) as running:
        await running.export(body())
        await running.loaded()
        assert told.get_finished_spans() == ()

        monkeypatch.setattr(own_spans, "SLOW_SECONDS", 0)
        await running.export(body())
        await running.loaded()
        spans = {span.name: span for span in told.get_finished_spans()}

    slow = spans["load segment"]
    assert slow.attributes is not None
    assert slow.attributes["spanhouse.bytes"] > len(body())  # type: ignore[operator]  # a number
    assert slow.start_time is not None
    assert slow.end_time is not None
    assert slow.start_time < slow.end_time


async def test_work_that_fails_makes_a_span_with_the_error(told: InMemorySpanExporter) -> None:
    with pytest.raises(StoreUnavailable), own_spans.told_if_slow("load segment", {"spanhouse.segment": "7"}):
        raise StoreUnavailable("down")

    (failed,) = told.get_finished_spans()
    assert (failed.status.is_ok, failed.status.description) == (False, "down")
    assert [event.name for event in failed.events] == ["exception"]


async def test_an_engine_that_stays_away_makes_one_span_for_the_rollup_and_one_for_the_loads(
    start: Start, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: EdgeRollup) -> None:
        raise StoreUnavailable("down")

    monkeypatch.setattr(EdgeRollup, "step", fails)
    failing(monkeypatch, Store, "insert_segment", error=StoreUnavailable("down"))
    async with start(segment_age=0.05, rollup=RollupConfig(every=0.01)) as running:
        await running.export(body())
        await until(
            running,
            lambda found: (
                found["spanhouse_edge_rollup_failures_total"] >= 3
                and found['spanhouse_segment_load_failures_total{signal="traces"}'] >= 2
            ),
        )

    assert sorted(span.name for span in told.get_finished_spans()) == ["load segment", "roll up edges"]
