"""Where bytes are kept that were acknowledged and cannot be stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from spanhouse_collector.segments.durable import TEMPORARY, sync_folder, write_file

REASONS = ".json"
RETRY = "retry"


class Kind(StrEnum):
    """Why something is in quarantine: what it is counted under."""

    REFUSED = "refused"  # the engine cannot read it
    MEMORY = "memory"  # the engine has not the memory for it
    PARTIAL = "partial"  # its spans are stored, what is derived from them is not or in part
    DAMAGED = "damaged"  # bytes of a segment that are not what was written to it


class Quarantine:
    """A folder of files, each with the reason beside it in `.json`.

    `.frame` is a request that the engine refused, `.frames` several that could not be told apart, `.torn` bytes of a
    segment that are not what is written to one. In `retry/` lies what is to be tried again (`retries.py`). `kept` is
    told what is put here: tenant ("" for nobody knows whose), kind, and how many requests.
    """

    def __init__(self, folder: Path, kept: Callable[[str, Kind, int], None] = lambda *_: None) -> None:
        self.folder = folder
        self._kept = kept

    def open(self) -> None:
        """Make the folder, and remove what an earlier process did not finish. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for unfinished in self.folder.glob(f"*{TEMPORARY}"):
            unfinished.unlink()

    def keep(
        self,
        name: str,
        data: bytes | memoryview,
        *,
        kind: Kind,
        reason: str,
        requests: Mapping[str, int] | None = None,
        **known: int,
    ) -> Path:
        """Keep `data`; both files are durable when this returns. The same name again replaces them. Raises OSError.

        requests: how many by tenant, where that can be told. known: other figures to note.
        """
        path = self.folder / name
        tenants = {"tenant": ", ".join(sorted(requests)), "requests": sum(requests.values())} if requests else {}
        noted = {"kind": kind, **tenants, **known, "quarantined_at": time.time_ns(), "reason": reason}
        write_file(path, [data])
        write_file(path.with_suffix(REASONS), [json.dumps(noted, indent=2).encode(), b"\n"])
        for tenant, count in (requests or {"": 1}).items():
            self._kept(tenant, kind, count)
        return path

    def to_retry(self) -> list[Path]:
        """What is to be tried again, oldest first. Raises OSError."""
        folder = self.folder / RETRY
        found = folder.iterdir() if folder.is_dir() else ()
        return sorted(path for path in found if path.suffix in (".frame", ".frames"))

    def released(self, path: Path) -> None:
        """What lay at `path` in `retry/` is in the log now: forget why it was here."""
        with suppress(OSError):  # the next thing of that name replaces it
            (self.folder / path.with_suffix(REASONS).name).unlink(missing_ok=True)
            sync_folder(path.parent)
