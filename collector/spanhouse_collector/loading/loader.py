"""From the log into the engine: one segment at a time, in order, until the engine has it."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import time

from anyio import CapacityLimiter, to_thread
from spanhouse_storage import Store, StoreError

from spanhouse_collector.loading.isolation import Isolation
from spanhouse_collector.loading.window import SAFE, Window
from spanhouse_collector.observation.metrics import SignalMetrics
from spanhouse_collector.observation.own_spans import told_if_slow
from spanhouse_collector.segments import Quarantine, Segment, SegmentLog
from spanhouse_collector.signals import OtlpSignal

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0


class Loader:
    """Loads sealed segments. An engine that is down costs disk, not data: the same segment is tried again.

    inserting: what it holds while it inserts. trouble: why the last load failed, None while all is well.
    """

    def __init__(
        self,
        signal: OtlpSignal,
        log: SegmentLog,
        store: Store,
        quarantine: Quarantine,
        metrics: SignalMetrics,
        *,
        inserting: CapacityLimiter,
        window: Window,
    ) -> None:
        self._signal, self._items = signal.stored_as, signal.items
        self._log = log
        self._store = store
        self._isolation = Isolation(signal, store, quarantine)
        self._metrics = metrics
        self._inserting = inserting
        self._window = window
        self._stopping = asyncio.Event()
        self._delay = _FIRST_DELAY
        self.trouble: str | None = None

    async def run(self) -> None:
        """Load until the log is closed and empty, or until `stop`. Cancelling leaves a running insert to its thread."""
        while not self._stopping.is_set() and (taken := await self._log.next_sealed()):
            segment, is_ahead = taken
            await self._load(segment, is_ahead=is_ahead)

    def stop(self) -> None:
        """Let `run` end after the insert that is running."""
        self._stopping.set()

    async def _load(self, segment: Segment, *, is_ahead: bool) -> None:
        """Try until `segment` is stored or others, or itself behind others, stand in its place.

        is_ahead: older ones wait behind it.
        """
        while not self._stopping.is_set():
            try:
                others = await to_thread.run_sync(self._insert, segment, is_ahead, limiter=self._inserting)
            except Exception as error:  # whatever it is: without a loader the log would only fill up
                self._report_trouble(segment, error)
                await self._pause()
                continue
            self._log.replace(segment, others)
            if segment in others:
                await self._pause(self._log.fresh)
            return

    def _insert(self, segment: Segment, is_ahead: bool) -> list[Segment]:
        """Store a segment and remove its file, or say what is to be loaded in its place. Runs in a thread."""
        started, age = time.perf_counter(), segment.age
        try:
            segment.cut_to_size()
            if is_ahead and not self._window.may_go_ahead(segment):
                return [segment]
            if self._window.begin_try(segment) >= SAFE and self._isolation.is_stored(segment):
                self._window.give_up(segment)
                self._metrics.count_segment("forgotten")
                return []
            with told_if_slow(
                "load segment",
                {"spanhouse.segment": segment.token, "spanhouse.bytes": segment.size},
                is_failing=self.trouble is not None,
            ):
                self._store.insert_segment(segment.path, segment.token, self._signal)
        except (StoreError, OSError) as error:
            self._window.sync()
            if cause := segment.unreadable():
                return self._leave(segment, cause)
            if isinstance(error, OSError):
                raise
            return self._isolate(segment, error)
        self._window.remove(segment, is_ahead=is_ahead)
        self._isolation.cleared(segment)
        self._metrics.load_seconds.observe(time.perf_counter() - started)
        if not segment.is_adopted:
            self._metrics.load_age.observe(age)
            self._metrics.ingest_lag.observe(segment.age)
        self._metrics.count_segment("stored")
        self._metrics.stored.inc(segment.items)
        if self.trouble is not None:
            logger.info("segment %s: stored; the engine takes data again", segment.path.name)
        self.trouble = None
        self._delay = _FIRST_DELAY
        return []

    def _leave(self, segment: Segment, cause: OSError) -> list[Segment]:
        """Go on without a segment that cannot be read; the next start looks at it again, if it is there."""
        if cause.errno == errno.ENOENT:
            self._window.give_up(segment)
        logger.error("segment %s: its %d %s are not stored: %s", segment.path.name, segment.items, self._items, cause)
        self._metrics.count_segment("unreadable")
        return []

    def _isolate(self, segment: Segment, error: StoreError) -> list[Segment]:
        others = self._isolation.replace(segment, error)
        if segment in others:
            self._report_trouble(segment, error)
        else:
            self._window.give_up(segment)
            self._metrics.count_segment("isolated")
        return others

    def _report_trouble(self, segment: Segment, error: Exception) -> None:
        self._metrics.load_failures.inc()
        if self.trouble is None:
            cause = None if isinstance(error, (StoreError, OSError)) else error
            logger.warning("segment %s: not stored, will be tried again: %s", segment.path.name, error, exc_info=cause)
        self.trouble = str(error) or type(error).__name__

    async def _pause(self, *until: asyncio.Event) -> None:
        """Wait, longer each time; no longer than for one of `until`, and for the end."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._stopping, *until)]
        try:
            seconds = self._delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
            done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        if not done:
            self._delay = min(self._delay * 2, _LONGEST_DELAY)
