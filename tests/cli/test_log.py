"""The lines of the log."""

from __future__ import annotations

import json
import logging
import sys

from spanhouse_cli.log import JsonLine, TextLine


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "spanhouse", "levelno": 20, "levelname": "INFO", "msg": "it is %s", **extra})
    made.args = ("ready",)
    made.created = 1_767_225_600.25
    return made


def test_a_line_of_text_has_time_level_message_and_fields() -> None:
    line = TextLine().format(record(http="127.0.0.1:1", reason="out of space", empty=""))
    assert line == '2026-01-01T00:00:00.250Z INFO it is ready http=127.0.0.1:1 reason="out of space" empty=""'


def test_a_line_of_json_has_the_same_as_an_object() -> None:
    assert json.loads(JsonLine().format(record(http="127.0.0.1:1", segments=3))) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "spanhouse",
        "message": "it is ready",
        "http": "127.0.0.1:1",
        "segments": 3,
    }


def test_a_stack_trace_is_below_the_line_of_text_and_inside_the_object() -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        failed = record(exc_info=sys.exc_info())
    assert TextLine().format(failed).splitlines()[-1] == "ValueError: wrong"
    assert json.loads(JsonLine().format(failed))["exception"].splitlines()[-1] == "ValueError: wrong"
