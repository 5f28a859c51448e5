"""Which operators and values a name takes."""

from __future__ import annotations

import re
from typing import Protocol

from spanhouse_query.filters.ast import Attribute, Field, Operator, Value
from spanhouse_query.filters.lexer import Kind, Token

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
_EQUALITY = ("=", "!=")
_ORDER = ("<", "<=", ">", ">=")
_MATCH = ("=~", "!~")


class Type(Protocol):
    """What may stand right of a name; `in` takes what `=` takes."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Those it takes."""

    def values(self, operator: Operator) -> list[str]:
        """What an error says is expected after `operator`."""

    def read(self, token: Token, operator: Operator) -> Value | None:
        """The value of a literal, None where it is none of this type."""


class _Text:
    operators = (*_EQUALITY, *_MATCH, "in")

    def values(self, operator: Operator) -> list[str]:
        return [Kind.STRING.value]

    def read(self, token: Token, operator: Operator) -> Value | None:
        return str(token.value) if token.kind is Kind.STRING else None


class _Word:
    operators = (*_EQUALITY, "in")

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def values(self, operator: Operator) -> list[str]:
        return list(self._words)

    def read(self, token: Token, operator: Operator) -> Value | None:
        named = token.kind in (Kind.WORD, Kind.STRING) and token.value in self._words
        return str(token.value) if named else None


class _Duration:
    operators = (*_EQUALITY, *_ORDER, "in")

    def values(self, operator: Operator) -> list[str]:
        return ["a duration such as 250ms"]

    def read(self, token: Token, operator: Operator) -> Value | None:
        return int(token.value) if token.kind is Kind.DURATION else None


class _TraceId:
    operators = (*_EQUALITY, "in")

    def values(self, operator: Operator) -> list[str]:
        return ["a trace id of 32 hexadecimal digits in double quotes"]

    def read(self, token: Token, operator: Operator) -> Value | None:
        text = str(token.value).lower()
        return text if token.kind is Kind.STRING and re.fullmatch("[0-9a-f]{32}", text) else None


class _Any:
    """An attribute: text, number or true/false; the operator and the literal say which."""

    operators = (*_EQUALITY, *_ORDER, *_MATCH, "in")

    def values(self, operator: Operator) -> list[str]:
        if operator in _MATCH:
            return ["a regular expression (RE2) in double quotes"]
        return [Kind.STRING.value, Kind.NUMBER.value, *([] if operator in _ORDER else ["true", "false"])]

    def read(self, token: Token, operator: Operator) -> Value | None:
        if token.kind is Kind.STRING:
            return str(token.value)
        if operator in _MATCH:
            return None
        if token.kind is Kind.NUMBER:
            return float(token.value)
        if token.kind is Kind.WORD and token.text in ("true", "false") and operator in _EQUALITY:
            return token.text == "true"
        return None


_ANY = _Any()
_TYPES: dict[str, Type] = {
    "service": _Text(),
    "operation": _Text(),
    "kind": _Word(KINDS),
    "status": _Word(STATUSES),
    "duration": _Duration(),
    "trace_id": _TraceId(),
}


def type_of(left: Field | Attribute) -> Type:
    """The type of what a name stands for."""
    return _ANY if isinstance(left, Attribute) else _TYPES[left.name]
