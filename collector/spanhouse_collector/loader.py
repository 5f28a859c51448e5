"""From the log into the engine: one segment at a time, in order, until the engine has it."""

from __future__ import annotations

import logging
import random
import time
from pathlib import Path

import anyio
from anyio import CapacityLimiter, to_thread
from spanhouse_storage import DataRefused, Store, StoreError

from spanhouse_collector.isolation import Isolation
from spanhouse_collector.metrics import Metrics
from spanhouse_collector.segments import Segment, SegmentLog

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0


class Loader:
    """Loads sealed segments. An engine that is down costs disk, not data: the same segment is tried again.

    inserting: what it holds while it inserts. trouble: why the last load failed, None while all is well.
    """

    def __init__(
        self, log: SegmentLog, store: Store, quarantine: Path, metrics: Metrics, inserting: CapacityLimiter
    ) -> None:
        self._log = log
        self._store = store
        self._isolation = Isolation(store, quarantine, metrics)
        self._metrics = metrics
        self._inserting = inserting
        self.trouble: str | None = None

    async def run(self) -> None:
        """Load until the log is closed and empty. May be cancelled between two segments."""
        while segment := await self._log.next_sealed():
            await self._load(segment)
            self._log.remove(segment)

    async def _load(self, segment: Segment) -> None:
        delay = _FIRST_DELAY
        while not await self._attempt(segment):
            await anyio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _attempt(self, segment: Segment) -> bool:
        started = time.perf_counter()
        try:
            outcome = await to_thread.run_sync(self._insert, segment, limiter=self._inserting)
        except (StoreError, OSError) as error:
            self._report_trouble(segment, str(error))
            return False
        self._metrics.load_seconds.observe(time.perf_counter() - started)
        self._metrics.segments.labels(outcome).inc()
        self._metrics.stored.inc(segment.spans)
        if self.trouble is not None:
            logger.info("segment %s: stored; the engine takes data again", segment.path.name)
            self.trouble = None
        return True

    def _insert(self, segment: Segment) -> str:
        try:
            self._store.insert_segment(segment.path, segment.token)
        except DataRefused as refusal:
            self._isolation.load(segment, refusal)
            return "isolated"
        return "stored"

    def _report_trouble(self, segment: Segment, message: str) -> None:
        self._metrics.load_failures.inc()
        if self.trouble is None:
            logger.warning("segment %s: not stored, will be tried again: %s", segment.path.name, message)
        self.trouble = message
