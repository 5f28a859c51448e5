"""How the value of each kind of option is written, read, shown and explained.

A kind stands in the annotation of an option, `Annotated[int, Size()]`. Its `parse` takes the text that stands in the
file, the environment or the flag, and raises ValueError for everything that `allowed` does not describe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_core import CoreSchema, core_schema

from spanhouse_cli.address import Address, UnixAddress, parse_place
from spanhouse_cli.units import format_duration, format_size, parse_duration, parse_size

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_ENDLESS = "forever"
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_DIGITS = re.compile("[0-9]{1,18}")


class Kind(Protocol):
    """What the configuration needs to know about the values of an option."""

    @property
    def name(self) -> str:
        """In the help, in capitals: `SIZE`."""

    @property
    def allowed(self) -> str:
        """What may be written, as the end of the sentence "allowed is"."""

    def parse(self, text: str) -> Any:
        """The value for the program."""

    def show(self, value: Any) -> str:
        """The value as `parse` would read it back; a secret is hidden."""


class Validated:
    """Lets pydantic read a value with the kind that annotates it."""

    def __get_pydantic_core_schema__(self: Kind, source: object, handler: object) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)


def _path(text: str) -> Path:
    if not text.strip():
        raise ValueError("empty")
    return Path(text.strip()).expanduser().absolute()


@dataclass(frozen=True, slots=True)
class Listen(Validated):
    """An address to listen on; `unix` says whether it may be a Unix socket."""

    unix: bool = False

    @property
    def name(self) -> str:
        """See Kind."""
        return "HOST:PORT|unix:PATH" if self.unix else "HOST:PORT"

    @property
    def allowed(self) -> str:
        """See Kind."""
        ports = "HOST:PORT, such as 127.0.0.1:4318 or [::1]:4318; 0.0.0.0 is every interface, port 0 any free port"
        return f"{ports}; or unix:PATH, at most 107 bytes of path" if self.unix else ports

    def parse(self, text: str) -> Address | UnixAddress:
        """See Kind."""
        return parse_place(text) if self.unix else Address.parse(text)

    def show(self, value: Address | UnixAddress) -> str:
        """See Kind."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Size(Validated):
    """A number of bytes, as int."""

    minimum: int = 1
    maximum: int = 1 << 50
    name: str = "SIZE"

    @property
    def allowed(self) -> str:
        """See Kind."""
        bounds = f"{format_size(self.minimum)} to {format_size(self.maximum)}"
        return f"a size from {bounds}, such as 64MiB, 1.5GB or 1048576 (bytes)"

    def parse(self, text: str) -> int:
        """See Kind."""
        size = parse_size(text)
        if not self.minimum <= size <= self.maximum:
            raise ValueError("out of bounds")
        return size

    def show(self, value: int) -> str:
        """See Kind."""
        return format_size(value)


@dataclass(frozen=True, slots=True)
class Duration(Validated):
    """A span of time, as float seconds; None is without end, where that is allowed."""

    minimum: float = 0.001
    maximum: float = 86_400.0
    endless: bool = False
    name: str = "DURATION"

    @property
    def allowed(self) -> str:
        """See Kind."""
        return (
            f"a time from {format_duration(self.minimum)} to {format_duration(self.maximum)} with its unit "
            f"(ms, s, m, h), such as 500ms, 1.5s or 1m30s{', or forever' if self.endless else ''}"
        )

    def parse(self, text: str) -> float | None:
        """See Kind."""
        if self.endless and text.strip().lower() == _ENDLESS:
            return None
        seconds = parse_duration(text)
        if not self.minimum <= seconds <= self.maximum:
            raise ValueError("out of bounds")
        return seconds

    def show(self, value: float | None) -> str:
        """See Kind."""
        return _ENDLESS if value is None else format_duration(value)


@dataclass(frozen=True, slots=True)
class Age(Validated):
    """How old data may become, in whole seconds; None is without end, where that is allowed."""

    minimum: int
    maximum: int
    endless: bool = False
    name: str = "AGE"

    @property
    def allowed(self) -> str:
        """See Kind."""
        bounds = f"a time from {format_duration(self.minimum)} to {format_duration(self.maximum)}"
        return f"{bounds} with its unit (h, d), such as 36h or 30d{', or forever' if self.endless else ''}"

    def parse(self, text: str) -> int | None:
        """See Kind."""
        if self.endless and text.strip().lower() == _ENDLESS:
            return None
        seconds = round(parse_duration(text))
        if not self.minimum <= seconds <= self.maximum:
            raise ValueError("out of bounds")
        return seconds

    def show(self, value: int | None) -> str:
        """See Kind."""
        return _ENDLESS if value is None else format_duration(value)


@dataclass(frozen=True, slots=True)
class Count(Validated):
    """A whole number."""

    minimum: int = 1
    maximum: int | None = None
    name: str = "NUMBER"

    @property
    def allowed(self) -> str:
        """See Kind."""
        upwards = f"to {self.maximum}" if self.maximum is not None else "upwards"
        return f"a whole number from {self.minimum} {upwards}"

    def parse(self, text: str) -> int:
        """See Kind."""
        if not _DIGITS.fullmatch(text.strip()):  # int() takes 1_000, +5 and the digits of other scripts
            raise ValueError("not a number")
        count = int(text)
        if count < self.minimum or (self.maximum is not None and count > self.maximum):
            raise ValueError("out of bounds")
        return count

    def show(self, value: int) -> str:
        """See Kind."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Switch(Validated):
    """On or off."""

    name: str = "BOOLEAN"
    allowed: str = "true or false (or yes, no, on, off, 1, 0)"

    def parse(self, text: str) -> bool:
        """See Kind."""
        word = text.strip().lower()
        if word not in (*_TRUE, *_FALSE):
            raise ValueError("neither true nor false")
        return word in _TRUE

    def show(self, value: bool) -> str:
        """See Kind."""
        return str(value).lower()


@dataclass(frozen=True, slots=True)
class Choice(Validated):
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """See Kind."""
        return "|".join(self.words)

    @property
    def allowed(self) -> str:
        """See Kind."""
        return f"{', '.join(self.words[:-1])} or {self.words[-1]}"

    def parse(self, text: str) -> str:
        """See Kind."""
        word = text.strip().lower()
        if word not in self.words:
            raise ValueError("not one of the words")
        return word

    def show(self, value: str) -> str:
        """See Kind."""
        return value


@dataclass(frozen=True, slots=True)
class Folder(Validated):
    """A folder, which need not exist."""

    name: str = "DIR"
    allowed: str = "the path of a folder, or of one that can be made; ~ is the home folder"

    def parse(self, text: str) -> Path:
        """See Kind."""
        path = _path(text)
        if path.exists() and not path.is_dir():
            raise ValueError("not a folder")
        return path

    def show(self, value: Path) -> str:
        """See Kind."""
        return str(value)


@dataclass(frozen=True, slots=True)
class FilePath(Validated):
    """A file, which need not exist."""

    name: str = "FILE"
    allowed: str = "the path of a file, or of one that can be made; ~ is the home folder"

    def parse(self, text: str) -> Path:
        """See Kind."""
        path = _path(text)
        if path.is_dir():
            raise ValueError("a folder")
        return path

    def show(self, value: Path | None) -> str:
        """See Kind."""
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class ExistingFile(Validated):
    """A file that can be read."""

    name: str = "FILE"
    allowed: str = "the path of a file that this user can read; ~ is the home folder"

    def parse(self, text: str) -> Path:
        """See Kind."""
        path = _path(text)
        try:
            path.open("rb").close()
        except OSError as error:
            raise ValueError("not a readable file") from error
        return path

    def show(self, value: Path | None) -> str:
        """See Kind."""
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Text(Validated):
    """Any text that is not empty."""

    name: str = "NAME"
    allowed: str = "text that is not empty"

    def parse(self, text: str) -> str:
        """See Kind."""
        if not text.strip():
            raise ValueError("empty")
        return text.strip()

    def show(self, value: str) -> str:
        """See Kind."""
        return value


@dataclass(frozen=True, slots=True)
class Secret(Validated):
    """Text that is never shown."""

    name: str = "SECRET"
    allowed: str = "text"

    def parse(self, text: str) -> SecretStr:
        """See Kind. Blanks at the ends belong to it."""
        return SecretStr(text)

    def show(self, value: SecretStr) -> str:
        """See Kind."""
        return "********" if value.get_secret_value() else ""


@dataclass(frozen=True, slots=True)
class Origins(Validated):
    """Origins of web pages, as a browser names them (RFC 6454); `*` alone is all, none is an empty tuple."""

    name: str = "ORIGINS"
    allowed: str = "origins with commas between them, such as https://shop.example,http://localhost:3000, or *"

    def parse(self, text: str) -> tuple[str, ...]:
        """See Kind."""
        origins = tuple(each.strip() for each in text.split(","))
        if origins != ("*",) and not all(_ORIGIN.fullmatch(each) for each in origins):
            raise ValueError("not origins")
        return origins

    def show(self, value: tuple[str, ...]) -> str:
        """See Kind."""
        return ",".join(value)


@dataclass(frozen=True, slots=True)
class HttpUrl(Validated):
    """Where something is sent over HTTP, as text without a slash at its end; None is nowhere."""

    name: str = "URL"
    allowed: str = "http[s]://HOST[:PORT][/PATH], such as http://127.0.0.1:4318"

    def parse(self, text: str) -> str:
        """See Kind."""
        url = urlsplit(text.strip())
        plain = not (url.username or url.password or url.query or url.fragment)
        if url.scheme not in ("http", "https") or not url.hostname or not plain:
            raise ValueError("not a URL that can be sent to")
        _ = url.port  # raises ValueError for a port that is none
        return text.strip().rstrip("/")

    def show(self, value: str | None) -> str:
        """See Kind."""
        return value or ""


@dataclass(frozen=True, slots=True)
class EngineLocation(Validated):
    """`embedded`, or the URL of a ClickHouse server."""

    name: str = "embedded|URL"
    allowed: str = "embedded, or http[s]://HOST[:PORT] of a ClickHouse server (user and database are other options)"

    def parse(self, text: str) -> str:
        """See Kind."""
        if text == "embedded":
            return text
        url = urlsplit(text)
        plain = not (url.username or url.password or url.path.strip("/") or url.query or url.fragment)
        if url.scheme not in ("http", "https") or not url.hostname or not plain:
            raise ValueError("not the URL of a server")
        _ = url.port  # raises ValueError for a port that is none
        return text.rstrip("/")

    def show(self, value: str) -> str:
        """See Kind."""
        return value
