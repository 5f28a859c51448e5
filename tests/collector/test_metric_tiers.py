"""Tiers say of points what a look at each of them would say, however late and in whatever order they come."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from anyio import CapacityLimiter, create_task_group, fail_after, sleep, to_thread
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.metric_tiers.rollup import MetricRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import (
    EmbeddedConfig,
    QueryLimits,
    QueryTimeout,
    Retention,
    Store,
    StoreConfig,
    migrate,
    open_store,
)
from spanhouse_storage.engine import METRICS
from spanhouse_storage.pool import QueryPool

from tests.collector.failures import failing
from tests.support.effort import IS_FULL
from tests.support.metrics import CUMULATIVE, DELTA, counter, gauge, metrics_request, metrics_segment, number

pytestmark = pytest.mark.anyio

HOUR, DAY, SECOND = 3600, 86_400, 10**9
# The beginning of the day before yesterday: all its hours are over.
BEGIN = int(time.time()) // DAY * DAY - 2 * DAY
DEFAULT = RollupConfig()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine")))
    migrate(opened)
    yield opened
    opened.close()


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a metric: `at` in milliseconds after the beginning."""

    metric: str
    at: int
    value: float | None


class Sender:
    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._sent = 0

    def send(self, points: Sequence[Point]) -> None:
        self._sent += 1
        path = self._folder / f"{self._sent}.frames"
        path.write_bytes(metrics_segment([metrics_request({"web": [_metric(point)]}) for point in points], tenant="t"))
        self._store.insert_segment(path, path.stem, METRICS)


def _metric(point: Point) -> Metric:
    made = number(point.value, {"of": "one"}, at=BEGIN * SECOND + point.at * 10**6)
    match point.metric:
        case "counter":
            return counter("counter", made, temporality=CUMULATIVE)
        case "delta":
            return counter("delta", made, temporality=DELTA)
        case "fluctuating":
            return counter("fluctuating", made, monotonic=False)
    return gauge("gauge", made)


def some_points(random: random.Random) -> list[Point]:
    """A day of each metric: with gaps, restarts, values of all kinds and instants at the ends of windows."""
    points = []
    for metric in ("counter", "delta", "fluctuating", "gauge"):
        at = total = 0.0
        while at < DAY * 1000:
            at += random.choice([1, 1000, 60_000, 300_000 - at % 300_000, 2 * HOUR * 1000 * random.random()])
            total = 0.0 if random.random() < 0.05 else total + random.choice([0, 1, 2.5, 1e6])
            value = total if metric == "counter" else random.choice([0, 1e-320, 1.5, 7, 1e3, math.inf])
            if metric in ("fluctuating", "gauge"):
                value *= random.choice([1, -1])
            points.append(Point(metric, int(at), random.choice([value] * 9 + [math.nan, None])))
    return [point for point in points if point.at <= DAY * 1000]


def expected(points: Sequence[Point], seconds: int) -> list[dict[str, Any]]:
    """The rows of a tier, by looking at each point."""
    windows: dict[tuple[str, int], list[Point]] = {}
    unique = {(point.metric, point.at): point for point in points}
    for point in sorted(unique.values(), key=lambda point: point.at):
        if point.value is not None and not math.isnan(point.value):
            windows.setdefault((point.metric, -(-point.at // (seconds * 1000)) * seconds), []).append(point)
    return [_row(metric, end, some) for (metric, end), some in sorted(windows.items())]


def _row(metric: str, end: int, points: Sequence[Point]) -> dict[str, Any]:
    values = [point.value for point in points if point.value is not None]
    gains = [later if later < earlier else later - earlier for earlier, later in pairwise(values)]
    is_counter = metric in ("counter", "delta")
    return {
        "metric": metric,
        "until": end,
        "count": len(values),
        "sum": sum(values),
        "min": min(values),
        "max": max(values),
        "first_at": points[0].at,
        "first": values[0],
        "last_at": points[-1].at,
        "last": values[-1],
        "increase": sum(values) if metric == "delta" else sum(gains),
        "positive": {} if is_counter else Counter(_bucket(value) for value in values if value >= 0),
        "negative": {} if is_counter else Counter(_bucket(-value) for value in values if value < 0),
    }


def _bucket(magnitude: float) -> int:
    if magnitude == 0:
        return -32768
    return 32767 if math.isinf(magnitude) else max(math.ceil(math.log2(magnitude) * 32) - 1, -32767)


TIER = """
SELECT
    metric, toUnixTimestamp(until) - {begin:Int64} AS until, count, sum, min, max,
    toUnixTimestamp64Milli(first_ts) - {begin:Int64} * 1000 AS first_at, first,
    toUnixTimestamp64Milli(last_ts) - {begin:Int64} * 1000 AS last_at, last, increase, positive, negative
FROM metric_numbers_TIER FINAL WHERE tenant = 't' ORDER BY metric, until
"""


def tier(store: Store, name: str) -> list[dict[str, Any]]:
    return store.rows(TIER.replace("TIER", name), {"begin": BEGIN})


def rollup(store: Store, config: RollupConfig = DEFAULT, registry: CollectorRegistry | None = None) -> MetricRollup:
    return MetricRollup(store, config, CapacityLimiter(1), Metrics(registry or CollectorRegistry()))


def assert_tiers(store: Store, points: Sequence[Point]) -> None:
    for name, seconds in (("5m", 300), ("1h", HOUR), ("1d", DAY)):
        found, wanted = tier(store, name), expected(points, seconds)
        assert len(found) == len(wanted), name
        for row, reference in zip(found, wanted, strict=True):
            for exact in ("metric", "positive", "negative"):
                assert row.pop(exact) == reference.pop(exact), (name, reference)
            assert row == pytest.approx(reference, rel=1e-9, nan_ok=True), name


@pytest.mark.parametrize("seed", range(3 if IS_FULL else 1))
async def test_tiers_equal_a_look_at_each_point(store: Store, tmp_path: Path, seed: int) -> None:
    points = some_points(random.Random(seed))
    shuffled = random.Random(seed).sample(points, len(points))
    sender, rolling = Sender(store, tmp_path), rollup(store)
    third = len(points) // 3
    for some in (shuffled[:third], shuffled[third : 2 * third], shuffled[2 * third :] + shuffled[:10]):
        sender.send(some)
        await rolling.step()

    assert_tiers(store, points)


async def test_points_that_are_alone_in_the_first_second_of_an_hour_are_of_that_hour(
    store: Store, tmp_path: Path
) -> None:
    sender = Sender(store, tmp_path)
    points = [Point("gauge", hour * HOUR * 1000 + at, 1.0) for hour, at in enumerate((1, 500, 999))]
    for point in points:
        sender.send([point])
    await rollup(store).step()
    assert_tiers(store, points)


async def test_only_what_points_came_for_is_made_again(store: Store, tmp_path: Path) -> None:
    sender, rolling = Sender(store, tmp_path), rollup(store)
    sender.send([Point("gauge", at, 1.0) for at in range(1000, 5 * HOUR * 1000, 60_000)])
    assert await rolling.step() == 5 + 1
    long_ago = (
        "ALTER TABLE metric_arrivals UPDATE arrived = arrived - INTERVAL 1 HOUR WHERE 1 SETTINGS mutations_sync = 1"
    )
    store.command(long_ago)
    assert await rollup(store).step() == 0
    sender.send([Point("gauge", HOUR * 1000, 2.0)])
    assert await rollup(store).step() == 1 + 1


async def test_an_hour_that_goes_on_is_not_made_yet(store: Store, tmp_path: Path) -> None:
    now = int(time.time() - BEGIN) * 1000
    Sender(store, tmp_path).send([Point("gauge", now, 1.0), Point("gauge", now - 2 * HOUR * 1000, 1.0)])
    assert await rollup(store).step() == 1


# What the engine has deleted for its age, when all of a day is kept for a day: it does so a part at a time.
GONE = """
ALTER TABLE {table:Identifier} DELETE WHERE {time:Identifier} <= now() - INTERVAL 1 DAY SETTINGS mutations_sync = 1
"""
SHORT = RollupConfig(retention=Retention(spans=DAY, minutes=DAY, hours=DAY, days=DAY))


def counts(store: Store, tier: str) -> dict[int, int]:
    rows = store.rows(f"SELECT toUnixTimestamp(until) AS until, count FROM metric_numbers_{tier} FINAL")
    return {row["until"]: row["count"] for row in rows}


async def test_what_has_been_deleted_for_its_age_is_not_taken_from_tiers(store: Store, tmp_path: Path) -> None:
    sender = Sender(store, tmp_path)
    oldest = int(time.time()) - DAY - BEGIN
    edge = oldest // HOUR * HOUR  # the hour that the points of a day begin in
    sender.send([Point("gauge", at * 1000, 1.0) for at in range(edge + 60, edge + HOUR, 60)])
    sender.send([Point("gauge", at * 1000, 1.0) for at in range(edge + 3 * HOUR, edge + 23 * HOUR, HOUR)])
    await rollup(store).step()
    days = counts(store, "1d")

    for table, at in (("metric_numbers", "ts"), ("metric_numbers_5m", "until"), ("metric_numbers_1h", "until")):
        store.command(GONE, {"table": table, "time": at})
    left = counts(store, "1h")
    sender.send([Point("gauge", (edge + HOUR) * 1000, 1.0), Point("gauge", (edge + 4 * HOUR + 1) * 1000, 1.0)])
    await rollup(store, SHORT).step()

    assert counts(store, "1h") == {**left, BEGIN + edge + 5 * HOUR: 2}
    assert all(counts(store, "1d")[until] >= count for until, count in days.items())


async def test_late_points_are_in_the_tiers_as_long_as_points_are_kept(store: Store, tmp_path: Path) -> None:
    Sender(store, tmp_path).send([Point("gauge", -20 * DAY * 1000 + 1, 1.0)])
    assert await rollup(store).step() == 1 + 1


async def test_points_that_are_not_stored_arrive_nowhere(store: Store, tmp_path: Path) -> None:
    Sender(store, tmp_path).send([Point("gauge", day * DAY * 1000, 1.0) for day in (-40, -35, 4, 10_000)])
    assert store.rows("SELECT count() AS n FROM metric_numbers") == [{"n": 0}]
    assert store.rows("SELECT count() AS n FROM metric_arrivals") == [{"n": 0}]


async def test_a_point_within_a_millisecond_after_an_hour_is_of_that_hour(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "one.frames"
    point = gauge("gauge", number(1.0, at=BEGIN * SECOND + 999_999))
    path.write_bytes(metrics_segment([metrics_request({"web": [point]})], tenant="t"))
    store.insert_segment(path, path.stem, METRICS)

    await rollup(store).step()

    assert counts(store, "1h") == {BEGIN: 1}


async def test_an_error_that_nobody_has_foreseen_does_not_end_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, QueryPool, "rows", error=RuntimeError("unforeseen"))
    registry = CollectorRegistry()
    rolling = rollup(store, registry=registry)
    async with create_task_group() as tasks:
        tasks.start_soon(rolling.run)
        with fail_after(5):
            while not caplog.records:
                await sleep(0.01)
        rolling.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "the rollup of metrics failed and will be tried again"
    ]
    assert registry.get_sample_value("spanhouse_metric_rollup_failures_total") == 1
    assert (registry.get_sample_value("spanhouse_metric_rollup_lag_seconds") or 0) > 0


async def test_a_tenant_with_too_much_keeps_no_other_waiting(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = QueryPool.execute

    async def within_time(pool: QueryPool, sql: str, parameters: Mapping[str, Any], *, limits: QueryLimits) -> None:
        if parameters["tenant"] == "a" and "metric_numbers" in sql:
            raise QueryTimeout("too slow")
        await execute(pool, sql, parameters, limits=limits)

    Sender(store, tmp_path).send([Point("gauge", 1, 1.0)])
    store.command("INSERT INTO metric_arrivals SELECT 'a', until, arrived FROM metric_arrivals")
    with monkeypatch.context() as patch:
        patch.setattr(QueryPool, "execute", within_time)
        with pytest.raises(QueryTimeout):
            await rollup(store).step()

    assert counts(store, "1h") == {BEGIN + HOUR: 1}
    assert counts(store, "1d") == {BEGIN + DAY: 1}


MANY = 4000
# A point in 15 seconds of many series, for an hour.
POINTS_OF_MANY = """
INSERT INTO metric_numbers (tenant, metric, series, ts, value)
SELECT
    't', 'many', cityHash64(intDiv(number, 240)),
    fromUnixTimestamp64Milli(({begin:Int64} + number % 240 * 15 + 15) * 1000), 1
FROM numbers({series:UInt64} * 240)
"""
ARRIVAL = "INSERT INTO metric_arrivals SELECT 't', toDateTime({until:Int64}, 'UTC'), now64(3)"


@pytest.mark.parametrize("memory", [400 << 20, 24 << 20])
async def test_more_series_than_fit_into_memory_are_made_in_slices(store: Store, memory: int) -> None:
    await to_thread.run_sync(store.command, POINTS_OF_MANY, {"begin": BEGIN, "series": MANY})
    store.command(ARRIVAL, {"until": BEGIN + HOUR})

    assert await rollup(store, RollupConfig(memory=memory)).step() == 2

    for name, windows in (("5m", 12), ("1h", 1), ("1d", 1)):
        found = store.rows(f"SELECT count() AS n, sum(count) AS points FROM metric_numbers_{name} FINAL")
        assert found == [{"n": MANY * windows, "points": MANY * 240}], name
