"""The Prometheus server of this machine, where it has one, with samples in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from httpx2 import Client, TransportError

from tests.promql_conformance.reference.vectors import Series
from tests.promql_conformance.remote_write import CONTENT, bodies
from tests.support.polling import eventually
from tests.support.ports import idle_port


def major_version() -> int | None:
    """2 or 3; None where there is no `prometheus` on the PATH."""
    program = shutil.which("prometheus")
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30)
    found = re.search(r"version (\d+)\.", said.stdout + said.stderr)
    assert found, said
    return int(found.group(1))


@contextmanager
def running_prometheus(folder: Path, series: Sequence[Series]) -> Iterator[Client]:
    """A server of its own that scrapes nothing, filled through its remote-write receiver."""
    configuration = folder / "prometheus.yml"
    configuration.write_text("global: {evaluation_interval: 1m}\n")
    address = f"127.0.0.1:{idle_port()}"
    command = [
        "prometheus",
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            with Client(base_url=f"http://{address}", timeout=30, trust_env=False) as client:
                eventually(lambda: _ready(client, process), seconds=30, what="Prometheus ready")
                for body in bodies(series):
                    client.post("/api/v1/write", content=body, headers=CONTENT).raise_for_status()
                yield client
        finally:
            process.terminate()


def _ready(client: Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Prometheus has ended; see its log"
    try:
        return client.get("/-/ready").status_code == 200
    except TransportError:
        return False
