"""`spanhouse collector` and `spanhouse query` on a ClickHouse server."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import COMMAND, command, request, serving, spanhouse
from tests.support.clickhouse import ClickHouse
from tests.support.polling import eventually
from tests.support.ports import idle_port
from tests.support.spans import request as export_request
from tests.support.spans import span


@pytest.fixture
def store(clickhouse: ClickHouse, tmp_path: Path) -> list[str]:
    """The flags for a new database on a ClickHouse server."""
    return clickhouse.flags(f"test_{secrets.token_hex(6)}", tmp_path)


@pytest.fixture
def no_server() -> str:
    """The URL of a server that does not run."""
    return f"http://127.0.0.1:{idle_port()}"


@pytest.fixture
def free_address() -> str:
    return f"127.0.0.1:{idle_port()}"


@pytest.mark.parametrize("role", ["collector", "query"])
def test_without_a_server_it_says_what_to_give_or_to_run_instead(role: str) -> None:
    ended = command(role)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert f"Error: `spanhouse {role}` needs a ClickHouse server, and store is `embedded`." in ended.stderr
    assert "--store" in ended.stderr
    assert "spanhouse up" in ended.stderr


def test_query_does_not_start_without_tables(store: list[str]) -> None:
    ended = spanhouse("query", *store, "--http=127.0.0.1:0")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "no Spanhouse schema yet; run `spanhouse migrate`" in ended.stderr


def test_a_server_that_does_not_answer_is_told(no_server: str) -> None:
    ended = spanhouse("query", f"--store={no_server}", "--store-wait=0s", "--http=127.0.0.1:0")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"Error: cannot open the store at {no_server}" in ended.stderr


def test_waiting_for_a_server_is_said_once_and_ends_on_a_signal(no_server: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([*COMMAND, "query", f"--store={no_server}", "--http=127.0.0.1:0"], stderr=output)
    try:
        eventually(lambda: "waiting for the store" in log.read_text() or None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
    assert log.read_text().count("WARNING") == 1


def test_what_a_collector_takes_a_query_service_gives(store: list[str], tmp_path: Path, free_address: str) -> None:
    one = span("operation")
    body = export_request({"cart": [one]}).SerializeToString()
    with serving("collector", tmp_path / "data", *store) as collector:
        assert collector.get("/readyz")[0] == 200
        assert collector.post("/v1/traces", body, {"Content-Type": "application/x-protobuf"})[0] == 200
        with query(free_address, *store):
            found = eventually(lambda: trace(free_address, one.trace_id.hex()), seconds=20)
            status = command("status", f"--http={free_address}", "--json")
        assert collector.stop() == 0
    assert found["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] == one.span_id.hex()
    assert (status.returncode, json.loads(status.stdout)["ingest"]) == (0, None)


def test_a_collector_alone_has_probes_metrics_and_status(store: list[str], tmp_path: Path) -> None:
    with serving("collector", tmp_path / "data", *store) as collector:
        assert [collector.get(path)[0] for path in ("/healthz", "/readyz", "/metrics", "/api/v1/status")] == [200] * 4
        assert collector.get("/api/v1/services")[0] == 404
        ended = command("status", f"--data-dir={collector.folder}")
        assert ended.returncode == 0


@contextmanager
def query(address: str, *arguments: str) -> Iterator[None]:
    """`spanhouse query`, from ready to its stop, which must be in time and clean."""
    process = subprocess.Popen([*COMMAND, "query", f"--http={address}", *arguments])
    try:
        eventually(lambda: ready(address), seconds=30)
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()


def ready(address: str) -> bool | None:
    try:
        return request(address, "GET", "/readyz")[0] == 200 or None
    except ConnectionRefusedError:
        return None


def trace(address: str, trace_id: str) -> Any:
    status, body = request(address, "GET", f"/api/v1/traces/{trace_id}", headers={"Accept": "application/json"})
    return json.loads(body) if status == 200 else None
