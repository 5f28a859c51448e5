"""Two services on the OpenTelemetry SDK for Node.js, node-web and node-api, that send known traces to any endpoint."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "node"
INSTALL_SECONDS = 110
RUN_SECONDS = 60
FAILS_EVERY = 5


@dataclass(frozen=True)
class NodeServices:
    """The services, installed in `folder`."""

    folder: Path

    def send(self, otlp_http_url: str, traces: int) -> None:
        """Send `traces` traces of two spans, one call of node-web to node-api each; returns once all are delivered.

        Every fifth call fails in node-api. AssertionError, with what the services said, if anything goes wrong.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
        environment = {**inherited, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_http_url}
        _run(["node", "web.js", str(traces)], self.folder, environment, RUN_SECONDS)


def installed_services(config: pytest.Config) -> NodeServices:
    """The services, installed once and kept in pytest's cache; skips the test where Node.js or npm is not there."""
    if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
        pytest.skip(f"{' and '.join(missing)} not found: the services in Node.js cannot run")
    return install(config.cache.mkdir("spanhouse-node-services"))


def install(cache: Path) -> NodeServices:
    """The services installed below `cache`, from there if they were before; AssertionError if npm cannot do it.

    Who comes while another process installs them waits for that.
    """
    files = sorted(path for path in SOURCE.iterdir() if path.is_file())
    version = sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    folder, draft = cache / version, cache / f"{version}.draft"
    with (cache / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            for path in files:
                shutil.copy(path, draft)
            _run(["npm", "ci", "--ignore-scripts"], draft, os.environ.copy(), INSTALL_SECONDS)
            draft.rename(folder)
    return NodeServices(folder)


def _run(command: Sequence[str], folder: Path, environment: dict[str, str], seconds: float) -> None:
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}"
