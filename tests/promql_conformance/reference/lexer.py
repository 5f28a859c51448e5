"""From the text of an expression to its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.promql_conformance.reference.syntax import Refused

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
    | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?![0-9A-Za-z_]))
    | (?P<number>0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_]))
    | (?P<word>[a-zA-Z_][a-zA-Z0-9_:]*)
    | (?P<sign>==|!=|<=|>=|=~|!~|[-+*/%^<>=(){}\[\],@:])
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
    "y": 365 * 86_400_000,
}


@dataclass(frozen=True)
class Token:
    """kind: text, duration, number, word, sign or end; text as it stands there."""

    kind: str
    text: str


def tokens(expression: str) -> list[Token]:
    """All of it, with an `end` after the last one; Refused where no token begins."""
    found, position = [], 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise Refused(f"no token begins at {expression[position:]!r}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group()))
        position = match.end()
    return [*found, Token("end", "")]


def unquoted(literal: str) -> str:
    """What a string literal stands for; in backticks a backslash is one."""
    body = literal[1:-1]
    return body if literal[0] == "`" else _ESCAPE.sub(lambda match: _unescaped(match.group(1)), body)


def _unescaped(code: str) -> str:
    if code[0] in "xuU" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code.isdigit():
        return chr(int(code, 8))
    if code in _LETTERS:
        return _LETTERS[code]
    if code in "\\'\"":
        return code
    raise Refused(f"\\{code} is not an escape")


def milliseconds(duration: str) -> int:
    """Of `1h30m`, `90s` or `500ms`; Refused if it is nothing."""
    total = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(duration))
    if total == 0:
        raise Refused("a duration must be greater than 0")
    return total


def number(literal: str) -> float:
    """Of a decimal or hexadecimal literal."""
    return float(int(literal, 16)) if literal[:2] in ("0x", "0X") else float(literal)
