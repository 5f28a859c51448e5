"""What the front must know of a statement before the engine sees it.

An INSERT with data is split where its FORMAT clause ends, because the embedded engine takes data from files only.
Of the others it matters whether they have a result, in which format, and whether the engine can stream it.
"""

import re
import shutil
from dataclasses import dataclass
from typing import IO

MAX_QUERY_SIZE = 262_144  # bytes of statement the server parses; data may follow without limit
# Formats without a header or footer, so that blocks encoded one by one make a valid whole.
STREAM_SAFE_FORMATS = frozenset({"native", "tabseparated", "tsv", "csv", "rowbinary", "jsoneachrow"})

_LEAD = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_INSERT = re.compile(
    _LEAD.encode() + rb"INSERT\s+INTO\s+(?:TABLE\s+)?(?P<target>[^\s(]+(?:\s*\([^)]*\))?)\s*"
    rb"(?P<settings>\bSETTINGS\s(?:(?!\bSELECT\b).)*?)?\bFORMAT\s+(?P<format>\w+)[ \t\f]*\r?\n?",
    re.IGNORECASE | re.DOTALL,
)
_KEYWORD = re.compile(_LEAD + r"\(*\s*(\w+)", re.DOTALL)
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\s[^()]*)?;?\s*$", re.IGNORECASE)
_SELECTS = frozenset({"SELECT", "WITH", "FROM"})
_READS = _SELECTS | {"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"}


@dataclass(frozen=True)
class Statement:
    """A statement that carries no data beside its text."""

    sql: str
    default_format: str

    @property
    def keyword(self) -> str:
        """The first word, upper case; empty when there is none."""
        found = _KEYWORD.match(self.sql)
        return found[1].upper() if found else ""

    @property
    def read_only(self) -> bool:
        """Whether it changes nothing, so that the server may stop it when its client goes away."""
        return self.keyword in _READS

    @property
    def format(self) -> str | None:
        """Output format; None for statements without a result."""
        if not self.read_only and self.keyword != "KILL":
            return None
        found = _FORMAT.search(self.sql)
        return found[1] if found else self.default_format

    @property
    def streamed(self) -> bool:
        """Whether the engine can hand out the result block by block."""
        return self.keyword in _SELECTS and (self.format or "").lower() in STREAM_SAFE_FORMATS


@dataclass(frozen=True)
class DataInsert:
    """An INSERT and its data: the bytes already read with the statement, then the rest of the body."""

    target: str
    settings: str
    format: str
    start: bytes
    rest: IO[bytes]

    def write_data(self, file: IO[bytes]) -> None:
        """Write the data, without the statement, to `file`."""
        file.write(self.start)
        shutil.copyfileobj(self.rest, file, 1 << 20)
        file.flush()

    def sql(self, path: str) -> str:
        """The same insert with its data taken from the file at `path`."""
        return f"INSERT INTO {self.target} FROM INFILE '{path}' COMPRESSION 'none' {self.settings} FORMAT {self.format}"


def parse(query: str, body: IO[bytes], default_format: str) -> Statement | DataInsert:
    """Read the statement from the `query` parameter and the body after it, as one text (the server joins them so)."""
    head = (query.encode() + b"\n" if query else b"") + body.read(MAX_QUERY_SIZE)
    insert = _INSERT.match(head)
    if insert is None:
        return Statement((head + body.read()).decode(errors="surrogateescape"), default_format)
    target, settings, format_ = ((part or b"").decode() for part in insert.group("target", "settings", "format"))
    return DataInsert(target, settings, format_, head[insert.end() :], body)
