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
from spanhouse_collector.admission.recent import RecentRequests, key_of
from spanhouse_collector.admission.recent_file import RecentFile
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.edges.rollup import EdgeRollup
from spanhouse_collector.loading.loader import Loader
from spanhouse_collector.loading.retries import Retries
from spanhouse_collector.loading.window import Window
from spanhouse_collector.observation.levels import show_levels
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.observation.polled_levels import PolledLevels
from spanhouse_collector.operations import operations_app
from spanhouse_collector.receiver import Request, TraceReceiver
from spanhouse_collector.segments import Quarantine, SegmentLog
from spanhouse_collector.segments.quarantined import QuarantineFolder
from spanhouse_collector.transports.grpc_server import GrpcServer
from spanhouse_collector.transports.http_app import otlp_http_app

logger = logging.getLogger(__name__)


class Collector:
    """OTLP in, segments on disk, the engine behind.

    transports -> receiver (check, recognise repeats) -> log (append, fsync) -> answer
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
        quarantine = Quarantine(data.quarantine, self._metrics.count_quarantined)
        self._recent = RecentRequests()
        self._recent_file = RecentFile(data.log)
        self._log = SegmentLog(data.log / "traces", quarantine, config, self._recent_file.append, metrics=self._metrics)
        inserting = CapacityLimiter(1)
        self._window = Window(data.log)
        self._loader = Loader(self._log, store, quarantine, self._metrics, inserting=inserting, window=self._window)
        self._rollup = EdgeRollup(store, config.rollup, inserting, self._metrics)
        self._retries = Retries(quarantine, self._log)
        self._polled_levels = PolledLevels(store, QuarantineFolder(data.quarantine), self._metrics)
        self._receiver = TraceReceiver(self._log, self._recent, self._metrics, config, Access(keys))
        self._grpc = GrpcServer(config, self._receiver, credentials)
        self._tasks: list[asyncio.Task[None]] = []
        self._state = "starting"
        show_levels(self._metrics, self._log, self._loader, self._receiver.budget, config)
        self.http_app: Starlette = otlp_http_app(self._receiver, config)
        self.operations_app: Starlette = operations_app(registry, self.status)

    @property
    def grpc_address(self) -> str:
        """HOST:PORT of OTLP/gRPC, with the real port once started, or unix:PATH."""
        return self._grpc.address

    async def start(self) -> None:
        """Recover the log, take requests, and begin to load. Raises OSError without the folder or the port."""
        for key in self._recent_file.open():
            self._recent.remember(key)
        self._window.open()
        await self._log.open(
            lambda frame: self._recent.remember(key_of(frame.tenant, frame.digest)), ahead=self._window.ahead
        )
        try:
            await self._grpc.start()
        except BaseException:
            await self._log.close()
            self._recent_file.close()
            self._window.close()
            raise
        self._tasks = [
            asyncio.create_task(self._loader.run(), name="loader"),
            asyncio.create_task(self._rollup.run(), name="edge-rollup"),
            asyncio.create_task(self._retries.run(), name="retries"),
            asyncio.create_task(self._polled_levels.run(), name="polled-levels"),
        ]
        self._state = "ready"

    async def take_own(self, body: bytes) -> None:
        """Store spans of this process itself, an ExportTraceServiceRequest. Raises Refused where it cannot."""
        await self._receiver.accept(Request(OWN_TENANT, "self", body))

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
        self._retries.stop()
        self._polled_levels.stop()
        await self._log.close()
        self._recent_file.close()
        await _ended(self._tasks, seconds / 2)
        self._loader.stop()
        for task in await _ended(self._tasks, seconds / 4):
            logger.warning("%s: what it does in the engine goes on while Spanhouse stops", task.get_name())
            task.cancel()
            await asyncio.wait((task,))
        self._window.close()
        if self._log.segments_waiting:
            logger.info("%d segments stay in the log for the next start", self._log.segments_waiting)

    def status(self) -> dict[str, Any]:
        """What `/api/v1/status` says of the way in."""
        return {
            "state": self._state,
            "spans": {
                "accepted": _by_tenant(self._metrics.accepted),
                "rejected": _by_tenant(self._metrics.rejected),
                "stored": int(_total(self._metrics.stored)),
            },
            "log": {
                "segments": self._log.segments_waiting,
                "bytes": self._log.bytes_on_disk,
                "trouble": self._log.trouble or self._loader.trouble,
            },
            "quarantined": int(_total(self._metrics.quarantined)),
        }


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
