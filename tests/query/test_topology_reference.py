"""Whatever happens between a few instances, the topology is what the reference makes of it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.query.instances import Instance, Traffic
from tests.query.reference_topology import DATABASE, QUEUE, Calls, Plan, check_topology, name_of
from tests.query.service import Service, fresh_tenant
from tests.support.effort import examples
from tests.support.spans import SECOND

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 25) * MINUTE
END = START + 20 * MINUTE
INSTANCES = [
    Instance("web", "w0", "north"),
    Instance("web", "w1", "south"),
    Instance("cart", "c0", "north"),
    Instance("cart", "c1", "south"),
    Instance("mail", "", "north"),
    Instance("batch", "b0"),
]


@settings(max_examples=examples(12), deadline=None, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(st.integers(0, 2**32))
def test_equals_the_reference(service: Service, seed: int) -> None:
    tenant = fresh_tenant()
    rnd = random.Random(seed)
    plan = random_plan(rnd)
    traffic = Traffic()
    for at, calls, alive in (
        (START - 2 * MINUTE, plan.before, plan.alive_before),
        (END - MINUTE, plan.now, plan.alive_now),
    ):
        send(traffic, at, plan, calls)
        for instance in INSTANCES:
            if name_of(instance) in alive:
                traffic.alive(instance, at)
    exports = list(traffic.exports())
    service.feed(rnd.sample(exports, len(exports)), tenant=tenant)

    found = service.get("/api/v1/topology", {"from": START, "to": END}, tenant=tenant)

    check_topology(plan, found)


def random_plan(rnd: random.Random) -> Plan:
    """Some instances stop, links come and go, with few calls and many, good and bad."""
    density = rnd.choice((0.1, 0.2, 0.4))
    instances = [one for one in INSTANCES if rnd.random() < 0.9]
    staying = [one for one in instances if rnd.random() < 0.9]
    return Plan(
        instances,
        random_calls(rnd, instances, density),
        random_calls(rnd, staying, density * rnd.random()),
        {name_of(one) for one in instances if rnd.random() < 0.5},
        {name_of(one) for one in staying if rnd.random() < 0.8},
    )


def random_calls(rnd: random.Random, instances: list[Instance], density: float) -> list[Calls]:
    calls = []
    names = [name_of(one) for one in instances]
    for client in names:
        for server in (*names, DATABASE):
            if rnd.random() < density:
                times = rnd.choice((1, 3, 9, 10, 12))
                calls.append(Calls(client, server, times, rnd.choice((0, 0, 1, times))))
    for name in names:
        if rnd.random() < density:
            calls.append(Calls(name, QUEUE, 10))
        elif rnd.random() < density:
            calls.append(Calls(QUEUE, name, rnd.choice((3, 10))))
    return calls


def send(traffic: Traffic, at: int, plan: Plan, calls: Sequence[Calls]) -> None:
    by_name = {name_of(one): one for one in plan.instances}
    for one in calls:
        if one.server == QUEUE:
            traffic.messages(by_name[one.client], QUEUE[0], None, at, one.times)
        elif one.client == QUEUE:
            traffic.receipts(QUEUE[0], by_name[one.server], at, one.times)
        elif one.server == DATABASE:
            traffic.queries(by_name[one.client], DATABASE[0], at, one.times, failed=one.failed)
        else:
            traffic.calls(by_name[one.client], by_name[one.server], at, one.times, failed=one.failed)
