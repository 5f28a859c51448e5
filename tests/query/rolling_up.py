"""The rollup of edges, as tests of the query service make it happen."""

from __future__ import annotations

from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_collector.config import RollupConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_storage import Retention

from tests.query.service import Service

MONTH = Retention(spans=30 * 86_400)


def rollup_of(service: Service) -> EdgeRollup:
    """As a collector that starts anew makes it, which takes in spans of the last month."""

    async def made() -> EdgeRollup:
        config = RollupConfig(retention=MONTH)
        return EdgeRollup(service.store, config, CapacityLimiter(1), Metrics(CollectorRegistry()))

    assert service.client.portal is not None
    return service.client.portal.call(made)


def take_step(service: Service, rollup: EdgeRollup) -> None:
    """One step of a rollup, on the service's event loop."""

    async def step() -> None:
        await rollup.step()

    assert service.client.portal is not None
    service.client.portal.call(step)


def roll_up(service: Service) -> None:
    """One step of a rollup that starts anew."""
    take_step(service, rollup_of(service))
