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
from spanhouse_query.reader import Meta, RangeAnswer, Sampling, range_answer
from spanhouse_query.service_map.answer import Edge
from spanhouse_query.service_map.changes import Change, changes, interval_columns
from spanhouse_query.service_map.completeness import completeness, edges_sampling
from spanhouse_query.service_map.edge_source import EdgeRows, mapped_range, read_edges
from spanhouse_query.service_map.edge_sums import ENDS, RESOLVED_ENDS, summed_minutes
from spanhouse_query.service_map.matched import matching, read_matched
from spanhouse_query.service_map.service_map import edges_of, ends_of
from spanhouse_query.service_map.versions import Sending, Versions, sending, services_of, versions_of
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
        20, ge=1, description="Stored calls that an edge must have in each of the windows to be called changed."
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
    versions: Versions = Field(description="Of its ends, in the window that has it.")


class ChangedEdge(BaseModel):
    """An edge that both windows have, and that changed."""

    before: Edge
    after: Edge
    changes: list[Change]
    versions_before: Versions
    versions_after: Versions


class MapDiff(BaseModel):
    """The later window against the earlier one. Changes are more than chance and more than the sketch's error."""

    new: list[SeenEdge]
    gone: list[SeenEdge]
    changed: list[ChangedEdge]
    unchanged: int = Field(description="Edges that both windows have, without a change that could be told.")
    not_compared: int = Field(
        description="Edges that both windows have, with fewer than min_calls stored calls in one."
    )
    base: RangeAnswer = Field(description="The earlier window, in whole minutes.")
    base_completeness: float = Field(description="meta.completeness of the earlier window.")
    base_sampling: Sampling | None = Field(description="meta.sampling of the earlier window.")
    base_left_out: RangeAnswer | None = Field(
        None, description="meta.left_out of the earlier window: its edges there look new in the later one."
    )
    meta: Meta


@dataclass(frozen=True, slots=True)
class _Window:
    """One window: its rows and its edges by their ends."""

    effective: TimeRange
    seconds: float
    found: EdgeRows
    rows: Mapping[tuple[str, ...], dict[str, Any]]
    edges: Mapping[tuple[str, ...], Edge]


@dataclass(frozen=True, slots=True)
class _Difference:
    """Edges of the later window (`new`), of the earlier one (`gone`), and the ends of those that both have.

    changed: those of `compared` with a change.
    """

    new: list[Edge]
    gone: list[Edge]
    both: list[tuple[str, ...]]
    compared: list[tuple[str, ...]]
    changed: Mapping[tuple[str, ...], list[Change]]


def diff_sql(edges: str) -> str:
    """One row an edge (level 0) with the intervals of its percentiles and its first and last minute, one for all."""
    return summed_minutes(edges, RESOLVED_ENDS, (ENDS, ()), seen=True, more=interval_columns())


async def service_map_diff(call: Call, parameters: DiffParameters) -> MapDiff:
    """Windows are read in whole minutes, the earlier one only up to where the later one begins."""
    later = mapped_range(parameters.range, call.reader.now, call.settings.retention)
    base = mapped_range(parameters.base, call.reader.now, call.settings.retention)
    before = await _window(call, _before(base, later.start), parameters.q)
    after = await _window(call, later, parameters.q)
    found = _difference(before, after, parameters.min_calls)
    listed = [*found.new, *found.gone, *(after.edges[ends] for ends in found.changed)]
    services = {service for edge in listed for service in services_of(edge)}
    versions = await sending(call, services, before.effective, after.effective)
    return MapDiff(
        new=[_seen(after, edge, "first", versions_of(edge, versions, "after")) for edge in found.new],
        gone=[_seen(before, edge, "last", versions_of(edge, versions, "before")) for edge in found.gone],
        changed=[
            _changed(before.edges[ends], after.edges[ends], measures, versions)
            for ends, measures in found.changed.items()
        ],
        unchanged=len(found.compared) - len(found.changed),
        not_compared=len(found.both) - len(found.compared),
        base=range_answer(before.effective),
        base_completeness=completeness(before.found.rows, level=1),
        base_sampling=edges_sampling(before.found.rows, level=1),
        base_left_out=range_answer(before.found.left_out) if before.found.left_out else None,
        meta=await call.reader.meta(
            effective=after.effective,
            completeness=completeness(after.found.rows, level=1),
            **after.found.provenance,
            kept_from=call.spans_gone_before(before.effective.start) if "raw" in after.found.tiers else None,
            sampling=edges_sampling(after.found.rows, level=1),
        ),
    )


def _difference(before: _Window, after: _Window, min_calls: int) -> _Difference:
    both = [ends for ends in after.edges if ends in before.edges]
    compared = [ends for ends in both if min(window.rows[ends]["stored"] for window in (before, after)) >= min_calls]
    seconds = before.seconds, after.seconds
    measures = {ends: list(changes(before.rows[ends], after.rows[ends], seconds)) for ends in compared}
    return _Difference(
        new=[edge for ends, edge in after.edges.items() if ends not in before.edges],
        gone=[edge for ends, edge in before.edges.items() if ends not in after.edges],
        both=both,
        compared=compared,
        changed={ends: found for ends, found in measures.items() if found},
    )


def _before(base: TimeRange, end: int) -> TimeRange:
    """The part of `base` before `end`, a minute at least."""
    return TimeRange(min(base.start, end - MINUTE), min(base.end, end))


async def _window(call: Call, effective: TimeRange, q: str | None) -> _Window:
    wanted = await matching(call, effective, group_by=None, q=q)
    found = await (read_matched(call, wanted, diff_sql) if wanted else read_edges(call, effective, diff_sql))
    rows = {tuple(row[end] for end in ENDS): row for row in found.rows if row["level"] == 0 and row["client"]}
    seconds = found.covered(effective).seconds_until(call.reader.now)
    edges = edges_of(found.rows, seconds)
    return _Window(effective, seconds, found, rows, {ends_of(edge): edge for edge in edges})


def _changed(before: Edge, after: Edge, measures: list[Change], versions: Sending) -> ChangedEdge:
    return ChangedEdge(
        before=before,
        after=after,
        changes=measures,
        versions_before=versions_of(before, versions, "before"),
        versions_after=versions_of(after, versions, "after"),
    )


def _seen(window: _Window, edge: Edge, which: str, versions: Versions) -> SeenEdge:
    row = window.rows[ends_of(edge)]
    minute = str(row[f"{which}_minute"] * 1_000_000_000)
    return SeenEdge(edge=edge, minute=minute, trace=row[f"{which}_trace"], versions=versions)


ENDPOINTS = [
    Endpoint(
        path="/api/v1/service-map/diff",
        handler=service_map_diff,
        summary="What is new, gone and changed between two windows of time",
        parameters=DiffParameters,
        answer=MapDiff,
    ),
]
