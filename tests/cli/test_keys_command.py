"""`spanhouse keys`, and a running Spanhouse that asks for them, with the exporters that applications use."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from tests.cli.running import FREE_PORTS, SPANS_AT_ONCE, Running, command, serving, spanhouse
from tests.support.polling import eventually
from tests.support.spans import request, span

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BODY = request({"stranger": [span()]}).SerializeToString()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def made(file: Path, name: str, *arguments: str) -> str:
    ended = command("keys", "add", f"--keys-file={file}", name, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def send(service: str, exporter: SpanExporter) -> None:
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("test").start_span("one").end()
    provider.shutdown()


def post(running: Running, **headers: str) -> int:
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return running.post("/v1/traces", BODY, {"Content-Type": "application/x-protobuf", **sent})[0]


def exported(running: Running, *metadata: tuple[str, str]) -> grpc.StatusCode:
    with grpc.insecure_channel(running.addresses["otlp_grpc"]) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        return call.future(BODY, metadata=metadata, timeout=10).code()


def has(running: Running, service: str, tenant: str) -> bool | None:
    return f'"{service}"'.encode() in running.get("/api/v1/services", headers={"X-Scope-OrgID": tenant})[1] or None


def test_who_has_a_key_sends_for_its_tenant_and_nobody_else_sends(tmp_path: Path, file: Path) -> None:
    key = made(file, "shop-team", "--tenant=shop")
    bearer = {"authorization": f"Bearer {key}"}
    with serving("up", tmp_path / "data", f"--keys-file={file}", **SPANS_AT_ONCE) as running:
        url = f"http://{running.addresses['otlp_http']}/v1/traces"
        send("by-http", HttpExporter(url, headers=bearer, compression=Compression.Gzip))
        gzip = grpc.Compression.Gzip
        send("by-grpc", GrpcExporter(running.addresses["otlp_grpc"], insecure=True, headers=bearer, compression=gzip))
        for service in ("by-http", "by-grpc"):
            eventually(lambda: has(running, service, "shop"), seconds=20)  # noqa: B023 - called at once
        eventually(lambda: has(running, "spanhouse", "_spanhouse"), seconds=20)

        assert [post(running), post(running, Authorization="Bearer wrong")] == [401, 401]
        assert post(running, Authorization=bearer["authorization"], X_Scope_OrgID="default") == 403
        assert exported(running) is grpc.StatusCode.UNAUTHENTICATED
        assert exported(running, ("authorization", "Bearer wrong")) is grpc.StatusCode.UNAUTHENTICATED
        other = ("authorization", bearer["authorization"]), ("x-scope-orgid", "default")
        assert exported(running, *other) is grpc.StatusCode.PERMISSION_DENIED
        assert (has(running, "stranger", "shop"), has(running, "stranger", "default")) == (None, None)


def test_keys_come_and_go_while_it_runs(tmp_path: Path, file: Path) -> None:
    made(file, "first")
    with serving("up", tmp_path / "data", f"--keys-file={file}") as running:
        second = made(file, "second")
        eventually(lambda: post(running, Authorization=f"Bearer {second}") == 200)
        assert command("keys", "revoke", f"--keys-file={file}", "second").returncode == 0
        eventually(lambda: post(running, Authorization=f"Bearer {second}") == 401)
        assert running.log.count("took over the changed keys_file") == 2


def test_keys_are_listed_by_name_and_never_shown(file: Path) -> None:
    key = made(file, "a", "--tenant=shop")
    made(file, "b")
    listed = command("keys", "list", SPANHOUSE_KEYS_FILE=str(file))
    assert listed.stdout == "a  shop\nb  default\n"
    assert key not in file.read_text()
    ended = command("keys", "add", f"--keys-file={file}", "a")
    assert (ended.returncode, "there is a key 'a' in" in ended.stderr, ended.stdout) == (1, True, "")


def test_a_file_that_is_not_there_ends_the_start_with_what_makes_it(tmp_path: Path, file: Path) -> None:
    ended = spanhouse("up", f"--data-dir={tmp_path}/data", *FREE_PORTS, f"--keys-file={file}")
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "cannot be read: No such file or directory; `spanhouse keys add` makes the first key" in ended.stderr


def test_without_a_file_it_says_where_to_name_one() -> None:
    ended = command("keys", "list")
    assert (ended.returncode, "--keys-file, SPANHOUSE_KEYS_FILE" in ended.stderr) == (2, True)


def test_what_others_reach_without_a_key_or_encryption_is_warned_of(tmp_path: Path, file: Path) -> None:
    made(file, "a")
    everywhere = ("--otlp-grpc=0.0.0.0:0", "--otlp-http=0.0.0.0:0")
    for number, (flags, words) in enumerate([((), "for a key"), ((f"--keys-file={file}",), "read on the way")]):
        with serving("up", tmp_path / f"data{number}", *everywhere, *flags) as running:
            warnings = [line for line in running.log.splitlines() if " WARNING " in line]
        assert [line.partition(" WARNING ")[2].split()[0] for line in warnings] == ["otlp_http", "otlp_grpc"]
        assert [words in line for line in warnings] == [True, True]
        assert [("for a key" in line) for line in warnings] == [not flags] * 2
