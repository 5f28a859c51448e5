"""Months are answered from hours and days, with the same sums as from the minutes that they are made of."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import QueryConfig, create_app
from spanhouse_storage import EmbeddedConfig, Retention, StoreConfig, migrate, open_store
from starlette.testclient import TestClient

from tests.query.reference_map import HOUR, check_map, check_percentiles, is_entry, took
from tests.query.rolling_up import roll_up, rollup_of, take_step
from tests.query.service import Service, fresh_tenant
from tests.query.test_service_map_rollup import feed, late_ones
from tests.support.call_graphs import Sent, call_graph

DAY = 24 * HOUR
MAP = "/api/v1/service-map"
KEPT = Retention(spans=6 * 86_400, minutes=6 * 86_400)
AGES = (0, 5 * HOUR, 26 * HOUR, 50 * HOUR, 53 * HOUR, 75 * HOUR, 100 * HOUR)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("tiers")
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))
    try:
        migrate(store)
        app = create_app(store, registry=CollectorRegistry(), settings=QueryConfig(retention=KEPT))
        with TestClient(app) as client:
            yield Service(store, client, folder)
    finally:
        store.close()


def of_days(rnd: random.Random) -> list[Sent]:
    """Spans of the last hours and days."""
    spans: list[Sent] = []
    for age in AGES:
        for one in call_graph(rnd, minutes=100):
            one[1].start_time_unix_nano -= age
            one[1].end_time_unix_nano -= age
            spans.append(one)
    return spans


def week() -> dict[str, int]:
    """All of them, from within an hour on."""
    return {"from": time.time_ns() // HOUR * HOUR - 5 * DAY + 17 * 60 * 10**9, "to": time.time_ns() + HOUR}


def test_equals_the_reference_whatever_tiers_it_is_made_of(service: Service) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(11)
    spans = of_days(rnd)
    late = late_ones(rnd, spans)
    early = [one for one in spans if not any(one is other for other in late)]
    steps = rollup_of(service)

    feed(service, tenant, rnd, early)
    take_step(service, steps)
    check_map(early, (before := service.get(MAP, week(), tenant=tenant)))
    feed(service, tenant, rnd, late)
    take_step(service, steps)
    # The hours that got late spans wait for a minute before they are made anew: their minutes are read.
    check_map(spans, service.get(MAP, week(), tenant=tenant))
    roll_up(service)
    check_map(spans, (after := service.get(MAP, week(), tenant=tenant)))

    for found in (before, after):
        assert found["meta"]["tier"] == "minute"
        assert found["meta"]["tiers"] == ["minute", "hour", "day"]


def test_services_latency_and_heat_map_add_up_over_days(service: Service, tenant: str) -> None:
    rnd = random.Random(5)
    spans = of_days(rnd)
    feed(service, tenant, rnd, spans)
    web = [one for name, one in spans if name == "web"]
    entries = [took(one) for one in web if is_entry(one)]

    answer = service.get("/api/v1/services", week(), tenant=tenant)
    (found,) = [one for one in answer["services"] if one["service"] == "web"]
    assert (found["requests"], sum(found["sparkline"]["requests"])) == (len(entries), len(entries))
    check_percentiles(entries, found["latency_ns"])
    assert answer["meta"]["tiers"] == ["minute", "hour"]
    operations = service.get("/api/v1/services/web/operations", week(), tenant=tenant)
    assert sum(one["requests"] for one in operations["operations"]) == len(web)
    assert operations["meta"]["tiers"] == ["minute", "hour", "day"]
    for step, tiers in ((None, ["hour"]), ("1d", ["day"]), ("90m", ["minute"])):
        asked = {**week(), "service": "web", **({"step": step} if step else {})}
        latency = service.get("/api/v1/latency", asked, tenant=tenant)
        (series,) = latency["series"]
        assert (series["n"], sum(point["requests"] for point in series["points"])) == (len(entries), len(entries))
        assert latency["meta"]["tiers"] == tiers
        heatmap = service.get("/api/v1/latency/heatmap", asked, tenant=tenant)
        assert sum(row["n"] for row in heatmap["rows"]) == len(entries)
        assert heatmap["meta"]["tiers"] == tiers


def test_an_edge_over_days_adds_up_by_hour_and_by_day(service: Service, tenant: str) -> None:
    rnd = random.Random(2)
    feed(service, tenant, rnd, of_days(rnd))
    roll_up(service)
    (busiest, *_) = sorted(service.get(MAP, week(), tenant=tenant)["edges"], key=lambda edge: -edge["calls"])
    path = f"/api/v1/edges/{busiest['client'].replace('/', '%2F')}/{busiest['server'].replace('/', '%2F')}"

    for step, tiers in (("1h", ["minute", "hour"]), ("1d", ["minute", "hour", "day"]), ("30m", ["minute"])):
        found = service.get(path, {**week(), "step": step, "connection": busiest["connection"]}, tenant=tenant)
        (series,) = found["series"]
        assert (series["calls"], series["errors"]) == (busiest["calls"], busiest["errors"])
        assert sum(point["calls"] for point in series["points"]) == busiest["calls"]
        for percentile in ("p50", "p95"):
            assert series["server_ns"][percentile] == busiest["server_ns"][percentile]
        assert set(found["meta"]["tiers"]) <= set(tiers)


def test_where_minutes_are_gone_hours_answer_and_say_so(service: Service, tenant: str) -> None:
    rnd = random.Random(7)
    spans = of_days(rnd)
    feed(service, tenant, rnd, [(name, older(one, 5 * DAY)) for name, one in spans])
    roll_up(service)
    gone = time.time_ns() - 6 * DAY
    for table, column in (("service_edges_1m", "minute"), ("edge_minutes", "minute"), ("red_1m", "minute")):
        service.store.command(
            f"DELETE FROM {table} WHERE tenant = {{tenant:String}} AND {column} < toDateTime({{gone:Int64}}, 'UTC')",
            {"tenant": tenant, "gone": gone // 10**9},
        )

    asked = {"from": time.time_ns() // HOUR * HOUR - 10 * DAY + 17 * 60 * 10**9, "to": time.time_ns() + HOUR}
    found = service.get(MAP, asked, tenant=tenant)

    check_map(spans, found)
    assert found["meta"]["tier"] in ("minute", "hour")
    assert int(found["meta"]["effective"]["from"]) == int(asked["from"]) // HOUR * HOUR
    listed = service.get("/api/v1/services", asked, tenant=tenant)["services"]
    assert {one["service"]: one["requests"] for one in listed} == entries_by_service(spans)


def test_a_step_finer_than_what_is_kept_is_refused(service: Service, tenant: str) -> None:
    asked = {"from": "now-20d", "to": "now-19d", "step": "30m"}

    for path in ("/api/v1/latency", "/api/v1/latency/heatmap", "/api/v1/edges/a/b"):
        response = service.response(path, asked, tenant=tenant)
        assert response.status_code == 400
        assert response.json()["detail"] == "step must be a multiple of 3600 s: finer rollups of that time are gone"


def test_answers_from_spans_say_from_when_on_they_are_kept(service: Service, tenant: str) -> None:
    for path, asked in (
        ("/api/v1/latency", {"from": "now-20d", "exact": "true", "step": "1d"}),
        (MAP, {"from": "now-20d", "q": "status = error"}),
        ("/api/v1/traces", {"from": "now-20d"}),
    ):
        kept = int(service.get(path, asked, tenant=tenant)["meta"]["kept_from"])
        assert abs(kept - (time.time_ns() - 6 * DAY)) < HOUR
    assert service.get(MAP, {"from": "now-1d", "q": "status = error"}, tenant=tenant)["meta"]["kept_from"] is None


def older(one: Any, by: int) -> Any:
    one.start_time_unix_nano -= by
    one.end_time_unix_nano -= by
    return one


def entries_by_service(spans: list[Sent]) -> dict[str, int]:
    services = {name for name, _ in spans}
    return {name: sum(is_entry(one) for other, one in spans if other == name) for name in services}
