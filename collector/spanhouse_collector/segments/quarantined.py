"""The quarantine as an operator sees it: what is there, why, and what is to become of it.

Works beside a running service: every step is one rename or removal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanhouse_collector.frame import Damage, Frame, scan
from spanhouse_collector.segments.durable import sync_folder
from spanhouse_collector.segments.quarantine import REASONS, RETRY, Kind
from spanhouse_collector.segments.segment import SUFFIX
from spanhouse_collector.signals import SIGNALS

_SUFFIXES = (".frame", ".frames", ".torn")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A file in quarantine. at: unix nanoseconds. tenant, items, requests: None where nobody knows.

    waits: whether it is to be tried again and no service has taken it yet.
    """

    id: str
    signal: str
    path: Path
    at: int
    size: int
    kind: Kind
    reason: str
    tenant: str | None
    items: int | None
    requests: int | None
    waits: bool = False

    def parts(self) -> Iterator[tuple[Frame | Damage, bytes]]:
        """The requests in it, each with its body, and what is none. Raises OSError."""
        data = memoryview(self.path.read_bytes())
        for part in scan(data):
            yield part, bytes(data[part.body if isinstance(part, Frame) else part.start : part.end])


class NotRetriable(ValueError):
    """Trying it again would be of no use or do harm; the message says which."""


class QuarantineFolder:
    """The folder `quarantine/` of a data folder, one for each signal in it; empty where it does not exist.

    Methods raise OSError.
    """

    def __init__(self, folder: Path) -> None:
        self._folders = {name: folder / name for name in SIGNALS}

    def entries(self) -> list[Quarantined]:
        """All that is there, oldest first."""
        found = [
            _entry(name, path, _reason_of(folder, path), waits=waits)
            for name, folder in self._folders.items()
            for place, waits in ((folder, False), (folder / RETRY, True))
            for path in _files(place)
        ]
        return sorted(found, key=lambda entry: (entry.at, entry.id))

    def extent(self) -> tuple[int, int]:
        """How many there are, and their bytes in all; reads none of them."""
        places = [place for folder in self._folders.values() for place in (folder, folder / RETRY)]
        sizes = [path.stat().st_size for place in places for path in _files(place)]
        return len(sizes), sum(sizes)

    def find(self, identity: str) -> Quarantined | None:
        """The entry of that id."""
        return next((entry for entry in self.entries() if entry.id == identity), None)

    def retry(self, entry: Quarantined) -> None:
        """Give it back to the service that runs, or to the next. Raises NotRetriable.

        It goes by one rename, so that it is in one place at any time.
        """
        if entry.kind is Kind.DAMAGED:
            raise NotRetriable("it is damaged: no whole request is in it")
        if entry.kind is Kind.PARTIAL:
            raise NotRetriable("its spans are stored already, and would be stored again")
        if not entry.waits:
            folder = self._folders[entry.signal]
            (folder / RETRY).mkdir(mode=0o700, exist_ok=True)
            entry.path.rename(folder / RETRY / entry.path.name)
            sync_folder(folder / RETRY)
            sync_folder(folder)

    def drop(self, entry: Quarantined) -> None:
        """Remove it for good."""
        entry.path.unlink(missing_ok=True)
        _reason_of(self._folders[entry.signal], entry.path).unlink(missing_ok=True)
        sync_folder(entry.path.parent)


def is_in_log(log: Path, entry: Quarantined) -> bool:
    """Whether what was given back waits in the folder of logs `log` to be stored, whole or in halves."""
    return any((log / entry.signal).glob(f"{entry.id}*{SUFFIX}"))


def _reason_of(folder: Path, path: Path) -> Path:
    return folder / path.with_suffix(REASONS).name


def _entry(signal: str, path: Path, reason: Path, *, waits: bool) -> Quarantined:
    noted = _noted(reason)
    return Quarantined(
        id=path.stem,
        signal=signal,
        path=path,
        at=noted.get("quarantined_at") or path.stat().st_mtime_ns,
        size=path.stat().st_size,
        kind=Kind.DAMAGED if path.suffix == ".torn" else Kind(noted.get("kind", Kind.REFUSED)),
        reason=noted.get("reason", "unknown: the note beside it is missing"),
        tenant=noted.get("tenant"),
        items=noted.get("items"),
        requests=noted.get("requests"),
        waits=waits,
    )


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in _SUFFIXES] if folder.is_dir() else []


def _noted(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}
