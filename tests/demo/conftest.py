"""The sink, one finished run of the shop for all tests that look at what it sent, and the services in Node.js."""

from collections.abc import Iterator

import pytest

from tests.demo.finished_run import FinishedRun, finish_run
from tests.demo.node_service import NodeServices, installed_services
from tests.demo.otlp_sink import OtlpSink, otlp_sink


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with otlp_sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return finish_run(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def node_services(pytestconfig: pytest.Config) -> NodeServices:
    return installed_services(pytestconfig)
