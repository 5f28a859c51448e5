"""Filter text to its meaning, by recursive descent.

filter     = conjunction { "or" conjunction }
conjunction = negation { "and" negation }
negation   = "not" negation | "(" filter ")" | condition
condition  = name ( operator value | "in" "(" value { "," value } ")" | "exists" )
"""

from __future__ import annotations

from typing import get_args

from spanhouse_query.filters.ast import (
    And,
    Attribute,
    Compare,
    Exists,
    Field,
    In,
    Node,
    Not,
    Operator,
    Or,
    Scope,
    Value,
)
from spanhouse_query.filters.errors import FilterError
from spanhouse_query.filters.lexer import Kind, Token, tokens
from spanhouse_query.filters.other_names import other_name
from spanhouse_query.filters.subject import SPAN, Subject
from spanhouse_query.filters.types import type_of

KEYWORDS = ("and", "or", "not", "in", "exists", "true", "false")
MAX_LENGTH = 8192
MAX_DEPTH = 40
RESOURCE: Scope = "resource"


def parse(text: str, subject: Subject = SPAN) -> Node:
    """The meaning of a filter. Raises FilterError with the position and what was expected."""
    return _parser(text, subject).filter()


def parse_names(text: str, subject: Subject = SPAN) -> list[Field | Attribute]:
    """Names separated by commas. A name may also say whose it is without quotes: `resource.host.name`."""
    return _parser(text, subject).names()


def _parser(text: str, subject: Subject) -> _Parser:
    if len(text) > MAX_LENGTH:
        raise FilterError(MAX_LENGTH, f"{len(text)} characters", [f"at most {MAX_LENGTH}"])
    return _Parser(list(tokens(text)), subject)


class _Parser:
    def __init__(self, items: list[Token], subject: Subject) -> None:
        self._tokens = items
        self._subject = subject
        self._index = 0
        self._depth = 0

    def filter(self) -> Node:
        node = self._disjunction()
        if self._next.kind is not Kind.END:
            raise self._unexpected("and", "or", Kind.END.value)
        return node

    def names(self) -> list[Field | Attribute]:
        found = [self._listed_name()]
        while self._takes(Kind.COMMA):
            found.append(self._listed_name())
        if self._next.kind is not Kind.END:
            raise self._unexpected(Kind.COMMA.value, Kind.END.value)
        return found

    def _disjunction(self) -> Node:
        operands = [self._conjunction()]
        while self._takes_word("or"):
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self) -> Node:
        operands = [self._negation()]
        while self._takes_word("and"):
            operands.append(self._negation())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _negation(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(self._next.position, self._next.shown, [f"at most {MAX_DEPTH} levels of ( and not"])
        try:
            if self._takes_word("not"):
                return Not(self._negation())
            if self._takes(Kind.OPEN):
                node = self._disjunction()
                self._expect(Kind.CLOSE)
                return node
            return self._condition()
        finally:
            self._depth -= 1

    def _condition(self) -> Node:
        left = self._name()
        if self._takes_word("exists"):
            if not isinstance(left, Attribute):
                self._index -= 1
                raise self._unexpected(*type_of(left).operators)
            return Exists(left)
        if self._takes_word("in"):
            return self._membership(left)
        allowed = type_of(left).operators
        token = self._next
        if token.kind is not Kind.OPERATOR or token.text not in allowed:
            raise self._unexpected(*allowed, *(["exists"] if isinstance(left, Attribute) else []))
        self._index += 1
        operator: Operator = next(known for known in get_args(Operator) if known == token.text)
        return Compare(left, operator, self._value(left, operator))

    def _membership(self, left: Field | Attribute) -> In:
        self._expect(Kind.OPEN)
        values = [self._value(left, "=")]
        while self._takes(Kind.COMMA):
            values.append(self._value(left, "="))
        self._expect(Kind.CLOSE)
        return In(left, tuple(values))

    def _listed_name(self) -> Field | Attribute:
        token = self._next
        for scope in (self._subject.own, RESOURCE):
            key = token.text.removeprefix(f"{scope}.")
            if token.kind is Kind.WORD and key not in ("", token.text):
                self._index += 1
                return Attribute(scope, key)
        return self._name()

    def _name(self) -> Field | Attribute:
        token = self._next
        if token.kind is Kind.SCOPED:
            scope = next((known for known in (self._subject.own, RESOURCE) if known == token.value[0]), None)
            if scope is None:
                raise self._unexpected(self._subject.scoped)
            self._index += 1
            return Attribute(scope, token.value[1])
        if token.kind is not Kind.WORD or token.text.lower() in KEYWORDS:
            raise self._unexpected("a field, an attribute's name", self._subject.scoped, "(", "not")
        self._index += 1
        if field := next((name for name in self._subject.fields if name == token.text), None):
            return Field(field)
        if hint := other_name(token.text, self._subject):
            raise FilterError(token.position, token.text, ["a field, an attribute's name"], hint=hint)
        return Attribute("any", token.text)

    def _value(self, left: Field | Attribute, operator: Operator) -> Value:
        token = self._next
        expected = type_of(left)
        value = expected.read(token, operator)
        if value is None:
            raise self._unexpected(*expected.values(operator))
        self._index += 1
        return value

    @property
    def _next(self) -> Token:
        return self._tokens[self._index]

    def _takes(self, kind: Kind) -> bool:
        if self._next.kind is not kind:
            return False
        self._index += 1
        return True

    def _takes_word(self, word: str) -> bool:
        """Keywords stand in small or in capital letters."""
        if self._next.kind is not Kind.WORD or self._next.text not in (word, word.upper()):
            return False
        self._index += 1
        return True

    def _expect(self, kind: Kind) -> None:
        if not self._takes(kind):
            raise self._unexpected(kind.value)

    def _unexpected(self, *expected: str) -> FilterError:
        return FilterError(self._next.position, self._next.shown, list(expected))
