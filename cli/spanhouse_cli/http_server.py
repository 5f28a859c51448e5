"""ASGI applications on sockets that listen beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Generator

import uvicorn
from spanhouse_collector.transports import unix_socket
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from spanhouse_cli.address import Address, UnixAddress
from spanhouse_cli.failure import Failure
from spanhouse_cli.options import OPTIONS
from spanhouse_cli.settings import Settings

CLIENT_CERTIFICATE = "client_certificate"
_BACKLOG = 2048
_SECONDS_FOR_HEADERS = 60.0
_SECONDS_TO_PART = 0.3


def bind(option: str, address: Address | UnixAddress) -> socket.socket:
    """A socket that listens for the option of that name. Raises Failure that says which option to change.

    It listens at once, because two processes may bind one address as long as neither does.
    """
    try:
        return unix_socket.listen(address.path, _BACKLOG) if isinstance(address, UnixAddress) else _listen(address)
    except OSError as error:
        hint = "" if isinstance(address, UnixAddress) else "; port 0 takes any free one"
        raise Failure(
            f"cannot listen on {address} ({option}): {error.strerror or error}. Choose another address with "
            f"{OPTIONS[option].flag} or {OPTIONS[option].env}{hint}"
        ) from error


def _listen(address: Address) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def unbind(address: Address | UnixAddress, listener: socket.socket) -> None:
    """Listen no more, and leave no file behind."""
    listener.close()
    if isinstance(address, UnixAddress):
        address.path.unlink(missing_ok=True)


def require_free(option: str, address: Address | UnixAddress) -> None:
    """Raise Failure unless `address` can be bound; for a server that binds by itself, with worse messages."""
    unbind(address, bind(option, address))


def bound_address(settings: Settings, option: str, listener: socket.socket) -> Address | UnixAddress:
    """The option's address with the real port."""
    address = getattr(settings, option)
    return address if isinstance(address, UnixAddress) else Address(address.host, listener.getsockname()[1])


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 that waits a minute for the headers of a request, and tells whether the client showed a certificate."""

    _awaiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in its base
        """A connection, after its handshake."""
        super().connection_made(transport)
        self._awaiting = self.loop.call_later(_SECONDS_FOR_HEADERS, transport.close)
        if connection := transport.get_extra_info("ssl_object"):
            self.app_state = {**self.app_state, CLIENT_CERTIFICATE: bool(connection.getpeercert())}

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        if self._awaiting is None:
            self._awaiting = self.loop.call_later(_SECONDS_FOR_HEADERS, self.transport.close)

    def on_headers_complete(self) -> None:
        """The last byte of its headers."""
        self._have_headers()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the connection."""
        self._have_headers()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops. A TLS client without a request that does not say goodbye is not waited for."""
        super().shutdown()
        if self.transport.is_closing():
            self.loop.call_later(_SECONDS_TO_PART, self.transport.abort)

    def _have_headers(self) -> None:
        if self._awaiting is not None:
            self._awaiting.cancel()
            self._awaiting = None


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to the one who runs it and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take none."""
        yield


class HttpServers:
    """Servers that start one by one and stop together."""

    def __init__(self) -> None:
        self._servers: list[_Server] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self, app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Begin to serve `app` on `listener`; returns when connections are taken. Raises what keeps it from that.

        With `tls`, the state of each request says whether its client has shown a certificate: `client_certificate`.
        """
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ssl_context_factory=None if tls is None else lambda _, __: tls,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        self._servers.append(server)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        self._tasks.append(serving)
        listening = asyncio.create_task(server.listening.wait())
        await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await serving
            raise Failure("an HTTP server ended before it listened")

    async def ended(self) -> None:
        """Return when one of them ends, which none does by itself; raise its error."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def stop(self) -> None:
        """Take no more connections, let running requests end, for about a second, and return."""
        for server in self._servers:
            server.should_exit = True
        if self._tasks:
            await asyncio.wait(self._tasks)
