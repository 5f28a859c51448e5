"""The ClickHouse server of a test run, and how the store and the command are told about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from spanhouse_storage import ServerConfig


@dataclass(frozen=True)
class ClickHouse:
    """Where a server is and who may ask it."""

    url: str
    user: str = "default"
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> ClickHouse:
        """`http://user:password@host:8123`, percent-encoded where that is needed; without user or password too."""
        parts = urlsplit(url)
        place = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return cls(place, unquote(parts.username or "default"), unquote(parts.password or ""))

    def config(self, database: str = "default") -> ServerConfig:
        """For `open_store`."""
        return ServerConfig(url=self.url, user=self.user, password=self.password, database=database)

    def flags(self, database: str, folder: Path) -> list[str]:
        """For the command line; the password goes into a file in `folder`."""
        password = folder / "clickhouse-password"
        password.write_text(f"{self.password}\n")
        return [
            f"--store={self.url}",
            f"--store-user={self.user}",
            f"--store-password-file={password}",
            f"--store-database={database}",
        ]
