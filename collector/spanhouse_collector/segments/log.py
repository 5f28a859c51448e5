"""The log: what was accepted and is not stored yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from anyio import to_thread

from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import Cause, Overloaded
from spanhouse_collector.frame import Frame
from spanhouse_collector.observation.metrics import SignalMetrics
from spanhouse_collector.segments.order import LoadingOrder, Rank
from spanhouse_collector.segments.quarantine import Quarantine
from spanhouse_collector.segments.recovery import Recovered, recover
from spanhouse_collector.segments.room import Room
from spanhouse_collector.segments.segment import Segment
from spanhouse_collector.segments.writer import Append, SegmentWriter

logger = logging.getLogger(__name__)


class SegmentLog:
    """Segments of one signal in one folder, from the open one to the oldest that waits for the engine.

    Belongs to one event loop. `next_sealed` gives the segments in the order in which they are to be loaded. `written`
    is told, in another thread, the keys of frames that are durable, before those who wait for them are. fresh: set
    while a segment waits that has not failed. segment_age: seconds after which the open one is sealed.
    """

    def __init__(
        self,
        folder: Path,
        quarantine: Quarantine,
        config: CollectorConfig,
        written: Callable[[Sequence[bytes]], None],
        *,
        room: Room,
        segment_age: float,
        metrics: SignalMetrics,
    ) -> None:
        self.folder = folder
        self._quarantine = quarantine
        self._config = config
        self._written = written
        self._metrics = metrics
        self._writer: SegmentWriter | None = None
        self._order = LoadingOrder()
        self.fresh = self._order.fresh
        self._room = room
        self._segment_age = segment_age
        self._waiting: set[Segment] = set()

    async def open(self, seen: Callable[[Frame], None], ahead: str | None = None) -> None:
        """Recover what an earlier process left, queue it first, and start to write.

        `seen` is shown every frame found, in a thread. ahead: the token of a segment that overtook others, and may be
        stored in part: it is loaded before all others. Raises OSError.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._quarantine.open()
        found = await to_thread.run_sync(lambda: list(recover(self.folder, self._quarantine, seen)))
        for recovered in found:
            _report(recovered)
            if recovered.frames:
                self._room.found(recovered.segment.size)
                self._queue(recovered.segment, Rank.FIRST if recovered.segment.token == ahead else Rank.WHOLE)
        self._writer = SegmentWriter(
            self.folder,
            segment_bytes=self._config.segment_bytes,
            segment_age=self._segment_age,
            behind=lambda: bool(self._waiting),
            sealed=self._queue,
            written=self._written,
            metrics=self._metrics,
            sync_interval={"always": 0.0, "never": None}.get(self._config.log_sync, self._config.log_sync_interval),
        )
        self._writer.start()

    def append(self, header: bytes, body: bytes, items: int, key: bytes) -> asyncio.Future[None]:
        """Begin to make a frame durable; the future says when it is. Raises Overloaded where there is no room."""
        if self._writer is None:
            raise Overloaded("the collector is not ready to write", self._room.until_written(), Cause.STARTING)
        append = Append(header, body, items, key, asyncio.get_running_loop().create_future())
        self._room.admit(append.size)
        self._room.write(append.size, append.durable)
        self._writer.append(append)
        return append.durable

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at the moment, if so."""
        return self._writer.trouble if self._writer is not None else None

    @property
    def segments_waiting(self) -> int:
        """Sealed segments that are not stored yet."""
        return len(self._waiting)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest of them that was not adopted, 0 without one."""
        return max((segment.age for segment in tuple(self._waiting) if not segment.is_adopted), default=0.0)

    async def next_sealed(self) -> tuple[Segment, bool] | None:
        """The next segment to load, and whether it overtakes older ones; None once the log is closed and empty.

        What was put in the place of a segment that failed comes after all that have not failed, unless it is repaired.
        """
        return await self._order.take()

    def replace(self, segment: Segment, others: Sequence[Segment]) -> None:
        """`others` stand in the place of `segment`: none where it is done with, itself where it has to come again."""
        self._room.replace(segment.size, sum(other.size for other in others))
        self._waiting.discard(segment)
        for other in others:
            self._queue(other, Rank.FIRST if other.is_repaired else Rank.SUSPECT)

    def adopt(self, segment: Segment) -> None:
        """Queue a segment that was put into the folder, behind all that have not failed."""
        self._room.found(segment.size)
        self._queue(segment, Rank.SUSPECT)

    async def close(self) -> None:
        """Write and seal what is there; `next_sealed` gives the rest and then None."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await to_thread.run_sync(writer.close)
        self._order.close()

    def _queue(self, segment: Segment, rank: Rank = Rank.WHOLE) -> None:
        self._waiting.add(segment)
        self._order.put(segment, rank)


def _report(recovered: Recovered) -> None:
    name = recovered.segment.path.name
    for damage in recovered.damage:
        logger.warning(
            "segment %s: kept %d whole frames, took out %d bytes (%s)",
            name,
            recovered.frames,
            damage.end - damage.start,
            damage.reason,
        )
    if recovered.frames:
        logger.info("segment %s: %d frames will be loaded again", name, recovered.frames)
