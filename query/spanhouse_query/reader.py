"""What an endpoint reads the store with: one tenant's view of it, which keeps account of what the reading cost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry import trace
from pydantic import BaseModel, Field
from spanhouse_storage import Store

from spanhouse_query.own_spans import tracer
from spanhouse_query.tiers import TierName
from spanhouse_query.time_range import TimeRange

_NEWEST = "toUnixTimestamp64Milli(max(last_seen)) AS newest"
_OF_TENANT = "FROM resources WHERE tenant = {tenant:String}"
_FRESHNESS = f"SELECT {_NEWEST} {_OF_TENANT}"
_SERVICES = f"SELECT {_NEWEST}, groupUniqArray(service::String) AS services {_OF_TENANT}"


class RangeAnswer(BaseModel):
    """A time range, nanoseconds since 1970 as text."""

    from_: str = Field(alias="from", serialization_alias="from")
    to: str


class Sampling(BaseModel):
    """Spans that carry a sampling threshold (`ot=th` in the tracestate) stand for more than themselves."""

    stored: int = Field(description="Spans or calls that the counts rest on.")
    adjusted: int = Field(description="What they stand for.")


def sampling(stored: int, adjusted: float) -> Sampling | None:
    """None where every span stands for itself."""
    return None if abs(adjusted - stored) < 0.5 else Sampling(stored=stored, adjusted=round(adjusted))


class Meta(BaseModel):
    """How an answer came about."""

    rows_read: int = Field(description="Rows that the engine read.")
    elapsed_ms: float = Field(description="Milliseconds from the arrival of the request to its answer.")
    freshness: str | None = Field(
        description="When the newest stored data arrived, nanoseconds since 1970; null where nothing is stored."
    )
    truncated: bool = Field(description="Whether a limit left something out; pages do not.")
    effective: RangeAnswer | None = Field(
        None, description="The time range that was read, where it is wider than the one asked for."
    )
    completeness: float | None = Field(
        None,
        description="Share of the SERVER and CONSUMER spans naming a parent whose parent was found; 1 where none does.",
    )
    tier: TierName | None = Field(
        None,
        description="The finest rollup that was read: minute, five_minutes, hour or day; raw where spans or halves of "
        "calls were read instead.",
    )
    tiers: list[TierName] | None = Field(
        None,
        description="All that were read: coarser ones stand for their whole units in the range, with the same sums.",
    )
    kept_from: str | None = Field(
        None,
        description="Set where the range begins earlier: spans before this instant are no longer kept. Nanoseconds "
        "since 1970.",
    )
    sampling: Sampling | None = Field(
        None,
        description="Set where spans were sampled: counts, rates, ratios and percentiles are re-weighted, so that they "
        "estimate the traffic before sampling. On maps it is of the calls, without any of the requests. The n of "
        "latencies is always the number of stored values.",
    )
    live: RangeAnswer | None = Field(
        None, description="The part of the range that the rollup has not reached: its calls were matched just now."
    )
    left_out: RangeAnswer | None = Field(
        None,
        description="Set where the calls of the range's end are too many to be matched now: they are missing, and will "
        "be there once they are rolled up, within about two minutes.",
    )
    rolled_up: str | None = Field(
        None,
        description="Of the part before `live`: spans that arrived before this instant are in the rollup, later ones "
        "follow within seconds. Nanoseconds since 1970.",
    )


class Reader:
    """Queries of one request. `tenant` is bound to every query as {tenant:String}."""

    def __init__(self, store: Store, tenant: str, now: int) -> None:
        self.store = store
        self.tenant = tenant
        self.now = now
        self.rows_read = 0
        self._started = time.perf_counter()
        self._newest: int | None = None
        self._noted: list[TierName] = []

    async def rows(self, sql: str, parameters: Mapping[str, Any] | None = None, /, **more: Any) -> list[dict[str, Any]]:
        """The rows of a query with bound parameters."""
        with tracer.start_as_current_span("SELECT", kind=trace.SpanKind.CLIENT, attributes=_attributes(sql)):
            answer = await self.store.queries.rows(sql, {"tenant": self.tenant, **(parameters or {}), **more})
        self.rows_read += answer.rows_read
        return answer.rows

    async def raw(
        self, sql: str, *, output: str, settings: Mapping[str, str | int | float], **parameters: Any
    ) -> bytes:
        """The answer to a query in the engine's format `output`."""
        with tracer.start_as_current_span("SELECT", kind=trace.SpanKind.CLIENT, attributes=_attributes(sql)):
            return await self.store.queries.raw(
                sql, {"tenant": self.tenant, **parameters}, output=output, settings=settings
            )

    def note_tier(self, name: TierName) -> None:
        """Take note of a tier that was read, for `meta`."""
        if name not in self._noted:
            self._noted.append(name)

    @property
    def noted_tiers(self) -> Sequence[TierName]:
        """The tiers that were noted."""
        return tuple(self._noted)

    async def freshness(self) -> int:
        """When the newest stored data had arrived, unix milliseconds; as it was when this was first asked."""
        if self._newest is None:
            self._newest = int((await self.rows(_FRESHNESS))[0]["newest"])
        return self._newest

    async def services(self) -> set[str]:
        """The services that ever sent a span; `freshness` is then known too."""
        (row,) = await self.rows(_SERVICES)
        if self._newest is None:
            self._newest = int(row["newest"])
        return set(row["services"])

    async def meta(
        self,
        *,
        truncated: bool = False,
        effective: TimeRange | None = None,
        completeness: float | None = None,
        tiers: Sequence[TierName] | None = None,
        kept_from: int | None = None,
        sampling: Sampling | None = None,
        live: TimeRange | None = None,
        left_out: TimeRange | None = None,
        rolled_up: int | None = None,
    ) -> Meta:
        """The account so far."""
        newest = await self.freshness()
        tiers = tiers or self._noted
        return Meta(
            rows_read=self.rows_read,
            elapsed_ms=round((time.perf_counter() - self._started) * 1000, 3),
            freshness=str(newest * 1_000_000) if newest else None,
            truncated=truncated,
            effective=range_answer(effective) if effective else None,
            completeness=completeness,
            tier=tiers[0] if tiers else None,
            tiers=list(tiers) if tiers else None,
            kept_from=str(kept_from) if kept_from else None,
            sampling=sampling,
            live=range_answer(live) if live else None,
            left_out=range_answer(left_out) if left_out else None,
            rolled_up=str(rolled_up) if rolled_up else None,
        )


def range_answer(time_range: TimeRange) -> RangeAnswer:
    """The range as an answer shows it."""
    return RangeAnswer(**{"from": str(time_range.start), "to": str(time_range.end)})


def _attributes(sql: str) -> dict[str, str]:
    return {"db.system.name": "clickhouse", "db.query.text": sql}
