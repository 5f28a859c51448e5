"""The gRPC server: OTLP, the standard health service, and reflection, on one address."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from spanhouse_collector.config import CollectorConfig
from spanhouse_collector.receiver import Receiver
from spanhouse_collector.signals import SIGNALS
from spanhouse_collector.transports import unix_socket
from spanhouse_collector.transports.grpc_service import ExportService

# What has been received of a call before it is let in counts nowhere else.
_STREAMS_PER_CONNECTION = 32
_SECONDS = 1000
_OTLP = tuple(signal.service for signal in SIGNALS.values())
_SERVICES = (*_OTLP, health.SERVICE_NAME, reflection.SERVICE_NAME)


class GrpcServer:
    """The server on one address. `address` has the real port once it has started.

    credentials: TLS; without, it is served in the clear. The health service says SERVING, for the whole server and for
    each service of OTLP, from the start to `leave`.
    """

    def __init__(
        self, config: CollectorConfig, receiver: Receiver, credentials: grpc.ServerCredentials | None = None
    ) -> None:
        self.address = config.otlp_grpc
        self._credentials = credentials
        self._socket: Path | None = None
        self._health = health.aio.HealthServicer()
        self._server = aio.server(options=_options(config))
        services = tuple(ExportService(signal, receiver).handler() for signal in SIGNALS.values())
        self._server.add_generic_rpc_handlers(services)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(_SERVICES, self._server)

    async def start(self) -> None:
        """Bind and serve. Raises OSError where the address cannot be had."""
        path = unix_socket.path_of(self.address)
        try:
            if path is not None:
                unix_socket.clear(path)
            port = self._bind()
        except (OSError, RuntimeError) as error:
            raise OSError(f"cannot listen on {self.address} for OTLP/gRPC: {error}") from error
        if path is None:
            self.address = f"{self.address.rpartition(':')[0]}:{port}"
        else:
            self._socket = path
            unix_socket.let_group_in(path)
        for service in _OTLP:
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def leave(self) -> None:
        """Tell whoever asks for its health that it is about to stop; calls are still answered."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Refuse new calls, and give running ones `grace` seconds."""
        await self.leave()
        await self._server.stop(grace)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def _bind(self) -> int:
        if self._credentials is None:
            return self._server.add_insecure_port(self.address)
        return self._server.add_secure_port(self.address, self._credentials)


def _options(config: CollectorConfig) -> tuple[tuple[str, int], ...]:
    """Channel arguments (grpc_types.h). `maximum_concurrent_rpcs` is not used: it refuses with RESOURCE_EXHAUSTED.

    A connection without a call is pinged every minute, so that one whose client is gone does not stay; clients may
    ping every ten seconds, where gRPC would close the connection of those who do so within five minutes.
    """
    age = config.grpc_max_connection_age
    return (
        ("grpc.max_receive_message_length", config.max_body),
        ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", 60 * _SECONDS),
        ("grpc.keepalive_timeout_ms", 20 * _SECONDS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10 * _SECONDS),
        *(() if age is None else (("grpc.max_connection_age_ms", round(age * _SECONDS)),)),
        ("grpc.max_connection_age_grace_ms", 10 * _SECONDS),
    )
