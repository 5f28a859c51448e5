"""The running service: how the parts are put together, started, and stopped in the opposite order.

Start: address checks, lock, store, schema, collector, HTTP, `spanhouse.json`. What is entered into the exit stack first
is left last, so reading `_run` upwards from its end gives the order of the shutdown.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from prometheus_client import CollectorRegistry
from spanhouse_collector import Collector
from spanhouse_collector.admission.keys import KeyRing, KeysError
from spanhouse_collector.signals import METRICS, TRACES
from spanhouse_query import QueryConfig, create_app
from spanhouse_storage import (
    DataDirectory,
    Store,
    StoreError,
    StoreUnavailable,
    apply_retention,
    check_schema,
    migrate,
    open_store,
)
from starlette.types import ASGIApp

from spanhouse_cli import log, runtime_file
from spanhouse_cli.address import Address
from spanhouse_cli.client_certificates import DemandClientCertificate
from spanhouse_cli.configuration import Configuration
from spanhouse_cli.exposure import exposures
from spanhouse_cli.failure import Failure, Misconfigured
from spanhouse_cli.http_server import HttpServers, bind, bound_address, require_free, unbind
from spanhouse_cli.parts import collector_config, lookback_minutes, retention, store_config, tls_files
from spanhouse_cli.process_metrics import describe_process
from spanhouse_cli.readiness import Readiness
from spanhouse_cli.refreshing import keep_fresh
from spanhouse_cli.self_metrics import SelfMetrics
from spanhouse_cli.self_tracing import SelfTracing
from spanhouse_cli.settings import Settings
from spanhouse_cli.stopping import StopRequest, stop_on_signals
from spanhouse_cli.tls import Tls, TlsError
from spanhouse_cli.version import VERSION

logger = logging.getLogger("spanhouse")

RETRY_SECONDS = 1.0
PROBES = ("/healthz", "/readyz")


@dataclass(frozen=True, slots=True)
class Role:
    """What a process does: `name` is its service.name, `collects` that it receives, `answers` that it is asked."""

    name: str
    collects: bool
    answers: bool


UP = Role("spanhouse", collects=True, answers=True)
COLLECTOR = Role("spanhouse-collector", collects=True, answers=False)
QUERY = Role("spanhouse-query", collects=False, answers=True)


def run(role: Role, configuration: Configuration) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises Failure where the service cannot start or go on."""
    settings = configuration.settings
    log.set_up(settings.log_level, settings.log_format)
    try:
        asyncio.run(_serve(role, settings))
    except StoreError as error:
        raise Failure(str(error)) from error


async def _serve(role: Role, settings: Settings) -> None:
    with stop_on_signals(settings.shutdown_timeout) as stop:
        logger.info("starting %s %s", role.name, VERSION, extra=_whereabouts(role, settings))
        async with AsyncExitStack() as at_end:
            await _run(role, settings, stop, at_end)
        logger.info("stopped")


async def _run(role: Role, settings: Settings, stop: StopRequest, at_end: AsyncExitStack) -> None:
    tls, keys = _tls(settings), _keys(role, settings)
    listeners = _listen(role, settings, at_end)
    addresses = {option: str(bound_address(settings, option, listener)) for option, listener in listeners.items()}

    directory = DataDirectory(settings.data_dir)
    if role.collects:
        directory.lock()
        at_end.callback(directory.unlock)
        directory.runtime.unlink(missing_ok=True)  # of a process that was killed

    store = await _open_store(role, settings, stop)
    if store is None:
        return
    at_end.push_async_callback(asyncio.to_thread, store.close)
    await asyncio.to_thread(_prepare_schema, role, store, settings)

    servers = HttpServers()
    at_end.push_async_callback(servers.stop)
    registry = CollectorRegistry()
    describe_process(registry, service=role.name, version=VERSION)
    collector = None
    if role.collects:
        credentials = tls.grpc_credentials() if tls and isinstance(settings.otlp_grpc, Address) else None
        collector = Collector(
            collector_config(settings), store, directory, registry, credentials=credentials, keys=keys
        )
        at_end.push_async_callback(_stop, collector, stop)  # also what a start that fails has begun
        await _start(collector)
        addresses["otlp_grpc"] = collector.grpc_address
        over_tcp = isinstance(settings.otlp_http, Address)
        otlp_tls = tls.http_context(demand=True) if tls and over_tcp else None
        await servers.serve(collector.http_app, listeners["otlp_http"], otlp_tls)

    readiness = Readiness(_http_app(role, store, collector, registry, _query_config(settings, addresses)))
    app = DemandClientCertificate(readiness, PROBES) if settings.tls_client_ca else readiness
    await servers.serve(app, listeners["http"], tls.http_context(demand=False) if tls else None)
    refreshing = asyncio.create_task(keep_fresh([each for each in (tls, keys) if each]), name="refreshing")
    at_end.callback(refreshing.cancel)
    if tracing := _self_tracing(role, settings, collector):
        at_end.push_async_callback(tracing.stop)
    if exporting := _self_metrics(role, settings, registry, collector):
        at_end.push_async_callback(exporting.stop)
    if collector is not None:
        at_end.push_async_callback(collector.leave)
    at_end.callback(readiness.turn_off)

    _say_ready(settings, addresses)
    if role.collects:
        certificate = {"tls_cert": str(settings.tls_cert)} if tls else {}
        runtime_file.write(directory.runtime, {**addresses, **certificate}, VERSION)
    await _until(stop, servers)
    logger.info("stopping", extra={"reason": stop.reason})


def _whereabouts(role: Role, settings: Settings) -> dict[str, str]:
    """Where the data is: only who receives has a folder."""
    return {"store": settings.store, **({"data_dir": str(settings.data_dir)} if role.collects else {})}


def _tls(settings: Settings) -> Tls | None:
    files = tls_files(settings)
    try:
        return Tls(files) if files else None
    except TlsError as error:
        raise Misconfigured(f"TLS cannot be set up: {error}") from error


def _keys(role: Role, settings: Settings) -> KeyRing | None:
    if settings.keys_file is None or not role.collects:
        return None
    try:
        return KeyRing(settings.keys_file)
    except KeysError as error:
        raise Misconfigured(f"keys_file: {error}; `spanhouse keys add` makes the first key") from error


def _listen(role: Role, settings: Settings, at_end: AsyncExitStack) -> dict[str, socket.socket]:
    """The sockets by option, bound before anything else, so that an address in use is said at once."""
    listeners = {}
    for option in ("http", "otlp_http") if role.collects else ("http",):
        listeners[option] = bind(option, getattr(settings, option))
        at_end.callback(unbind, getattr(settings, option), listeners[option])
    if role.collects:
        require_free("otlp_grpc", settings.otlp_grpc)
    return listeners


async def _open_store(role: Role, settings: Settings, stop: StopRequest) -> Store | None:
    """The store; None when told to stop while waiting for it."""
    config = store_config(settings)
    give_up = time.monotonic() + (0.0 if settings.embedded else settings.store_wait)
    told = False
    while True:
        try:
            return await asyncio.to_thread(open_store, config, create_database=role.collects)
        except StoreUnavailable as error:
            if time.monotonic() >= give_up:
                raise
            if not told:
                logger.warning("waiting for the store: %s", error)
                told = True
        if await stop.made_within(RETRY_SECONDS):
            return None


def _prepare_schema(role: Role, store: Store, settings: Settings) -> None:
    if not role.collects:
        check_schema(store)
        return
    for migration in migrate(store):
        logger.info("applied migration %d (%s)", migration.version, migration.name)
    if changed := apply_retention(store, retention(settings)):
        logger.info("set how long %d tables are kept", len(changed), extra={"tables": ", ".join(changed)})


async def _start(collector: Collector) -> None:
    try:
        await collector.start()
    except OSError as error:
        raise Failure(str(error)) from error


async def _stop(collector: Collector, stop: StopRequest) -> None:
    """Half of the time left is for loading: the HTTP servers, the queries and the engine have to end after it."""
    await collector.stop(stop.remaining(share=0.5))


def _query_config(settings: Settings, addresses: Mapping[str, str]) -> QueryConfig:
    return QueryConfig(
        otlp_http=_url(settings, addresses.get("otlp_http", "")),
        otlp_grpc=addresses.get("otlp_grpc", ""),
        lookback=lookback_minutes(settings),
        retention=retention(settings),
    )


def _url(settings: Settings, address: str) -> str:
    if not address or address.startswith("unix:"):
        return address
    return f"{'https' if settings.tls_cert else 'http'}://{Address.parse(address).reachable}"


def _http_app(
    role: Role, store: Store, collector: Collector | None, registry: CollectorRegistry, config: QueryConfig
) -> ASGIApp:
    if not role.answers:
        assert collector is not None  # noqa: S101 - there is no role that does neither
        return collector.operations_app
    return create_app(store, registry=registry, ingest=collector.status if collector else None, settings=config)


def _self_tracing(role: Role, settings: Settings, collector: Collector | None) -> SelfTracing | None:
    if not settings.self_tracing:
        return None
    return SelfTracing.start(role.name, VERSION, partial(collector.take_own, TRACES) if collector else None)


def _self_metrics(
    role: Role, settings: Settings, registry: CollectorRegistry, collector: Collector | None
) -> SelfMetrics | None:
    if not settings.self_metrics:
        return None
    take = partial(collector.take_own, METRICS) if collector else None
    where, interval = settings.self_metrics_endpoint or take, settings.self_metrics_interval
    return SelfMetrics.start(registry, where, interval, service=role.name, version=VERSION)


def _say_ready(settings: Settings, addresses: Mapping[str, str]) -> None:
    for exposure in exposures(settings, addresses):
        logger.warning("%s", exposure)
    logger.info("ready, see %s", _url(settings, addresses["http"]), extra=dict(addresses))


async def _until(stop: StopRequest, servers: HttpServers) -> None:
    """Return when the stop is asked for; raise the error of a server that ends before."""
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(servers.ended())]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waiting:
            task.cancel()
