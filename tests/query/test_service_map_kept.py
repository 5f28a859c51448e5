"""Settled parts of maps are kept in memory: the answers are those of a service that has to read them."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from httpx2 import ASGITransport, AsyncClient
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app

from tests.query.rolling_up import roll_up
from tests.query.service import Service, fresh_tenant
from tests.query.test_service_map_rollup import MAP, closer, feed, late_ones
from tests.query.test_service_map_tiers import AGES, of_days
from tests.support.call_graphs import call_graph
from tests.support.effort import examples
from tests.support.spans import SECOND

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def ask_another(service: Service, parameters: Mapping[str, Any], tenant: str) -> Any:
    """The answer of a query service over the same store that nobody has asked anything."""
    app = create_app(service.store, registry=CollectorRegistry())

    async def ask() -> Any:
        async with AsyncClient(transport=ASGITransport(app=app), base_url="http://spanhouse") as client:
            response = await client.get(MAP, params=dict(parameters), headers={"X-Scope-OrgID": tenant})
        assert response.status_code == 200, response.text
        return response.json()

    assert service.client.portal is not None
    return service.client.portal.call(ask)


def shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: answer[name] for name in ("nodes", "edges")}, "completeness": answer["meta"]["completeness"]}


@settings(max_examples=examples(4), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_what_is_kept_gives_the_answers_of_what_is_read(service: Service, seed: int) -> None:
    tenant, rnd = fresh_tenant(), random.Random(seed)
    spans = closer(call_graph(rnd))
    late = late_ones(rnd, spans)
    now = time.time_ns() // MINUTE * MINUTE
    ranges = [{"from": now - back * MINUTE, "to": now - to * MINUTE} for back, to in ((15, 1), (15, 4), (8, 2))]

    for arriving in ([one for one in spans if not any(one is other for other in late)], late):
        feed(service, tenant, rnd, arriving)
        for _ in range(2):
            for asked in rnd.sample(ranges, len(ranges)):
                assert shown(service.get(MAP, asked, tenant=tenant)) == shown(ask_another(service, asked, tenant))
            roll_up(service)


def test_days_are_not_read_again_until_something_arrives_for_them(service: Service, tenant: str) -> None:
    rnd = random.Random(5)
    feed(service, tenant, rnd, of_days(rnd))
    roll_up(service)
    now = time.time_ns() // HOUR * HOUR
    asked = {"from": now - AGES[-1] - HOUR + 7 * MINUTE, "to": now - HOUR + 7 * MINUTE}

    first = service.get(MAP, asked, tenant=tenant)
    second = service.get(MAP, asked, tenant=tenant)
    assert first["meta"]["tiers"] == second["meta"]["tiers"] == ["minute", "hour", "day"]
    assert second["meta"]["rows_read"] < first["meta"]["rows_read"] - len(first["edges"])
    assert shown(second) == shown(first)

    feed(service, tenant, rnd, of_days(rnd))
    roll_up(service)
    third = service.get(MAP, asked, tenant=tenant)
    assert sum(edge["calls"] for edge in third["edges"]) > sum(edge["calls"] for edge in first["edges"])
    assert shown(third) == shown(ask_another(service, asked, tenant))
