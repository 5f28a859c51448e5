"""How much may wait: in memory for the disk, and on the disk for the store. All logs share it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from spanhouse_collector.admission.drain import Drain
from spanhouse_collector.admission.retry_after import retry_after
from spanhouse_collector.admission.trouble import Trouble
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import Cause, Overloaded


class Room:
    """What the logs in `folder` hold, against what `config` allows.

    Who is refused is told when there will be room, from how fast the store and the disk make some, or for how long they
    have not. Belongs to one event loop.
    """

    def __init__(self, folder: Path, config: CollectorConfig) -> None:
        self._folder = folder
        self._config = config
        self._writing = Drain()
        self._storing = Drain()
        self._trouble = Trouble()
        self.bytes_in_memory = 0
        self.bytes_on_disk = 0

    @property
    def bytes_free(self) -> int:
        """Free on the disk of the logs. Raises OSError."""
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize

    def until_written(self) -> float:
        """What to tell a sender whose request could not be written: as long again as nothing could be."""
        return retry_after(self._trouble.lasts())

    def admit(self, size: int) -> None:
        """Raise Overloaded where a frame of `size` bytes is too much.

        One that has the memory or the disk to itself is let in whatever its size.
        """
        if self.bytes_in_memory and self.bytes_in_memory + size > self._config.pending_bytes:
            wait = retry_after(self._writing.seconds_for(self.bytes_in_memory))
            raise Overloaded("too many requests wait for the disk", wait, Cause.MEMORY)
        used = self.bytes_on_disk + self.bytes_in_memory
        if used and used + size > self._config.log_quota:
            raise Overloaded(
                f"{self.bytes_on_disk} bytes wait to be stored and log_quota is {self._config.log_quota}: "
                "the store is down or too slow",
                retry_after(self._storing.seconds_for(used + size - self._config.log_quota)),
                Cause.LOG_QUOTA,
            )
        self._require_disk(size)

    def write(self, size: int, written: asyncio.Future[None]) -> None:
        """Count a frame that is being written, until `written` says that it is on the disk or is not."""
        if not self.bytes_in_memory:
            self._writing.begin()
        self.bytes_in_memory += size
        written.add_done_callback(lambda future: self._account(size, future))

    def found(self, size: int) -> None:
        """Count what lies in a log otherwise."""
        self.bytes_on_disk += size

    def replace(self, size: int, others: int) -> None:
        """Count a segment of `size` bytes that was stored, or whose place `others` bytes take."""
        self.bytes_on_disk += others - size
        self._storing.leave(size - others)

    def _require_disk(self, size: int) -> None:
        """Raise Overloaded where the disk is so full that what is accepted could not be stored."""
        if not self._config.disk_reserve:
            return
        try:
            free = self.bytes_free
        except OSError as error:
            reason = f"the log cannot be written: {error.strerror}"
            raise Overloaded(reason, self.until_written(), Cause.WRITE) from error
        if free < self._config.disk_reserve + size:
            raise Overloaded(
                f"the disk has {free} bytes free, and disk_reserve is {self._config.disk_reserve}: there is no room to "
                "store more",
                self._until_free(self._config.disk_reserve + size - free),
                Cause.DISK_RESERVE,
            )

    def _until_free(self, size: int) -> float:
        """What to tell a sender when `size` bytes have to go from the disk: ours, where there are so many."""
        if size <= self.bytes_on_disk:
            return retry_after(self._storing.seconds_for(size))
        return retry_after(self._trouble.lasts())

    def _account(self, size: int, written: asyncio.Future[None]) -> None:
        self.bytes_in_memory -= size
        if not written.cancelled() and written.exception() is None:
            self._writing.leave(size)
            if not self.bytes_on_disk:
                self._storing.begin()
            self.bytes_on_disk += size
            self._trouble.is_over()
