"""The map at an instant: the window that ends there."""

from __future__ import annotations

import time

import pytest
from spanhouse_query.parameters import MomentParameters
from spanhouse_query.time_range import LAST_STORED, TimeRange

from tests.query.service import Service
from tests.support.spans import SECOND, SERVER, request, span

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
AT = (time.time_ns() // MINUTE - 30) * MINUTE
MAP = "/api/v1/service-map"


def parsed(**given: str | int) -> TimeRange:
    return MomentParameters.model_validate(given, context={"now": AT}).range


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"at": "now"}, TimeRange(AT - 5 * MINUTE, AT)),
        ({"at": "now-1h", "window": "1h30m"}, TimeRange(AT - HOUR - 90 * MINUTE, AT - HOUR)),
        ({"at": 0}, TimeRange(0, 0)),
        ({"at": 60, "window": "1h"}, TimeRange(0, MINUTE)),
        ({"at": "2200-01-01T00:00:00Z"}, TimeRange(LAST_STORED - 5 * MINUTE, LAST_STORED)),
        ({}, TimeRange(AT - HOUR, AT)),
        ({"from": "now-2h"}, TimeRange(AT - 2 * HOUR, AT)),
    ],
)
def test_is_a_range_that_ends_at_the_instant(given: dict[str, str | int], expected: TimeRange) -> None:
    assert parsed(**given) == expected


def test_has_the_calls_of_the_window_before_it(service: Service, tenant: str) -> None:
    starts = (AT - 6 * MINUTE, AT - 5 * MINUTE, AT - 1, AT)
    service.feed([request({"web": [span(kind=SERVER, start=start) for start in starts]})], tenant=tenant)

    def calls(**given: str | int) -> tuple[int, str]:
        found = service.get(MAP, given, tenant=tenant)
        effective = found["meta"]["effective"]
        assert int(effective["to"]) >= AT
        return sum(edge["calls"] for edge in found["edges"]), effective["from"]

    assert calls(at=AT) == (2, str(AT - 5 * MINUTE))
    assert calls(at=AT, window="1m") == (1, str(AT - MINUTE))
    assert calls(at=AT, window="10m") == (3, str(AT - 10 * MINUTE))
    # Whole minutes, as everywhere on the map.
    assert calls(at=AT + 1, window="1s") == (2, str(AT - MINUTE))


def test_has_nothing_at_the_beginning_of_time(service: Service, tenant: str) -> None:
    assert service.get(MAP, {"at": 0}, tenant=tenant)["edges"] == []


@pytest.mark.parametrize(
    ("given", "parameter", "says"),
    [
        ({"at": "now", "from": "now-1h"}, "at", "in place of from and to: it cannot be given together with from"),
        ({"at": "now", "to": "now"}, "at", "together with to"),
        ({"at": "now", "from": "now-1h", "to": "now"}, "at", "together with from and to"),
        ({"window": "5m"}, "window", "`at`, which is missing"),
        ({"at": "now", "window": "0s"}, "window", "longer than 0"),
        ({"at": "now", "window": "five"}, "window", "a number with a unit"),
        ({"at": "noon"}, "at", "RFC 3339"),
    ],
)
def test_says_what_does_not_go_together(service: Service, given: dict[str, str], parameter: str, says: str) -> None:
    response = service.response(MAP, given)

    assert (response.status_code, response.json()["parameter"]) == (400, parameter)
    assert says in response.json()["detail"]
