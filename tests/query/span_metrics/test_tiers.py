"""Long windows are answered from hours and days, with what the minutes add up to."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import QueryConfig, create_app
from spanhouse_storage import EmbeddedConfig, Retention, StoreConfig, migrate, open_store
from starlette.testclient import TestClient

from tests.query.instances import Instance, Traffic
from tests.query.rolling_up import roll_up
from tests.query.service import Service, fresh_tenant
from tests.query.span_metrics.asking import API, MINUTE
from tests.support.spans import SECOND

HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
HOUR_AGO = time.time_ns() // HOUR * HOUR - HOUR
"""A whole hour."""
KEPT = Retention(spans=6 * 86_400, minutes=6 * 86_400)
TOTAL, LATENCY = "traces_service_graph_request_total", "traces_spanmetrics_latency_count"
MOMENTS = sorted(random.Random(1).sample(range(4 * 1440), 300))
"""Minutes before HOUR_AGO in which web calls cart once."""


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


@pytest.fixture(scope="module")
def sent(service: Service) -> str:
    tenant = fresh_tenant()
    traffic = Traffic()
    for moment in MOMENTS:
        traffic.calls(Instance("web"), Instance("cart"), HOUR_AGO - moment * MINUTE - 30 * SECOND)
    service.feed(traffic.exports(), tenant=tenant)
    roll_up(service)
    return tenant


def calls(start: int, end: int) -> int:
    """How many there were between two instants."""
    return sum(start <= HOUR_AGO - moment * MINUTE - 30 * SECOND < end for moment in MOMENTS)


def increases(service: Service, tenant: str, name: str, window: int, *, end: int, step: int, count: int) -> list[float]:
    """The increase over windows of so many minutes, at steps of so many minutes; 0 where there is none."""
    instants = [(end - number * step * MINUTE) // SECOND for number in reversed(range(count))]
    labels = 'server="cart"' if name == TOTAL else 'service="cart"'
    query = f"sum(increase({name}{{{labels}}}[{window}m]))"
    asked = {"query": query, "start": instants[0], "end": instants[-1], "step": step * 60}
    (found,) = service.get(f"{API}/query_range", asked, tenant=tenant)["data"]["result"]
    values = {instant: float(value) for instant, value in found["values"]}
    return [values.get(instant, 0) for instant in instants]


@pytest.mark.parametrize("name", [TOTAL, LATENCY])
@pytest.mark.parametrize(
    ("window", "step", "shift"),
    [(60, 60, 0), (1440, 60, 0), (1440, 1440, 0), (180, 60, 0), (180, 90, 0), (1441, 77, 13), (5000, 5, 7)],
)
def test_windows_of_hours_and_days_add_up(
    service: Service, sent: str, name: str, window: int, step: int, shift: int
) -> None:
    end, count = HOUR_AGO - shift * MINUTE, 12

    found = increases(service, sent, name, window, end=end, step=step, count=count)

    ends = [end - number * step * MINUTE for number in reversed(range(count))]
    assert found == [calls(one - window * MINUTE, one) for one in ends]


def test_samples_over_days_start_anew_with_each(service: Service, sent: str) -> None:
    asked = {"query": f'{TOTAL}{{server="cart"}}[2d]', "time": HOUR_AGO // SECOND}
    (found,) = service.get(f"{API}/query", asked, tenant=sent)["data"]["result"]

    for instant, value in found["values"]:
        end = instant * SECOND
        day = (end - MINUTE) // DAY * DAY
        assert float(value) == calls(day, end)
    assert len(found["values"]) == calls(HOUR_AGO - 2 * DAY, HOUR_AGO)


def test_where_minutes_are_gone_calls_are_spread_over_hours(service: Service) -> None:
    tenant = fresh_tenant()
    traffic = Traffic()
    then = HOUR_AGO - 9 * DAY
    traffic.calls(Instance("web"), Instance("cart"), then + 10 * MINUTE, 8)
    service.feed(traffic.exports(), tenant=tenant)
    roll_up(service)

    for window, end, count in ((60, 60, 8), (30, 30, 4), (15, 60, 2)):
        asked = {
            "query": f'sum(increase({LATENCY}{{service="cart"}}[{window}m]))',
            "time": (then + end * MINUTE) // SECOND,
        }
        (found,) = service.get(f"{API}/query", asked, tenant=tenant)["data"]["result"]
        assert float(found["value"][1]) == count
