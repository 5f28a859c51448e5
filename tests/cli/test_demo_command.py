"""`spanhouse demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from tests.cli.running import COMMAND, FREE_PORTS, spanhouse
from tests.support.polling import eventually
from tests.support.ports import idle_port


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where programs put their temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_without_a_running_spanhouse_it_says_so() -> None:
    address = f"127.0.0.1:{idle_port()}"
    ended = spanhouse("demo", f"--otlp-grpc={address}", f"--otlp-http={address}")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"no OTLP endpoint answers at http://{address}" in ended.stderr


def test_a_number_that_makes_no_sense_is_told() -> None:
    ended = spanhouse("demo", "--rate=0")
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "rate is 0" in ended.stderr


def test_up_starts_spanhouse_and_the_shop_and_leaves_nothing_behind(temporary: Path) -> None:
    ended = spanhouse("demo", "--up", "--journeys=5", "--rate=50", *FREE_PORTS)
    assert ended.returncode == 0, ended.stderr
    assert "The shop is closed after 5 journeys" in ended.stdout
    assert "The shop made these calls:" in ended.stdout
    assert list(temporary.iterdir()) == []


def test_a_spanhouse_that_cannot_start_ends_the_demo() -> None:
    with closing(create_server(("127.0.0.1", 0))) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        ended = spanhouse("demo", "--up", *FREE_PORTS, f"--http={address}")
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert f"cannot listen on {address} (http)" in ended.stderr
    assert "Spanhouse could not start" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_the_shop_and_then_spanhouse_whose_data_stays_where_a_folder_was_given(
    temporary: Path, tmp_path: Path, number: signal.Signals
) -> None:
    output = tmp_path / "output"
    given = [f"--data-dir={tmp_path}/data"] if number is signal.SIGTERM else []
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--up", *given, *FREE_PORTS],
            stdout=written,
            stderr=written,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        eventually(lambda: "The shop is open" in output.read_text() or None, seconds=60)
        process.send_signal(number)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
    assert "The shop is closed" in output.read_text()
    assert list(temporary.iterdir()) == []
    assert (tmp_path / "data" / "engine").is_dir() == bool(given)


def test_when_the_demo_is_killed_everything_goes_with_it(temporary: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as written:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--up", *FREE_PORTS],
            stdout=written,
            stderr=written,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        (runtime,) = eventually(lambda: list(temporary.glob("spanhouse-data-*/spanhouse.json")) or None, seconds=60)
        server = json.loads(runtime.read_text())["pid"]
        eventually(lambda: "The shop is open" in output.read_text() or None, seconds=60)
    finally:
        process.kill()
        process.wait()
    eventually(lambda: None if _is_alive(server) else True, seconds=20)
    eventually(lambda: None if list(temporary.iterdir()) else True, seconds=20)


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
