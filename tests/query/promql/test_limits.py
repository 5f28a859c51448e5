"""Queries that go too far are refused, and those that nobody waits for end."""

from __future__ import annotations

import threading

import anyio
import pytest
from spanhouse_query.promql.threaded import Asking, Stopped, in_thread
from spanhouse_query.series.limits import Budget, TooManySamples
from spanhouse_query.series.stored import StoredMetrics

from tests.query.metric_queries.feeding import feed
from tests.query.promql.asking import API, at
from tests.query.service import Service
from tests.support.metrics import gauge, number
from tests.support.spans import SECOND


def test_samples_are_counted_over_all_reads_of_a_query() -> None:
    budget = Budget(samples=10)
    budget.read(6)

    with pytest.raises(TooManySamples, match="samples; select fewer series or a shorter range"):
        budget.read(5)


def test_a_matrix_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooManySamples, match="1,000 series at 101 steps are more than the 100,000 values"):
        Budget(cells=100_000).hold(1_000, 101)


@pytest.mark.parametrize("query", ["last_over_time(g[1d])", "sum by (n) (rate(g[1d]))", "max by (n, job) (g)"])
def test_too_many_values_are_told_before_any_is_read(
    service: Service, tenant: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [number(1, {"n": n}, at=at(0)) for n in range(3_000)]
    feed(service, tenant, {"web": [gauge("g", *points, unit="")]})
    parameters = {"query": query, "start": at(0) / SECOND, "end": at(11_000) / SECOND, "step": "1"}
    monkeypatch.delattr(StoredMetrics, "_matrix")  # what reads samples

    response = service.response(f"{API}/query_range", parameters, tenant=tenant)

    assert (response.status_code, response.json()["errorType"]) == (422, "execution")
    assert "more than the 10,000,000 values" in response.json()["error"]


@pytest.mark.parametrize("query", ["max_over_time(g[100y:1ms])", "g[100y:1ms]", "sum_over_time(vector(1)[1y:1s])"])
def test_a_subquery_of_too_many_steps_is_told(service: Service, tenant: str, query: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), unit="")]})

    response = service.response(f"{API}/query", {"query": query, "time": at(0) / SECOND}, tenant=tenant)

    assert (response.status_code, response.json()["errorType"]) == (422, "execution")
    assert "steps has more than the 10,000,000 that are evaluated" in response.json()["error"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("g @ -1.5", "@ takes no instant before 1970"),
        ("rate(g[5m] @ - 1e30)", "@ takes no instant before 1970"),
        ("g @ 1e12", "timestamp out of bounds for @ modifier"),
        ("g @ 1e30", "timestamp out of bounds for @ modifier"),
    ],
)
def test_an_instant_that_cannot_be_is_told(service: Service, tenant: str, query: str, told: str) -> None:
    feed(service, tenant, {"web": [gauge("g", number(1, at=at(0)), unit="")]})

    response = service.response(f"{API}/query", {"query": query}, tenant=tenant)

    assert (response.status_code, response.json()["errorType"]) == (400, "bad_data")
    assert told in response.json()["error"]


def test_a_text_with_an_at_sign_is_a_text(service: Service) -> None:
    answer = service.get(f"{API}/query", {"query": 'label_replace(vector(1), "to", "x @ -1", "", "")'})

    assert answer["data"]["result"][0]["metric"] == {"to": "x @ -1"}


def test_a_function_is_told_that_nobody_waits() -> None:
    told = threading.Event()

    def ask_on(ask: Asking) -> None:
        try:
            while True:
                ask(lambda: anyio.sleep(0.001))
        except Stopped:
            told.set()
            raise

    async def wait_shortly() -> None:
        with anyio.move_on_after(0.05):
            await in_thread(ask_on)

    anyio.run(wait_shortly)

    assert told.is_set()


def test_what_a_function_asks_for_may_fail() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def run() -> None:
        await in_thread(lambda ask: ask(fail))

    with pytest.raises(ValueError, match="no"):
        anyio.run(run)
