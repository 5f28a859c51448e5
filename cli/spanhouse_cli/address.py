"""Where to listen: HOST:PORT, or unix:PATH."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path

_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9._-]+)):(?P<port>[0-9]{1,5})")
_UNIX = "unix:"
_UNIX_BYTES = 107  # what the smallest of the systems' address structures holds, without the zero at its end


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or IP address without brackets, and a port; port 0 stands for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`127.0.0.1:4317`, `localhost:4317` or `[::1]:4317`; ValueError for anything else."""
        match = _ADDRESS.fullmatch(text.strip())
        if match is None or int(match["port"]) > 65535:
            raise ValueError("not an address")
        if match["ipv6"]:
            ipaddress.IPv6Address(match["ipv6"])
        return cls(match["ipv6"] or match["host"], int(match["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. Of the names, `localhost` alone is known to."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def reachable(self) -> Address:
        """The address at which a program on this machine finds what listens here: loopback for all interfaces."""
        return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port)  # noqa: S104


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix socket, by its absolute path."""

    path: Path

    @classmethod
    def parse(cls, text: str) -> UnixAddress:
        """`unix:/run/otlp.sock`, or a path from here or the home folder; ValueError for anything else."""
        path = text.strip().removeprefix(_UNIX)
        path = path.removeprefix("//") if path.startswith("///") else path  # as in a URL
        if not text.strip().startswith(_UNIX) or not path or path.startswith("//") or path.endswith("/"):
            raise ValueError("not the address of a Unix socket")
        absolute = Path(path).expanduser().absolute()
        if len(os.fsencode(absolute)) > _UNIX_BYTES:
            raise ValueError("too long")
        return cls(absolute)

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return True


def parse_place(text: str) -> Address | UnixAddress:
    """An address of either kind; ValueError for anything else."""
    return UnixAddress.parse(text) if text.strip().startswith(_UNIX) else Address.parse(text)
