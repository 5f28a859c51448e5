"""The rollup says what matching everything at once would say, whatever arrives when, and wherever it is cut off."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, StoreUnavailable, migrate, open_store

from tests.support.call_graphs import Sent, call_graph, segments
from tests.support.effort import IS_FULL
from tests.support.rolled_edges import COARSE_TIERS, MATCHED, ROLLED
from tests.support.spans import CLIENT, INTERNAL, MILLISECOND, SECOND, SERVER, request, segment, span

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path_factory.mktemp("rollup"))))
    migrate(opened)
    yield opened
    opened.close()


def rollup(store: Store, recheck: float = 120.0) -> EdgeRollup:
    return EdgeRollup(store, RollupConfig(recheck=recheck), CapacityLimiter(1), Metrics(CollectorRegistry()))


def arrive(store: Store, folder: Path, bodies: list[bytes], tenant: str) -> None:
    path = folder / f"{tenant}-{time.monotonic_ns()}.frames"
    path.write_bytes(segment(bodies, tenant=tenant))
    store.insert_segment(path, path.stem)


async def rolled_up(steps: EdgeRollup, tenant: str) -> list[int]:
    """Take a step; the tenant's minutes that it rolled up."""
    return [start for owner, start in await steps.step() if owner == tenant]


async def assert_rolled_up(store: Store, tenant: str) -> None:
    """Minutes as they would be matched now, and once these are looked for, the hours and days of them."""
    now = int(time.time()) // 60 * 60
    rolled = store.rows(ROLLED, {"tenant": tenant})
    matched = store.rows(MATCHED, {"tenant": tenant, "since": now - 3 * 3600, "until": now + 3600, "lookback": 15})
    assert rolled == matched
    assert any(row["calls"] for row in rolled)
    await rollup(store).step()
    for tier in COARSE_TIERS:
        assert store.rows(tier.rolled, {"tenant": tenant}) == store.rows(tier.added_up, {"tenant": tenant}), tier.name


async def test_edges_are_the_same_as_matched_at_once(store: Store, tmp_path: Path) -> None:
    rnd = random.Random(3)
    steps = rollup(store)
    spans = [sent for _ in range(5) for sent in call_graph(rnd)]
    for bodies in segments(rnd, spans):
        arrive(store, tmp_path, bodies, "steps")
        if rnd.random() < 0.5:
            await steps.step()
    await steps.step()
    await assert_rolled_up(store, "steps")


async def test_a_minute_is_rolled_up_once_unless_something_arrives_for_it(store: Store, tmp_path: Path) -> None:
    steps = rollup(store)
    await steps.step()
    start = (time.time_ns() // (60 * SECOND) - 10) * 60 * SECOND
    caller = span("call", kind=CLIENT, start=start)
    callee = span("work", kind=SERVER, parent=caller, start=start + 2 * 60 * SECOND)
    arrive(store, tmp_path, [request({"web": [caller]}).SerializeToString()], "once")
    first, second = start // SECOND, start // SECOND + 120
    assert await rolled_up(steps, "once") == [first]
    assert await rolled_up(steps, "once") == []
    # The callee's own minute, and the one of the caller that it answers.
    arrive(store, tmp_path, [request({"cart": [callee]}).SerializeToString()], "once")
    assert await rolled_up(steps, "once") == [first, second]
    assert await rolled_up(steps, "once") == []
    await assert_rolled_up(store, "once")


async def test_the_minute_that_still_runs_is_left_to_the_reader(store: Store, tmp_path: Path) -> None:
    steps = rollup(store)
    await steps.step()
    arrive(store, tmp_path, [request({"web": [span(kind=SERVER)]}).SerializeToString()], "running")
    assert await rolled_up(steps, "running") == []
    assert store.rows(ROLLED, {"tenant": "running"}) == []


async def test_a_parent_that_is_no_half_is_found_when_it_arrives_late(store: Store, tmp_path: Path) -> None:
    steps = rollup(store, recheck=0.0)
    start = (time.time_ns() // (60 * SECOND) - 6) * 60 * SECOND
    parent = span("render", kind=INTERNAL, start=start, duration=90 * MILLISECOND)
    child = span("check", kind=SERVER, parent=parent, start=start + MILLISECOND)
    arrive(store, tmp_path, [request({"stock": [child]}).SerializeToString()], "late")
    await steps.step()
    arrive(store, tmp_path, [request({"web": [parent]}).SerializeToString()], "late")
    await steps.step()
    (edge,) = [row for row in store.rows(ROLLED, {"tenant": "late"}) if row["calls"]]
    assert (edge["client"], edge["server"], edge["connection"], edge["found"]) == ("web", "stock", "rpc", 1)


async def test_a_parent_that_came_while_nothing_was_rolled_up_is_found(store: Store, tmp_path: Path) -> None:
    start = (time.time_ns() // (60 * SECOND) - 50) * 60 * SECOND
    parent = span("render", kind=INTERNAL, start=start, duration=90 * MILLISECOND)
    child = span("check", kind=SERVER, parent=parent, start=start + MILLISECOND)
    arrive(store, tmp_path, [request({"stock": [child]}).SerializeToString()], "down")
    await rollup(store).step()
    arrive(store, tmp_path, [request({"web": [parent]}).SerializeToString()], "down")
    # As if the last step had been 49 minutes ago, after the child arrived.
    store.command("ALTER TABLE call_halves UPDATE arrived = ts WHERE tenant = 'down' SETTINGS mutations_sync = 1")
    store.command(
        "INSERT INTO edge_progress "
        "SELECT 1, fromUnixTimestamp64Milli({at:Int64}, 'UTC'), max(settled), max(version) + 1 "
        "FROM edge_progress",
        {"at": start // MILLISECOND + 60_000},
    )

    started_anew = rollup(store, recheck=0.0)
    await started_anew.step()
    await started_anew.step()

    (edge,) = [row for row in store.rows(ROLLED, {"tenant": "down"}) if row["calls"]]
    assert (edge["client"], edge["server"], edge["found"]) == ("web", "stock", 1)


async def test_a_parent_may_come_long_after_its_minute(store: Store, tmp_path: Path) -> None:
    steps = rollup(store, recheck=0.0)
    start = (time.time_ns() // (60 * SECOND) - 40) * 60 * SECOND
    parent = span("render", kind=INTERNAL, start=start, duration=90 * MILLISECOND)
    child = span("check", kind=SERVER, parent=parent, start=start + MILLISECOND)
    arrive(store, tmp_path, [request({"stock": [child]}).SerializeToString()], "long")
    await steps.step()
    arrive(store, tmp_path, [request({"web": [parent]}).SerializeToString()], "long")
    await steps.step()
    (edge,) = [row for row in store.rows(ROLLED, {"tenant": "long"}) if row["calls"]]
    assert (edge["client"], edge["server"], edge["found"]) == ("web", "stock", 1)


class Cut(StoreUnavailable):
    """The process ends here."""


async def test_a_step_that_fails_for_any_reason_is_made_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps = EdgeRollup(store, RollupConfig(every=0.01), CapacityLimiter(1), Metrics(CollectorRegistry()))
    start = (time.time_ns() // (60 * SECOND) - 5) * 60 * SECOND
    arrive(store, tmp_path, [request({"web": [span(kind=SERVER, start=start)]}).SerializeToString()], "again")
    rows, failures = store.queries.rows, 2

    async def failing_rows(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise RuntimeError("of no kind that was expected")
        return await rows(sql, parameters, **more)

    monkeypatch.setattr(store.queries, "rows", failing_rows)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(steps.run)
        with anyio.fail_after(20):
            while not store.rows(ROLLED, {"tenant": "again"}):
                await anyio.sleep(0.02)
        steps.stop()
    assert caplog.text.count("will be tried again") == 1


async def test_a_rollup_cut_off_again_and_again_ends_like_an_undisturbed_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rnd = random.Random(8)
    spans: list[Sent] = [sent for _ in range(8) for sent in call_graph(rnd, minutes=2, skew=1)]
    waiting = list(segments(rnd, spans))
    cuts, execute, rows = 0, store.queries.execute, store.queries.rows
    left = 0

    def count_down() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Cut

    async def fragile_execute(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> None:
        count_down()
        await execute(sql, parameters, **more)
        count_down()

    async def fragile_rows(sql: str, parameters: Mapping[str, Any] | None = None, **more: Any) -> Any:
        count_down()
        return await rows(sql, parameters, **more)

    monkeypatch.setattr(store.queries, "execute", fragile_execute)
    monkeypatch.setattr(store.queries, "rows", fragile_rows)
    while cuts < (100 if IS_FULL else 30):
        if waiting and rnd.random() < 0.5:
            arrive(store, tmp_path, waiting.pop(), "cut")
        left = rnd.randrange(14)
        try:
            await rollup(store).step()
        except Cut:
            cuts += 1
    for bodies in waiting:
        arrive(store, tmp_path, bodies, "cut")
    monkeypatch.undo()
    await rollup(store).step()
    await assert_rolled_up(store, "cut")
