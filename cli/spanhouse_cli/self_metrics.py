"""Spanhouse's own metrics, sent as OTLP/HTTP to wherever `self_metrics_endpoint` says.

What is sent is the state of the registry, once in an interval and at the end.
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
from typing import Any

from opentelemetry.util.re import parse_env_headers
from prometheus_client import CollectorRegistry

from spanhouse_cli.otlp_metrics import metrics_request

logger = logging.getLogger("spanhouse")

PATH = "/v1/metrics"
TIMEOUT_SECONDS = 10.0
FLUSH_SECONDS = 1.0
_VARIABLES = ("OTEL_EXPORTER_OTLP_METRICS_{}", "OTEL_EXPORTER_OTLP_{}")


class SelfMetrics:
    """Sends the metrics on `registry` every `interval` seconds, from construction to `stop`.

    endpoint: its URL without `/v1/metrics`. OpenTelemetry's own variables give headers (OTEL_EXPORTER_OTLP_HEADERS) and
    the authorities to trust (OTEL_EXPORTER_OTLP_CERTIFICATE). An endpoint that does not take them is told once, until
    it does. Raises OSError or ValueError for variables that cannot be used.
    """

    def __init__(
        self, registry: CollectorRegistry, endpoint: str, interval: float, *, service: str, version: str
    ) -> None:
        self._registry = registry
        self._url = endpoint + PATH
        self._interval = interval
        self._resource = {
            "service.name": service,
            "service.version": version,
            "service.instance.id": str(uuid.uuid4()),
        }
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "User-Agent": f"{service}/{version}",
            **parse_env_headers(_variable("HEADERS"), liberal=True),
        }
        context = ssl.create_default_context(cafile=_variable("CERTIFICATE") or None)
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))
        self._started = time.time_ns()
        self._failing = False
        self._stopping = threading.Event()
        # A daemon, so that an endpoint that does not answer cannot keep the process from its end.
        self._thread = threading.Thread(target=self._run, name="self-metrics", daemon=True)
        self._thread.start()

    @classmethod
    def start(
        cls, registry: CollectorRegistry, endpoint: str, interval: float, *, service: str, version: str
    ) -> SelfMetrics | None:
        """It; None where OpenTelemetry's variables do not allow it."""
        try:
            return cls(registry, endpoint, interval, service=service, version=version)
        except (OSError, ValueError) as error:
            logger.warning("Spanhouse's own metrics are not sent; is one of the variables OTEL_... wrong? %s", error)
            return None

    async def stop(self) -> None:
        """Send them a last time; gives up after `FLUSH_SECONDS`."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join, FLUSH_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            self._send(TIMEOUT_SECONDS)
        self._send(FLUSH_SECONDS)

    def _send(self, timeout: float) -> None:
        try:
            self._post(timeout)
        except Exception as error:  # whatever it is: the next time may be better
            if not self._failing:
                logger.warning("Spanhouse's own metrics are not taken by %s: %s", self._url, error)
            self._failing = True
            return
        if self._failing:
            logger.info("Spanhouse's own metrics are taken by %s again", self._url)
        self._failing = False

    def _post(self, timeout: float) -> None:
        message = metrics_request(self._registry.collect(), self._resource, started=self._started, now=time.time_ns())
        body = gzip.compress(message.SerializeToString(), compresslevel=1)
        request = urllib.request.Request(self._url, body, self._headers, method="POST")  # noqa: S310 - see HttpUrl
        with self._opener.open(request, timeout=timeout) as response:
            response.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would be followed by a GET without the metrics; not followed it is an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """See HTTPRedirectHandler."""


def _variable(name: str) -> str:
    """OpenTelemetry's variable for exporters, that for metrics first; "" where neither is set."""
    return next((value for each in _VARIABLES if (value := os.environ.get(each.format(name)))), "")
