"""A filter's meaning to a condition on `spans` or `metric_series`, its values as bound parameters."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

from spanhouse_query.filters.ast import And, Attribute, Compare, Exists, Field, In, Node, Not, Operator, Or, Value

_COLUMNS = {
    "service": "service",
    "operation": "name",
    "kind": "kind",
    "status": "status",
    "duration": "duration",
    "trace_id": "trace_id",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL for a WHERE clause over the table, and the values of its {parameters}; needs {tenant:String} too."""

    sql: str
    parameters: dict[str, Any]


def compile_filter(node: Node, resource_keys: Set[str]) -> Condition:
    """resource_keys: which of the filter's bare attribute names some resource has.

    Where none has, a name can only be the row's own, and the condition stays one that the bloom indexes answer.
    """
    compiler = _Compiler(resource_keys)
    return Condition(compiler.node(node), compiler.parameters)


class _Compiler:
    def __init__(self, resource_keys: Set[str]) -> None:
        self._resource_keys = resource_keys
        self.parameters: dict[str, Any] = {}

    def node(self, node: Node) -> str:
        match node:
            case And(operands):
                return f"({' AND '.join(self.node(operand) for operand in operands)})"
            case Or(operands):
                return f"({' OR '.join(self.node(operand) for operand in operands)})"
            case Not(operand):
                return f"NOT ({self.node(operand)})"
            case Exists(attribute):
                return self._attribute(attribute, lambda key: f"mapContains(attributes, {key})")
            case In(Attribute() as attribute, values):
                return self._attribute(attribute, lambda key: self._one_of(key, values))
            case In(Field(name), values):
                return f"{_COLUMNS[name]} IN ({', '.join(self._field_value(name, value) for value in values)})"
            case Compare(Attribute() as attribute, operator, value):
                return self._attribute(attribute, lambda key: self._compared(key, operator, value))
            case Compare(Field(name), operator, value):
                return _operation(_COLUMNS[name], operator, self._field_value(name, value))
        raise AssertionError(node)

    def _field_value(self, name: str, value: Value) -> str:
        if name == "duration":
            return self._bound(value, "UInt64")
        bound = self._bound(value, "String")
        return f"toFixedString(unhex({bound}), 16)" if name == "trace_id" else bound

    def _attribute(self, attribute: Attribute, condition: Callable[[str], str]) -> str:
        """`condition` makes the condition on a map `attributes` from the SQL of the key."""
        key = self._bound(attribute.key, "String")
        own = condition(key)
        inherited = f"resource_id IN (SELECT id FROM resources WHERE tenant = {{tenant:String}} AND {own})"
        if attribute.scope == "resource":
            return inherited
        if attribute.scope in ("span", "point") or attribute.key not in self._resource_keys:
            return f"({own})"
        return f"({own} OR (NOT mapContains(attributes, {key}) AND {inherited}))"

    def _compared(self, key: str, operator: Operator, value: Value) -> str:
        """A missing key reads as '': where that could satisfy the condition, the key is asked for too."""
        if isinstance(value, bool):
            return self._compared(key, operator, "true" if value else "false")
        if isinstance(value, str):
            condition = _operation(f"attributes[{key}]", operator, self._bound(value, "String"))
            sure = operator == "=" and value != ""
            return condition if sure else f"(mapContains(attributes, {key}) AND {condition})"
        number = _operation(f"toFloat64OrNull(attributes[{key}])", operator, self._bound(value, "Float64"))
        return f"(mapContains(attributes, {key}) AND ifNull({number}, 0))"

    def _one_of(self, key: str, values: tuple[Value, ...]) -> str:
        """Texts in one IN, which the index on values answers; numbers each for itself."""
        texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
        words = [text for text in texts if isinstance(text, str)]
        conditions = [self._compared(key, "=", number) for number in texts if not isinstance(number, str)]
        if words:
            condition = f"attributes[{key}] IN ({', '.join(self._bound(word, 'String') for word in words)})"
            conditions.append(f"(mapContains(attributes, {key}) AND {condition})")
        return f"({' OR '.join(conditions)})"

    def _bound(self, value: Value, kind: str) -> str:
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"


def _operation(left: str, operator: Operator, right: str) -> str:
    if operator == "=~":
        return f"match({left}, {right})"
    if operator == "!~":
        return f"NOT match({left}, {right})"
    return f"{left} {operator} {right}"
