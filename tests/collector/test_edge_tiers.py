"""Hours and days of the service map: made when they are over, made anew when what they are made of changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.edges.tiers import EdgeTiers
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import EmbeddedConfig, QueryLimits, Retention, Store, StoreConfig, migrate, open_store

from tests.support.rolled_edges import COARSE_TIERS, DAY_TIER, HOUR_TIER, ROLLED, CoarseTier
from tests.support.spans import SECOND, SERVER, request, segment, span

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = 60, 3600, 86_400

_OUT_OF_DATE = """
SELECT hour FROM
(
    SELECT toStartOfHour(minute) AS hour, sum(version) AS stamp
    FROM (SELECT minute, max(version) AS version FROM edge_minutes WHERE tenant = {tenant:String} GROUP BY minute)
    GROUP BY hour
) AS minutes
LEFT JOIN (SELECT hour, max(stamp) AS stamp FROM edge_hours WHERE tenant = {tenant:String} GROUP BY hour) AS made
USING hour
WHERE minutes.stamp > made.stamp
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path_factory.mktemp("tiers"))))
    migrate(opened)
    yield opened
    opened.close()


def rollup(store: Store, *, settle: float = 30, retention: Retention | None = None) -> EdgeRollup:
    """One that has not looked for hours that are due yet."""
    config = RollupConfig(settle=settle, retention=retention or Retention())
    return EdgeRollup(store, config, CapacityLimiter(1), Metrics(CollectorRegistry()))


def arrive(store: Store, folder: Path, tenant: str, *starts: int) -> None:
    """A call from outside that starts then, for each of `starts`, unix seconds."""
    calls = [span(kind=SERVER, start=start * SECOND) for start in starts]
    path = folder / f"{tenant}-{time.monotonic_ns()}.frames"
    path.write_bytes(segment([request({"web": calls}).SerializeToString()], tenant=tenant))
    store.insert_segment(path, path.stem)


def calls_by(store: Store, tier: CoarseTier, tenant: str) -> dict[int, float]:
    return {row["at"]: row["sum(calls)"] for row in store.rows(tier.rolled, {"tenant": tenant})}


def versions(store: Store, tenant: str) -> dict[tuple[str, int], int]:
    """The version of each coarser unit that counts."""
    found: dict[tuple[str, int], int] = {}
    for tier in COARSE_TIERS:
        sql = f"""
SELECT toUnixTimestamp({tier.name}) AS start, argMax(version, (stamp, version)) AS version FROM {tier.versions}
WHERE tenant = {{tenant:String}} GROUP BY start"""
        found |= {(tier.name, row["start"]): row["version"] for row in store.rows(sql, {"tenant": tenant})}
    return found


def unit_ago(tier: CoarseTier, units: int) -> int:
    """The start of an earlier unit, unix seconds."""
    return (int(time.time()) // tier.seconds - units) * tier.seconds


@pytest.mark.parametrize("tier", COARSE_TIERS, ids=lambda tier: tier.name)
async def test_a_unit_is_made_once_its_minutes_are_settled(store: Store, tmp_path: Path, tier: CoarseTier) -> None:
    tenant = f"settled-{tier.name}"
    start = unit_ago(tier, 2)
    end = start + tier.seconds
    arrive(store, tmp_path, tenant, start + 5 * MINUTE, end - 2 * MINUTE, end - MINUTE)

    await rollup(store, settle=time.time() - end + MINUTE).step()
    assert len(store.rows(ROLLED, {"tenant": tenant})) == 2
    assert calls_by(store, tier, tenant) == {}

    await rollup(store, settle=time.time() - end).step()
    assert calls_by(store, tier, tenant) == {start: 3}


async def test_late_spans_make_exactly_their_hour_and_day_anew(store: Store, tmp_path: Path) -> None:
    older = unit_ago(DAY_TIER, 3)
    newer = older + DAY
    hours = [older + 5 * HOUR, older + 6 * HOUR, newer + 5 * HOUR, newer + 6 * HOUR]
    arrive(store, tmp_path, "late", *hours)
    await rollup(store).step()
    before = versions(store, "late")
    assert set(before) == {*(("hour", hour) for hour in hours), ("day", older), ("day", newer)}

    arrive(store, tmp_path, "late", hours[2] + 20 * MINUTE, hours[2] + 50 * MINUTE)
    await rollup(store).step()

    after = versions(store, "late")
    assert {unit for unit in after if after[unit] != before.get(unit)} == {("hour", hours[2]), ("day", newer)}
    assert calls_by(store, HOUR_TIER, "late") == {hours[0]: 1, hours[1]: 1, hours[2]: 3, hours[3]: 1}
    assert calls_by(store, DAY_TIER, "late") == {older: 2, newer: 4}


@pytest.mark.parametrize("moment", ["INSERT INTO service_edges_1h", "INSERT INTO edge_hours"])
async def test_an_hour_whose_minutes_another_collector_rolls_up_meanwhile_is_made_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    tenant = f"meanwhile-{moment.rpartition('_')[-1]}"
    hour = unit_ago(HOUR_TIER, 3)
    other = rollup(store)
    await other.step()  # it looks for hours again in a minute only
    arrive(store, tmp_path, tenant, hour)
    execute, interrupted = store.queries.execute, False

    async def interrupted_execute(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> None:
        nonlocal interrupted
        if moment in sql and not interrupted:
            interrupted = True
            arrive(store, tmp_path, tenant, hour + 30 * MINUTE)
            await other.step()
        await execute(sql, parameters, **more)

    monkeypatch.setattr(store.queries, "execute", interrupted_execute)
    await rollup(store).step()
    assert interrupted
    assert len(store.rows(ROLLED, {"tenant": tenant})) == 2
    assert len(store.rows(_OUT_OF_DATE, {"tenant": tenant})) == 1

    await rollup(store).step()
    assert store.rows(_OUT_OF_DATE, {"tenant": tenant}) == []
    assert calls_by(store, HOUR_TIER, tenant) == {hour: 2}


async def test_a_minute_whose_other_spans_may_be_gone_is_left_alone_and_told_of(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    minute = unit_ago(DAY_TIER, 3)
    arrive(store, tmp_path, "gone", minute)
    await rollup(store).step()
    registry = CollectorRegistry()
    config = RollupConfig(retention=Retention(spans=DAY))
    steps = EdgeRollup(store, config, CapacityLimiter(1), Metrics(registry))

    arrive(store, tmp_path, "gone", minute, minute + MINUTE)
    await steps.step()
    await steps.step()

    # The minute that had not been there has nothing to lose.
    assert [row["calls"] for row in store.rows(ROLLED, {"tenant": "gone"})] == [1, 1]
    assert calls_by(store, HOUR_TIER, "gone") == {minute: 2}
    assert registry.get_sample_value("spanhouse_edge_minutes_too_late_total") == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "1 minutes got spans so late" in caplog.text


async def test_a_minute_whose_other_spans_may_be_gone_does_not_wait_for_parents(store: Store, tmp_path: Path) -> None:
    minute = unit_ago(DAY_TIER, 3)
    path = tmp_path / "orphan.frames"
    orphan = span(kind=SERVER, parent=b"\x01" * 8, start=minute * SECOND)
    path.write_bytes(segment([request({"stock": [orphan]}).SerializeToString()], tenant="orphan"))
    store.insert_segment(path, path.stem)
    config = RollupConfig(retention=Retention(spans=DAY), recheck=0.0)
    steps = EdgeRollup(store, config, CapacityLimiter(1), Metrics(CollectorRegistry()))

    first, second = await steps.step(), await steps.step()

    assert ("orphan", minute) in first
    assert ("orphan", minute) not in second


async def test_superseded_hours_and_days_are_deleted_and_current_ones_kept(store: Store, tmp_path: Path) -> None:
    hour = unit_ago(DAY_TIER, 2) + HOUR
    kept = hour + HOUR
    arrive(store, tmp_path, "swept", hour, kept)
    await rollup(store).step()
    first = versions(store, "swept")
    arrive(store, tmp_path, "swept", hour + MINUTE)
    await rollup(store).step()
    current = versions(store, "swept")
    stored = first.items() | current.items()
    assert held(store, "swept") == stored

    await EdgeTiers(store, QueryLimits()).sweep(min(first.values()))
    assert held(store, "swept") == stored
    await EdgeTiers(store, QueryLimits()).sweep(max(current.values()) + 1)
    assert held(store, "swept") == current.items()
    assert calls_by(store, HOUR_TIER, "swept") == {hour: 2, kept: 1}


def held(store: Store, tenant: str) -> set[tuple[tuple[str, int], int]]:
    """Every coarser unit, and each version of it, that there are rows of."""
    found = set()
    for tier in COARSE_TIERS:
        sql = f"""
SELECT DISTINCT toUnixTimestamp({tier.name}) AS start, version FROM {tier.edges}
WHERE tenant = {{tenant:String}}"""
        found |= {((tier.name, row["start"]), row["version"]) for row in store.rows(sql, {"tenant": tenant})}
    return found
