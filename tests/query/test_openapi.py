"""Every answer is what the OpenAPI document says, and the document says what is answered."""

from __future__ import annotations

import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.query.metric_queries.feeding import feed
from tests.query.service import Service
from tests.support.metrics import gauge, number
from tests.support.spans import CLIENT, SECOND, SERVER, request, span

START = time.time_ns() - 300 * SECOND
TRACE = b"\x01" * 16
PATHS = {
    "/api/v1/services": {},
    "/api/v1/services/{service}/operations": {"service": "web"},
    "/api/v1/service-map": {},
    "/api/v1/service-map/diff": {},
    "/api/v1/edges/{client}/{server}": {"client": "web", "server": "cart"},
    "/api/v1/topology": {},
    "/api/v1/latency": {},
    "/api/v1/latency/heatmap": {},
    "/api/v1/traces": {},
    "/api/v1/traces/{trace_id}": {"trace_id": TRACE.hex()},
    "/api/v1/metrics": {},
    "/api/v1/metrics/attributes": {},
    "/api/v1/metrics/attributes/{key}/values": {"key": "host"},
    "/api/v1/metrics/query": {},
    "/api/v1/metrics/query_range": {},
    "/api/v1/metrics/trend": {},
    "/api/v1/status": {},
    "/healthz": {},
    "/readyz": {},
    "/metrics": {},
    "/openapi.json": {},
    "/": {},
}

# What a path cannot be asked without.
REQUIRED = {path: {"metric": "queue.size"} for path in PATHS if path.startswith("/api/v1/metrics/") and "{" not in path}


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    """The document, over a store with something in it."""
    server = span("GET", trace_id=TRACE, kind=SERVER, start=START)
    client = span("call", parent=server, kind=CLIENT, start=START, error=True)
    callee = span("GET", parent=client, kind=SERVER, start=START)
    service.feed([request({"web": [server, client], "cart": [callee]})], tenant="default")
    feed(service, "default", {"web": [gauge("queue.size", number(1.0, {"host": "a"}, at=START))]})
    found: dict[str, Any] = service.get("/openapi.json")
    return found


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Refuses what the schema does not say, members that it does not name included."""
    return Draft202012Validator({**strict(schema), "components": strict(document["components"])})


def strict(node: Any) -> Any:
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed


def test_describes_each_endpoint(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert {path for path in document["paths"] if not path.startswith("/prometheus/")} == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_answers_as_described(service: Service, document: dict[str, Any], path: str) -> None:
    described = document["paths"][path]["get"]["responses"]

    good = service.response(path.format(**PATHS[path]), REQUIRED.get(path))
    bad = service.response(path.format(**PATHS[path]), {"nonsense": "1"})

    for response in (good, bad):
        media_type = response.headers["content-type"].partition(";")[0]
        schema = described[str(response.status_code)]["content"][media_type]["schema"]
        content = response.json() if "json" in media_type else response.text
        validator(document, schema).validate(content)
    assert (good.status_code, bad.status_code) == (200, 400)


@pytest.mark.parametrize("path", PATHS)
def test_takes_the_parameters_it_describes(service: Service, document: dict[str, Any], path: str) -> None:
    described = document["paths"][path]["get"]["parameters"]
    for parameter in described:
        Draft202012Validator.check_schema(parameter["schema"])
    examples = {
        parameter["name"]: parameter["schema"].get("default", parameter["schema"].get("examples", ["web"])[0])
        for parameter in described
        if parameter["in"] == "query"
        and parameter["name"] not in ("cursor", "q", "from", "to", "group_by", "base_from", "base_to")
    }
    choices = {
        parameter["name"]: parameter["schema"]["enum"][0] for parameter in described if "enum" in parameter["schema"]
    }
    narrowed = {"status": "error"} if path == "/api/v1/traces" else {}

    response = service.response(
        path.format(**PATHS[path]), {**examples, **choices, **narrowed, **({"q": "x = 1"} if narrowed else {})}
    )

    assert response.status_code == 200, response.text


def test_components_are_schemas(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description"), name


def test_lists_the_problems_that_can_happen(document: dict[str, Any]) -> None:
    def listed(path: str) -> list[str]:
        return [status for status in document["paths"][path]["get"]["responses"] if status != "200"]

    assert listed("/api/v1/services") == ["400", "422", "503", "504"]
    assert listed("/api/v1/traces/{trace_id}") == ["400", "404", "406", "422", "503", "504"]
    assert listed("/readyz") == ["400", "503"]
    assert listed("/healthz") == listed("/metrics") == listed("/openapi.json") == ["400"]


def test_says_which_kinds_an_operation_can_have(document: dict[str, Any]) -> None:
    kind = document["components"]["schemas"]["Operation"]["properties"]["kind"]

    assert sorted(kind["enum"]) == ["client", "consumer", "internal", "producer", "server", "unspecified"]


def test_says_whose_duration_a_parameter_means(document: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/api/v1/traces"]["get"]["parameters"]}

    for name in ("min_duration", "max_duration"):
        assert "of the whole trace" in parameters[name]["description"]
    assert "is the span's own" in parameters["q"]["description"]
