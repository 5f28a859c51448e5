"""docs/metrics.md, and whether the running service has what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from spanhouse_cli.metrics_table import COLLECTOR, PROCESS, QUERY, document
from spanhouse_cli.process_metrics import describe_process
from spanhouse_collector import Collector, CollectorConfig
from spanhouse_query import create_app
from spanhouse_storage import DataDirectory, EmbeddedConfig, Store, StoreConfig, open_store
from spanhouse_storage.declared_metric import DeclaredMetric

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
DECLARED = [*COLLECTOR, *QUERY, *PROCESS]


def test_the_documentation_is_what_is_declared() -> None:
    """To write it anew: python -m spanhouse_cli.metrics_table docs/metrics.md"""
    assert DOCUMENT.read_text("utf-8") == document()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreConfig(engine=EmbeddedConfig(path=tmp_path / "engine")))
    yield opened
    opened.close()


async def registered(store: Store, folder: Path) -> CollectorRegistry:
    """What `spanhouse up` puts its metrics on."""
    registry = CollectorRegistry()
    Collector(CollectorConfig(), store, DataDirectory(folder), registry)
    create_app(store, registry=registry)
    describe_process(registry, service="spanhouse", version="1")
    return registry


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_every_metric_of_the_service_is_declared_and_the_other_way_round(store: Store, tmp_path: Path) -> None:
    registry = await registered(store, tmp_path / "data")

    families = [family for family in registry.collect() if family.name.startswith("spanhouse")]
    found = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation)
        for family in families
    }

    assert found == {(metric.name, metric.kind, metric.meaning) for metric in DECLARED}


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_names_follow_the_rules_of_prometheus(metric: DeclaredMetric) -> None:
    assert metric.name.startswith("spanhouse_")
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert (metric.unit in ("seconds", "bytes")) == metric.name.removesuffix("_total").endswith(("_seconds", "_bytes"))
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.meaning.endswith(".")


def test_no_metric_is_declared_twice() -> None:
    assert len({metric.name for metric in DECLARED}) == len(DECLARED)
