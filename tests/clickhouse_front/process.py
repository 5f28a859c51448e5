"""Start and stop the front as the process of its own that it is."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.support.polling import is_readable

_IMPORT_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_front(
    path: Path,
    *,
    port: int = 0,
    user: str | None = None,
    password: str | None = None,
    memory: int | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[str]:
    """Run a front on the data folder `path` and yield its URL.

    Port 0 means a free one; give the port of an earlier run to play a server that comes back after an outage.
    With `user` and `password` no others are let in. `memory` limits the engine (bytes; 1 GB if not given).
    `certificate` is a certificate and its key, PEM files: with them the front speaks TLS.
    Leaving the context sends SIGTERM and raises AssertionError unless the process exits with status 0.
    """
    options = {"--path": path, "--port": port, "--user": user, "--password": password, "--memory": memory}
    options |= zip(("--certificate", "--key"), certificate or (), strict=False)
    arguments = [str(part) for option in options.items() if option[1] is not None for part in option]
    environment = os.environ | {"PYTHONPATH": str(_IMPORT_ROOT)}
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.clickhouse_front", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=path,  # where the engine keeps its copies of format schemas
        )
        try:
            yield _ready_url(process, log, seconds=30)
        finally:
            status = _stopped(process, seconds=15)
        assert status == 0, f"the front exited with status {status}: {_text(log)}"


def _ready_url(process: "subprocess.Popen[bytes]", log: IO[bytes], seconds: float) -> str:
    assert process.stdout is not None
    line = process.stdout.readline() if is_readable(process.stdout, seconds) else b""
    if not line:
        raise RuntimeError(f"the front ended or took {seconds} s and was not ready: {_text(log)}")
    url: str = json.loads(line)["url"]
    return url


def _stopped(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        assert process.stdout is not None
        process.stdout.close()


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")
