"""A metric that has as many series as it may keeps those, and counts what it refuses of others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint
from spanhouse_collector.loading.series_limits import SeriesLimits
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, StoreUnavailable, migrate, open_store
from spanhouse_storage.engine import METRICS
from spanhouse_storage.pool import QueryPool

from tests.collector.failures import failing
from tests.support.metrics import counter, gauge, histogram, metrics_request, metrics_segment, number
from tests.support.spans import key_values

pytestmark = pytest.mark.anyio
MOST = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine")))
    migrate(opened)
    yield opened
    opened.close()


class Sender:
    """Sends points of so many series of the metrics `a` (a gauge), `b` (a counter) and `h` (a histogram)."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._sent = 0

    def send(self, *, first: int = 0, series: int, tenant: str = "t") -> None:
        values = range(first, first + series)
        metrics = [
            gauge("a", *(number(1, {"i": value}) for value in values)),
            counter("b", *(number(1, {"i": value}) for value in values)),
            histogram("h", *(HistogramDataPoint(**point(value), count=1, sum=1) for value in values)),
        ]
        self._sent += 1
        path = self._folder / f"{self._sent}.frames"
        path.write_bytes(metrics_segment([metrics_request({"web": metrics})], tenant=tenant))
        self._store.insert_segment(path, path.stem, METRICS)


def point(value: int) -> dict[str, Any]:
    return {"attributes": key_values({"i": value}), "time_unix_nano": time.time_ns()}


POINTS = """
SELECT metric, count() AS points FROM
    (SELECT metric FROM metric_numbers WHERE tenant = {tenant:String}
        UNION ALL SELECT metric FROM metric_histograms WHERE tenant = {tenant:String})
GROUP BY metric ORDER BY metric
"""
LONG_AGO = """
ALTER TABLE metric_series UPDATE last_seen = last_seen - INTERVAL {} DAY WHERE 1 SETTINGS mutations_sync = 1
"""
REFUSED = "SELECT metric, sum(points) AS points FROM metric_refused GROUP BY metric ORDER BY metric"


def counts(store: Store, sql: str, tenant: str = "t") -> dict[str, int]:
    return {row["metric"]: row["points"] for row in store.rows(sql, {"tenant": tenant})}


async def test_known_series_go_on_and_new_ones_are_refused_and_counted(store: Store, tmp_path: Path) -> None:
    sender, limits = Sender(store, tmp_path), SeriesLimits(store, MOST)
    sender.send(series=MOST)
    sender.send(series=MOST - 1, tenant="other")
    await limits.count()
    sender.send(series=MOST + 3)
    sender.send(series=MOST + 3, tenant="other")

    assert counts(store, POINTS) == dict.fromkeys("abh", 2 * MOST)
    assert counts(store, POINTS, "other") == dict.fromkeys("abh", 2 * MOST + 2)
    assert counts(store, REFUSED) == dict.fromkeys("abh", 3)
    assert store.rows("SELECT uniqExact(series) AS n FROM metric_series WHERE tenant = 't'") == [{"n": 3 * MOST}]


async def test_what_was_full_takes_new_series_once_others_have_ended(store: Store, tmp_path: Path) -> None:
    sender, limits = Sender(store, tmp_path), SeriesLimits(store, MOST)
    sender.send(series=MOST)
    await limits.count()
    store.command(LONG_AGO.format(2))
    await limits.count()
    sender.send(first=MOST, series=2)

    assert counts(store, POINTS) == dict.fromkeys("abh", MOST + 2)
    assert counts(store, REFUSED) == {}


@pytest.mark.parametrize(("days", "refused"), [(2, 0), (8, 2)])
async def test_a_full_metric_knows_its_series_for_a_week(store: Store, tmp_path: Path, days: int, refused: int) -> None:
    sender, limits = Sender(store, tmp_path), SeriesLimits(store, MOST)
    sender.send(series=2)
    store.command(LONG_AGO.format(days))
    sender.send(first=2, series=MOST)
    await limits.count()
    sender.send(series=2)

    assert counts(store, REFUSED) == (dict.fromkeys("abh", refused) if refused else {})


async def test_only_changes_are_written(store: Store, tmp_path: Path) -> None:
    Sender(store, tmp_path).send(series=MOST)
    limits = SeriesLimits(store, MOST)
    for _ in range(3):
        await limits.count()
    assert store.rows("SELECT count() AS n FROM metric_limits") == [{"n": 3}]


@pytest.mark.parametrize("error", [StoreUnavailable("down"), RuntimeError("down")])
async def test_an_engine_that_does_not_answer_is_told_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    failing(monkeypatch, QueryPool, "execute", error=error)
    limits = SeriesLimits(store, MOST)
    await limits.count()
    await limits.count()
    assert [record.getMessage() for record in caplog.records] == [
        "the series of metrics cannot be counted, full metrics stay what they were: down"
    ]
