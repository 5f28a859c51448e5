"""`python -m tests.clickhouse_front --path DIR`: serve the engine on that folder until SIGTERM.

When ready it prints one line of JSON with the `url` it listens on.
"""

import argparse
import json
import signal
import socket
import sys
from pathlib import Path

import anyio
import uvicorn
from anyio import to_thread

from tests.clickhouse_front.app import create_app
from tests.clickhouse_front.engine import DEFAULT_MEMORY, Engine

MAX_URI_SIZE = 1 << 20  # the server's http_max_uri_size


class Server(uvicorn.Server):
    """Says when it is ready, and kills running queries when it stops."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the ready line."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()
        print(json.dumps({"url": f"{'https' if self.config.is_ssl else 'http'}://{host}:{port}"}), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening and end the queries; raises TimeoutError when one does not end."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._end_queries)
            await super().shutdown(sockets)

    async def _end_queries(self) -> None:
        await to_thread.run_sync(self._engine.stop)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.clickhouse_front")
    parser.add_argument("--path", type=Path, required=True, help="data folder")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--user", help="with --password: the only credentials accepted")
    parser.add_argument("--password", default="")
    parser.add_argument("--memory", type=int, default=DEFAULT_MEMORY, help="limit of the whole engine in bytes")
    parser.add_argument("--certificate", help="PEM file; with --key: TLS instead of plain HTTP")
    parser.add_argument("--key", help="PEM file")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or SIGINT; the exit status is 0 when all queries ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has stopped: then this ends the process with status 0
        signal.signal(number, lambda *_: sys.exit(0))
    arguments = _arguments()
    engine = Engine(arguments.path, arguments.memory)
    credentials = None if arguments.user is None else (arguments.user, arguments.password)
    config = uvicorn.Config(
        create_app(engine, credentials),
        log_level="critical",
        h11_max_incomplete_event_size=MAX_URI_SIZE,
        http="h11",
        lifespan="off",
        timeout_keep_alive=10,
        timeout_graceful_shutdown=2,
        ssl_certfile=arguments.certificate,
        ssl_keyfile=arguments.key,
    )
    with socket.create_server(("127.0.0.1", arguments.port)) as listener:
        try:
            Server(config, engine).run([listener])
        finally:
            engine.close()


if __name__ == "__main__":
    main()
