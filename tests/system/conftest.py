"""A machine without configuration, and Spanhouse running on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import LONG_SEGMENTS, Running, serving


@pytest.fixture(autouse=True)
def _unconfigured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(("SPANHOUSE_", "OTEL_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """`spanhouse up` on an empty folder."""
    with serving("up", tmp_path / "data", LONG_SEGMENTS) as process:
        yield process
