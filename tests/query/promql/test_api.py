"""Prometheus' HTTP API: forms, errors, limits, and what Grafana asks for beside queries."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at
from tests.query.service import Service
from tests.support.metrics import counter, gauge, number
from tests.support.spans import SECOND, key_values


def refused(service: Service, path: str, parameters: dict[str, Any]) -> tuple[int, str, str]:
    """Status, type and text of an error."""
    response = service.response(API + path, parameters)
    body = response.json()
    assert body["status"] == "error"
    assert set(body) == {"status", "errorType", "error"}
    return response.status_code, body["errorType"], body["error"]


def test_a_query_can_be_a_form(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1.5, at=at(0)), unit="")]})
    form = {"query": "g + 1", "time": str(at(60) / SECOND)}

    response = service.client.post(f"{API}/query", data=form, headers={"X-Scope-OrgID": tenant})

    assert response.json() == {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"job": "web"}, "value": [at(60) // SECOND, "2.5"]}]},
    }


@pytest.mark.parametrize(
    ("query", "type_", "result"),
    [
        ("1 / 3", "scalar", [0, "0.3333333333333333"]),
        ('"text"', "string", [0, "text"]),
        ("vector(1e21)", "vector", [{"metric": {}, "value": [0, "1e+21"]}]),
        ("vector(0.00001)", "vector", [{"metric": {}, "value": [0, "0.00001"]}]),
        ("vector(-Inf)", "vector", [{"metric": {}, "value": [0, "-Inf"]}]),
        ("vector(1e16)", "vector", [{"metric": {}, "value": [0, "10000000000000000"]}]),
        ("vector(1)[2m:1m]", "matrix", [{"metric": {}, "values": [[-60, "1"], [0, "1"]]}]),
    ],
)
def test_a_result_has_its_type_and_numbers_as_text(service: Service, query: str, type_: str, result: Any) -> None:
    data = service.get(f"{API}/query", {"query": query, "time": "1970-01-01T00:00:00Z"})["data"]

    assert data == {"resultType": type_, "result": result}


def test_instants_keep_their_milliseconds(service: Service) -> None:
    data = service.get(f"{API}/query_range", {"query": "1", "start": "10.25", "end": "11", "step": "500ms"})["data"]

    assert data == {"resultType": "matrix", "result": [{"metric": {}, "values": [[10.25, "1"], [10.75, "1"]]}]}


@pytest.mark.parametrize(
    ("path", "parameters", "status", "kind", "text"),
    [
        ("/query", {}, 400, "bad_data", "query is required"),
        ("/query", {"query": "sum("}, 400, "bad_data", 'invalid parameter "query"'),
        ("/query", {"query": "1", "time": "soon"}, 400, "bad_data", 'cannot parse "soon" to a valid timestamp'),
        ("/query", {"query": "1", "timeout": "soon"}, 400, "bad_data", 'cannot parse "soon" to a valid duration'),
        ("/query", {"query": 'info({"x"})'}, 422, "execution", "the function info is not supported"),
        ("/query", {"query": 'limitk(1, {"x"})'}, 422, "execution", "the aggregation limitk is not supported"),
        ("/query_range", {"query": "x[5m]", "start": "0", "end": "9", "step": "1"}, 400, "bad_data", "range vector"),
        ("/query_range", {"query": "1", "start": "9", "end": "0", "step": "1"}, 400, "bad_data", "before start"),
        ("/query_range", {"query": "1", "start": "0", "end": "9", "step": "0"}, 400, "bad_data", "zero or negative"),
        ("/query_range", {"query": "1", "start": "0", "end": "11001", "step": "1"}, 400, "bad_data", "11,000 points"),
        ("/series", {}, 400, "bad_data", "match[] is required"),
        ("/series", {"match[]": "1 + 1"}, 400, "bad_data", "is not a selector"),
        ("/labels", {"start": "9", "end": "0"}, 400, "bad_data", "before start"),
    ],
)
def test_an_error_says_what_was_wrong(
    service: Service, path: str, parameters: dict[str, Any], status: int, kind: str, text: str
) -> None:
    found = refused(service, path, parameters)

    assert found[:2] == (status, kind)
    assert text in found[2]


def test_eleven_thousand_steps_are_answered(service: Service) -> None:
    data = service.get(f"{API}/query_range", {"query": "1", "start": "0", "end": "11000", "step": "1"})["data"]

    assert len(data["result"][0]["values"]) == 11_001


def test_series_that_do_not_match_are_an_error(service: Service, tenant: str) -> None:
    points = [number(1, {"n": n}, at=at(0)) for n in "ab"]
    feed(service, tenant, {"web": [gauge("g", *points, unit="")]})
    parameters = {"query": "g * on (job) g", "time": at(60) / SECOND}

    response = service.response(f"{API}/query", parameters, tenant=tenant)

    assert response.status_code == 422
    assert "many-to-many matching not allowed" in response.json()["error"]


def test_a_timeout_is_kept(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), unit="")]})
    parameters = {"query": "sum_over_time(g[1h:1s])", "timeout": "1ms", "start": at(0) / SECOND}
    parameters |= {"end": at(3600) / SECOND, "step": "1"}

    response = service.response(f"{API}/query_range", parameters, tenant=tenant)

    assert (response.status_code, response.json()["errorType"]) == (503, "timeout")


def test_parameters_of_others_are_passed_over(service: Service) -> None:
    assert service.get(f"{API}/query", {"query": "1", "stats": "all", "nocache": "1"})["status"] == "success"


def test_results_can_be_limited(service: Service, tenant: str) -> None:
    feed(service, tenant, {"web": [gauge("g", *[number(1, {"n": n}, at=at(0)) for n in "abc"], unit="")]})
    parameters = {"query": "g", "time": at(60) / SECOND, "limit": 2}

    assert len(service.get(f"{API}/query", parameters, tenant=tenant)["data"]["result"]) == 2


def test_a_tenant_that_cannot_be_one_is_told(service: Service) -> None:
    response = service.response(f"{API}/query", {"query": "1"}, tenant="/")

    assert (response.status_code, response.json()["errorType"]) == (400, "bad_data")


def test_exemplars_name_their_traces(service: Service, tenant: str) -> None:
    seen = Exemplar(
        time_unix_nano=at(5),
        as_double=0.25,
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        filtered_attributes=key_values({"user.id": "u"}),
    )
    feed(service, tenant, {"web": [counter("hits", number(1, at=at(10), exemplars=[seen]))]})
    parameters = {"query": "rate(hits_total[1m]) > 0", "start": at(0) / SECOND, "end": at(60) / SECOND}

    (found,) = service.get(f"{API}/query_exemplars", parameters, tenant=tenant)["data"]

    assert found["seriesLabels"] == {"__name__": "hits_total", "job": "web"}
    labels = {"trace_id": "01" * 16, "span_id": "02" * 8, "user_id": "u"}
    assert found["exemplars"] == [{"labels": labels, "value": "0.25", "timestamp": at(5) // SECOND}]


def test_grafana_gets_what_it_asks_first(service: Service) -> None:
    assert service.get(f"{API}/status/buildinfo")["data"]["application"] == "Spanhouse"
    assert service.get(f"{API}/rules")["data"] == {"groups": []}
    assert service.get(f"{API}/format_query", {"query": "sum( x )by(y)"})["data"] == "sum by (y) (x)"


def test_the_document_describes_both_methods_and_the_errors(service: Service) -> None:
    document = service.get("/openapi.json")
    operations = document["paths"][f"{API}/query_range"]
    form = operations["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    schema = {**document["components"]["schemas"]["PrometheusError"], "components": document["components"]}

    assert [one["name"] for one in operations["get"]["parameters"] if one["in"] == "query"] == list(form["properties"])
    assert form["required"] == ["query", "start", "end", "step"]
    Draft202012Validator(schema).validate(service.response(f"{API}/query").json())
