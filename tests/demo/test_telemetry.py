"""What a finished run of the real shop has sent, judged from the raw spans."""

from statistics import median

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanhouse_demo.plan import kinds_of
from spanhouse_demo.topology import EDGES, SERVICES, expected_calls, expected_failures

from tests.demo.calls import calls_between_services, calls_of_the_shop
from tests.demo.finished_run import JOURNEYS, SEED, FinishedRun
from tests.demo.otlp_sink import ReceivedSpan

KINDS = kinds_of(SEED, JOURNEYS)


def test_calls_between_services_are_those_of_the_declared_topology(finished_run: FinishedRun) -> None:
    assert expected_calls(KINDS) == calls_of_the_shop(finished_run.spans)


def test_each_declared_edge_is_used(finished_run: FinishedRun) -> None:
    assert set(EDGES) == set(calls_of_the_shop(finished_run.spans))


def test_failed_calls_are_those_of_the_plan(finished_run: FinishedRun) -> None:
    _, failures = calls_between_services(finished_run.spans)

    assert failures
    assert expected_failures(KINDS) == failures


def test_traces_are_whole(finished_run: FinishedRun) -> None:
    sent = {(received.span.trace_id, received.span.span_id) for received in finished_run.spans}
    parents = {
        (received.span.trace_id, received.span.parent_span_id)
        for received in finished_run.spans
        if received.span.parent_span_id
    }

    assert len(finished_run.spans) == len(sent)
    assert parents <= sent


def test_only_the_shopper_begins_traces(finished_run: FinishedRun) -> None:
    assert {"shopper"} == {received.service for received in finished_run.spans if not received.span.parent_span_id}


def test_wildcard_search_is_the_slow_path(finished_run: FinishedRun) -> None:
    searches = [received for received in finished_run.spans if received.span.name == "GET /search"]
    durations = sorted(milliseconds(received) for received in searches if received.service == "catalog")

    assert durations[-1] >= 350
    assert durations[-1] >= 5 * median(durations)


def test_home_page_asks_several_services_at_once(finished_run: FinishedRun) -> None:
    pages = {
        received.span.span_id
        for received in finished_run.spans
        if received.service == "storefront" and received.span.name == "GET /"
    }
    calls: dict[bytes, list[Span]] = {page: [] for page in pages}
    for received in finished_run.spans:
        if received.span.parent_span_id in calls:
            calls[received.span.parent_span_id].append(received.span)

    assert {3} == {len(spans) for spans in calls.values()}
    assert any(overlap(spans) for spans in calls.values())


def test_each_service_exports_over_the_protocol_it_declares(finished_run: FinishedRun) -> None:
    assert {(service.name, service.protocol) for service in SERVICES} == {
        (received.service, received.protocol) for received in finished_run.spans
    }
    assert {"gzip", "identity"} == finished_run.http_encodings


def test_each_service_is_one_process_that_says_who_it_is(finished_run: FinishedRun) -> None:
    instances = {(received.service, received.resource["service.instance.id"]) for received in finished_run.spans}
    resources = {
        (received.resource["service.namespace"], received.resource["deployment.environment.name"])
        for received in finished_run.spans
    }

    assert len(SERVICES) == len(instances)
    assert {("shop", "demo")} == resources
    assert all(received.resource["service.version"] for received in finished_run.spans)


def test_run_ends_without_error_or_leftovers(finished_run: FinishedRun) -> None:
    assert finished_run.exit_code == 0, finished_run.output
    assert finished_run.left_files == []


def test_terminal_shows_services_address_and_expected_calls(finished_run: FinishedRun) -> None:
    lines = [line.split() for line in finished_run.output.splitlines()]

    for service in SERVICES:
        assert service.about in finished_run.output
    assert "http://127.0.0.1:8080" in finished_run.output
    for edge, count in expected_calls(KINDS).items():
        assert [edge.client, "->", edge.server, edge.connection, str(count)] in lines


def milliseconds(received: ReceivedSpan) -> float:
    return (received.span.end_time_unix_nano - received.span.start_time_unix_nano) / 1e6


def overlap(spans: list[Span]) -> bool:
    return max(span.start_time_unix_nano for span in spans) < min(span.end_time_unix_nano for span in spans)
