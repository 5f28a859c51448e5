"""What the map must say of sampled spans: what it says of the traffic that they stand for."""

from __future__ import annotations

import random
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tests.query.reference_map import BOUND, LEVELS, ends_of, is_entry, resolved, took
from tests.query.reference_sampling import adjusted_count, copies_of, expanded, percentile
from tests.support.call_graphs import Sent, call_graph
from tests.support.reference_calls import Ends, reference


def sampled_graph(rnd: random.Random) -> list[Sent]:
    """Random calls, each trace sampled as a whole.

    A link of another trace to a producer that calls a peer would make that call one of a part of its copies, see
    `expanded`; these links are left out.
    """
    spans = call_graph(rnd)
    states = ("", "ot=th:0", "ot=th:8", "vendor=1", "vendor=1,ot=th:c;rv:ffffffffffffff", "ot=rv:f0f0f0f0f0f0f0;th:e")
    chosen = {trace: rnd.choice(states) for trace in sorted({one.trace_id for _, one in spans})}
    calling = {
        (one.trace_id, one.span_id)
        for _, one in spans
        if {item.key for item in one.attributes} - {"messaging.destination.name", "messaging.destination"}
    }
    for _, one in spans:
        one.trace_state = chosen[one.trace_id]
        kept = [
            link for link in one.links if link.trace_id == one.trace_id or (link.trace_id, link.span_id) not in calling
        ]
        del one.links[:]
        one.links.extend(kept)
    return spans


def check_map(spans: Sequence[Sent], found: Mapping[str, Any], traces: Container[bytes] | None = None) -> None:
    check_calls(spans, found, traces=traces)
    for node in found["nodes"]:
        if node["type"] != "service":
            continue
        entries = [
            one
            for service, one in spans
            if service == node["name"] and is_entry(one) and (traces is None or one.trace_id in traces)
        ]
        weights = [adjusted_count(one.trace_state) for one in entries]
        assert node["requests"] == sum(weights)
        assert node["errors"] == sum(
            weight for one, weight in zip(entries, weights, strict=True) if one.status.code == 2
        )
        assert node["latency_ns"]["n"] == len(entries)
        if node["latency_ns"]["error"] == 0:
            for name, level in LEVELS.items():
                values = [(took(one), weight) for one, weight in zip(entries, weights, strict=True)]
                assert not values or abs(node["latency_ns"][name] - percentile(values, level)) <= 0.5 + 1e-6


def check_calls(
    spans: Sequence[Sent], found: Mapping[str, Any], *, traces: Container[bytes] | None = None, grouped: bool = False
) -> None:
    """Edges are those of the traffic that the spans stand for; how many values a percentile rests on is not.

    grouped: whether the map is one of groups, in which a peer is no service whatever its name.
    """
    services = {service for service, _ in spans}
    wanted = (
        None
        if traces is None
        else {copy for _, one in spans if one.trace_id in traces for copy in copies_of(one.trace_id, 8)}
    )
    everything, stored = reference(list(expanded(spans)), traces=wanted), reference(spans, traces=traces)
    edges = {ends_of(edge): edge for edge in found["edges"]}
    shown = ungrouped if grouped else partial(resolved, services=services)
    originals = {shown(ends): ends for ends, count in everything.calls.items() if count}
    assert {ends: edge["calls"] for ends, edge in edges.items()} == {
        ends: everything.calls[original] for ends, original in originals.items()
    }
    for ends, original in originals.items():
        edge = edges[ends]
        assert edge["errors"] == everything.errors[original]
        assert edge["error_ratio"] == everything.errors[original] / everything.calls[original]
        assert edge["unmatched"] == everything.calls[original] - len(everything.server_ns[original])
        for view in ("client_ns", "server_ns", "gap_ns"):
            check_sketch(getattr(everything, view)[original], len(getattr(stored, view)[original]), edge[view])
    assert found["meta"]["completeness"] == (everything.found / everything.named if everything.named else 1)
    if (times := sum(everything.calls.values())) != (calls := sum(stored.calls.values())):
        assert found["meta"]["sampling"] == {"stored": calls, "adjusted": times}


def ungrouped(ends: Ends) -> Ends:
    return replace(ends, server_type="external") if ends.connection == "external" else ends


def check_sketch(samples: Sequence[int], n: int, found: Mapping[str, Any]) -> None:
    assert (found["n"], found["max"]) == (n, max(samples, default=None))
    for name, level in LEVELS.items() if samples else ():
        exact = percentile([(value, adjusted_count("")) for value in samples], level)
        assert abs(found[name] - exact) <= BOUND * exact + 1, (name, samples, found)
