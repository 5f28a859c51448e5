"""Group commit: one thread writes what has gathered and makes it durable with one fsync for all who wait."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spanhouse_collector.observation.metrics import SignalMetrics
from spanhouse_collector.segments.segment import OpenSegment, Segment

logger = logging.getLogger(__name__)

# How much larger a segment may become while others wait: an insert costs as much as 20 thousand spans before it stores
# the first (docs/adr/0011). What the engine needs of memory grows with it, so it ends at a size that is large already.
_GROWTH = 2
_GROWN_AT_MOST = 64 << 20


def bytes_behind(segment_bytes: int) -> int:
    """At which size a segment is sealed while others wait."""
    return max(segment_bytes, min(_GROWTH * segment_bytes, _GROWN_AT_MOST))


@dataclass(frozen=True, slots=True)
class Append:
    """A frame on its way to the disk and who waits for it. key: what its request is recognised by."""

    header: bytes
    body: bytes
    items: int
    key: bytes
    durable: asyncio.Future[None]

    @property
    def size(self) -> int:
        """Bytes in the log."""
        return len(self.header) + len(self.body)


class SegmentWriter:
    """Owns the open segment. `sealed` and the futures are called on the event loop that made the writer.

    A segment is sealed when it reaches `segment_bytes`, or twice as much while others wait (`behind`), but then 64 MiB
    at most if `segment_bytes` is not more; or `segment_age` seconds after it was opened. `written` is told in the
    writer's thread, before the futures are done, the keys of frames that are durable. sync_interval: seconds after
    which what was written is made durable, 0 for before the futures are done, None for not by us. trouble: why nothing
    can be written at the moment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int,
        segment_age: float,
        behind: Callable[[], bool],
        sealed: Callable[[Segment], None],
        written: Callable[[Sequence[bytes]], None],
        metrics: SignalMetrics,
        sync_interval: float | None = 0.0,
    ) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._segment_age = segment_age
        self._behind = behind
        self._sealed = sealed
        self._written = written
        self._metrics = metrics
        self._sync_interval = sync_interval
        self._sync_at: float | None = None
        self.trouble: str | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Append] = []
        self._wake = threading.Condition()
        self._closing = False
        self._open: OpenSegment | None = None
        self._thread = threading.Thread(target=self._run, name="segment-writer")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def append(self, append: Append) -> None:
        """Queue a frame; its future is done once the frame is durable, or has the error that kept it from it."""
        with self._wake:
            self._waiting.append(append)
            self._wake.notify()

    def close(self) -> None:
        """Write what waits, seal the open segment and end the thread. Blocks. Nothing may be appended any more."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._loop.call_soon_threadsafe(_settle, batch, self._write(batch))
            self._sync_if_due()
            self._seal_if_due()
        self._seal()

    def _next_batch(self) -> list[Append]:
        """What has gathered; waits for it, and seals the open segment meanwhile. Empty: it is time to end."""
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait(self._seconds_left())
                self._sync_if_due()
                self._seal_if_due()
            batch, self._waiting = self._waiting, []
            return batch

    def _write(self, batch: list[Append]) -> Exception | None:
        """Make the batch durable; what kept it from that is for those who wait, and the thread goes on."""
        try:
            if self._open is None:
                self._open = OpenSegment(self._folder, self._fsync)
            buffers = [part for append in batch for part in (append.header, append.body)]
            with self._metrics.write_seconds.time():
                self._open.append(buffers, sum(append.items for append in batch), sync=self._sync_interval == 0.0)
        except Exception as error:
            self._metrics.write_failures.inc()
            self._seal()
            self._report(error)
            return error
        if self._sync_interval and self._sync_at is None:
            self._sync_at = time.monotonic() + self._sync_interval
        self._report(None)
        self._metrics.group_requests.observe(len(batch))
        self._written([append.key for append in batch])
        return None

    def _seconds_left(self) -> float | None:
        """Until the open segment is to be synced or sealed."""
        if self._open is None:
            return None
        due = self._open.opened + self._segment_age
        return max(0.0, min(due, self._sync_at or due) - time.monotonic())

    def _seal_if_due(self) -> None:
        if self._open is None:
            return
        is_old = time.monotonic() >= self._open.opened + self._segment_age
        enough = bytes_behind(self._segment_bytes) if self._behind() else self._segment_bytes
        if is_old or self._open.size >= enough:
            self._seal()

    def _sync_if_due(self) -> None:
        if self._sync_at is not None and time.monotonic() >= self._sync_at:
            self._sync()

    def _sync(self) -> None:
        """Make durable what was acknowledged before it was; where that fails, it is as durable as with "never"."""
        self._sync_at = None
        if self._open is not None:
            try:
                self._open.sync()
            except OSError as error:
                self._metrics.sync_failures.inc()
                logger.error("the log cannot be synced, a loss of power would lose acknowledged data: %s", error)

    def _fsync(self, file: int) -> None:
        with self._metrics.fsync_seconds.time():
            os.fsync(file)

    def _report(self, error: Exception | None) -> None:
        if error is not None and self.trouble is None:
            logger.error("the log in %s cannot be written, senders are told to wait: %s", self._folder, error)
        if error is None and self.trouble is not None:
            logger.info("the log in %s can be written again", self._folder)
        self.trouble = None if error is None else str(error) or type(error).__name__

    def _seal(self) -> None:
        if self._open is None:
            return
        if self._sync_at is not None:
            self._sync()
        segment = self._open.seal()
        self._open = None
        if segment is not None:
            self._metrics.segment_bytes.observe(segment.size)
            self._metrics.sealed_age.observe(segment.age)
            self._loop.call_soon_threadsafe(self._sealed, segment)


def _settle(batch: list[Append], error: Exception | None) -> None:
    for append in batch:
        if append.durable.done():
            continue
        if error is None:
            append.durable.set_result(None)
        else:
            append.durable.set_exception(error)
