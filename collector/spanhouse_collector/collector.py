"""The collector: its stages put together, started and stopped in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import grpc
from anyio import CapacityLimiter
from prometheus_client import CollectorRegistry
from spanhouse_storage import DataDirectory, Store
from spanhouse_storage.tenant import OWN_TENANT
from starlette.applications import Starlette

from spanhouse_collector.admission.access import Access
from spanhouse_collector.admission.keys import KeyRing
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.loading.series_limits import SeriesLimits
from spanhouse_collector.metric_tiers.rollup import MetricRollup
from spanhouse_collector.observation.levels import show_levels
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.observation.polled_levels import PolledLevels
from spanhouse_collector.operations import operations_app
from spanhouse_collector.pipeline import Pipeline
from spanhouse_collector.receiver import Receiver, Request
from spanhouse_collector.segments import Room
from spanhouse_collector.segments.quarantined import QuarantineFolder
from spanhouse_collector.signals import SIGNALS, OtlpSignal
from spanhouse_collector.transports.grpc_server import GrpcServer
from spanhouse_collector.transports.http_app import otlp_http_app

logger = logging.getLogger(__name__)


class Collector:
    """OTLP in, segments on disk, the engine behind.

    transports -> receiver (check) -> pipeline of the signal: recognise repeats, log (append, fsync) -> answer
                                                              log -> loader -> store -> edge rollup
    credentials: TLS for OTLP/gRPC. keys: those of senders, without which everybody may send.
    `http_app` is to be served on the OTLP/HTTP address, `operations_app` where operators look.
    """

    def __init__(
        self,
        config: CollectorConfig,
        store: Store,
        data: DataDirectory,
        registry: CollectorRegistry,
        *,
        credentials: grpc.ServerCredentials | None = None,
        keys: KeyRing | None = None,
    ) -> None:
        self._metrics = Metrics(registry)
        self._room = Room(data.log, config)
        inserting = CapacityLimiter(1)
        self._pipelines = [
            Pipeline(signal, store, data, config, room=self._room, metrics=self._metrics, inserting=inserting)
            for signal in SIGNALS.values()
        ]
        self._rollup = EdgeRollup(store, config.rollup, inserting, self._metrics)
        self._metric_rollup = MetricRollup(store, config.rollup, inserting, self._metrics)
        self._series_limits = SeriesLimits(store, config.max_series)
        self._polled_levels = PolledLevels(store, QuarantineFolder(data.quarantine), self._metrics)
        self._receiver = Receiver(self._pipelines, self._metrics, config, Access(keys))
        self._grpc = GrpcServer(config, self._receiver, credentials)
        self._tasks: list[asyncio.Task[None]] = []
        self._state = "starting"
        show_levels(self._metrics, self._room, self._receiver.budget, config)
        self.http_app: Starlette = otlp_http_app(self._receiver, config)
        self.operations_app: Starlette = operations_app(registry, self.status)

    @property
    def grpc_address(self) -> str:
        """HOST:PORT of OTLP/gRPC, with the real port once started, or unix:PATH."""
        return self._grpc.address

    async def start(self) -> None:
        """Recover the log, take requests, and begin to load. Raises OSError without the folder or the port."""
        try:
            for pipeline in self._pipelines:
                await pipeline.open()
            await self._grpc.start()
        except BaseException:
            for pipeline in self._pipelines:
                await pipeline.close_log()
                pipeline.close()
            raise
        self._tasks = [
            *(task for pipeline in self._pipelines for task in pipeline.run()),
            asyncio.create_task(self._rollup.run(), name="edge-rollup"),
            asyncio.create_task(self._metric_rollup.run(), name="metric-rollup"),
            asyncio.create_task(self._series_limits.run(), name="series-limits"),
            asyncio.create_task(self._polled_levels.run(), name="polled-levels"),
        ]
        self._state = "ready"

    async def take_own(self, signal: OtlpSignal, body: bytes) -> None:
        """Store what this process tells of itself, a request of that signal. Raises Refused where it cannot."""
        await self._receiver.accept(Request(signal, OWN_TENANT, "self", body))

    async def leave(self) -> None:
        """Say to everybody who asks that it is about to stop; what is sent is still taken."""
        self._state = "stopping"
        await self._grpc.leave()

    async def stop(self, seconds: float) -> None:
        """Take nothing more, make durable what was taken, and load what `seconds` allow; the rest stays in the log."""
        await self.leave()
        self._receiver.stop(seconds)
        await self._grpc.stop(seconds / 4)
        self._rollup.stop()
        self._metric_rollup.stop()
        self._series_limits.stop()
        self._polled_levels.stop()
        for pipeline in self._pipelines:
            await pipeline.close_log()
        await _ended(self._tasks, seconds / 2)
        for pipeline in self._pipelines:
            pipeline.stop_loading()
        for task in await _ended(self._tasks, seconds / 4):
            logger.warning("%s: what it does in the engine goes on while Spanhouse stops", task.get_name())
            task.cancel()
            await asyncio.wait((task,))
        for pipeline in self._pipelines:
            pipeline.close()
        if waiting := self._segments_waiting():
            logger.info("%d segments stay in the log for the next start", waiting)

    def status(self) -> dict[str, Any]:
        """What `/api/v1/status` says of the way in."""
        return {
            "state": self._state,
            **{pipeline.signal.items: self._counted(pipeline.signal.items) for pipeline in self._pipelines},
            "log": {
                "segments": self._segments_waiting(),
                "bytes": self._room.bytes_on_disk,
                "trouble": next((pipeline.trouble for pipeline in self._pipelines if pipeline.trouble), None),
            },
            "quarantined": int(_total(self._metrics.quarantined)),
        }

    def _counted(self, items: str) -> dict[str, Any]:
        return {
            "accepted": _by_tenant(self._metrics.accepted[items]),
            "rejected": _by_tenant(self._metrics.rejected[items]),
            "stored": int(_total(self._metrics.stored[items])),
        }

    def _segments_waiting(self) -> int:
        return sum(pipeline.log.segments_waiting for pipeline in self._pipelines)


async def _ended(tasks: Sequence[asyncio.Task[None]], seconds: float) -> set[asyncio.Task[None]]:
    """Wait for the tasks; those that have not ended within `seconds`."""
    return (await asyncio.wait(tasks, timeout=seconds))[1] if tasks else set()


def _samples(metric: Any) -> list[tuple[dict[str, str], float]]:
    return [
        (sample.labels, sample.value)
        for family in metric.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    ]


def _by_tenant(metric: Any) -> dict[str, int]:
    return {labels["tenant"]: int(value) for labels, value in _samples(metric)}


def _total(metric: Any) -> float:
    return sum(value for _, value in _samples(metric))
