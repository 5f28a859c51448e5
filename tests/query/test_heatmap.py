"""The heat map counts each span once, in the row of its duration and the column of its minute."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.query.service import Service
from tests.support.spans import CLIENT, MILLISECOND, SECOND, SERVER, request, span

MINUTE = 60 * SECOND
START = (time.time_ns() // MINUTE - 10) * MINUTE
RANGE = {"from": START, "to": START + 3 * MINUTE}
HEATMAP = "/api/v1/latency/heatmap"


def cell(found: dict[str, Any], minute: int, duration: int) -> tuple[int, str | None]:
    """What the heat map says of a duration in a minute: the count, and the row's trace."""
    for number, row in enumerate(found["rows"]):
        if row["above_ns"] < duration <= row["up_to_ns"] or duration == row["up_to_ns"] == 0:
            return found["columns"][minute]["counts"][number], row["exemplar"]
    raise AssertionError(f"no row for {duration}: {found['rows']}")


@pytest.mark.parametrize("scale", range(6))
def test_counts_each_span_in_its_row_and_column(service: Service, tenant: str, scale: int) -> None:
    rnd = random.Random(scale)
    sent = [
        span(kind=SERVER, start=START + rnd.randrange(3) * MINUTE, duration=int(rnd.lognormvariate(15, 3)))
        for _ in range(60)
    ]
    service.feed([request({"web": sent})], tenant=tenant)

    found = service.get(HEATMAP, {**RANGE, "scale": scale, "step": "1m"}, tenant=tenant)

    assert [column["t"] for column in found["columns"]] == [str(START + n * MINUTE) for n in range(3)]
    for row in found["rows"]:
        members = [one for one in sent if row["above_ns"] < took(one) <= row["up_to_ns"]]
        assert row["n"] == len(members)
        assert (row["exemplar"] is None) == (not members)
        assert row["exemplar"] is None or row["exemplar"] in [one.trace_id.hex() for one in members]
    assert sum(sum(column["counts"]) for column in found["columns"]) == len(sent)
    assert [row["above_ns"] for row in found["rows"]][1:] == [row["up_to_ns"] for row in found["rows"]][:-1]


def took(one: Any) -> int:
    return int(one.end_time_unix_nano - one.start_time_unix_nano)


def test_shows_the_latest_trace_of_a_row(service: Service, tenant: str) -> None:
    old, new = (span(kind=SERVER, start=START + n * SECOND, duration=40 * MILLISECOND) for n in (1, 2))
    none = span(kind=SERVER, start=START + MINUTE, duration=0)
    service.feed([request({"web": [new, old, none]})], tenant=tenant)

    found = service.get(HEATMAP, {**RANGE, "step": "1m"}, tenant=tenant)
    without = service.get(HEATMAP, {**RANGE, "exemplars": "false"}, tenant=tenant)

    assert cell(found, 0, 40 * MILLISECOND) == (2, new.trace_id.hex())
    assert cell(found, 1, 0) == (1, none.trace_id.hex())
    assert {row["exemplar"] for row in without["rows"]} == {None}


def test_looks_at_one_service_operation_or_kind(service: Service, tenant: str) -> None:
    entry, call = span("GET", kind=SERVER, start=START), span("call", kind=CLIENT, parent=b"\1" * 8, start=START)
    service.feed([request({"web": [entry, call], "cart": [span("GET", kind=SERVER, start=START)]})], tenant=tenant)

    def total(**parameters: str) -> int:
        found = service.get(HEATMAP, {**RANGE, **parameters}, tenant=tenant)
        return sum(row["n"] for row in found["rows"])

    assert [total(), total(service="web"), total(spans="all"), total(kind="client"), total(operation="GET")] == [
        2,
        1,
        3,
        1,
        2,
    ]
    assert total(service="web", operation="GET") == 1


def test_has_no_rows_without_spans(service: Service, tenant: str) -> None:
    found = service.get(HEATMAP, {**RANGE, "step": "1m"}, tenant=tenant)

    assert (found["rows"], [column["counts"] for column in found["columns"]]) == ([], [[], [], []])
