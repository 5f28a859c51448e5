"""Which versions of the services the difference of two windows is about."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.query.rolling_up import roll_up
from tests.query.service import Service
from tests.support.spans import CLIENT, MILLISECOND, SECOND, SERVER, key_values, request, span

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = (time.time_ns() // MINUTE - 30) * MINUTE
LATER = START + 10 * MINUTE
WINDOWS = {"from": LATER, "to": LATER + 10 * MINUTE}
DIFF = "/api/v1/service-map/diff"


def sent_by(service: str, version: str, spans: list[Span]) -> ExportTraceServiceRequest:
    """Empty version: the resource does not say."""
    sent = request({service: spans})
    attributes = {"service.version": version} if version else {}
    sent.resource_spans[0].resource.attributes.extend(key_values({**attributes, "host.name": service + version}))
    return sent


def calling(start: int, client: tuple[str, str], server: tuple[str, str]) -> list[ExportTraceServiceRequest]:
    """One calls the other: names and versions."""
    asks = span(kind=CLIENT, start=start, parent=b"\1" * 8)
    answers = span(kind=SERVER, start=start + MILLISECOND, parent=asks)
    return [sent_by(*client, [asks]), sent_by(*server, [answers])]


def versions(client: list[str], server: list[str]) -> dict[str, list[str]]:
    return {"client": client, "server": server}


def by_server(listed: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["edge"]["server"]: one["versions"] for one in listed}


def test_names_the_versions_of_what_is_new_and_gone(service: Service, tenant: str) -> None:
    database = span(kind=CLIENT, start=LATER, parent=b"\1" * 8, attributes={"db.system.name": "redis"})
    service.feed(
        [
            *calling(START, ("web", "1"), ("old", "7")),
            *calling(LATER + MINUTE, ("web", "2"), ("new", "")),
            sent_by("web", "3", [database]),
        ],
        tenant=tenant,
    )

    found = service.get(DIFF, WINDOWS, tenant=tenant)

    assert by_server(found["new"]) == {"new": versions(["2", "3"], []), "redis": versions(["2", "3"], [])}
    assert by_server(found["gone"]) == {"old": versions(["1"], ["7"])}


def test_names_the_versions_before_and_after_a_change(service: Service, tenant: str) -> None:
    def requests(start: int, count: int, took: int) -> list[Span]:
        return [span(kind=SERVER, start=start + number * SECOND, duration=took) for number in range(count)]

    service.feed(
        [
            sent_by("web", "1", requests(START, 300, MILLISECOND)),
            sent_by("web", "1", requests(LATER, 100, 9 * MILLISECOND)),
            sent_by("web", "2", requests(LATER, 200, 9 * MILLISECOND)),
        ],
        tenant=tenant,
    )

    (changed,) = service.get(DIFF, WINDOWS, tenant=tenant)["changed"]

    assert changed["versions_before"] == versions([], ["1"])
    assert changed["versions_after"] == versions([], ["1", "2"])


def test_does_not_take_the_time_of_arrival_for_that_of_sending(service: Service, tenant: str) -> None:
    """Of windows that are read span by span."""
    late = LATER + 5 * MINUTE
    for body in calling(START, ("web", "1"), ("old", "1")) + calling(LATER, ("web", "2"), ("new", "1")):
        service.feed([body], tenant=tenant, received_at=late)

    found = service.get(DIFF, WINDOWS, tenant=tenant)

    assert by_server(found["new"])["new"]["client"] == ["2"]
    assert by_server(found["gone"])["old"]["client"] == ["1"]


def test_tells_long_windows_by_what_arrived_in_them(service: Service, tenant: str) -> None:
    begin = LATER - 10 * HOUR
    for start, version, peer in ((begin + HOUR, "1", "old"), (begin + 6 * HOUR, "2", "new")):
        service.feed(calling(start, ("web", version), (peer, "9")), tenant=tenant, received_at=start + 2 * SECOND)

    found = service.get(DIFF, {"from": begin + 5 * HOUR, "to": LATER}, tenant=tenant)

    assert by_server(found["new"]) == {"new": versions(["2"], ["9"])}
    assert by_server(found["gone"]) == {"old": versions(["1"], ["9"])}


def test_tells_windows_whose_spans_are_gone_by_what_arrived_in_them(service: Service, tenant: str) -> None:
    begin = START - 8 * 24 * HOUR
    for start, version, peer in ((begin, "1", "old"), (begin + 10 * MINUTE, "2", "new")):
        service.feed(calling(start, ("web", version), (peer, "9")), tenant=tenant, received_at=start + 2 * SECOND)
    service.store.command("DELETE FROM spans WHERE tenant = {tenant:String}", {"tenant": tenant})

    window = {"from": begin + 10 * MINUTE, "to": begin + 20 * MINUTE}
    found = service.get(DIFF, window, tenant=tenant)
    of_traces = service.get(DIFF, {**window, "q": "kind = server"}, tenant=tenant)

    assert by_server(found["new"]) == {"new": versions(["2"], ["9"])}
    assert by_server(found["gone"]) == {"old": versions(["1"], ["9"])}
    assert found["meta"]["kept_from"] is None
    assert of_traces["new"] == []
    assert int(of_traces["meta"]["kept_from"]) > begin


@pytest.mark.parametrize("rolled_up", [False, True])
def test_the_trace_of_what_is_new_is_of_the_first_minute(service: Service, tenant: str, rolled_up: bool) -> None:
    """Of several there it is one, and none of a later minute, however long it took."""
    minutes = (5, 3, 3, 3, 8)
    spans = [
        span(kind=SERVER, start=LATER + minute * MINUTE + number * SECOND, duration=(number + 1) * MILLISECOND)
        for number, minute in enumerate(minutes)
    ]
    service.feed([request({"new": spans})], tenant=tenant)
    if rolled_up:
        roll_up(service)

    found = service.get(DIFF, WINDOWS, tenant=tenant)

    (new,) = found["new"]
    assert new["minute"] == str(LATER + 3 * MINUTE)
    assert new["trace"] in {one.trace_id.hex() for one in spans[1:4]}
    assert (found["meta"]["live"] is None) == rolled_up
