"""Whether the engine still remembers a segment, so that storing it again adds nothing.

Each table remembers the last 10,000 parts that were inserted (`non_replicated_deduplication_window`). A segment makes
up to 31 of them in a table, so that the last 320 segments are certain to be remembered. One that may be stored in part
because it was tried, and after which more than that were stored, must not be stored again unless the store is asked
first.
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
    """Which segments were stored last, and when the others were tried first, in a file too, so that a restart knows.

    The file has a line for each event, in their order: `?NAME` when a segment is tried for the first time, `NAME` when
    it is stored, `-NAME` when it is done with otherwise. Methods run in the loader's thread.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stored"
        self._ahead_path = folder / "ahead"
        self._names: deque[str] = deque(maxlen=REMEMBERED)
        self._stored = 0
        self._tried: dict[str, int] = {}
        self._file: int | None = None
        self._removed = 0
        self._is_told = False

    def open(self) -> None:
        """Read what an earlier process noted. Raises OSError."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists():
            for line in self._path.read_text("ascii", "replace").split():
                self._apply(line)
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

    def begin_try(self, segment: Segment) -> int:
        """Note that a segment is about to be inserted. How many were stored since it was first, 0 where it was not.

        Counting ends at `REMEMBERED`. One that was stored and came back counts from then.
        """
        name = segment.token
        if name not in self._tried and name in self._names:
            return len(self._names) - 1 - self._names.index(name)
        if name not in self._tried:
            self._note(f"?{name}")
        return min(self._stored - self._tried[name], REMEMBERED)

    def sync(self) -> None:
        """Let what was noted be on the disk: after a try that failed, because its segment may wait behind many."""
        try:
            if self._file is not None:
                os.fsync(self._file)
        except OSError as error:
            self._tell(error)

    def give_up(self, segment: Segment) -> None:
        """Forget a segment that was tried and will not be again under its name."""
        if segment.token in self._tried:
            self._note(f"-{segment.token}")

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

    def _note(self, line: str) -> None:
        self._apply(line)
        try:
            if self._file is not None:
                os.write(self._file, f"{line}\n".encode())
        except OSError as error:
            self._tell(error)

    def _apply(self, line: str) -> None:
        if line.startswith("?"):
            self._tried.setdefault(line[1:], self._stored)
        elif line.startswith("-"):
            self._tried.pop(line[1:], None)
        else:
            self._tried.pop(line, None)
            self._names.append(line)
            self._stored += 1

    def _lines(self) -> list[str]:
        """The events that still count; tries that are older than the window stand before it."""
        first = self._stored - len(self._names)
        tries = [(max(at, first), 0, f"?{name}") for name, at in self._tried.items()]
        stored = [(at, 1, name) for at, name in enumerate(self._names, first)]
        return [line for _, _, line in sorted(tries + stored)]

    def _begin(self) -> None:
        """Write the file anew, without what has left the window, and let it be on the disk."""
        self.close()
        unfinished = self._path.with_suffix(".new")
        try:
            self._file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            os.write(self._file, "".join(f"{line}\n" for line in self._lines()).encode())
            os.fsync(self._file)
            unfinished.replace(self._path)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        """A full disk must not keep segments from being removed: without the file only a restart knows less."""
        if not self._is_told:
            self._is_told = True
            logger.warning("what is stored cannot be noted in %s: %s", self._path.parent, error)
