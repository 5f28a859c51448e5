"""From the text of an expression to its tree, by precedence climbing."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Literal

from tests.promql_conformance.reference.lexer import Token, milliseconds, number, tokens, unquoted
from tests.promql_conformance.reference.signatures import (
    AGGREGATIONS,
    check_aggregate,
    check_call,
    kind,
    must_be,
)
from tests.promql_conformance.reference.syntax import (
    Aggregate,
    Binary,
    Call,
    Expression,
    Instant,
    Matcher,
    Matching,
    Negate,
    Number,
    Range,
    Refused,
    Selector,
    Shift,
    Subquery,
    Text,
)
from tests.promql_conformance.reference.vectors import fits

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
SETS = ("and", "or", "unless")
_LEVELS = (("or",), ("and", "unless"), COMPARISONS, ("+", "-"), ("*", "/", "%", "atan2"), ("^",))
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_SIGN, _POWER = _PRECEDENCE["*"], _PRECEDENCE["^"]
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def parse(text: str) -> Expression:
    """The tree of an expression; Refused if it is none, or if its parts do not fit together."""
    parser = _Parser(tokens(text))
    expression = parser.expression()
    parser.expect("")
    return expression


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._next = 0

    def _take(self) -> Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _at(self, *texts: str) -> bool:
        return self._peek().kind != "text" and self._peek().text.lower() in texts

    def _took(self, *texts: str) -> bool:
        if self._at(*texts):
            self._next += 1
            return True
        return False

    def expect(self, text: str) -> None:
        """Take it, or refuse what stands there instead."""
        if not self._took(text):
            raise Refused(f"{text or 'the end'} is expected where {self._peek().text!r} stands")

    def expression(self, weakest: int = 0) -> Expression:
        """As much as is held together by operators of this precedence or higher."""
        left = self._operand()
        while (level := self._operator_level()) >= weakest:
            operator = self._take().text.lower()
            as_bool = self._took("bool")
            matching = self._matching()
            # ^ alone groups from the right.
            right = self.expression(level if level == _POWER else level + 1)
            left = _binary(Binary(operator, left, right, as_bool, matching))
        return left

    def _operator_level(self) -> int:
        token = self._peek()
        return _PRECEDENCE.get(token.text.lower(), -1) if token.kind in ("sign", "word") else -1

    def _operand(self) -> Expression:
        for sign in ("+", "-"):
            if self._took(sign):
                # A sign binds as * does: -2^2 is -(2^2), and -a * b is (-a) * b.
                inner = self.expression(_SIGN + 1)
                must_be(inner, wanted="sv", of=f"unary {sign}")
                return Negate(inner) if sign == "-" else inner
        return self._with_modifiers(self._primary())

    def _with_modifiers(self, node: Expression) -> Expression:
        while True:
            if self._took("["):
                node = self._window(node)
            elif self._took("offset"):
                node = _shifted(node, Shift(back=self._signed_duration()))
            elif self._took("@"):
                node = _shifted(node, Shift(at=self._instant()))
            else:
                return node

    def _window(self, node: Expression) -> Expression:
        length = self._duration()
        if self._took(":"):
            step = None if self._at("]") else self._duration()
            self.expect("]")
            must_be(node, wanted="v", of="a subquery")
            return Subquery(node, length, step)
        self.expect("]")
        if not isinstance(node, Selector) or node.shift != Shift():
            raise Refused("a range is taken of a selector without modifiers")
        return Range(node, length)

    def _duration(self) -> int:
        token = self._take()
        if token.kind != "duration":
            raise Refused(f"{token.text!r} is not a duration")
        return milliseconds(token.text)

    def _signed_duration(self) -> int:
        return (-1 if self._took("-") else 1) * self._duration()

    def _instant(self) -> Instant:
        for name in ("start", "end"):
            if self._took(name):
                self.expect("(")
                self.expect(")")
                return "start" if name == "start" else "end"
        sign = -1 if self._took("-") else 1
        token = self._take()
        if token.kind != "number":
            raise Refused(f"{token.text!r} is not an instant")
        return sign * round(number(token.text) * 1000)

    def _primary(self) -> Expression:
        token = self._take()
        if token.kind == "number":
            return Number(number(token.text))
        if token.kind == "text":
            return Text(unquoted(token.text))
        if token.text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token.text == "{":
            return self._selector([])
        if token.kind == "word":
            return self._named(token.text)
        raise Refused(f"no expression begins with {token.text!r}")

    def _named(self, word: str) -> Expression:
        if word.lower() in ("inf", "nan"):
            return Number(math.inf if word.lower() == "inf" else math.nan)
        if word.lower() in AGGREGATIONS and self._at("(", "by", "without"):
            return self._aggregate(word.lower())
        if self._took("("):
            call = Call(word, tuple(self._list(")")))
            check_call(call)
            return call
        name = Matcher("__name__", "=", word)
        return self._selector([name]) if self._took("{") else Selector((name,))

    def _list(self, end: str) -> list[Expression]:
        items: list[Expression] = []
        while not self._took(end):
            items.append(self.expression())
            if not self._took(","):
                self.expect(end)
                break
        return items

    def _aggregate(self, operator: str) -> Expression:
        grouping = self._grouping()
        self.expect("(")
        arguments = self._list(")")
        labels, without = grouping or self._grouping() or ((), False)
        if not 1 <= len(arguments) <= 2:
            raise Refused(f"{operator} takes a vector, and some a parameter before it")
        parameter = arguments[0] if len(arguments) == 2 else None
        node = Aggregate(operator, arguments[-1], parameter, labels, without)
        check_aggregate(node)
        return node

    def _grouping(self) -> tuple[tuple[str, ...], bool] | None:
        if not self._at("by", "without"):
            return None
        without = self._take().text.lower() == "without"
        return self._labels(), without

    def _labels(self) -> tuple[str, ...]:
        self.expect("(")
        labels: list[str] = []
        while not self._took(")"):
            labels.append(self._label())
            if not self._took(","):
                self.expect(")")
                break
        return tuple(labels)

    def _label(self) -> str:
        token = self._take()
        if token.kind == "text":
            return unquoted(token.text)
        if token.kind != "word" or not _LABEL.fullmatch(token.text):
            raise Refused(f"{token.text!r} is not a label")
        return token.text

    def _matching(self) -> Matching | None:
        if not self._at("on", "ignoring"):
            return None
        on = self._take().text.lower() == "on"
        labels = self._labels()
        many: Literal["left", "right"] | None = None
        include: tuple[str, ...] = ()
        if self._at("group_left", "group_right"):
            many = "left" if self._take().text.lower() == "group_left" else "right"
            include = self._labels() if self._at("(") else ()
        return Matching(on, labels, many, include)

    def _selector(self, matchers: list[Matcher]) -> Selector:
        while not self._took("}"):
            matchers.append(self._matcher())
            if not self._took(","):
                self.expect("}")
                break
        if all(_matches_nothing(matcher) for matcher in matchers):
            raise Refused("a selector must have a matcher that does not match the empty text")
        return Selector(tuple(matchers))

    def _matcher(self) -> Matcher:
        quoted = self._peek().kind == "text"
        label = self._label()
        if quoted and self._at(",", "}"):
            return Matcher("__name__", "=", label)
        operator, value = self._take(), self._take()
        if operator.text not in ("=", "!=", "=~", "!~") or value.kind != "text":
            raise Refused(f"{label!r} {operator.text} {value.text} is not a matcher")
        return Matcher(label, operator.text, unquoted(value.text))


def _matches_nothing(matcher: Matcher) -> bool:
    """Whether a label that is absent fits."""
    return fits({}, matcher)


def _shifted(node: Expression, shift: Shift) -> Expression:
    if isinstance(node, Range):
        inner = _shifted(node.selector, shift)
        return replace(node, selector=inner) if isinstance(inner, Selector) else node
    if not isinstance(node, Selector | Subquery):
        raise Refused("offset and @ belong to a selector or a subquery")
    if shift.at is not None:
        if node.shift.at is not None:
            raise Refused("@ stands there twice")
        return replace(node, shift=replace(node.shift, at=shift.at))
    if node.shift.back is not None:
        raise Refused("offset stands there twice")
    return replace(node, shift=replace(node.shift, back=shift.back))


def _binary(node: Binary) -> Binary:
    operator, matching = node.operator, node.matching
    for side in (node.left, node.right):
        must_be(side, wanted="v" if operator in SETS else "sv", of=operator)
    scalars = [kind(side) for side in (node.left, node.right)].count("s")
    if node.as_bool and operator not in COMPARISONS:
        raise Refused("bool belongs to comparisons")
    if operator in COMPARISONS and scalars == 2 and not node.as_bool:
        raise Refused("scalars are compared with bool")
    if matching is not None:
        _check_matching(operator, matching, scalars)
    return node


def _check_matching(operator: str, matching: Matching, scalars: int) -> None:
    if scalars:
        raise Refused("on and ignoring belong between two vectors")
    if matching.many is not None and operator in SETS:
        raise Refused(f"{operator} takes no group_left or group_right")
    if matching.on and set(matching.labels) & set(matching.include):
        raise Refused("a label cannot be both in on and in group")
