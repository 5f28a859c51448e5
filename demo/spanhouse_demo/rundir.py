"""The folder of one run: where services tell each other their addresses, queue messages, keep the database and log.

Every service binds port 0 and writes what it got once it answers, so no port can be taken in between, and the file is
the sign of readiness: nobody has to probe a service, which would make spans of its own.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spanhouse_demo.tally import Tally

FOLDER_VARIABLE = "SHOP_RUN_FOLDER"


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run below `path`."""

    path: Path

    def create(self) -> None:
        """Make the folders that the services expect."""
        for folder in (self.addresses, self.queue, self.queue_control, self.logs, self.scratch):
            folder.mkdir()

    @property
    def addresses(self) -> Path:
        """One file for each ready service, named like it, with `host:port` in it (empty for a worker)."""
        return self.path / "addresses"

    @property
    def queue(self) -> Path:
        """Messages on their way, one file each."""
        return self.path / "queue"

    @property
    def queue_control(self) -> Path:
        """Which queues there are."""
        return self.path / "queue-control"

    @property
    def logs(self) -> Path:
        """One file for each service with all it printed."""
        return self.path / "logs"

    @property
    def scratch(self) -> Path:
        """TMPDIR of the services."""
        return self.path / "scratch"

    @property
    def database(self) -> Path:
        """The SQLite file of the catalog."""
        return self.path / "catalog.db"

    @property
    def progress(self) -> Path:
        """What the shopper did so far."""
        return self.path / "progress.json"

    def announce(self, service: str, address: str = "") -> None:
        """Say that `service` is ready; the file appears at once and whole."""
        self._put(self.addresses / service, address)

    def report(self, tally: Tally) -> None:
        """Say what the shopper did so far."""
        self._put(self.progress, tally.to_json())

    def tally(self) -> Tally:
        """What the shopper did so far; nothing before its first report."""
        return Tally.from_json(self.progress.read_text()) if self.progress.exists() else Tally()

    def is_ready(self, service: str) -> bool:
        """Whether `service` has announced itself."""
        return (self.addresses / service).exists()

    def address(self, service: str) -> str:
        """`host:port` of `service`; FileNotFoundError while it is not ready."""
        return (self.addresses / service).read_text()

    def shipments(self) -> int:
        """How many orders the shipping worker has dealt with."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM shipments").fetchone()
        return int(count)

    def _put(self, file: Path, text: str) -> None:
        draft = self.scratch / f"{file.name}.draft"
        draft.write_text(text)
        draft.rename(file)


@cache
def this_run() -> RunFolder:
    """The folder of the run that this service belongs to."""
    return RunFolder(Path(os.environ[FOLDER_VARIABLE]))


@cache
def peer(service: str) -> str:
    """`host:port` of another service of this run."""
    return this_run().address(service)
