"""One service as a process: started instrumented, watched, stopped, with its log at hand."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

# What the command `opentelemetry-instrument` does, without having to know where it was installed.
_INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"


class ServiceProcess:
    """A service that runs from construction to `stop` or `kill`.

    It leads a process group of its own, so that Ctrl-C reaches the supervisor alone, which stops the services in order.
    """

    def __init__(self, name: str, *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._log = log
        command = [sys.executable, "-c", _INSTRUMENT, sys.executable, "-m", f"spanhouse_demo.services.{name}"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=environment["TMPDIR"],
                stdin=subprocess.PIPE,  # the lifeline, never written to
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to finish what it does, send its last spans and leave."""
        self._process.terminate()

    def kill(self) -> None:
        """End it and whatever it started, at once, unless it has left, and collect it."""
        if self.exit_code is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def last_lines(self, count: int = 15) -> str:
        """The end of its log."""
        with self._log.open(errors="replace") as log:
            return "".join(deque(log, maxlen=count)).rstrip()
