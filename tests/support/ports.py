"""Ports that stay free until a test's program takes them, whatever else the machine starts meanwhile."""

from __future__ import annotations

import secrets
from contextlib import suppress
from socket import create_server

# Below the ports that Linux (from 32768) and macOS (from 49152) give to those who ask for any.
RANGE = range(20_000, 32_000)


def idle_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 at which nobody listens, and which the system gives to nobody by itself."""
    found: set[int] = set()
    while len(found) < count:
        port = secrets.choice(RANGE)
        with suppress(OSError), create_server(("127.0.0.1", port)):
            found.add(port)
    return list(found)


def idle_port() -> int:
    """One such port."""
    (port,) = idle_ports(1)
    return port
