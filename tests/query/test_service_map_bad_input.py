"""What cannot be asked of the service map is answered with what is wrong, where, and what is allowed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from spanhouse_query.service_map import service_map

from tests.query.service import Service
from tests.support.spans import CLIENT, MILLISECOND, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
RANGE = {"from": START, "to": START + MINUTE}
MAP = "/api/v1/service-map"
DIFF = "/api/v1/service-map/diff"
TENANT = "bad-input"


@pytest.fixture(scope="module", autouse=True)
def stored(service: Service) -> None:
    """A user at checkout, which asks payment and a database."""
    entry = span(kind=SERVER, start=START, duration=SECOND)
    asks = span(kind=CLIENT, parent=entry, start=START + MILLISECOND)
    answers = span(kind=SERVER, parent=asks, start=START + 2 * MILLISECOND)
    looks_up = span(kind=CLIENT, parent=entry, start=START + MILLISECOND, attributes={"db.system.name": "redis"})
    service.feed([request({"checkout": [entry, asks, looks_up], "payment": [answers]})], tenant=TENANT)


def refused(service: Service, path: str, given: dict[str, Any], status: int = 400) -> dict[str, Any]:
    response = service.response(path, given, tenant=TENANT)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.parametrize(
    ("parameter", "given", "says"),
    [
        ("depth", {"service": "checkout", "depth": 1000}, "less than or equal to 20"),
        ("depth", {"service": "checkout", "depth": 0}, "greater than or equal to 1"),
        ("depth", {"service": "checkout", "depth": -1}, "greater than or equal to 1"),
        ("depth", {"service": "checkout", "depth": "2.5"}, "integer"),
        ("depth", {"service": "checkout", "depth": "9" * 5000}, "integer"),
        ("depth", {"depth": 2}, "around `service`, which is missing"),
        ("min_calls", {"min_calls": -1}, "greater than or equal to 0"),
        ("group_by", {"group_by": ""}, "at least 1 character"),
        ("group_by", {"group_by": "no.such.key"}, "no resource has the attribute 'no.such.key'; the closest of"),
        ("group_by", {"group_by": "service.nam"}, "the closest of 1: service.name"),
        ("group_by", {"group_by": "service.name,host.name"}, "no resource has the attribute 'service.name,host.name'"),
        ("group_by", {"group_by": "x') FROM spans --"}, "no resource has the attribute"),
        ("group_by", {"group_by": "{tenant:String}"}, "no resource has the attribute"),
        ("group_by", {"group_by": "é😀\t\x00"}, "no resource has the attribute"),
        ("format", {"format": "png"}, "'json', 'dot' or 'mermaid'"),
        ("from", {"from": "now", "to": "now-1h"}, "from must be earlier than to"),
        ("from", {"from": START, "to": START}, "from must be earlier than to"),
        ("from", {"from": "2200-01-01T00:00:00Z", "to": "2201-01-01T00:00:00Z"}, "nothing is stored from then on"),
        ("from", {"from": "2026-02-30T00:00:00Z"}, "RFC 3339"),
        ("to", {"to": "-1"}, "RFC 3339"),
        ("to", {"to": "99999999999999999999"}, "RFC 3339"),
    ],
)
def test_says_which_parameter_is_wrong_and_why(
    service: Service, parameter: str, given: dict[str, Any], says: str
) -> None:
    body = refused(service, MAP, given)

    assert (body["type"], body["parameter"]) == ("invalid-parameter", parameter)
    assert says in body["detail"]


@pytest.mark.parametrize("path", [MAP, DIFF])
@pytest.mark.parametrize(
    ("q", "position", "says"),
    [
        ("service = ", 10, "a string in double quotes"),
        ("service = checkout", 10, "a string in double quotes"),
        ('service = "checkout" and', 24, "expected"),
        ('kind = "serve"', 7, "expected"),
        ('x =~ "("', 3, "RE2"),
        ("(" * 5000, 40, "at most 40 levels"),
        ("';", 0, "text stands in double quotes"),
    ],
)
def test_says_where_a_filter_is_wrong(service: Service, path: str, q: str, position: int, says: str) -> None:
    body = refused(service, path, {**RANGE, "q": q})

    assert (body["parameter"], body["position"]) == ("q", position)
    assert says in body["detail"]


@pytest.mark.parametrize("more", [{}, {"group_by": "service.name"}, {"q": "status != ok"}, {"depth": 20}])
def test_names_those_closest_to_an_unknown_name(service: Service, more: dict[str, Any]) -> None:
    body = refused(service, MAP, {**RANGE, "service": "chekout", **more}, 404)

    assert (body["type"], body["allowed"]) == ("not-found", ["checkout"])
    assert body["detail"].startswith("nothing is called 'chekout'; the closest of 4 names: ")


@pytest.mark.parametrize("name", ["", " ", "' OR 1", "x" * 5000, "\x00"])
def test_takes_no_name_for_another(service: Service, name: str) -> None:
    assert refused(service, MAP, {**RANGE, "service": name}, 404)["type"] == "not-found"


def test_says_that_nothing_is_stored_yet(service: Service) -> None:
    response = service.response(MAP, {"service": "checkout"}, tenant="nobody")

    assert (response.status_code, response.json()["detail"]) == (
        404,
        "nothing is called 'checkout': no service has sent a span yet",
    )


def test_says_that_there_is_no_attribute_to_group_by_yet(service: Service) -> None:
    response = service.response(MAP, {"group_by": "host.name"}, tenant="nobody")

    assert (response.status_code, response.json()["detail"]) == (400, "no resource has the attribute 'host.name'")


@pytest.mark.parametrize("given", [{"depths": 2}, {"Q": "x"}, {"from_": 0}, {"group-by": "service.name"}])
def test_names_the_parameters_that_there_are(service: Service, given: dict[str, Any]) -> None:
    body = refused(service, MAP, given)

    assert (body["type"], body["parameter"]) == ("unknown-parameter", next(iter(given)))
    assert {"q", "at", "window", "depth"} <= set(body["allowed"])


@pytest.mark.parametrize("given", [{"from": 0, "to": 1}, {"from": "now+1d", "to": "now+2d"}, {"at": "now+1w"}])
def test_has_nothing_of_a_time_without_spans(service: Service, given: dict[str, Any]) -> None:
    for more in ({}, {"group_by": "service.name"}, {"q": "kind = server"}, {"service": "checkout"}):
        found = service.get(MAP, {**given, **more}, tenant=TENANT)

        assert (found["nodes"], found["edges"], found["meta"]["completeness"]) == ([], [], 1)


def test_advises_only_what_helps() -> None:
    (endpoint,) = service_map.ENDPOINTS

    assert endpoint.remedy == (
        "narrow the time range (from, to), or leave out q and group_by, which the rollup cannot answer"
    )
