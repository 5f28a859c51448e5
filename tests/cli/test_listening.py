"""Addresses that cannot be had: who asks for one that is taken is told, and never waits or half runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from socket import create_server

import pytest

from tests.cli.running import COMMAND, spanhouse
from tests.clickhouse_front.process import running_front
from tests.support.polling import eventually
from tests.support.ports import idle_port, idle_ports


@pytest.fixture
def ports() -> list[int]:
    """Three ports that nobody uses."""
    return idle_ports(3)


def flags(grpc: int, otlp_http: int, http: int) -> list[str]:
    return [f"--otlp-grpc=127.0.0.1:{grpc}", f"--otlp-http=127.0.0.1:{otlp_http}", f"--http=127.0.0.1:{http}"]


@contextmanager
def started(log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen([*COMMAND, *arguments], stderr=output, env=os.environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (0, 2)])
def test_one_port_for_two_options_is_refused(tmp_path: Path, ports: list[int], one: int, other: int) -> None:
    ports[other] = ports[one]
    ended = spanhouse("up", f"--data-dir={tmp_path}/data", *flags(*ports))
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"cannot listen on 127.0.0.1:{ports[one]}" in ended.stderr
    assert "Address already in use" in ended.stderr


def test_of_two_that_start_together_on_the_same_addresses_one_runs(tmp_path: Path, ports: list[int]) -> None:
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    with ExitStack() as at_end:
        both = [
            at_end.enter_context(started(log, "up", f"--data-dir={log.with_suffix('')}", *flags(*ports)))
            for log in logs
        ]
        codes = eventually(lambda: ended(both), seconds=30)
        assert sorted(codes, key=str) == [1, None]
        refused, running = (logs[codes.index(code)] for code in (1, None))
        assert "Error: cannot listen on" in refused.read_text()
        eventually(lambda: " ready" in running.read_text() or None, seconds=30)


def ended(both: list[subprocess.Popen[bytes]]) -> list[int | None] | None:
    """The exit codes once one of them has one."""
    codes = [process.poll() for process in both]
    return None if codes == [None, None] else codes


def test_a_port_that_is_taken_while_it_starts_ends_it(tmp_path: Path, ports: list[int]) -> None:
    """By then the log is open and its thread runs; both must end too."""
    server = idle_port()
    log = tmp_path / "log"
    arguments = [f"--data-dir={tmp_path}/data", f"--store=http://127.0.0.1:{server}", *flags(*ports)]
    with started(log, "collector", *arguments) as process:
        eventually(lambda: "waiting for the store" in log.read_text() or None)
        with closing(create_server(("127.0.0.1", ports[0]))), running_front(tmp_path / "clickhouse", port=server):
            assert process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1:{ports[0]} for OTLP/gRPC" in log.read_text()
    assert "Traceback" not in log.read_text()
