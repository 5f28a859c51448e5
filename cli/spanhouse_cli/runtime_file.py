"""`spanhouse.json` in the data folder: the addresses of the process that runs on it, written when it is ready."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write(path: Path, addresses: Mapping[str, str], version: str) -> None:
    """Put the file in place as a whole: who sees it sees all of it."""
    content = {"pid": os.getpid(), "version": version, **addresses}
    unfinished = path.with_suffix(".json.new")
    unfinished.write_text(json.dumps(content) + "\n", "utf-8")
    unfinished.replace(path)


def read(path: Path) -> dict[str, Any] | None:
    """The content, or None where no process is ready; a file that a killed process left behind is still read."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
