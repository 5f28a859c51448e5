"""Binary operators between numbers and vectors."""

from __future__ import annotations

import math
import operator as plain
from collections.abc import Callable

from tests.promql_conformance.reference import numbers
from tests.promql_conformance.reference.syntax import Matching, Refused
from tests.promql_conformance.reference.vectors import (
    NAME,
    Key,
    Labels,
    Vector,
    distinct,
    key,
    nameless,
    only,
    with_label,
    without,
)

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": plain.add,
    "-": plain.sub,
    "*": plain.mul,
    "/": numbers.quotient,
    "%": numbers.remainder,
    "^": numbers.power,
    "atan2": math.atan2,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": plain.eq,
    "!=": plain.ne,
    "<": plain.lt,
    "<=": plain.le,
    ">": plain.gt,
    ">=": plain.ge,
}


def scalars(operator: str, left: float, right: float) -> float:
    """Comparisons give 1 or 0."""
    if operator in _ARITHMETIC:
        return _ARITHMETIC[operator](left, right)
    return float(_COMPARISONS[operator](left, right))


def with_scalar(operator: str, vector: Vector, scalar: float, *, scalar_first: bool, as_bool: bool) -> Vector:
    """Comparisons without bool keep the elements of the vector for which they hold, and their names."""
    result: Vector = []
    for labels, value in vector:
        answer = scalars(operator, *((scalar, value) if scalar_first else (value, scalar)))
        if operator in _ARITHMETIC or as_bool:
            result.append((nameless(labels), answer))
        elif answer:
            result.append((labels, value))
    return distinct(result)


def vectors(operator: str, left: Vector, right: Vector, matching: Matching, *, as_bool: bool) -> Vector:
    """Arithmetic and comparisons, one to one or with many on one side."""
    if matching.many == "right":
        many, one = right, left
    else:
        many, one = left, right
    partners: dict[Key, tuple[Labels, float]] = {}
    for labels, value in one:
        if partners.setdefault(_signature(labels, matching), (labels, value)) != (labels, value):
            raise Refused("several elements of the side that has one match")
    result: Vector = []
    matched: set[tuple[Key, Key]] = set()
    for labels, value in many:
        signature = _signature(labels, matching)
        if signature not in partners:
            continue
        other_labels, other = partners[signature]
        pair = (other, value) if matching.many == "right" else (value, other)
        answer = scalars(operator, *pair)
        if operator in _COMPARISONS and not as_bool:
            if not answer:
                continue
            answer = pair[0]
        keep_name = operator in _COMPARISONS and not as_bool
        found = _result_labels(labels, other_labels, matching, keep_name=keep_name)
        identity = (signature, key(found) if matching.many else ())
        if identity in matched:
            raise Refused("several elements match one, without group_left or group_right")
        matched.add(identity)
        result.append((found, answer))
    return distinct(result)


def _signature(labels: Labels, matching: Matching) -> Key:
    return key(only(labels, matching.labels) if matching.on else without(labels, NAME, *matching.labels))


def _result_labels(many: Labels, one: Labels, matching: Matching, *, keep_name: bool) -> dict[str, str]:
    result = dict(many) if keep_name else nameless(many)
    if matching.many is None:
        return only(result, matching.labels) if matching.on else without(result, *matching.labels)
    for label in matching.include:
        result = with_label(result, label, one.get(label, ""))
    return result


def sets(operator: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """and, or, unless."""
    left_signatures = {_signature(labels, matching) for labels, _ in left}
    right_signatures = {_signature(labels, matching) for labels, _ in right}
    if operator == "or":
        added = [element for element in right if _signature(element[0], matching) not in left_signatures]
        return distinct([*left, *added])
    wanted = operator == "and"
    return [element for element in left if (_signature(element[0], matching) in right_signatures) == wanted]
