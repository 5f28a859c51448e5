"""The real `python -m spanhouse_demo`, run by a test."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

START_SECONDS = 40.0
_LOOK_EVERY_SECONDS = 0.02


class OtlpEndpoint(Protocol):
    """Where the shop sends to: the sink, or anything else that speaks OTLP."""

    grpc_url: str
    http_url: str


class ShopProcess:
    """A demo shop whose temporary files are below `folder`."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._output = folder / "output.txt"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "spanhouse_demo", *arguments],
                env={**os.environ, "TMPDIR": str(self.scratch)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def services(self) -> dict[str, int]:
        """The process id of each service that runs."""
        listing = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
        children = {int(pid): args for pid, parent, args in rows if int(parent) == self._process.pid}
        return {args.rpartition(".")[2]: pid for pid, args in children.items() if "spanhouse_demo.services." in args}

    def await_output(self, text: str, seconds: float = START_SECONDS) -> None:
        poll(lambda: text in self.output or self._process.poll() is not None, seconds)
        assert text in self.output, self.output

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def await_exit(self, seconds: float) -> int:
        return self._process.wait(seconds)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def shop(folder: Path, endpoint: OtlpEndpoint, *arguments: str) -> Iterator[ShopProcess]:
    """A shop that sends to `endpoint`; when the block ends, it is gone."""
    urls = ("--otlp-grpc-url", endpoint.grpc_url, "--otlp-http-url", endpoint.http_url)
    process = ShopProcess(folder, *urls, *arguments)
    try:
        yield process
    finally:
        process.close()


def poll(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until `condition` holds, at most `seconds`; whether it does."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_SECONDS)
    return holds


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs; one that has ended and that nobody collected does not."""
    state = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
