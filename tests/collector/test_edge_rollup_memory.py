"""Minutes with more calls than fit into memory at once are rolled up in slices, with the same edges."""

from __future__ import annotations

import time
from collections.abc import Iterator

import anyio
import pytest
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import EmbeddedConfig, Store, StoreConfig, migrate, open_store

pytestmark = pytest.mark.anyio

CALLS = 200_000
# Each call has both halves; every tenth caller names a database and has no callee.
HALVES = """
INSERT INTO call_halves
    (tenant, side, minute, key, ts, service, kind, duration, peer_type, peer, trace_id, adjusted_count)
SELECT 'busy', side, toStartOfMinute(ts), number, ts,
    if(side = 'caller', 'web', 'cart'), if(side = 'caller', 'client', 'server'),
    if(side = 'caller', 3000, 1000) + number % 1000,
    if(side = 'caller' AND number % 10 = 0, 'database', 'none'), if(side = 'caller' AND number % 10 = 0, 'redis', ''),
    reinterpretAsFixedString(sipHash128(number)), 1
FROM (
    SELECT number, arrayJoin(if(number % 10 = 0, ['caller'], ['caller', 'callee'])) AS side,
        fromUnixTimestamp64Nano({start:Int64} + number, 'UTC') AS ts
    FROM numbers({calls:UInt64}))
"""
ROLLED = """
SELECT client, server, sum(e.calls) AS calls, sum(e.client_ns.n) AS seen, max(e.slowest.duration) AS slowest,
    count() AS rows
FROM service_edges_1m AS e
WHERE (tenant, minute, version) IN (SELECT tenant, minute, max(version) FROM edge_minutes GROUP BY tenant, minute)
GROUP BY client, server ORDER BY client, server
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path_factory.mktemp("rollup"))))
    migrate(opened)
    yield opened
    opened.close()


@pytest.mark.parametrize(("memory", "sliced"), [(400 << 20, False), (24 << 20, True)])
async def test_edges_are_the_same_in_slices(store: Store, memory: int, sliced: bool) -> None:
    start = (time.time_ns() // (60 * 10**9) - 5) * 60 * 10**9
    await anyio.to_thread.run_sync(store.command, HALVES, {"start": start, "calls": CALLS})
    steps = EdgeRollup(store, RollupConfig(memory=memory), CapacityLimiter(1), Metrics(CollectorRegistry()))

    await steps.step()

    cart, redis = store.rows(ROLLED)
    assert (cart["client"], cart["server"], cart["calls"], cart["seen"]) == ("web", "cart", CALLS * 0.9, CALLS * 0.9)
    assert (redis["client"], redis["server"], redis["calls"]) == ("web", "redis", CALLS * 0.1)
    assert (cart["slowest"], redis["slowest"]) == (1999, 3990)
    assert (cart["rows"] > 1) == sliced
