"""The plan of a run, and the topology it leads to."""

from spanhouse_demo.plan import kinds_of
from spanhouse_demo.topology import EDGES, JOURNEYS, SERVICES, Edge, expected_calls, expected_failures


def test_same_seed_makes_the_same_journeys() -> None:
    assert kinds_of(3, 200) == kinds_of(3, 200)


def test_another_seed_makes_other_journeys() -> None:
    assert kinds_of(3, 200) != kinds_of(4, 200)


def test_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    assert kinds_of(3, 200)[:50] == kinds_of(3, 50)


def test_run_begins_with_each_kind_once() -> None:
    assert sorted(JOURNEYS) == sorted(kinds_of(3, len(JOURNEYS)))


def test_edges_join_declared_services_queues_and_peers() -> None:
    names = {service.name for service in SERVICES}
    queues = {edge.server for edge in EDGES if edge.connection == "messaging"} - names

    for edge in EDGES:
        assert edge.client in names | (queues if edge.connection == "messaging" else set())
        assert (edge.server in names | queues) == (edge.connection not in ("database", "external"))


def test_journeys_use_every_declared_edge_and_no_other() -> None:
    assert set(EDGES) == set(expected_calls(JOURNEYS))


def test_calls_of_journeys_add_up() -> None:
    assert {Edge("shopper", "storefront"): 3, Edge("storefront", "catalog"): 3}.items() <= expected_calls(
        ["search", "deep_search"]
    ).items()


def test_failures_are_among_the_calls() -> None:
    assert expected_failures(JOURNEYS) <= expected_calls(JOURNEYS)
