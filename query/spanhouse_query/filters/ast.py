"""What a filter means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["span", "point", "resource", "any"]
FieldName = Literal["service", "operation", "kind", "status", "duration", "trace_id"]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "=~", "!~"]
Value = str | float | bool


@dataclass(frozen=True, slots=True)
class Field:
    """What every span has (the duration in nanoseconds); a series has `service` alone."""

    name: FieldName


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of the span (or of a series' points), of its resource, or (`any`) its own before its resource's."""

    scope: Scope
    key: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator value`. False where the attribute is absent, whatever the operator."""

    left: Field | Attribute
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class In:
    """The left side equals one of the values."""

    left: Field | Attribute
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The attribute is there."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    operand: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of them; there are at least two."""

    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them; there are at least two."""

    operands: tuple[Node, ...]


Node = Compare | In | Exists | Not | And | Or


def leaves(node: Node) -> list[Compare | In | Exists]:
    """The conditions without their connectives, left to right."""
    match node:
        case And(operands) | Or(operands):
            return [leaf for operand in operands for leaf in leaves(operand)]
        case Not(operand):
            return leaves(operand)
        case _:
            return [node]


def bare_keys(node: Node | None) -> set[str]:
    """Keys of the attributes that may be its own or its resource's."""
    if node is None:
        return set()
    attributes = [leaf.attribute if isinstance(leaf, Exists) else leaf.left for leaf in leaves(node)]
    return {item.key for item in attributes if isinstance(item, Attribute) and item.scope == "any"}


def patterns(node: Node | None) -> list[str]:
    """The regular expressions."""
    found = leaves(node) if node else []
    return [str(leaf.value) for leaf in found if isinstance(leaf, Compare) and leaf.operator in ("=~", "!~")]
