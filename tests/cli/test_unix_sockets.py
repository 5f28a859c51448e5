"""OTLP on Unix sockets: real clients of both protocols, and what may lie at the path already."""

from __future__ import annotations

import http.client
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from spanhouse_cli.address import UnixAddress, parse_place

from tests.cli.running import FREE_PORTS, SPANS_AT_ONCE, Running, serving, spanhouse
from tests.support.polling import eventually
from tests.support.spans import request, span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder whose path is short enough."""
    with tempfile.TemporaryDirectory(prefix="spanhouse-") as folder:
        yield Path(folder)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def flags(sockets: Path) -> tuple[str, str]:
    return f"--otlp-grpc=unix:{sockets}/grpc.sock", f"--otlp-http=unix:{sockets}/http.sock"


def post(path: Path) -> int:
    connection = UnixConnection(path)
    connection.request("POST", "/v1/traces", request({"by-http": [span()]}).SerializeToString(), PROTOBUF)
    status = connection.getresponse().status
    connection.close()
    return status


def export(path: Path) -> bytes:
    with grpc.insecure_channel(f"unix:{path}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        return call(request({"by-grpc": [span()]}).SerializeToString(), timeout=10)


def services(running: Running, tenant: str = "default") -> set[str]:
    _, body = running.get("/api/v1/services", headers={"X-Scope-OrgID": tenant})
    return {name for name in ("by-grpc", "by-http", "spanhouse") if f'"{name}"'.encode() in body}


def test_both_protocols_come_in_by_unix_sockets(tmp_path: Path, sockets: Path) -> None:
    paths = sockets / "grpc.sock", sockets / "http.sock"
    with serving("up", tmp_path / "data", *flags(sockets), **SPANS_AT_ONCE) as running:
        assert (export(paths[0]), post(paths[1])) == (b"", 200)
        assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o660] * 2
        assert running.addresses["otlp_http"] == f"unix:{paths[1]}"
        eventually(lambda: services(running) == {"by-grpc", "by-http"} or None, seconds=20)
        eventually(lambda: services(running, "_spanhouse") == {"spanhouse"} or None, seconds=20)
        assert " WARNING " not in running.log
        assert running.stop() == 0
    assert [path.exists() for path in paths] == [False, False]


def test_a_socket_that_a_killed_process_left_is_taken_over_and_one_in_use_is_not(tmp_path: Path, sockets: Path) -> None:
    with serving("up", tmp_path / "data", *flags(sockets)) as running:
        running.stop(signal.SIGKILL)
    assert sorted(path.name for path in sockets.iterdir()) == ["grpc.sock", "http.sock"]
    with serving("up", tmp_path / "data", *flags(sockets)):
        for option, path in zip(flags(sockets), ("grpc.sock", "http.sock"), strict=True):
            ended = spanhouse("up", f"--data-dir={tmp_path}/other", *FREE_PORTS, option)
            assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
            assert f"cannot listen on unix:{sockets}/{path}" in ended.stderr
            assert "Address already in use" in ended.stderr
        assert (export(sockets / "grpc.sock"), post(sockets / "http.sock")) == (b"", 200)


@pytest.mark.parametrize("option", ["--otlp-grpc", "--otlp-http"])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, sockets: Path, option: str) -> None:
    (sockets / "file").write_text("precious")
    for path, reason in (("file", "is not a socket"), ("missing/x.sock", "No such file or directory")):
        ended = spanhouse("up", f"--data-dir={tmp_path}/data", *FREE_PORTS, f"{option}=unix:{sockets}/{path}")
        assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
        assert (f"cannot listen on unix:{sockets}/{path}" in ended.stderr, reason in ended.stderr) == (True, True)
    assert (sockets / "file").read_text() == "precious"


@pytest.mark.parametrize("text", ["unix:/run/otlp.sock", "unix:///run/otlp.sock", " unix:/run/otlp.sock "])
def test_the_path_may_be_written_as_in_a_url(text: str) -> None:
    assert parse_place(text) == UnixAddress(Path("/run/otlp.sock"))
    assert str(parse_place(text)) == "unix:/run/otlp.sock"


@pytest.mark.parametrize("text", ["unix:", "unix://run/otlp.sock", "unix:/run/", f"unix:/{'x' * 107}"])
def test_what_cannot_be_a_socket_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not the address of a Unix socket|too long"):
        parse_place(text)
