"""One store and one Prometheus with the same samples, and what each of them and the reference answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TypeGuard

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_query import create_app
from spanhouse_storage import METRICS, EmbeddedConfig, StoreConfig, migrate, open_store
from starlette.testclient import TestClient

from tests.promql_conformance.answers import Reference, Server
from tests.promql_conformance.comparison import Asked, AskedAhead, AskedInTurn
from tests.promql_conformance.dataset import metrics
from tests.promql_conformance.expressions import Case
from tests.promql_conformance.otlp import requests
from tests.promql_conformance.prometheus import major_version, running_prometheus
from tests.promql_conformance.reference.vectors import Series
from tests.support.metrics import metrics_segment


@pytest.fixture(scope="session")
def samples() -> Sequence[Series]:
    """As Prometheus stores them."""
    return [series for metric in metrics() for series in metric.as_series()]


@pytest.fixture(scope="session")
def reference(samples: Sequence[Series]) -> Asked:
    return AskedInTurn(Reference(samples))


@pytest.fixture(scope="module")
def spanhouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    wanted = [_case(item).expression for item in request.session.items if _asks_spanhouse(item)]
    folder = tmp_path_factory.mktemp("promql")
    store = open_store(StoreConfig(engine=EmbeddedConfig(path=folder / "engine")))
    try:
        migrate(store)
        segment = folder / "segment"
        segment.write_bytes(metrics_segment(requests(metrics())))
        store.insert_segment(segment, segment.name, METRICS)
        with (
            TestClient(create_app(store, registry=CollectorRegistry())) as client,
            closing(AskedAhead(Server(client, "/prometheus"), wanted)) as asked,
        ):
            yield asked
    finally:
        store.close()


def _asks_spanhouse(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and {"case", "spanhouse"} <= set(item.fixturenames)


def _case(item: pytest.Function) -> Case:
    case = item.callspec.params["case"]
    assert isinstance(case, Case)
    return case


@pytest.fixture(scope="session")
def prometheus_version() -> int:
    version = major_version()
    if version is None:
        pytest.skip("there is no `prometheus` on the PATH (Debian: apt-get install prometheus)")
    return version


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, samples: Sequence[Series], prometheus_version: int
) -> Iterator[Asked]:
    known = [series for series in samples if prometheus_version > 2 or "." not in series.labels["__name__"]]
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), known) as client:
        yield AskedInTurn(Server(client, ""))
