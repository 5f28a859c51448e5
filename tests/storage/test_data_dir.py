"""One process owns a data folder."""

from __future__ import annotations

import os
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
