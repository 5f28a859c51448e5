"""Runs an application on a free loopback port and announces it once it answers."""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

import uvicorn
from werkzeug.serving import make_server

from spanhouse_demo import lifeline
from spanhouse_demo.rundir import this_run

if TYPE_CHECKING:
    from flask import Flask
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"


def serve_wsgi(service: str, app: "Flask") -> None:
    """Serve `app` with a thread for each request until SIGTERM."""
    lifeline.hold()
    logging.basicConfig(level=logging.INFO)
    server = make_server(LOOPBACK, 0, app, threaded=True)
    this_run().announce(service, f"{LOOPBACK}:{server.server_port}")
    server.serve_forever()


def serve_asgi(service: str, app: "ASGIApp") -> None:
    """Serve `app` with uvicorn until SIGTERM."""
    lifeline.hold()
    server = _AnnouncedServer(uvicorn.Config(app, log_level="info", timeout_graceful_shutdown=1), service)
    with socket.create_server((LOOPBACK, 0)) as listener:
        asyncio.run(server.serve(sockets=[listener]))


class _AnnouncedServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: str) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if sockets and self.started:
            this_run().announce(self._service, f"{LOOPBACK}:{sockets[0].getsockname()[1]}")
