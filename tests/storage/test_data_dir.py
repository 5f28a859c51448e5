"""One process owns a data folder."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from spanhouse_storage import DataDirectory, DataDirectoryBusy, StoreError

LOCK = (
    "import sys, pathlib; from spanhouse_storage import DataDirectory; DataDirectory(pathlib.Path(sys.argv[1])).lock()"
)


def lock_elsewhere(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LOCK, str(path)], capture_output=True, text=True, check=False)


def test_a_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "data")
    data.lock()
    try:
        assert f"process {os.getpid()}" in lock_elsewhere(tmp_path / "data").stderr
    finally:
        data.unlock()


def test_a_folder_given_up_can_be_taken_again(tmp_path: Path) -> None:
    first = DataDirectory(tmp_path)
    first.lock()
    with pytest.raises(DataDirectoryBusy):
        DataDirectory(tmp_path).lock()
    first.unlock()
    assert lock_elsewhere(tmp_path).returncode == 0


def test_a_path_that_cannot_be_a_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot use the data folder .*file"):
        DataDirectory(tmp_path / "file").lock()


def test_a_file_system_without_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match=r"cannot lock the data folder .*: No locks available; .*flock"):
        DataDirectory(tmp_path).lock()


def test_a_folder_that_is_made_is_its_users_alone(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "parent" / "data")
    data.lock()
    data.unlock()
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700
