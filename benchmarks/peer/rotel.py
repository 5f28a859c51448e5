"""rotel, in a virtual environment of its own that is made once: never a dependency of the project."""

from __future__ import annotations

import os
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
from urllib.parse import quote

from benchmarks.free_port import free_port
from benchmarks.process_tree import ProcessTree
from benchmarks.spanhouse_process import stop
from benchmarks.waiting import wait_for, wait_for_quiet

VERSION = "0.0.1a15"
_READY = 30.0


class NotInstalled(Exception):
    """The peer cannot be had here; says why."""


@dataclass
class Peer:
    """A running rotel and the engine that it exports to. awaited: spans that were waited for so far."""

    trees: tuple[ProcessTree, ...]
    addresses: dict[str, str]
    engine: str
    quiet_seconds: float
    awaited: int = 0

    @property
    def cpu_seconds(self) -> float:
        """Of both."""
        return sum(tree.cpu_seconds for tree in self.trees)

    @property
    def peak_memory(self) -> int:
        """Bytes of both."""
        return sum(tree.peak_memory for tree in self.trees)

    @property
    def stored(self) -> int:
        """Spans in the table."""
        return int(self._ask("SELECT count() FROM otel.otel_traces"))

    @property
    def bytes_after_merges(self) -> int:
        """Of all tables, merged now."""
        for table in ("otel_traces", "otel_traces_trace_id_ts"):
            self._ask(f"OPTIMIZE TABLE otel.{table} FINAL")
        return int(self._ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'otel'"))

    def wait_until_stored(self, spans: int) -> None:
        """Return once so many more are in the table than when this was called last."""
        self.awaited += spans
        wait_for(lambda: self.stored >= self.awaited, "everything stored", pause=0.2)

    def wait_until_quiet(self) -> None:
        """Return once it has taken next to no CPU for some time."""
        wait_for_quiet(lambda: self.cpu_seconds, self.quiet_seconds)

    def _ask(self, query: str) -> bytes:
        with urllib.request.urlopen(f"{self.engine}/?query={quote(query)}") as answer:
            return bytes(answer.read())


def install() -> Path:
    """Where the program is, installed now where it is not yet; NotInstalled says why it cannot be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spanhouse-bench" / f"rotel-{VERSION}"
    if not (found := list(cache.glob("lib/python*/site-packages/rotel/rotel-agent"))):
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(cache)],
            [str(cache / "bin/python"), "-m", "pip", "install", "--quiet", "--no-deps", f"rotel=={VERSION}"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotInstalled((done.stderr.strip().splitlines() or ["no reason given"])[-1])
        found = list(cache.glob("lib/python*/site-packages/rotel/rotel-agent"))
    if not found:
        raise NotInstalled(f"rotel {VERSION} has no program for this platform")
    return found[0]


@contextmanager
def rotel(program: Path, *arguments: str, quiet_seconds: float = 1.5) -> Iterator[Peer]:
    """rotel with these arguments and an engine on an empty folder."""
    with tempfile.TemporaryDirectory(prefix="spanhouse-bench-", ignore_cleanup_errors=True) as folder:
        engine, url = _engine(Path(folder))
        addresses = {name: f"127.0.0.1:{free_port()}" for name in ("otlp_grpc", "otlp_http")}
        command = [str(program), "start", "--exporter", "clickhouse", "--clickhouse-exporter-endpoint", url]
        command += [f"--otlp-{name.removeprefix('otlp_')}-endpoint={at}" for name, at in addresses.items()]
        command += ["--clickhouse-exporter-compression=none", "--clickhouse-exporter-async-insert=false", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_listening(process, addresses["otlp_http"])
            yield Peer((ProcessTree(process.pid), ProcessTree(engine.pid)), addresses, url, quiet_seconds)
        finally:
            stop(process)
            stop(engine)


def _engine(folder: Path) -> tuple[subprocess.Popen[Any], str]:
    command = [sys.executable, "-m", "benchmarks.peer.engine_server", f"--path={folder}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if not (url := process.stdout.readline().strip()):
        raise SystemExit("the engine for the peer did not start")
    return process, url


def _await_listening(process: subprocess.Popen[Any], address: str) -> None:
    deadline = time.monotonic() + _READY
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/", timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("rotel did not start") from None
            time.sleep(0.05)
        else:
            return
