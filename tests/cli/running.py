"""The `spanhouse` command as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from spanhouse_cli.main import main

from tests.support.polling import eventually

COMMAND = (sys.executable, "-m", "spanhouse_cli")
FREE_PORTS = ("--otlp-grpc=127.0.0.1:0", "--otlp-http=127.0.0.1:0", "--http=127.0.0.1:0")
READY_SECONDS = 30.0
# Data is stored soon, because tests wait for it; where much is sent, so many inserts cost more than waiting does.
SEGMENT_AGE = "--segment-age=200ms"
LONG_SEGMENTS = "--segment-age=1s"
# For tests that wait for the program's own spans, which it otherwise sends every five seconds.
SPANS_AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


@dataclass
class Running:
    """A process that serves. `addresses` is what it wrote when it was ready, `log` its standard error so far."""

    process: subprocess.Popen[bytes]
    folder: Path
    log_file: Path
    addresses: dict[str, Any]

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def get(self, path: str, server: str = "http", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        return request(self.addresses[server], "GET", path, headers=headers)

    def post(self, path: str, body: bytes, headers: dict[str, str], server: str = "otlp_http") -> tuple[int, bytes]:
        return request(self.addresses[server], "POST", path, body, headers)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 10.0) -> int:
        """Send the signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


def request(
    address: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        with connection.getresponse() as answer:  # which a process that is killed may leave half
            return answer.status, answer.read()
    finally:
        connection.close()


def spanhouse(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, for a command that starts nothing: it takes a twentieth of the time."""
    result = CliRunner().invoke(main, arguments, env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


@contextmanager
def serving(command: str, folder: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """`spanhouse up` or `collector` on the data folder `folder` and free ports, killed at the end if it still runs."""
    log = folder.with_name(f"{folder.name}-{time.monotonic_ns()}.log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, command, f"--data-dir={folder}", SEGMENT_AGE, *FREE_PORTS, *arguments],
            stderr=output,
            env={**os.environ, **environment},
        )
    try:
        yield Running(process, folder, log, eventually(lambda: _report(process, folder, log), READY_SECONDS))
    finally:
        process.kill()
        process.wait()


def _report(process: subprocess.Popen[bytes], folder: Path, log: Path) -> dict[str, Any] | None:
    assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text()}"
    try:
        content: dict[str, Any] = json.loads((folder / "spanhouse.json").read_bytes())
    except FileNotFoundError:
        return None
    return content if content["pid"] == process.pid else None
