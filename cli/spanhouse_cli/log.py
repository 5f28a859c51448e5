"""What is logged, and how a line looks: text for people, JSON for machines, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

# What goes wrong in them reaches their callers as an error, or, as with Spanhouse's own spans, does not matter.
_LIBRARIES = ("clickhouse_connect", "opentelemetry", "urllib3")
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def set_up(level: str, style: str) -> None:
    """Log from `level` on in the given `log_format`. Libraries that tell their callers what goes wrong do not log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if style == "json" else TextLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        for library in _LIBRARIES:
            logging.getLogger(library).setLevel(logging.CRITICAL)


class TextLine(logging.Formatter):
    """`2026-01-31T09:00:00.123Z INFO ready http=127.0.0.1:8080`, and a stack trace below where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; see logging.Formatter."""
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        line = f"{_instant(record)} {record.levelname} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLine(logging.Formatter):
    """One JSON object with `time`, `level`, `logger`, `message`, what was given as `extra`, and `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record; see logging.Formatter."""
        line = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _OWN}


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or any(char in text for char in ' "=\n') else text
