"""Answers made of tiers are those that the points give, whatever of the range is in the tiers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.metric_tiers.rollup import MetricRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import Store

from tests.query.metric_queries.feeding import feed
from tests.query.service import Service
from tests.support.metrics import gauge, number

HOUR, DAY, SECOND = 3600, 86_400, 10**9
# The day before yesterday: all its hours are over, and so are the first of the next.
BEGIN = int(time.time()) // DAY * DAY - 2 * DAY
# What no insert of these tests is younger than, once it is rolled up.
_LONG_AGO = "ALTER TABLE metric_arrivals UPDATE arrived = arrived - INTERVAL 1 HOUR WHERE tenant = {tenant:String} "

Point = tuple[float, float]
AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "count": len,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "last": lambda values: values[-1],
}


@dataclass
class Fed:
    """A gauge of two series over a day and a half. points: by host, in the order of time."""

    service: Service
    tenant: str
    points: dict[str, list[Point]]

    def add(self, host: str, *points: Point) -> None:
        """Store points, and keep them in mind."""
        made = [number(value, {"host": host}, at=BEGIN * SECOND + round(at * SECOND)) for at, value in points]
        feed(self.service, self.tenant, {"web": [gauge("level", *made)]})
        self.points[host] = sorted([*self.points.get(host, []), *points])

    def roll_up(self) -> None:
        """Make all hours and days that are over, as if nothing had come within two minutes."""
        store = self.service.store
        store.command(_LONG_AGO + "SETTINGS mutations_sync = 1", {"tenant": self.tenant})
        anyio.run(_step, store)

    def asked(self, how: str, window: int, *, step: int) -> tuple[dict[tuple[str, int], float], list[str]]:
        """What PromQL answers, by host and second after the beginning; and what it says of how."""
        asked = {
            "query": f"{how}_over_time(level[{window}s])",
            "start": BEGIN,
            "end": BEGIN + DAY + DAY // 2,
            "step": step,
        }
        answer = self.service.get("/prometheus/api/v1/query_range", asked, tenant=self.tenant)
        return {
            (series["metric"]["host"], at - BEGIN): float(value)
            for series in answer["data"]["result"]
            for at, value in series["values"]
        }, answer.get("infos", [])

    def expected(self, how: str, window: int, *, step: int) -> dict[tuple[str, int], float]:
        """The same by looking at each point."""
        return {
            (host, at): AGGREGATES[how](values)
            for host, points in self.points.items()
            for at in range(0, DAY + DAY // 2 + 1, step)
            if (values := [value for when, value in points if at - window < when <= at])
        }


async def _step(store: Store) -> None:
    await MetricRollup(store, RollupConfig(), CapacityLimiter(1), Metrics(CollectorRegistry())).step()


@pytest.fixture
def fed(service: Service, tenant: str) -> Fed:
    fed = Fed(service, tenant, {})
    chance = random.Random(7)
    for host in ("a", "b"):
        at, points = 0.0, []
        while at < DAY + DAY // 2:
            at += chance.choice([1, 60, 300 - at % 300, 1800, 3 * HOUR])
            points.append((round(at, 3), chance.choice([0.0, -1.5, 2.0, 1e6])))
        fed.add(host, *[point for point in points if point[0] <= DAY + DAY // 2])
    return fed


WINDOWS = [(HOUR, HOUR, "hour"), (6 * HOUR, 3 * HOUR, "hour"), (600, 300, "five_minutes"), (DAY, DAY, "day")]


@pytest.mark.parametrize("how", AGGREGATES)
def test_what_is_in_the_tiers_what_is_not_and_what_comes_late_is_all_there(fed: Fed, how: str) -> None:
    for change in ("nothing is", "rolled up", "late"):
        if change == "rolled up":
            fed.roll_up()
        if change == "late":
            fed.add("a", (5 * HOUR + 10, 3.0), (5 * HOUR + 10.5, 4.0))
        for window, step, name in WINDOWS:
            found, infos = fed.asked(how, window, step=step)
            assert found == pytest.approx(fed.expected(how, window, step=step))
            assert [info for info in infos if name in info], infos


@pytest.mark.parametrize(("window", "step", "name"), WINDOWS)
def test_tiers_answer_when_the_points_are_gone(fed: Fed, window: int, step: int, name: str) -> None:
    fed.roll_up()
    gone = "ALTER TABLE metric_numbers DELETE WHERE tenant = {tenant:String} SETTINGS mutations_sync = 1"
    fed.service.store.command(gone, {"tenant": fed.tenant})
    found, _ = fed.asked("avg", window, step=step)
    whole = {key: value for key, value in fed.expected("avg", window, step=step).items() if key[1] <= DAY}
    assert {key: value for key, value in found.items() if key[1] <= DAY} == pytest.approx(whole)


@pytest.mark.parametrize(("window", "step"), [(HOUR + 1, HOUR), (HOUR, 61)])
def test_windows_that_are_not_made_of_whole_ones_are_read_from_the_points(fed: Fed, window: int, step: int) -> None:
    fed.roll_up()
    found, infos = fed.asked("max", window, step=step)
    assert found == pytest.approx(fed.expected("max", window, step=step))
    assert infos == []


def test_the_native_query_says_which_tier_it_read(fed: Fed) -> None:
    fed.roll_up()
    asked: dict[str, Any] = {
        "metric": "level",
        "aggregation": "max",
        "from": f"{BEGIN * SECOND}",
        "to": f"{(BEGIN + DAY) * SECOND}",
        "step": "1h",
    }
    answer = fed.service.get("/api/v1/metrics/query_range", asked, tenant=fed.tenant)
    assert answer["meta"]["tier"] == "hour"
