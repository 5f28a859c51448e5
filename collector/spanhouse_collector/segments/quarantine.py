"""Where bytes are kept that were acknowledged and cannot be stored."""

from __future__ import annotations

import json
from pathlib import Path

from spanhouse_collector.segments.durable import TEMPORARY, write_file


class Quarantine:
    """A folder of files, each with the reason beside it in `.json`.

    `.frame` is a request that the engine refused, `.frames` several that could not be told apart, `.torn` bytes of a
    segment that are not what was written to it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Make the folder, and remove what an earlier process did not finish."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in self._folder.glob(f"*{TEMPORARY}"):
            unfinished.unlink()

    def keep(self, name: str, data: bytes | memoryview, **reason: str | int) -> Path:
        """Keep `data`; both files are durable when this returns. The same name again replaces them. Raises OSError."""
        path = self._folder / name
        write_file(path, [data])
        write_file(path.with_suffix(".json"), [json.dumps(reason, indent=2).encode(), b"\n"])
        return path
