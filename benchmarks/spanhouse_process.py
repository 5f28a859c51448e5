"""The all-in-one process under test, on an empty folder and free ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.process_tree import ProcessTree
from benchmarks.waiting import wait_for, wait_for_quiet

_ANY_PORT = "127.0.0.1:0"
# Its own traces would be counted among those that were sent.
_ARGUMENTS = (f"--otlp-grpc={_ANY_PORT}", f"--otlp-http={_ANY_PORT}", f"--http={_ANY_PORT}", "--no-self-tracing")
_READY = 60.0
_STOPPED = 60.0


@dataclass(frozen=True)
class Spanhouse:
    """A process that is ready. quiet_seconds: for how long it must have been quiet to count as done."""

    folder: Path
    tree: ProcessTree
    addresses: dict[str, Any]
    quiet_seconds: float

    def get(self, path: str, tenant: str = "default", **parameters: str | int) -> Any:
        """The answer of the HTTP API, None for 404. `from_` stands for `from`."""
        query = urlencode({name.rstrip("_"): value for name, value in parameters.items()})
        url = f"http://{self.addresses['http']}/api/v1/{quote(path)}?{query}"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"X-Scope-OrgID": tenant})) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise SystemExit(f"{url} answers {error.code}: {error.read().decode()}") from None

    @property
    def backlog(self) -> int:
        """Bytes that are acknowledged and not yet stored, by the files of the log: asking would cost it CPU."""
        return sum(size for entry in os.scandir(self.folder / "log/traces") if (size := _size(entry)))

    @property
    def cpu_seconds(self) -> float:
        """Of the whole process tree."""
        return self.tree.cpu_seconds

    @property
    def peak_memory(self) -> int:
        """The most bytes it had."""
        return self.tree.peak_memory

    def wait_until_stored(self, _: int = 0) -> None:
        """Return once all that was acknowledged is stored."""
        wait_for(lambda: not self.backlog, "everything stored", pause=0.02)

    def wait_until_quiet(self) -> None:
        """Return once everything is stored and merged: when it has taken next to no CPU for some time."""
        self.wait_until_stored()
        wait_for_quiet(lambda: self.cpu_seconds, self.quiet_seconds)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def spanhouse(*arguments: str, folder: Path | None = None, quiet_seconds: float = 1.5) -> Iterator[Spanhouse]:
    """Run `spanhouse up` with these arguments, and stop it in order. folder: kept; otherwise a temporary one."""
    data = Path(tempfile.mkdtemp(prefix="spanhouse-bench-")) if folder is None else folder
    command = [sys.executable, "-m", "spanhouse_cli", "up", f"--data-dir={data}", *_ARGUMENTS, *arguments]
    process = subprocess.Popen([*command, "--log-level=warning"], stdout=subprocess.DEVNULL)
    try:
        addresses = _addresses(process, data / "spanhouse.json")
        yield Spanhouse(data, ProcessTree(process.pid), addresses, quiet_seconds)
    finally:
        stop(process)
        if folder is None:
            shutil.rmtree(data, ignore_errors=True)


def stop(process: subprocess.Popen[Any]) -> None:
    """End a process in order, and otherwise."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOPPED)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _addresses(process: subprocess.Popen[bytes], report: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _READY
    while not report.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("spanhouse did not start")
        time.sleep(0.02)
    addresses: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return addresses
