"""The rollup of edges, as tests of the query service make it happen."""

from __future__ import annotations

from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edge_rollup import EdgeRollup
from spanhouse_collector.metrics import Metrics

from tests.query.service import Service


def roll_up(service: Service) -> None:
    """One step, as a collector that starts anew makes it."""

    async def step() -> None:
        await EdgeRollup(service.store, RollupConfig(), CapacityLimiter(1), Metrics(CollectorRegistry())).step()

    assert service.client.portal is not None
    service.client.portal.call(step)
