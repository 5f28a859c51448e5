"""Whether the engine still remembers a segment, so that storing it again adds nothing.

Each table remembers the last 10,000 parts that were inserted (`non_replicated_deduplication_window`). A segment makes
up to 31 of them in a table, so that the last 320 segments are certain to be remembered. One that may be stored in part,
and was overtaken by more than that, must not be stored again unless the store is asked first.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from pathlib import Path

from spanhouse_collector.segments import Segment
from spanhouse_collector.segments.durable import sync_folder

logger = logging.getLogger(__name__)

REMEMBERED = 320
# Segments that were stored and come back after a loss of power count as well: half is left for them.
SAFE = REMEMBERED // 2
_REMOVED_AT_MOST = 64


class Window:
    """The names of the last segments that were stored, in a file too, so that a restart knows them.

    Names sort by the time at which their segments were begun. `stored` and the rest run in the loader's thread.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stored"
        self._ahead_path = folder / "ahead"
        self._names: deque[str] = deque(maxlen=REMEMBERED)
        self._file: int | None = None
        self._removed = 0
        self._is_told = False

    def open(self) -> None:
        """Read what an earlier process noted. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            self._names.extend(self._path.read_text("ascii", "replace").split())
        self._begin()

    @property
    def ahead(self) -> str | None:
        """The token of the last segment that overtook others, in an earlier process too."""
        try:
            return self._ahead_path.read_text("ascii", "replace") or None
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(error)
            return None

    def may_go_ahead(self, segment: Segment) -> bool:
        """Note, durably, that a segment is about to overtake others; False where that cannot be noted.

        After a crash it has to be loaded first, as long as the engine remembers what it has of it.
        """
        try:
            self._note_ahead(segment.token)
        except OSError as error:
            self._tell(error)
            return False
        return True

    def overtook(self, segment: Segment) -> int:
        """How many segments were stored that were begun after this one; counting ends at `REMEMBERED`."""
        return sum(name > segment.token for name in self._names)

    def remove(self, segment: Segment, *, is_ahead: bool = False) -> None:
        """Note a segment as stored, and remove its file. Raises OSError.

        Every 64 the removals are made durable: after a loss of power no more than these come back, and they are the
        oldest. One that overtook others would not be, and may not come back.
        """
        if not self._names or self._names[-1] != segment.token:
            self._note(segment.token)
        segment.path.unlink(missing_ok=True)
        if is_ahead:
            sync_folder(segment.path.parent)
            return
        self._removed += 1
        if self._removed >= _REMOVED_AT_MOST:
            self._removed = 0
            sync_folder(segment.path.parent)
            self._begin()

    def close(self) -> None:
        """End writing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _note_ahead(self, token: str) -> None:
        is_there = self._ahead_path.exists()
        file = os.open(self._ahead_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(file, token.encode())
            os.fsync(file)
        finally:
            os.close(file)
        if not is_there:
            sync_folder(self._ahead_path.parent)

    def _note(self, name: str) -> None:
        self._names.append(name)
        try:
            if self._file is not None:
                os.write(self._file, f"{name}\n".encode())
        except OSError as error:
            self._tell(error)

    def _begin(self) -> None:
        """Write the file anew, without the names that have left the window, and let it be on the disk."""
        self.close()
        unfinished = self._path.with_suffix(".new")
        try:
            self._file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            os.write(self._file, "".join(f"{name}\n" for name in self._names).encode())
            os.fsync(self._file)
            unfinished.replace(self._path)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        """A full disk must not keep segments from being removed: without the file only a restart knows less."""
        if not self._is_told:
            self._is_told = True
            logger.warning("what is stored cannot be noted in %s: %s", self._path.parent, error)
