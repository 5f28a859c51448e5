"""Segment files: one that is written to, and those that are sealed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".frames"
_BUFFERS_PER_WRITE = min(os.sysconf("SC_IOV_MAX"), 1024)


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file of frames. It never changes again, so its name can stand for its content in the engine."""

    path: Path
    size: int
    spans: int

    @property
    def token(self) -> str:
        """What the engine remembers it by."""
        return self.path.stem


class OpenSegment:
    """The file that frames are appended to. Names sort by the time they were opened."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
        self.size = 0
        self.spans = 0
        self.opened = time.monotonic()
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        _sync_folder(folder)

    def append(self, buffers: Sequence[bytes], spans: int) -> None:
        """Write and fsync. On failure the file is as it was before and the error is raised (OSError)."""
        try:
            written = sum(
                _write_all(self._file, buffers[at : at + _BUFFERS_PER_WRITE])
                for at in range(0, len(buffers), _BUFFERS_PER_WRITE)
            )
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += written
        self.spans += spans

    def seal(self) -> Segment:
        """Close the file for good."""
        os.close(self._file)
        return Segment(self.path, self.size, self.spans)


def _write_all(file: int, buffers: Sequence[bytes]) -> int:
    total = sum(map(len, buffers))
    written = os.writev(file, buffers)
    if written < total:
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            rest = rest[os.write(file, rest) :]
    return total


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
