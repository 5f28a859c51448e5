"""`spanhouse up` as its users meet it: started, asked, stopped, and in the way of another."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from spanhouse_cli.version import VERSION
from spanhouse_storage import DataDirectory, EmbeddedConfig, StoreConfig, open_store

from tests.cli.running import COMMAND, FREE_PORTS, SPANS_AT_ONCE, Running, command, serving, spanhouse
from tests.support.polling import eventually
from tests.support.spans import request, span

PROTOBUF = {"Content-Type": "application/x-protobuf"}
STOP_SECONDS = 5.0


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service on an empty folder, for tests that do not stop it."""
    started = time.monotonic()
    with serving("up", tmp_path_factory.mktemp("up") / "data", **SPANS_AT_ONCE) as running:
        print(f"from start to ready on an empty folder: {time.monotonic() - started:.2f} s")
        yield running


def send(running: Running, service: str, headers: dict[str, str] | None = None) -> str:
    """Send a span and return its trace id once it is acknowledged."""
    one = span("operation")
    body = request({service: [one]}).SerializeToString()
    assert running.post("/v1/traces", body, {**PROTOBUF, **(headers or {})})[0] == 200
    return one.trace_id.hex()


def stored(running: Running, trace_id: str) -> bool | None:
    return running.get(f"/api/v1/traces/{trace_id}")[0] == 200 or None


def services(running: Running, tenant: str = "default") -> list[str]:
    status, body = running.get("/api/v1/services", headers={"X-Scope-OrgID": tenant})
    assert status == 200, body
    return [row["service"] for row in json.loads(body)["services"]]


def error_of(*arguments: str) -> tuple[int, str]:
    """Exit code and message of a command that cannot start; it must be no stack trace."""
    ended = spanhouse(*arguments)
    assert "Traceback" not in ended.stderr
    (message,) = [line for line in ended.stderr.splitlines() if line.startswith("Error: ")]
    return ended.returncode, message


def test_it_writes_its_process_id_version_and_real_addresses_when_it_is_ready(up: Running) -> None:
    assert (up.addresses["pid"], up.addresses["version"]) == (up.process.pid, VERSION)
    for name in ("otlp_grpc", "otlp_http", "http"):
        host, _, port = up.addresses[name].partition(":")
        assert (host, int(port) > 0) == ("127.0.0.1", True)
    assert up.get("/readyz")[0] == 200


def test_it_says_in_one_line_where_to_look(up: Running) -> None:
    (line,) = [line for line in up.log.splitlines() if " ready" in line]
    assert f"INFO ready, see http://{up.addresses['http']}" in line
    assert f"otlp_grpc={up.addresses['otlp_grpc']} " in line + " "


def test_it_says_where_the_data_is(up: Running) -> None:
    (line,) = [line for line in up.log.splitlines() if " starting" in line]
    assert f"data_dir={up.folder}" in line


def test_what_is_sent_can_be_read(up: Running) -> None:
    trace_id = send(up, "first-service")
    eventually(lambda: stored(up, trace_id))
    assert "first-service" in services(up)


def test_status_finds_it_by_the_data_folder(up: Running) -> None:
    ended = spanhouse("status", f"--data-dir={up.folder}")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert rows["address"] == f"http://{up.addresses['http']}"
    assert rows["ready"] == "yes"
    assert re.fullmatch(r"[0-9.]+ ([KMG]i)?B \(all tenants\)", rows["store.bytes_on_disk"])
    assert rows["store.spans"].endswith(" (all tenants)")


def test_status_finds_it_by_its_address_even_when_it_listens_on_every_interface(up: Running) -> None:
    port = up.addresses["http"].rpartition(":")[2]
    ended = command("status", "--json", SPANHOUSE_HTTP=f"0.0.0.0:{port}")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["ingest"]["state"] == "ready"


def test_its_own_requests_are_traced_under_a_tenant_of_their_own(up: Running) -> None:
    services(up)
    eventually(lambda: "spanhouse" in services(up, "_spanhouse") or None, seconds=20)
    assert "spanhouse" not in services(up)


def test_a_second_process_on_the_folder_is_told_who_has_it(up: Running) -> None:
    code, message = error_of("up", f"--data-dir={up.folder}", *FREE_PORTS)
    assert code == 1
    assert f"{up.folder} is in use by another Spanhouse (process {up.process.pid})" in message
    assert up.get("/readyz")[0] == 200


@pytest.mark.parametrize("option", ["otlp_grpc", "otlp_http", "http"])
def test_an_address_in_use_is_told_with_the_option_to_change(up: Running, tmp_path: Path, option: str) -> None:
    flag = f"--{option.replace('_', '-')}"
    code, message = error_of("up", f"--data-dir={tmp_path}/d", *FREE_PORTS, f"{flag}={up.addresses[option]}")
    assert code == 1
    assert f"cannot listen on {up.addresses[option]} ({option}): Address already in use" in message
    assert flag in message


def test_it_stops_in_time_on_a_signal_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    sent = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with serving("up", tmp_path / "data") as running:
            sent.append(send(running, "cart"))
            started = time.monotonic()
            assert running.stop(number) == 0
            assert time.monotonic() - started < STOP_SECONDS
            assert "Traceback" not in running.log
            assert running.log.splitlines()[-1].endswith("INFO stopped")
        assert not (tmp_path / "data" / "spanhouse.json").exists()
    with serving("up", tmp_path / "data") as running:
        for trace_id in sent:
            eventually(lambda: stored(running, trace_id))  # noqa: B023 - called at once


def test_what_it_acknowledged_survives_kill_9_and_what_that_leaves_behind(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", "--segment-age=60s") as running:
        trace_id = send(running, "cart")
        running.process.kill()
        running.process.wait()
    assert (tmp_path / "data" / "spanhouse.json").exists()
    assert error_of("status", f"--data-dir={tmp_path}/data")[0] == 1
    with serving("up", tmp_path / "data") as running:
        eventually(lambda: stored(running, trace_id))


def test_a_signal_while_it_starts_stops_it_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*COMMAND, "up", f"--data-dir={tmp_path}/data", *FREE_PORTS], stderr=output, env=os.environ
        )
    try:
        eventually(lambda: "starting" in log.read_text() or None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()


def test_a_second_ctrl_c_does_not_wait_for_anything(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", "--shutdown-timeout=60s") as running:
        host, _, port = running.addresses["otlp_http"].partition(":")
        with closing(socket.create_connection((host, int(port)))) as unfinished:
            unfinished.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            running.process.send_signal(signal.SIGINT)
            eventually(lambda: "stopping" in running.log or None)
            running.process.send_signal(signal.SIGTERM)
            assert running.stop(signal.SIGINT, seconds=3) == 128 + signal.SIGINT
        assert "Stopping at once." in running.log


def test_an_unfinished_request_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data") as running:
        host, _, port = running.addresses["otlp_http"].partition(":")
        with closing(socket.create_connection((host, int(port)))) as unfinished:
            unfinished.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            started = time.monotonic()
            assert running.stop() == 0
            assert time.monotonic() - started < STOP_SECONDS


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    assert spanhouse("migrate", f"--data-dir={tmp_path}/data").returncode == 0
    with closing(open_store(StoreConfig(engine=EmbeddedConfig(path=DataDirectory(tmp_path / "data").engine)))) as store:
        store.command("INSERT INTO schema_migrations (version, name, checksum) SELECT 999, 'future', 'x'")
    code, message = error_of("up", f"--data-dir={tmp_path}/data", *FREE_PORTS)
    assert code == 1
    assert "the database's schema is at version 999" in message


def test_listening_where_others_reach_it_is_warned_of(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", "--http=0.0.0.0:0", "--no-self-tracing") as running:
        warnings = [line for line in running.log.splitlines() if " WARNING " in line]
        assert len(warnings) == 1
        assert f"WARNING http listens on {running.addresses['http']}: other machines reach it" in warnings[0]


def test_every_line_of_a_json_log_is_an_object(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", SPANHOUSE_LOG_FORMAT="json") as running:
        assert running.stop() == 0
        lines = [json.loads(line) for line in running.log.splitlines()]
    assert [line["message"] for line in lines if line["message"] in ("stopping", "stopped")] == ["stopping", "stopped"]
    (ready,) = [line for line in lines if line["message"].startswith("ready")]
    assert ready["http"] == running.addresses["http"]


def test_a_wrong_option_stops_the_start_before_anything_is_made(tmp_path: Path) -> None:
    ended = command("up", f"--data-dir={tmp_path}/data", "--query-timeout=10")
    assert (ended.returncode, (tmp_path / "data").exists()) == (2, False)
    assert "--query-timeout: query_timeout cannot be '10'; allowed is a time from 1ms to 1h" in ended.stderr


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, message = error_of("up", f"--data-dir={tmp_path}/file/data", *FREE_PORTS)
    assert (code, "Not a directory" in message) == (1, True)


@pytest.mark.parametrize(
    ("variables", "traces"),
    [
        ({"OTEL_PROPAGATORS": "b3", "OTEL_PYTHON_TRACER_PROVIDER": "no_such_provider"}, True),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "99999"}, False),
    ],
)
def test_what_the_environment_says_of_opentelemetry_does_not_keep_it_from_starting(
    tmp_path: Path, variables: dict[str, str], traces: bool
) -> None:
    with serving("up", tmp_path / "data", **variables) as running:
        assert running.get("/api/v1/services")[0] == 200
        assert running.stop() == 0
        assert "Traceback" not in running.log
        assert ("does not trace itself" in running.log) == (not traces)


def test_a_request_with_more_spans_than_allowed_is_refused_with_the_limit(tmp_path: Path) -> None:
    with serving("up", tmp_path / "data", "--max-items=2") as running:
        bodies = [request({"cart": [span() for _ in range(count)]}).SerializeToString() for count in (2, 3)]
        answers = [running.post("/v1/traces", body, PROTOBUF) for body in bodies]
    assert [status for status, _ in answers] == [200, 413]
    assert b"2" in answers[1][1]
