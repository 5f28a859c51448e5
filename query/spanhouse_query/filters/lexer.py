"""Filter text to tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from spanhouse_query.filters.errors import FilterError
from spanhouse_query.time_range import UNITS, parse_duration


class Kind(Enum):
    """Kinds of tokens; the value is how an error calls them."""

    STRING = "a string in double quotes"
    DURATION = "a duration"
    NUMBER = "a number"
    SCOPED = 'span."…", point."…" or resource."…"'
    WORD = "a name"
    OPERATOR = "an operator"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the filter. `value`: what a literal means, (scope, name) of a scoped name, otherwise the text."""

    kind: Kind
    text: str
    position: int
    value: Any = None

    @property
    def shown(self) -> str:
        """How an error shows it."""
        return "the end" if self.kind is Kind.END else self.text


_QUOTED = r'"(?:[^"\\\x00-\x1f]|\\.)*"'
_AMOUNT = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_TOKEN = re.compile(
    rf"""
    (?P<SPACE>\s+)
  | (?P<STRING>{_QUOTED})
  | (?P<SCOPED>(?:span|point|resource)\.{_QUOTED})
  | (?P<DURATION>(?:\d+(?:\.\d+)?(?:{"|".join(UNITS)}))+(?![\w.]))
  | (?P<NUMBER>{_AMOUNT}(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<WORD>[A-Za-z_][\w./:@-]*)
  | (?P<OPERATOR>=~|!~|!=|<=|>=|=|<|>)
  | (?P<OPEN>\() | (?P<CLOSE>\)) | (?P<COMMA>,)
    """,
    re.VERBOSE | re.ASCII,
)


def tokens(text: str) -> Iterator[Token]:
    """The tokens of `text`, an END last. Raises FilterError where no token can begin."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _no_token(text, position)
        if match.lastgroup != "SPACE":
            yield _token(Kind[str(match.lastgroup)], match[0], position)
        position = match.end()
    yield Token(Kind.END, "", len(text))


# How other languages write what a filter has its own words for.
_ELSEWHERE = {
    "'": "text stands in double quotes",
    "&&": "write and",
    "||": "write or",
    "!": "write not, !=, or !~",
    "{": "a filter stands without braces",
    ".": 'write the attribute without its leading dot, or as span."…" or resource."…"',
}


def _no_token(text: str, position: int) -> FilterError:
    rest = text[position:]
    if rest.startswith('"'):
        return FilterError(position, "a string that does not end", ["a closing double quote"])
    hint = next((advice for start, advice in _ELSEWHERE.items() if rest.startswith(start)), "")
    return FilterError(position, repr(rest[:10]), ["a name, a value or an operator"], hint=hint)


def _token(kind: Kind, text: str, position: int) -> Token:
    match kind:
        case Kind.STRING:
            return Token(kind, text, position, _unquoted(text, position))
        case Kind.SCOPED:
            scope, _, name = text.partition(".")
            return Token(kind, text, position, (scope, _unquoted(name, position + len(scope) + 1)))
        case Kind.DURATION:
            return Token(kind, text, position, _duration(text, position))
        case Kind.NUMBER:
            return Token(kind, text, position, _number(text, position))
        case _:
            return Token(kind, text, position, text)


def _unquoted(text: str, position: int) -> str:
    try:
        value = json.loads(text)
        value.encode()
    except ValueError:
        raise FilterError(position, text, ["a string with the escapes of JSON"]) from None
    return str(value)


def _duration(text: str, position: int) -> int:
    try:
        return parse_duration(text)
    except ValueError:
        raise FilterError(position, text, ["a duration of at most 292 years"]) from None


def _number(text: str, position: int) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise FilterError(position, text, ["a number of at most 1.7e308"])
    return value
