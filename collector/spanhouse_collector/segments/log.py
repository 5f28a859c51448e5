"""The log: what was accepted and is not stored yet."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from anyio import to_thread

from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import Overloaded
from spanhouse_collector.frame import Frame
from spanhouse_collector.segments.recovery import Recovered, recover
from spanhouse_collector.segments.segment import Segment
from spanhouse_collector.segments.writer import Append, SegmentWriter

logger = logging.getLogger(__name__)


class SegmentLog:
    """Segments of one signal in one folder, from the open one to the oldest that waits for the engine.

    Belongs to one event loop. `sealed` gives the segments in the order in which they must be loaded.
    """

    def __init__(self, folder: Path, quarantine: Path, config: CollectorConfig) -> None:
        self._folder = folder
        self._quarantine = quarantine
        self._config = config
        self._writer: SegmentWriter | None = None
        self._sealed: asyncio.Queue[Segment | None] = asyncio.Queue()
        self.bytes_in_memory = 0
        self.bytes_on_disk = 0
        self.segments_waiting = 0

    async def open(self) -> list[Frame]:
        """Recover what an earlier process left, queue it first, and start to write. Returns the frames found."""
        self._folder.mkdir(parents=True, exist_ok=True)
        found = await to_thread.run_sync(lambda: list(recover(self._folder, self._quarantine)))
        for recovered in found:
            self._report(recovered)
            if recovered.frames:
                self.bytes_on_disk += recovered.segment.size
                self._queue(recovered.segment)
        self._writer = SegmentWriter(
            self._folder,
            segment_bytes=self._config.segment_bytes,
            segment_age=self._config.segment_age,
            sealed=self._queue,
        )
        self._writer.start()
        return [frame for recovered in found for frame in recovered.frames]

    def append(self, header: bytes, body: bytes, spans: int) -> asyncio.Future[None]:
        """Begin to make a frame durable; the future says when it is. Raises Overloaded where there is no room."""
        append = Append(header, body, spans, asyncio.get_running_loop().create_future())
        self._admit(append.size)
        self.bytes_in_memory += append.size
        append.durable.add_done_callback(lambda written: self._account(append.size, written))
        if self._writer is None:
            raise Overloaded("the collector is not ready to write", retry_after=1)
        self._writer.append(append)
        return append.durable

    async def next_sealed(self) -> Segment | None:
        """The next segment to load; None once the log is closed and nothing is left."""
        return await self._sealed.get()

    def remove(self, segment: Segment) -> None:
        """Forget a segment that is stored."""
        segment.path.unlink(missing_ok=True)
        self.bytes_on_disk -= segment.size
        self.segments_waiting -= 1

    async def close(self) -> None:
        """Write and seal what is there; `next_sealed` gives the rest and then None."""
        if self._writer is not None:
            await to_thread.run_sync(self._writer.close)
            self._writer = None
            await asyncio.sleep(0)  # lets the writer's last `sealed` call run
        self._sealed.put_nowait(None)

    def _admit(self, size: int) -> None:
        if self.bytes_in_memory + size > self._config.pending_bytes:
            raise Overloaded("too many requests wait for the disk", retry_after=1)
        if self.bytes_on_disk + self.bytes_in_memory + size > self._config.log_quota:
            raise Overloaded(
                f"{self.bytes_on_disk} bytes wait to be stored and log_quota is {self._config.log_quota}: "
                "the store is down or too slow",
                retry_after=10,
            )

    def _account(self, size: int, written: asyncio.Future[None]) -> None:
        self.bytes_in_memory -= size
        if not written.cancelled() and written.exception() is None:
            self.bytes_on_disk += size

    def _queue(self, segment: Segment) -> None:
        self.segments_waiting += 1
        self._sealed.put_nowait(segment)

    def _report(self, recovered: Recovered) -> None:
        name = recovered.segment.path.name
        if recovered.cut:
            logger.warning(
                "segment %s: kept %d whole frames, cut %d bytes after them (%s)",
                name,
                len(recovered.frames),
                recovered.cut,
                recovered.reason,
            )
        if recovered.frames:
            logger.info("segment %s: %d frames will be loaded again", name, len(recovered.frames))
