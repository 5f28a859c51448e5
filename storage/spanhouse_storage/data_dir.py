"""The data folder: its layout, and the lock that keeps a second process out."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from spanhouse_storage.errors import DataDirectoryBusy, StoreError


class DataDirectory:
    """A folder that one process at a time owns; made for its user alone where there is none.

    engine: the embedded engine's files. log: segments not yet loaded. quarantine: what the engine refused.
    runtime: the addresses of the running process, written when it is ready.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = path / "engine"
        self.log = path / "log"
        self.quarantine = path / "quarantine"
        self.runtime = path / "spanhouse.json"
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the folder and take it. Raises DataDirectoryBusy with the owner's process id, or StoreError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"cannot use the data folder {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise self._not_locked(error, owner) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._lock = descriptor

    def _not_locked(self, error: OSError, owner: str) -> StoreError:
        if isinstance(error, BlockingIOError):
            return DataDirectoryBusy(
                f"the data folder {self.path} is in use by another Spanhouse (process {owner}); stop it, or choose "
                "another folder with --data-dir"
            )
        return StoreError(
            f"cannot lock the data folder {self.path}: {error.strerror}; its file system must know flock, as local "
            "ones do"
        )

    def unlock(self) -> None:
        """Give the folder up; the file stays, so that no two processes ever lock different files."""
        if self._lock is not None:
            self.runtime.unlink(missing_ok=True)
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None
