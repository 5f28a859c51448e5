"""TLS and mutual TLS from files, with the exporters that applications use."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tests.cli.running import FREE_PORTS, Running, command, serving, spanhouse
from tests.support.polling import eventually

OURS = trustme.CA(organization_name="ours")
CLIENT = ("client_key_file", "client_certificate_file")
OTHERS = trustme.CA(organization_name="others")
NO_CERTIFICATE: dict[str, str] = {}


@dataclass
class Files:
    """The files of a server, and those of its clients."""

    folder: Path

    @property
    def flags(self) -> list[str]:
        return [f"--tls-cert={self.folder}/cert.pem", f"--tls-key={self.folder}/key.pem"]

    @property
    def mutual(self) -> list[str]:
        return [*self.flags, f"--tls-client-ca={self.folder}/client-ca.pem"]

    def write(self, authority: trustme.CA = OURS, clients: trustme.CA = OURS) -> None:
        """A new certificate for the server, and whose clients it takes."""
        issued = authority.issue_cert("127.0.0.1", "localhost")
        self.put("cert.pem", b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        self.put("key.pem", issued.private_key_pem.bytes())
        self.put("client-ca.pem", clients.cert_pem.bytes())

    def put(self, name: str, content: bytes) -> None:
        """In one step, as tools that renew certificates do."""
        unfinished = self.folder / "unfinished"
        unfinished.write_bytes(content)
        unfinished.replace(self.folder / name)

    def client(self, authority: trustme.CA) -> dict[str, str]:
        """Certificate and key of a client that `authority` signed."""
        issued = authority.issue_cert("client.example")
        self.put("client.pem", issued.cert_chain_pems[0].bytes())
        self.put("client.key", issued.private_key_pem.bytes())
        return {"client_certificate_file": f"{self.folder}/client.pem", "client_key_file": f"{self.folder}/client.key"}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they come before what the exporter is told
        monkeypatch.delenv(variable, raising=False)
    made = Files(tmp_path / "tls")
    made.folder.mkdir()
    made.write()
    (made.folder / "ours.pem").write_bytes(OURS.cert_pem.bytes())
    (made.folder / "others.pem").write_bytes(OTHERS.cert_pem.bytes())
    return made


def spans() -> Sequence[ReadableSpan]:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    with provider.get_tracer("test").start_as_current_span("one") as one:
        pass
    provider.shutdown()
    assert isinstance(one, ReadableSpan)
    return [one]


def exported(exporter: SpanExporter) -> bool:
    try:
        return exporter.export(spans()) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()


def by_http(running: Running, files: Files, authority: str, client: Mapping[str, str], seconds: float) -> bool:
    url = f"https://{running.addresses['otlp_http']}/v1/traces"
    key, certificate = (client.get(name) for name in CLIENT)
    return exported(HttpExporter(url, f"{files.folder}/{authority}.pem", key, certificate, timeout=seconds))


def by_grpc(running: Running, files: Files, authority: str, client: Mapping[str, str], seconds: float) -> bool:
    roots = (files.folder / f"{authority}.pem").read_bytes()
    key, certificate = (Path(client[name]).read_bytes() if client else None for name in CLIENT)
    credentials = grpc.ssl_channel_credentials(roots, key, certificate)
    return exported(GrpcExporter(f"https://{running.addresses['otlp_grpc']}", credentials=credentials, timeout=seconds))


def both(
    running: Running,
    files: Files,
    authority: str = "ours",
    client: Mapping[str, str] = NO_CERTIFICATE,
    *,
    seconds: float = 5,
) -> tuple[bool, bool]:
    """Whether HTTP and gRPC took a span within the time; gRPC tries all of it where it is turned away."""
    taken = by_http(running, files, authority, client, seconds)
    return taken, by_grpc(running, files, authority, client, seconds)


def get(running: Running, files: Files, path: str, **client: str) -> int:
    context = ssl.create_default_context(cafile=files.folder / "ours.pem")
    if client:
        context.load_cert_chain(client["client_certificate_file"], client["client_key_file"])
    connection = http.client.HTTPSConnection(running.addresses["http"], timeout=10, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_everything_speaks_tls_where_there_is_a_certificate(tmp_path: Path, files: Files) -> None:
    with serving("up", tmp_path / "data", *files.flags) as running:
        assert both(running, files) == (True, True)
        assert get(running, files, "/api/v1/services") == 200
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            running.get("/readyz")
        status = command("status", f"--data-dir={running.folder}")
        assert (status.returncode, f"https://{running.addresses['http']}" in status.stdout) == (0, True)
        assert running.stop() == 0


def test_with_authorities_for_clients_nobody_comes_in_without_a_certificate(tmp_path: Path, files: Files) -> None:
    with serving("up", tmp_path / "data", *files.mutual) as running:
        ours = files.client(OURS)
        assert both(running, files, client=ours) == (True, True)
        assert [get(running, files, path, **ours) for path in ("/readyz", "/api/v1/services")] == [200, 200]
        assert both(running, files, seconds=1) == (False, False)
        assert [get(running, files, path) for path in ("/healthz", "/readyz", "/api/v1/services")] == [200, 200, 403]
        strangers = files.client(OTHERS)
        assert both(running, files, client=strangers, seconds=1) == (False, False)
        status = command("status", f"--data-dir={running.folder}")
        assert (status.returncode, "only for clients with a certificate" in status.stdout) == (0, True)


def test_changed_files_are_taken_over_and_unusable_ones_are_not(tmp_path: Path, files: Files) -> None:
    with serving("up", tmp_path / "data", *files.mutual) as running:
        ours = files.client(OURS)
        assert both(running, files, client=ours) == (True, True)
        files.put("key.pem", OTHERS.issue_cert("127.0.0.1").private_key_pem.bytes())
        eventually(lambda: "the certificate before stays in use" in running.log or None)
        assert both(running, files, client=ours) == (True, True)
        files.write(OTHERS, clients=OTHERS)
        eventually(lambda: "took over the changed TLS files" in running.log or None)
        assert both(running, files, "others", client=ours, seconds=1) == (False, False)
        theirs = files.client(OTHERS)
        assert both(running, files, "others", client=theirs) == (
            True,
            True,
        )
        assert running.log.count("stays in use") == 1


def test_clients_that_keep_their_connections_do_not_hold_up_its_end(tmp_path: Path, files: Files) -> None:
    with serving("up", tmp_path / "data", *files.flags) as running, ExitStack() as at_end:
        context = ssl.create_default_context(cafile=files.folder / "ours.pem")
        for option in ("otlp_http", "http"):
            host, _, port = running.addresses[option].partition(":")
            plain = at_end.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client = at_end.enter_context(context.wrap_socket(plain, server_hostname=host))
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 ")
        assert running.stop() == 0
        assert " ERROR " not in running.log


def test_health_is_told_over_tls(tmp_path: Path, files: Files) -> None:
    with serving("up", tmp_path / "data", *files.flags) as running:
        credentials = grpc.ssl_channel_credentials((files.folder / "ours.pem").read_bytes())
        with grpc.secure_channel(running.addresses["otlp_grpc"], credentials) as channel:
            answer: Any = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_files_that_do_not_fit_end_the_start(tmp_path: Path, files: Files) -> None:
    files.put("key.pem", OTHERS.issue_cert("127.0.0.1").private_key_pem.bytes())
    ended = spanhouse("up", f"--data-dir={tmp_path}/data", *FREE_PORTS, *files.flags)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "TLS cannot be set up" in ended.stderr
    assert "KEY_VALUES_MISMATCH" in ended.stderr
    files.write()
    files.put("client-ca.pem", b"nothing")
    ended = spanhouse("up", f"--data-dir={tmp_path}/data", *FREE_PORTS, *files.mutual)
    assert (ended.returncode, "client-ca.pem has no certificates of authorities" in ended.stderr) == (2, True)


@pytest.mark.parametrize(("given", "needed"), [("cert", "key"), ("key", "cert"), ("client-ca", "cert")])
def test_one_file_without_the_other_is_refused(tmp_path: Path, files: Files, given: str, needed: str) -> None:
    ended = command("up", f"--data-dir={tmp_path}/data", f"--tls-{given}={files.folder}/{given}.pem")
    assert ended.returncode == 2
    assert f"tls_{given.replace('-', '_')} needs tls_{needed} beside it" in ended.stderr
