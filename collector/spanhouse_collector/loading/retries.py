"""What an operator gave back from quarantine is taken into the log again."""

from __future__ import annotations

import logging
from pathlib import Path

import anyio
from anyio import to_thread

from spanhouse_collector.frame import Frame, scan
from spanhouse_collector.segments import Kind, Quarantine, Segment, SegmentLog
from spanhouse_collector.segments.durable import sync_folder
from spanhouse_collector.segments.segment import SUFFIX

logger = logging.getLogger(__name__)

_EVERY = 1.0


class Retries:
    """Looks every second into the folder that `spanhouse quarantine retry` moves files to.

    A file becomes a segment under the name that it had in the log, by one rename: what the engine has under that name
    is not stored again. It is loaded after all segments that have not failed.
    """

    def __init__(self, quarantine: Quarantine, log: SegmentLog) -> None:
        self._quarantine = quarantine
        self._log = log
        self._stopping = anyio.Event()
        self._failed: str | None = None

    async def run(self) -> None:
        """Take in what comes, until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._take_in()
                self._failed = None
            except OSError as error:
                self._report(str(error))
            with anyio.move_on_after(_EVERY):
                await self._stopping.wait()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopping.set()

    async def _take_in(self) -> None:
        for path in await to_thread.run_sync(self._quarantine.to_retry):
            segment = await to_thread.run_sync(self._adopt, path)
            if segment is not None:
                self._log.adopt(segment)
                logger.info("segment %s: taken out of quarantine, will be loaded again", segment.path.name)

    def _adopt(self, path: Path) -> Segment | None:
        """Make a segment of the file at `path`; None, and quarantine again, where it is damaged."""
        data = memoryview(path.read_bytes())
        parts = list(scan(data))
        frames = [part for part in parts if isinstance(part, Frame)]
        if not frames or len(frames) < len(parts):
            self._quarantine.keep(f"{path.stem}.torn", data, kind=Kind.DAMAGED, reason="damaged while in quarantine")
            path.unlink()
            return None
        target = self._log.folder / f"{path.stem}{SUFFIX}"
        path.rename(target)
        sync_folder(self._log.folder)
        self._quarantine.released(path)
        return Segment(target, len(data), sum(frame.items for frame in frames), is_adopted=True)

    def _report(self, error: str) -> None:
        if error != self._failed:
            logger.warning("what is to be tried again from quarantine cannot be taken in: %s", error)
        self._failed = error
