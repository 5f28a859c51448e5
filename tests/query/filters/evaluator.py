"""What a filter means, in Python, for one span: the reference that the compiled SQL is compared with."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spanhouse_query.filters.ast import And, Attribute, Compare, Exists, In, Node, Not, Or, Value

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)", re.ASCII)


@dataclass(frozen=True)
class Given:
    """A span as a filter sees it; attribute values as stored, which is text."""

    fields: Mapping[str, str | int]
    span: Mapping[str, str]
    resource: Mapping[str, str]

    def attribute(self, attribute: Attribute) -> str | None:
        own, inherited = self.span.get(attribute.key), self.resource.get(attribute.key)
        if attribute.scope == "span":
            return own
        if attribute.scope == "resource":
            return inherited
        return own if own is not None else inherited


def holds(node: Node, given: Given) -> bool:
    """Whether the span satisfies the filter."""
    match node:
        case And(operands):
            return all(holds(operand, given) for operand in operands)
        case Or(operands):
            return any(holds(operand, given) for operand in operands)
        case Not(operand):
            return not holds(operand, given)
        case Exists(attribute):
            return given.attribute(attribute) is not None
        case In(left, values):
            return any(holds(Compare(left, "=", value), given) for value in values)
        case Compare(Attribute() as attribute, sign, value):
            stored = given.attribute(attribute)
            return stored is not None and attribute_holds(stored, sign, value)
        case Compare(field, sign, value):
            return compared(given.fields[field.name], sign, value)  # type: ignore[union-attr]


def attribute_holds(stored: str, sign: str, value: Value) -> bool:
    if isinstance(value, bool):
        return compared(stored, sign, "true" if value else "false")
    if isinstance(value, str):
        return compared(stored, sign, value)
    return bool(_NUMBER.fullmatch(stored)) and compared(float(stored), sign, value)


def compared(left: Any, sign: str, right: Any) -> bool:
    if sign == "=~":
        return re.search(right, left) is not None
    if sign == "!~":
        return re.search(right, left) is None
    return _ORDER[sign](left, right)
