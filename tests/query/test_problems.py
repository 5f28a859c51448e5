"""Errors say what was wrong, where, and what is allowed (RFC 9457)."""

from __future__ import annotations

from typing import Any

import pytest
from spanhouse_query import services
from spanhouse_query.status import status_endpoint
from spanhouse_query.traces import search, trace

from tests.query.service import Service


def problem(service: Service, path: str, *, answers: int = 400, **parameters: str) -> dict[str, Any]:
    response = service.response(path, {name.rstrip("_"): value for name, value in parameters.items()})
    assert (response.status_code, response.headers["content-type"]) == (answers, "application/problem+json")
    body: dict[str, Any] = response.json()
    assert (body["status"], body["instance"]) == (answers, path)
    return body


def test_names_the_parameters_that_an_endpoint_has(service: Service) -> None:
    body = problem(service, "/api/v1/services", form="x")

    assert (body["type"], body["parameter"]) == ("unknown-parameter", "form")
    assert body["allowed"] == ["from", "to", "apdex_t"]


def test_does_not_take_a_path_parameter_from_the_query(service: Service) -> None:
    response = service.response("/api/v1/services/web/operations", {"service": "cart"})

    body = response.json()
    assert (body["type"], body["parameter"]) == ("unknown-parameter", "service")


@pytest.mark.parametrize(
    ("path", "parameter", "value", "says"),
    [
        ("/api/v1/services", "from", "yesterday", "RFC 3339"),
        ("/api/v1/services", "to", "now-1x", "unit of ns"),
        ("/api/v1/services", "apdex_t", "5", "unit of ns"),
        ("/api/v1/service-map", "format", "png", "'json', 'dot' or 'mermaid'"),
        ("/api/v1/service-map", "depth", "0", "greater than or equal to 1"),
        ("/api/v1/service-map", "min_calls", "many", "integer"),
        ("/api/v1/traces", "limit", "1001", "less than or equal to 1000"),
        ("/api/v1/traces", "min_duration", "-1s", "unit of ns"),
        ("/api/v1/traces", "q", "service = ", "a string in double quotes"),
        ("/api/v1/traces", "q", 'x =~ "("', "RE2"),
        ("/api/v1/latency", "q", "duration > 5", "a duration such as 250ms"),
        ("/api/v1/latency", "step", "0s", "longer than 0"),
        ("/api/v1/latency", "percentiles", "\u0665", "numbers from 0 to 100"),
        ("/api/v1/latency", "percentiles", "101", "numbers from 0 to 100"),
        ("/api/v1/latency", "percentiles", "50,,9", "numbers from 0 to 100"),
    ],
)
def test_says_what_a_parameter_may_be(service: Service, path: str, parameter: str, value: str, says: str) -> None:
    body = problem(service, path, answers=400, **{parameter: value})

    assert (body["type"], body["parameter"]) == ("invalid-parameter", parameter)
    assert says in body["detail"]


def test_says_where_a_filter_is_wrong(service: Service) -> None:
    body = problem(service, "/api/v1/traces", q="kind = server and x in 5")

    assert (body["position"], body["allowed"]) == (23, ["("])


def test_wants_the_range_in_order(service: Service) -> None:
    body = problem(service, "/api/v1/services", from_="now", to="now-1h")

    assert (body["parameter"], body["detail"]) == ("from", "from must be earlier than to")


def test_takes_each_parameter_once(service: Service) -> None:
    response = service.client.get("/api/v1/services?from=now-1h&from=now-2h")

    assert (response.status_code, response.json()["parameter"]) == (400, "from")
    assert "twice" in response.json()["detail"]


def test_knows_no_other_path(service: Service) -> None:
    assert problem(service, "/api/v2/services", answers=404)["type"] == "not-found"


def test_answers_only_get_and_head(service: Service) -> None:
    response = service.client.post("/api/v1/services")

    assert (response.status_code, response.json()["type"]) == (405, "method-not-allowed")
    assert sorted(response.headers["allow"].split(", ")) == ["GET", "HEAD"]
    assert service.client.head("/api/v1/services").status_code == 200


def test_advises_only_what_an_endpoint_takes() -> None:
    (one_trace,) = trace.ENDPOINTS
    remedies = [one.remedy for one in (*services.ENDPOINTS, *search.ENDPOINTS, one_trace, status_endpoint(None))]

    assert remedies == [
        "narrow the time range (from, to)",
        "narrow the time range (from, to)",
        "narrow the time range (from, to), or name a service, or add conditions to q",
        one_trace.advice,
        "try again later",
    ]
