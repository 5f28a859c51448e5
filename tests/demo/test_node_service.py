"""The services in Node.js send what they say they send."""

import json

from spanhouse_demo.topology import Edge

from tests.demo.calls import calls_between_services
from tests.demo.node_service import FAILS_EVERY, SOURCE, NodeServices
from tests.demo.otlp_sink import OtlpSink

TRACES = 20
CALL = Edge("node-web", "node-api")


def test_each_trace_is_one_call_between_two_services(node_services: NodeServices, sink: OtlpSink) -> None:
    node_services.send(sink.http_url, TRACES)
    calls, failures = calls_between_services(sink.spans)

    assert calls == {CALL: TRACES}
    assert failures == {CALL: TRACES // FAILS_EVERY}
    assert len({received.span.trace_id for received in sink.spans}) == TRACES
    assert len(sink.spans) == 2 * TRACES
    assert {"nodejs"} == {received.resource["telemetry.sdk.language"] for received in sink.spans}


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    packages = [package for path, package in lock["packages"].items() if path]

    assert packages
    assert all("resolved" not in package for package in packages)
    assert all(package["integrity"].startswith("sha512-") for package in packages)
