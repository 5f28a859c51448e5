"""However the shop ends, it ends soon, says why, and leaves nothing behind."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from spanhouse_demo.topology import SERVICES

from tests.demo.calls import calls_of_the_shop
from tests.demo.otlp_sink import OtlpSink, otlp_sink
from tests.demo.shop_process import ShopProcess, is_alive, poll, shop

STOP_SECONDS = 5.0
OPEN = "The shop is open"


def await_traffic(process: ShopProcess, sink: OtlpSink) -> dict[str, int]:
    """Wait for the whole shop to be at work; its services."""
    process.await_output(OPEN)
    names = {service.name for service in SERVICES}
    assert poll(lambda: names == {received.service for received in sink.spans}, 20), process.output
    services = process.services()
    assert names == set(services)
    return services


def test_ctrl_c_stops_the_shop_within_five_seconds_without_losing_a_span(tmp_path: Path, sink: OtlpSink) -> None:
    with shop(tmp_path, sink, "--rate", "20") as process:
        services = await_traffic(process, sink)
        process.signal(signal.SIGINT)
        exit_code = process.await_exit(STOP_SECONDS)

        assert exit_code == 0, process.output
        assert not [name for name, pid in services.items() if is_alive(pid)]
        assert list(process.scratch.iterdir()) == []
        lines = [line.split() for line in process.output.splitlines()]
        for edge, count in calls_of_the_shop(sink.spans).items():
            assert [edge.client, "->", edge.server, edge.connection, str(count)] in lines, process.output


def test_services_end_when_the_supervisor_is_killed(tmp_path: Path, sink: OtlpSink) -> None:
    with shop(tmp_path, sink) as process:
        services = await_traffic(process, sink)
        process.signal(signal.SIGKILL)
        process.await_exit(1)

        assert poll(lambda: not any(is_alive(pid) for pid in services.values()), STOP_SECONDS)
        assert list(process.scratch.iterdir()) == []


def test_service_that_dies_ends_the_shop_and_is_named(tmp_path: Path, sink: OtlpSink) -> None:
    with shop(tmp_path, sink) as process:
        services = await_traffic(process, sink)
        os.kill(services["payment"], signal.SIGKILL)

        assert process.await_exit(STOP_SECONDS + 1) == 1
        assert "payment stopped with exit code -9" in process.output
        assert not [name for name, pid in services.items() if is_alive(pid)]


def test_service_that_is_not_ready_in_time_is_named(tmp_path: Path, sink: OtlpSink) -> None:
    with shop(tmp_path, sink, "--ready-timeout", "0.05") as process:
        assert process.await_exit(STOP_SECONDS) == 1
        assert "storefront is not ready after 0.05 s" in process.output
        assert list(process.scratch.iterdir()) == []


def test_signal_during_the_start_stops_the_shop(tmp_path: Path, sink: OtlpSink) -> None:
    with shop(tmp_path, sink) as process:
        process.await_output("Starting the demo shop")
        asked = time.monotonic()
        process.signal(signal.SIGTERM)

        assert process.await_exit(STOP_SECONDS) == 0, process.output
        assert time.monotonic() - asked < STOP_SECONDS
        assert OPEN not in process.output
        assert list(process.scratch.iterdir()) == []


def test_endpoint_that_goes_away_is_told_and_does_not_delay_the_stop(tmp_path: Path) -> None:
    with ExitStack() as door:
        sink = door.enter_context(otlp_sink())
        with shop(tmp_path, sink, "--rate", "15") as process:
            await_traffic(process, sink)
            door.close()
            process.await_output("nothing answers any more at", 5)
            process.signal(signal.SIGINT)

            assert process.await_exit(STOP_SECONDS) == 1
            assert "Error: spans were lost while the OTLP endpoints did not answer" in process.output
