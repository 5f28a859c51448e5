"""What changed on the service map between two windows of time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from spanhouse_query.config import MINUTE
from spanhouse_query.endpoint import Call, Endpoint
from spanhouse_query.parameters import Instant, RangeParameters
from spanhouse_query.reader import Meta, RangeAnswer, range_answer
from spanhouse_query.service_map.answer import Edge
from spanhouse_query.service_map.changes import Change, changes, interval_columns
from spanhouse_query.service_map.edge_source import EdgeRows, mapped_range, read_edges
from spanhouse_query.service_map.edge_sums import ENDS, RESOLVED_ENDS, summed_minutes
from spanhouse_query.service_map.matched import matching, read_matched
from spanhouse_query.service_map.service_map import completeness, edges_of
from spanhouse_query.time_range import TimeRange


class DiffParameters(RangeParameters):
    """Parameters of the comparison; `from` and `to` are the later window."""

    base_from: Instant | None = Field(
        None, description="Start of the earlier window; by default it is as long as the later one."
    )
    base_to: Instant | None = Field(
        None, description="End of the earlier window, not included; by default where the later one begins."
    )
    min_calls: int = Field(
        20, ge=1, description="Calls that an edge must have in each of the windows to be called changed."
    )
    q: str | None = Field(
        None,
        description="Only the traces with a span in the window that satisfies this filter. Calls are matched when "
        "asked for.",
    )

    @model_validator(mode="after")
    def _windows_apart(self) -> DiffParameters:
        if self.base_to is not None and self.base_to > self.from_:
            raise PydanticCustomError("base_to", "base_to must not be later than from", {"parameter": "base_to"})
        if self.base.start >= self.base.end:
            raise PydanticCustomError(
                "base_from", "base_from must be earlier than the window's end", {"parameter": "base_from"}
            )
        return self

    @property
    def base(self) -> TimeRange:
        """The earlier window."""
        end = self.from_ if self.base_to is None else self.base_to
        length = self.to - self.from_
        return TimeRange(max(0, end - length) if self.base_from is None else self.base_from, end)


class SeenEdge(BaseModel):
    """An edge that only one of the windows has."""

    edge: Edge
    minute: str = Field(
        description="The first minute with a call in the later window, or the last one in the earlier. Nanoseconds "
        "since 1970."
    )
    trace: str = Field(description="Id of a trace with a call in that minute.")


class ChangedEdge(BaseModel):
    """An edge that both windows have, and that changed."""

    before: Edge
    after: Edge
    changes: list[Change]


class MapDiff(BaseModel):
    """The later window against the earlier one. Changes are more than chance and more than the sketch's error."""

    new: list[SeenEdge]
    gone: list[SeenEdge]
    changed: list[ChangedEdge]
    unchanged: int = Field(description="Edges that both windows have, without a change that could be told.")
    not_compared: int = Field(description="Edges that both windows have, with fewer than min_calls calls in one.")
    base: RangeAnswer = Field(description="The earlier window, in whole minutes.")
    base_completeness: float = Field(description="meta.completeness of the earlier window.")
    meta: Meta


@dataclass(frozen=True, slots=True)
class _Window:
    """One window: its rows and its edges by their ends."""

    effective: TimeRange
    seconds: float
    found: EdgeRows
    rows: Mapping[tuple[str, ...], dict[str, Any]]
    edges: Mapping[tuple[str, ...], Edge]


def diff_sql(edges: str) -> str:
    """One row an edge (level 0) with the intervals of its percentiles and its first and last minute, one for all."""
    return summed_minutes(edges, RESOLVED_ENDS, (ENDS, ()), more=interval_columns())


async def service_map_diff(call: Call, parameters: DiffParameters) -> MapDiff:
    """Windows are read in whole minutes, the earlier one only up to where the later one begins."""
    later = mapped_range(parameters.range, call.reader.now)
    base = mapped_range(parameters.base, call.reader.now)
    before = await _window(call, _before(base, later.start), parameters.q)
    after = await _window(call, later, parameters.q)
    both = [ends for ends in after.edges if ends in before.edges]
    compared = [
        ends for ends in both if min(window.edges[ends].calls for window in (before, after)) >= parameters.min_calls
    ]
    changed = [
        ChangedEdge(before=before.edges[ends], after=after.edges[ends], changes=found)
        for ends in compared
        if (found := list(changes(before.rows[ends], after.rows[ends], (before.seconds, after.seconds))))
    ]
    return MapDiff(
        new=[_seen(after, ends, "first") for ends in after.edges if ends not in before.edges],
        gone=[_seen(before, ends, "last") for ends in before.edges if ends not in after.edges],
        changed=changed,
        unchanged=len(compared) - len(changed),
        not_compared=len(both) - len(compared),
        base=range_answer(before.effective),
        base_completeness=completeness(before.found.rows, level=1),
        meta=await call.reader.meta(
            effective=after.effective,
            completeness=completeness(after.found.rows, level=1),
            tier=after.found.tier,
            live=after.found.live,
            rolled_up=after.found.rolled_up,
        ),
    )


def _before(base: TimeRange, end: int) -> TimeRange:
    """The part of `base` before `end`, a minute at least."""
    return TimeRange(min(base.start, end - MINUTE), min(base.end, end))


async def _window(call: Call, effective: TimeRange, q: str | None) -> _Window:
    seconds = effective.seconds_until(call.reader.now)
    wanted = await matching(call, effective, group_by=None, q=q)
    found = await (read_matched(call, wanted, diff_sql) if wanted else read_edges(call, effective, diff_sql))
    rows = {tuple(row[end] for end in ENDS): row for row in found.rows if row["level"] == 0 and row["client"]}
    edges = edges_of(found.rows, seconds)
    return _Window(effective, seconds, found, rows, {tuple(getattr(edge, end) for end in ENDS): edge for edge in edges})


def _seen(window: _Window, ends: tuple[str, ...], which: str) -> SeenEdge:
    row = window.rows[ends]
    minute = str(row[f"{which}_minute"] * 1_000_000_000)
    return SeenEdge(edge=window.edges[ends], minute=minute, trace=row[f"{which}_trace"])


ENDPOINTS = [
    Endpoint(
        path="/api/v1/service-map/diff",
        handler=service_map_diff,
        summary="What is new, gone and changed between two windows of time",
        parameters=DiffParameters,
        answer=MapDiff,
    ),
]
