"""Segment files: one that is written to, and those that are sealed."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spanhouse_collector.segments.durable import sync_folder

SUFFIX = ".frames"
# No right to it, a broken disk, something else under its name, gone.
_LASTING = {errno.EACCES, errno.EPERM, errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENOENT}
_BUFFERS_PER_WRITE = min(os.sysconf("SC_IOV_MAX"), 1024)


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file of frames. It never changes again, so its name can stand for its content in the engine.

    is_repaired: it stands in the place of one that the engine refused, in a form that the engine reads.
    is_adopted: it was in quarantine since it was opened, so that its age says nothing of how far behind loading is.
    """

    path: Path
    size: int
    items: int
    is_repaired: bool = False
    is_adopted: bool = False

    @property
    def token(self) -> str:
        """What the engine remembers it by."""
        return self.path.stem

    @property
    def age(self) -> float:
        """Seconds since it was opened, before which nothing in it was acknowledged; 0 where its name does not tell."""
        opened = self.path.stem.partition("-")[0]
        return max(0.0, (time.time_ns() - int(opened)) / 1e9) if opened.isdecimal() else 0.0

    def unreadable(self) -> OSError | None:
        """Why the file cannot be read, where trying again is of no use to those that wait behind it."""
        return unreadable(self.path)

    def cut_to_size(self) -> None:
        """Take away what stands behind the frames: a write that failed and could not be undone. Raises OSError."""
        if self.path.stat().st_size != self.size:
            os.truncate(self.path, self.size)


def unreadable(path: Path) -> OSError | None:
    """See `Segment.unreadable`. What passes, such as too many open files, is not told."""
    try:
        with path.open("rb") as file:
            while file.read(1 << 20):
                pass
    except OSError as error:
        return error if error.errno in _LASTING else None
    return None


class OpenSegment:
    """The file that frames are appended to. Names sort by the time they were opened. Raises OSError.

    fsync: what forces a file to the disk, os.fsync by default.
    """

    def __init__(self, folder: Path, fsync: Callable[[int], None] | None = None) -> None:
        self.path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
        self.size = 0
        self.items = 0
        self.opened = time.monotonic()
        self._fsync = fsync or os.fsync
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(folder)
        except OSError:
            self.seal()
            raise

    def append(self, buffers: Sequence[bytes], items: int, *, sync: bool = True) -> None:
        """Write and fsync. Raises what kept it from that; then `size` is as it was, and nothing may be appended again.

        What was written nevertheless is taken away, here or, where the disk does not let us, before the segment is
        loaded.
        """
        try:
            written = sum(
                _write_all(self._file, buffers[at : at + _BUFFERS_PER_WRITE])
                for at in range(0, len(buffers), _BUFFERS_PER_WRITE)
            )
            if sync:
                self._fsync(self._file)
            self._require_name()
        except BaseException:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
                os.fsync(self._file)
            raise
        self.size += written
        self.items += items

    def sync(self) -> None:
        """Make durable what was appended without. Raises OSError."""
        self._fsync(self._file)

    def _require_name(self) -> None:
        """Raise OSError for a file that was removed under us: what is written to it nobody ever reads."""
        if not os.fstat(self._file).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "the log was removed while it was written", str(self.path))

    def seal(self) -> Segment | None:
        """Close the file for good; None, and no file, where nothing was written. Raises nothing."""
        with suppress(OSError):  # every frame is durable already, and a file that stays empty is removed at start
            os.close(self._file)
            if not self.size:
                self.path.unlink(missing_ok=True)
        return Segment(self.path, self.size, self.items) if self.size else None


def _write_all(file: int, buffers: Sequence[bytes]) -> int:
    total = sum(map(len, buffers))
    written = os.writev(file, buffers)
    if written < total:
        rest = memoryview(b"".join(buffers))[written:]
        while rest:
            rest = rest[os.write(file, rest) :]
    return total
