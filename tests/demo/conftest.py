"""The sink, and one finished run of the shop that is shared by the tests that look at what it sent."""

from collections.abc import Iterator

import pytest

from tests.demo.finished_run import FinishedRun, finish_run
from tests.demo.otlp_sink import OtlpSink, otlp_sink


@pytest.fixture
def sink() -> Iterator[OtlpSink]:
    with otlp_sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    return finish_run(tmp_path_factory.mktemp("shop"))
