"""Spanhouse's own metrics as OTLP: stored in this process, or sent to wherever `self_metrics_endpoint` says.

What is sent is the state of the registry, once in an interval, and to an endpoint at the end too.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import ssl
import threading
import time
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from opentelemetry.util.re import parse_env_headers
from prometheus_client import CollectorRegistry

from spanhouse_cli.otlp_metrics import metrics_request

logger = logging.getLogger("spanhouse")

PATH = "/v1/metrics"
TIMEOUT_SECONDS = 10.0
FLUSH_SECONDS = 1.0
Take = Callable[[bytes], Awaitable[None]]
_VARIABLES = ("OTEL_EXPORTER_OTLP_METRICS_{}", "OTEL_EXPORTER_OTLP_{}")


class Destination(Protocol):
    """Where the metrics go. where: in words. takes_last: whether it is worth to send them at the end, too."""

    where: str
    takes_last: bool

    def send(self, body: bytes, timeout: float) -> None:
        """Hand over an ExportMetricsServiceRequest. Raises whatever kept it from that."""


class SelfMetrics:
    """Sends the metrics on `registry` every `interval` seconds, from construction to `stop`.

    A destination that does not take them is told once, until it does.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        destination: Destination,
        interval: float,
        *,
        service: str,
        version: str,
    ) -> None:
        self._registry = registry
        self._destination = destination
        self._interval = interval
        self._resource = {
            "service.name": service,
            "service.version": version,
            "service.instance.id": str(uuid.uuid4()),
        }
        self._started = time.time_ns()
        self._failing = False
        self._stopping = threading.Event()
        # A daemon, so that an endpoint that does not answer cannot keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="self-metrics", daemon=True)
        self._thread.start()

    @classmethod
    def start(
        cls, registry: CollectorRegistry, where: str | Take | None, interval: float, *, service: str, version: str
    ) -> SelfMetrics | None:
        """It, sending to the URL of an endpoint or into this process.

        None where there is nowhere to send to, or where OpenTelemetry's variables do not allow it.
        """
        if where is None:
            return None
        try:
            destination = Endpoint(where, f"{service}/{version}") if isinstance(where, str) else ThisProcess(where)
        except (OSError, ValueError) as error:
            logger.warning("Spanhouse's own metrics are not sent; is one of the variables OTEL_... wrong? %s", error)
            return None
        return cls(registry, destination, interval, service=service, version=version)

    async def stop(self) -> None:
        """Send them a last time; gives up after `FLUSH_SECONDS`."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, FLUSH_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._send(TIMEOUT_SECONDS)
        if self._destination.takes_last:
            self._send(FLUSH_SECONDS)

    def _send(self, timeout: float) -> None:
        try:
            self._destination.send(self._encoded(), timeout)
        except Exception as error:  # whatever it is: the next time may be better
            if not self._failing:
                logger.warning("Spanhouse's own metrics are not taken by %s: %s", self._destination.where, error)
            self._failing = True
            return
        if self._failing:
            logger.info("Spanhouse's own metrics are taken by %s again", self._destination.where)
        self._failing = False

    def _encoded(self) -> bytes:
        message = metrics_request(self._registry.collect(), self._resource, started=self._started, now=time.time_ns())
        return message.SerializeToString()


class Endpoint:
    """An OTLP/HTTP endpoint, by its URL without `/v1/metrics`.

    OpenTelemetry's own variables give headers (OTEL_EXPORTER_OTLP_HEADERS) and the authorities to trust
    (OTEL_EXPORTER_OTLP_CERTIFICATE). Raises OSError or ValueError for variables that cannot be used.
    """

    takes_last = True

    def __init__(self, url: str, user_agent: str) -> None:
        self.where = url + PATH
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": user_agent,
            **parse_env_headers(_variable("HEADERS"), liberal=True),
        }
        context = ssl.create_default_context(cafile=_variable("CERTIFICATE") or None)
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))

    def send(self, body: bytes, timeout: float) -> None:
        """See Destination."""
        packed = gzip.compress(body, compresslevel=1)
        request = urllib.request.Request(self.where, packed, self._headers, method="POST")  # noqa: S310 - see HttpUrl
        with self._opener.open(request, timeout=timeout) as response:
            response.read()


class ThisProcess:
    """The collector in this process. take: stores a request, on the event loop that this is made on."""

    where = "this process"
    takes_last = False  # its counters begin anew, and stopping would have to wait for it to be stored

    def __init__(self, take: Take) -> None:
        self._take = take
        self._loop = asyncio.get_running_loop()

    def send(self, body: bytes, timeout: float) -> None:
        """See Destination."""
        taking = asyncio.run_coroutine_threadsafe(self._taken(body), self._loop)
        try:
            taking.result(timeout)
        finally:
            taking.cancel()

    async def _taken(self, body: bytes) -> None:
        await self._take(body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would be followed by a GET without the metrics; not followed it is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """See HTTPRedirectHandler."""


def _variable(name: str) -> str:
    """OpenTelemetry's variable for exporters, that for metrics first; "" where neither is set."""
    return next((value for each in _VARIABLES if (value := os.environ.get(each.format(name)))), "")
