"""Levels that are polled: those of the engine, of its tables and of the quarantine."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.observation.polled_levels import PolledLevels
from spanhouse_collector.segments.quarantined import QuarantineFolder
from spanhouse_storage import Rows, Store, StoreUnavailable

from tests.collector.conftest import Start
from tests.collector.failures import failing
from tests.support.spans import request, span

pytestmark = pytest.mark.anyio

LARGE = request({"web": [span(attributes={"text": "x" * (1 << 17)}), span()]}).SerializeToString()


class Polled:
    """Levels on a registry and a clock of their own."""

    def __init__(self, store: Store, quarantine: Path) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.now = 0.0
        self.levels = PolledLevels(store, QuarantineFolder(quarantine), self.metrics, lambda: self.now)

    async def poll(self, after: float = 10.0) -> None:
        self.now += after
        await self.levels.poll()

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"spanhouse_{name}", labels)

    def failures(self, levels: str) -> float | None:
        return self.value("level_poll_failures_total", levels=levels)


@pytest.fixture
async def polled(store: Store, tmp_path: Path) -> Polled:
    return Polled(store, tmp_path / "quarantine")


def _refusing(patch: pytest.MonkeyPatch, store: Store, word: str) -> None:
    """Let queries with `word` in them fail."""
    rows = store.queries.rows

    async def refuse(sql: str, *args: Any, **kwargs: Any) -> Rows:
        if word in sql:
            raise StoreUnavailable("down")
        return await rows(sql, *args, **kwargs)

    patch.setattr(store.queries, "rows", refuse)


async def test_engine_tables_and_quarantine_are_polled(polled: Polled, tmp_path: Path) -> None:
    folder = tmp_path / "quarantine" / "traces"
    (folder / "retry").mkdir(parents=True)
    for place in (folder / "one.frame", folder / "retry" / "two.frame"):
        place.write_bytes(bytes(10))
    (folder / "one.json").write_text("{}")

    await polled.poll()

    assert (polled.value("quarantine_items"), polled.value("quarantine_bytes")) == (2, 20)
    assert (polled.value("engine_memory_bytes") or 0) > 0
    for level in ("parts", "rows", "size_bytes"):
        assert (polled.value(f"table_{level}", table="schema_migrations") or 0) >= 1, level
    for levels in ("quarantine", "engine_memory", "tables", "series", "truncated_spans"):
        assert polled.failures(levels) == 0, levels


async def test_parts_are_told_of_the_partition_that_has_most(polled: Polled, store: Store) -> None:
    store.command("CREATE TABLE parted (n UInt8) ENGINE = MergeTree PARTITION BY n ORDER BY n")
    store.command("SYSTEM STOP MERGES parted")
    for number in (1, 1, 1, 2, 2):
        store.command(f"INSERT INTO parted SELECT {number} FROM numbers(10)")

    await polled.poll()

    assert polled.value("table_parts", table="parted") == 5
    assert polled.value("table_max_parts_per_partition", table="parted") == 3
    assert polled.value("table_rows", table="parted") == 50


async def test_levels_that_cannot_be_polled_stay_and_keep_no_others_from_it(
    polled: Polled, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await polled.poll()
    memory = polled.value("engine_memory_bytes")
    with monkeypatch.context() as patch:
        failing(patch, QuarantineFolder, "extent")
        _refusing(patch, store, "MemoryTracking")
        polled.metrics.table_rows.clear()
        await polled.poll()

    assert polled.value("engine_memory_bytes") == memory
    assert (polled.value("table_rows", table="schema_migrations") or 0) >= 1
    assert (polled.failures("quarantine"), polled.failures("engine_memory"), polled.failures("tables")) == (1, 1, 0)


async def test_levels_that_cannot_be_polled_are_warned_of_once(
    polled: Polled, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "spanhouse_collector.observation.polled_levels")
    with monkeypatch.context() as patch:
        _refusing(patch, store, "MemoryTracking")
        await polled.poll()
        await polled.poll()
    await polled.poll()

    told = [(record.levelname, record.getMessage().partition(" and ")[0]) for record in caplog.records]
    assert told == [
        ("WARNING", "the levels engine_memory cannot be polled"),
        ("INFO", "the levels engine_memory can be polled again"),
    ]


async def test_spans_that_are_stored_in_part_are_told_of_tenants_that_send_and_of_all_others_as_one(
    start: Start, polled: Polled
) -> None:
    async with start(segment_age=0.05) as running:
        await running.post(LARGE, x_scope_orgid="wordy")
        await running.loaded()
        await polled.poll()
        unknown = polled.value("stored_truncated_spans", tenant="other")
        polled.metrics.tenants.label("wordy")
        await polled.poll(after=60)
        early = polled.value("stored_truncated_spans", tenant="wordy")
        await polled.poll(after=300)

    assert (unknown, early) == (1, None)
    assert polled.value("stored_truncated_spans", tenant="wordy") == 1
    assert polled.value("stored_truncated_spans", tenant="other") is None
