"""The receive path in order: check, recognise repeats, append, wait until it is durable, acknowledge."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread

from spanhouse_collector.admission.access import Access
from spanhouse_collector.admission.budget import Budget
from spanhouse_collector.admission.check import check
from spanhouse_collector.admission.rates import Rates
from spanhouse_collector.admission.retry_after import retry_after
from spanhouse_collector.admission.trouble import Trouble
from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.errors import ANSWERS, Cause, Overloaded, RateLimited, Refused
from spanhouse_collector.observation.metrics import Metrics
from spanhouse_collector.pipeline import Pipeline
from spanhouse_collector.signals import Checked, OtlpSignal

logger = logging.getLogger(__name__)

# Larger bodies are checked in a thread, so that one big request does not make small ones wait for all of it; one at a
# time, because what the check makes of them is many times as large.
_INLINE_BYTES = 1 << 20
_SECONDS_TO_READ = 60


@dataclass(frozen=True, slots=True)
class Request:
    """One OTLP request as a transport hands it over: decompressed protobuf."""

    signal: OtlpSignal
    tenant: str
    transport: str
    body: bytes


class Receiver:
    """Accepts requests. `stop` makes it answer that others must take over.

    access: who may send, which a transport asks before it reads a body.
    budget: what bodies may take of the memory; a transport holds a share for each request from reading to answering.
    """

    def __init__(
        self, pipelines: Iterable[Pipeline], metrics: Metrics, config: CollectorConfig, access: Access
    ) -> None:
        self.access = access
        self.budget = Budget(config.pending_bytes, config.max_requests)
        self._pipelines = {pipeline.signal: pipeline for pipeline in pipelines}
        self._metrics = metrics
        self._max_items = config.max_items
        self._rates = Rates(config.tenant_rates)
        self._checking = CapacityLimiter(1)
        self._troubles: dict[type[Exception], Trouble] = {}
        self._stopped_at: float | None = None
        self._readings: set[asyncio.Timeout] = set()

    async def accept(self, request: Request) -> Checked:
        """Return once the request is durable; what is in it that will not be stored stands in the answer.

        Raises Malformed, RateLimited, or Overloaded where it could not be made durable now.
        """
        started = time.perf_counter()
        self._require_running()
        self.admit(request.tenant)
        self._rates.charge(request.tenant, size=len(request.body))
        received_at = time.time_ns()
        checked = await self._check(request, received_at)
        self._rates.charge(request.tenant, **{request.signal.items: checked.items})
        if checked.items:
            await self._keep(request, received_at, checked)
        self._metrics.ack_seconds.observe(time.perf_counter() - started)
        return checked

    def admit(self, tenant: str) -> None:
        """Raises RateLimited where the tenant has sent more than it may; a transport asks before it reads a body."""
        try:
            self._rates.admit(tenant)
        except RateLimited:
            self._metrics.rate_limited.labels(self._metrics.tenants.label(tenant)).inc()
            raise

    def charge(self, tenant: str, size: int) -> None:
        """Count bytes of a tenant that a transport has read in vain; those of a request `accept` counts."""
        self._rates.charge(tenant, size=size)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """While a transport reads a body. Raises Overloaded where it takes too long, or the collector stops."""
        self._require_running()
        try:
            async with asyncio.timeout(_SECONDS_TO_READ) as reading:
                self._readings.add(reading)
                try:
                    yield
                finally:
                    self._readings.discard(reading)
        except TimeoutError as error:
            self._require_running(error)
            reason = f"the body did not come within {_SECONDS_TO_READ} seconds"
            raise Overloaded(reason, self.budget.until_through(), Cause.SLOW_BODY) from error

    def refused(self, signal: OtlpSignal, transport: str, refusal: Refused) -> None:
        """Count a request that a transport or this path turned away."""
        self._pipelines[signal].metrics.count_request(transport, ANSWERS[type(refusal)].reason)
        if isinstance(refusal, Overloaded):
            self._metrics.overloaded.labels(refusal.cause).inc()

    def failed(self, error: Exception) -> Overloaded:
        """The refusal for an error that nobody has foreseen: the sender keeps the data. Logged once for each kind."""
        if type(error) not in self._troubles:
            self._troubles[type(error)] = Trouble()
            logger.error("a request was not accepted: %r", error, exc_info=error)
        wait = retry_after(self._troubles[type(error)].lasts())
        return Overloaded("the collector failed; its log says why", wait, Cause.FAILURE)

    def stop(self, seconds: float) -> None:
        """Accept nothing more, and wait for no body. seconds: how long stopping may take."""
        self._stopped_at = time.monotonic() + seconds
        for reading in self._readings:
            reading.reschedule(0)

    async def _check(self, request: Request, received_at: int) -> Checked:
        arguments = (request.signal, request.body, self._max_items, received_at)
        if len(request.body) < _INLINE_BYTES:
            return check(*arguments)
        return await to_thread.run_sync(check, *arguments, limiter=self._checking)

    async def _keep(self, request: Request, received_at: int, checked: Checked) -> None:
        pipeline = self._pipelines[request.signal]
        is_repeated = await pipeline.keep(request.tenant, request.body, received_at, checked)
        pipeline.metrics.count_request(request.transport, "duplicate" if is_repeated else "accepted")
        if not is_repeated:
            pipeline.metrics.count_accepted(request.tenant, request.transport, len(request.body), checked)

    def _require_running(self, cause: Exception | None = None) -> None:
        """Raises Overloaded once it stops, until when another may have taken its place."""
        if self._stopped_at is not None:
            left = self._stopped_at - time.monotonic()
            raise Overloaded("the collector is stopping", retry_after(left), Cause.STOPPING) from cause
