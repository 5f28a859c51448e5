"""A machine without any Spanhouse configuration, for every test here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; no variable of Spanhouse's or OpenTelemetry's is set."""
    for variable in [name for name in os.environ if name.startswith(("SPANHOUSE_", "OTEL_"))]:
        monkeypatch.delenv(variable)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return folder
