"""The keys of recent requests on disk, so that a restart does not forget what was acknowledged before it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from spanhouse_collector.admission.recent import KEY_SIZE, SIZE

logger = logging.getLogger(__name__)


class RecentFile:
    """Two files of keys in `folder`: one that grows to `size` keys, and the full one before it.

    Nothing here is synced: what a process has written outlives its crash, though not the machine's. After that the
    frames in the log still tell a part of it. Bytes that are no keys do no harm, because no request matches them.
    """

    def __init__(self, folder: Path, size: int = SIZE) -> None:
        self._new = folder / "recent"
        self._old = folder / "recent.old"
        self._size = size
        self._held = 0
        self._file: int | None = None
        self._reported = False

    def open(self) -> list[bytes]:
        """The keys that are known, oldest first, at most twice `size`; `append` adds to them. Raises OSError."""
        self._new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = _keys(self._new)
        self._begin(len(known))
        return _keys(self._old) + known

    def append(self, keys: Sequence[bytes]) -> None:
        """Note keys of durable frames. Raises nothing: a request is durable without it."""
        try:
            if self._held >= self._size:
                self.close()
                self._new.replace(self._old)
            if self._file is None:
                self._begin(0)
            self._write(keys)
        except OSError as error:
            if not self._reported:
                logger.warning("recent requests cannot be noted in %s: %s", self._new, error)
            self._reported = True

    def close(self) -> None:
        """End writing."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self, held: int) -> None:
        self._file = os.open(self._new, os.O_WRONLY | os.O_CREAT, 0o600)
        self._held = held

    def _write(self, keys: Sequence[bytes]) -> None:
        assert self._file is not None  # noqa: S101 - `append` has opened it
        os.pwrite(self._file, b"".join(keys), self._held * KEY_SIZE)
        self._held += len(keys)


def _keys(path: Path) -> list[bytes]:
    data = path.read_bytes() if path.exists() else b""
    return [data[at : at + KEY_SIZE] for at in range(0, len(data) - KEY_SIZE + 1, KEY_SIZE)]
