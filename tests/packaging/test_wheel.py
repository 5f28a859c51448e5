"""A user's first minutes: install the wheel into an empty environment, send a span, read it back."""

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.packaging.conftest import ROOT
from tests.support.polling import eventually

pytestmark = [pytest.mark.packaging, pytest.mark.timeout(300)]

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
READY_SECONDS = 30.0
READABLE_SECONDS = 10.0
STOP_SECONDS = 5.0

# Everything is on loopback, so a proxy named in the environment has no part in it.
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class Running(NamedTuple):
    """A started `spanhouse up`, the addresses it reported, and the folder it was started in."""

    process: subprocess.Popen[bytes]
    addresses: dict[str, Any]
    folder: Path


def fetched(url: str) -> bytes | None:
    """The body of a 200 answer, or None while there is none."""
    try:
        with open_url(url, timeout=5) as response:
            body: bytes = response.read()
            return body
    except (urllib.error.URLError, ConnectionError):
        return None


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The `bin` folder of an environment that holds the wheel and its pinned dependencies, nothing more."""
    environment = tmp_path_factory.mktemp("venv")
    venv.create(environment, with_pip=True, symlinks=True)
    pip = [f"{environment}/bin/python", "-m", "pip", "--disable-pip-version-check"]
    pins = ["--no-compile", "--only-binary", ":all:", "--require-hashes", "-r", f"{ROOT}/constraints.txt"]
    subprocess.run([*pip, "install", "--quiet", *pins], check=True)
    subprocess.run([*pip, "install", "--quiet", "--no-deps", f"{wheel}"], check=True)
    subprocess.run([*pip, "check"], check=True)
    yield environment / "bin"
    shutil.rmtree(environment)


@pytest.fixture(scope="module")
def running(commands: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, data = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("state") / "data"
    listen = [f"--{name}=127.0.0.1:0" for name in ("otlp-grpc", "otlp-http", "http")]
    process = subprocess.Popen(
        [commands / "spanhouse", "up", f"--data-dir={data}", *listen],
        cwd=folder,
        env={"HOME": str(folder), "PATH": f"{commands}:/usr/bin:/bin"},
    )
    try:
        yield Running(process, eventually(lambda: reported(process, data), READY_SECONDS, "ready"), folder)
    finally:
        process.kill()
        process.wait()


def reported(process: subprocess.Popen[bytes], data: Path) -> dict[str, Any] | None:
    """The addresses the program reported, or None while it has not."""
    assert process.poll() is None, f"spanhouse up ended with {process.returncode} before it was ready"
    report = data / "spanhouse.json"
    addresses: dict[str, Any] | None = json.loads(report.read_bytes()) if report.exists() else None
    return addresses


def export_request(now: int) -> dict[str, Any]:
    """One OTLP/JSON export of one span that ended at `now` (nanoseconds)."""
    service = {"key": "service.name", "value": {"stringValue": "first-service"}}
    span = {
        "traceId": TRACE_ID,
        "spanId": SPAN_ID,
        "name": "first operation",
        "kind": 2,
        "startTimeUnixNano": str(now - 12_000_000),
        "endTimeUnixNano": str(now),
    }
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}]}


def test_an_installed_wheel_gets_ready_takes_a_span_and_gives_it_back(running: Running) -> None:
    addresses = running.addresses
    eventually(lambda: fetched(f"http://{addresses['http']}/readyz"), READY_SECONDS, "/readyz")
    request = urllib.request.Request(
        f"http://{addresses['otlp_http']}/v1/traces",
        data=json.dumps(export_request(time.time_ns())).encode(),
        headers={"Content-Type": "application/json"},
    )
    with open_url(request, timeout=10) as response:
        assert (response.status, json.load(response).get("partialSuccess", {})) == (200, {})
    url = f"http://{addresses['http']}/api/v1/traces/{TRACE_ID}"
    trace = json.loads(eventually(lambda: fetched(url), READABLE_SECONDS, url))
    spans = [span for resource in trace["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]
    assert [(span["spanId"], span["name"]) for span in spans] == [(SPAN_ID, "first operation")]


def test_it_stops_on_sigterm_in_time_and_leaves_nothing_where_it_was_started(running: Running) -> None:
    asked = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    status = running.process.wait(timeout=STOP_SECONDS + 5)
    assert status == 0
    assert time.monotonic() - asked < STOP_SECONDS
    assert list(running.folder.iterdir()) == []
